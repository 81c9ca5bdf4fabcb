#include "log/tail.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace eventlog {
namespace {

struct Extent {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

// The next part of the file in [position, size) that is not a hole; everything where the disk
// cannot tell.
std::optional<Extent> next_data(int descriptor, std::uint64_t position, std::uint64_t size) {
  if (position >= size) return std::nullopt;
  if (descriptor < 0) return Extent{position, size};
  const off_t data = ::lseek(descriptor, static_cast<off_t>(position), SEEK_DATA);
  if (data < 0) return errno == ENXIO ? std::nullopt : std::optional(Extent{position, size});
  const off_t hole = ::lseek(descriptor, data, SEEK_HOLE);
  const std::uint64_t end = hole < 0 ? size : static_cast<std::uint64_t>(hole);
  return Extent{static_cast<std::uint64_t>(data), std::min(end, size)};
}

bool all_zero(std::span<const std::byte> bytes) {
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

std::optional<std::uint64_t> find_mark(std::span<const std::byte> bytes, std::uint64_t position) {
  for (std::size_t at = 0; at + kMarkSize <= bytes.size(); ++at) {
    const auto* const magic = static_cast<const std::byte*>(std::memchr(
        bytes.data() + at + kMarkMagicAt, kMarkMagic, bytes.size() - at - kMarkMagicAt));
    if (magic == nullptr) return std::nullopt;
    at = static_cast<std::size_t>(magic - bytes.data()) - kMarkMagicAt;
    if (load_mark(bytes.subspan(at), position + at)) return position + at;
  }
  return std::nullopt;
}

}  // namespace

base::Result<Tail> inspect_tail(base::FileSystem& disk, const Segment& segment,
                                std::uint64_t position, std::uint64_t size) {
  Tail tail;
  const auto file = TRY(disk.open(segment.path(), false));
  while (const auto extent = next_data(file->descriptor(), position, size)) {
    // A mark may reach over the end of the extent when its last bytes are zeros.
    const std::uint64_t until = std::min(extent->to + kMarkSize, size);
    const SegmentBytes bytes = TRY(segment.view(extent->from, until));
    tail.clean = tail.clean && all_zero(bytes.span);
    if (const auto mark = find_mark(bytes.span, extent->from)) {
      tail.later_round = mark;
      return tail;
    }
    position = extent->to;
  }
  return tail;
}

}  // namespace eventlog
