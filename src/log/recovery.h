// Opening a partition's folder: finds the segments, checks what may be torn, cuts it.
//
// The rules are on the page in segment.h. What the checkpoint covers was synced and is not read
// again; without a checkpoint the headers of segments with an index are walked (for the producers),
// and the others, the last one at least, are checked batch by batch.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "log/producer_state.h"
#include "log/segment.h"
#include "log/segment_index.h"

namespace eventlog {

// A partition as it was at a moment, everything in it synced.
struct PartitionCheckpoint {
  Offset base_offset = 0;  // of the active segment
  SegmentState state;      // of the active segment
  Producers producers;
};

// In a partition's folder.
inline constexpr std::string_view kStartFile = "start";
inline constexpr std::string_view kNextFile = "next";

struct KeptSegment {
  std::shared_ptr<Segment> segment;
  SegmentState state;
};

struct RecoveredPartition {
  std::vector<KeptSegment> segments;  // in order; the last is the active one
  Producers producers;
  Offset start_offset = 0;
  Offset end_offset = 0;
};

// `name` is "<topic id>/<partition>". kCorrupt, naming file and byte, for what a crash cannot
// explain.
base::Result<RecoveredPartition> recover_partition(
    base::FileSystem& disk, const base::Path& directory, const std::string& name,
    const std::optional<PartitionCheckpoint>& checkpoint, base::TimestampUs now_us);

}  // namespace eventlog
