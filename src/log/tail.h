// Looks at the part of a segment behind its last good batch, without reading preallocated holes.
#pragma once

#include "log/segment.h"

namespace eventlog {

struct Tail {
  bool clean = true;                         // nothing but zeros
  std::optional<std::uint64_t> later_round;  // where a valid mark stands
};

// The tail of a file of `size` bytes from `position` on.
base::Result<Tail> inspect_tail(base::FileSystem& disk, const Segment& segment,
                                std::uint64_t position, std::uint64_t size);

}  // namespace eventlog
