// DIR/checkpoint: how far each partition was on disk, and its producers, at one moment.
//
// It bounds what opening has to read, and it is the only place that remembers producers whose last
// batch is in an old segment. It is a lower bound: opening reads on from where it ends. Written
// durably (temp file, sync, rename) from time to time and at close; a missing or broken one costs
// time at the next start, and producers older than the segments.
#pragma once

#include <map>
#include <string>

#include "log/recovery.h"

namespace eventlog {

// By topic id and partition. The id is of one creation of a topic: a deleted topic's checkpoint
// never meets its namesake.
using Checkpoint = std::map<std::pair<std::string, Partition>, PartitionCheckpoint>;

base::Result<> save_checkpoint(base::FileSystem& disk, const base::Path& path,
                               const Checkpoint& checkpoint);
// Empty when there is none that holds.
Checkpoint load_checkpoint(base::FileSystem& disk, const base::Path& path);

}  // namespace eventlog
