#include "log/round_mark.h"

#include <algorithm>

#include "base/crc32c.h"
#include "log/big_endian.h"

namespace eventlog {
namespace {
constexpr std::size_t kFlagsAt = 17;
constexpr std::size_t kPositionAt = 20;
constexpr std::size_t kSealAt = 28;
constexpr std::size_t kCrcAt = 32;
constexpr std::byte kAfterSync{1};
}  // namespace

std::uint32_t salt_of(std::string_view partition, Offset base_offset) {
  const std::uint32_t salt = base::crc32c(std::as_bytes(std::span(partition)));
  return base::crc32c(std::as_bytes(std::span(&base_offset, 1)), salt);
}

std::uint32_t seal_with(std::uint32_t seal, std::span<const std::byte> batch) {
  return base::crc32c(batch.subspan(17, 4), base::crc32c(batch.first(12), seal));
}

void store_mark(std::span<std::byte, kMarkSize> to, const RoundMark& mark, std::uint32_t salt) {
  std::fill(to.begin(), to.end(), std::byte{0});
  store_big<std::int64_t>(to.data(), mark.first_offset);
  store_big<std::int32_t>(to.data() + 8, static_cast<std::int32_t>(kMarkSize) - 12);
  store_big<std::uint32_t>(to.data() + 12, mark.bytes);
  to[kMarkMagicAt] = std::byte{kMarkMagic};
  if (mark.after_sync) to[kFlagsAt] = kAfterSync;
  store_big<std::uint64_t>(to.data() + kPositionAt, mark.position);
  store_big<std::uint32_t>(to.data() + kSealAt, mark.seal);
  store_big<std::uint32_t>(to.data() + kCrcAt, base::crc32c(to.first(kCrcAt), salt));
}

std::optional<RoundMark> load_mark(std::span<const std::byte> bytes, std::uint64_t position,
                                   std::uint32_t salt) {
  if (bytes.size() < kMarkSize || bytes[kMarkMagicAt] != std::byte{kMarkMagic}) return {};
  const std::byte* const at = bytes.data();
  if (load_big<std::uint64_t>(at + kPositionAt) != position) return {};
  if (load_big<std::uint32_t>(at + kCrcAt) != base::crc32c(bytes.first(kCrcAt), salt)) return {};
  return RoundMark{.first_offset = load_big<std::int64_t>(at),
                   .bytes = load_big<std::uint32_t>(at + 12),
                   .position = position,
                   .seal = load_big<std::uint32_t>(at + kSealAt),
                   .after_sync = (bytes[kFlagsAt] & kAfterSync) != std::byte{0}};
}

}  // namespace eventlog
