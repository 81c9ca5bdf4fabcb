// Looks at the part of a segment behind its last good batch, without reading preallocated holes.
#pragma once

#include <optional>
#include <vector>

#include "log/segment.h"

namespace eventlog {

struct Extent {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

struct Tail {
  bool clean = true;  // nothing but zeros
  // Behind the place itself: the first mark that says that all before it was synced.
  std::optional<RoundMark> later_round;
};

// The parts of a file that are not holes; the whole file where the disk cannot tell. To be asked
// before the file is read: preallocated space that was read ahead counts as data.
base::Result<std::vector<Extent>> data_extents(base::FileSystem& disk, const base::Path& path);

// What stands in a file of `size` bytes from `position` on.
base::Result<Tail> inspect_tail(const Segment& segment, const std::vector<Extent>& extents,
                                std::uint64_t position, std::uint64_t size);

}  // namespace eventlog
