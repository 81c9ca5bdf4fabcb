#include "log/tail.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace eventlog {
namespace {

bool all_zero(std::span<const std::byte> bytes) {
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// The first one that says that all before it was synced.
std::optional<RoundMark> find_mark(std::span<const std::byte> bytes, std::uint64_t position,
                                   std::uint32_t salt) {
  for (std::size_t at = 0; at + kMarkSize <= bytes.size(); ++at) {
    const auto* const magic = static_cast<const std::byte*>(std::memchr(
        bytes.data() + at + kMarkMagicAt, kMarkMagic, bytes.size() - at - kMarkMagicAt));
    if (magic == nullptr) return std::nullopt;
    at = static_cast<std::size_t>(magic - bytes.data()) - kMarkMagicAt;
    const auto mark = load_mark(bytes.subspan(at), position + at, salt);
    if (mark && mark->after_sync) return mark;
  }
  return std::nullopt;
}

}  // namespace

base::Result<std::vector<Extent>> data_extents(base::FileSystem& disk, const base::Path& path) {
  const auto file = TRY(disk.open(path, false));
  const std::uint64_t size = TRY(file->size());
  if (file->descriptor() < 0) return std::vector<Extent>{{0, size}};
  std::vector<Extent> extents;
  for (std::uint64_t at = 0; at < size;) {
    const off_t data = ::lseek(file->descriptor(), static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    const off_t hole = data < 0 ? -1 : ::lseek(file->descriptor(), data, SEEK_HOLE);
    if (hole < 0) return std::vector<Extent>{{0, size}};
    extents.push_back({static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(hole)});
    at = extents.back().to;
  }
  return extents;
}

base::Result<Tail> inspect_tail(const Segment& segment, const std::vector<Extent>& extents,
                                std::uint64_t position, std::uint64_t size) {
  Tail tail;
  for (const Extent& extent : extents) {
    const std::uint64_t from = std::max(extent.from, position);
    // A mark may reach over the end of the extent when its last bytes are zeros.
    const std::uint64_t to = std::min(extent.to + kMarkSize, size);
    if (extent.to <= position || from >= to) continue;
    const SegmentBytes bytes = TRY(segment.view(from, to));
    tail.clean = tail.clean && all_zero(bytes.span);
    const std::size_t own = from == position ? 1 : 0;  // a mark right here is the torn round's
    tail.later_round = find_mark(bytes.span.subspan(own), from + own, segment.salt());
    if (tail.later_round) break;
  }
  return tail;
}

}  // namespace eventlog
