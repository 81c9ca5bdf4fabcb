#include "log/round_mark.h"

#include <algorithm>

#include "base/crc32c.h"
#include "log/big_endian.h"

namespace eventlog {
namespace {
constexpr std::size_t kCrcAt = 28;
}  // namespace

void store_mark(std::span<std::byte, kMarkSize> to, const RoundMark& mark) {
  std::fill(to.begin(), to.end(), std::byte{0});
  store_big<std::int64_t>(to.data(), mark.first_offset);
  store_big<std::int32_t>(to.data() + 8, static_cast<std::int32_t>(kMarkSize) - 12);
  store_big<std::uint32_t>(to.data() + 12, mark.bytes);
  to[kMarkMagicAt] = std::byte{kMarkMagic};
  store_big<std::uint64_t>(to.data() + 20, mark.position);
  store_big<std::uint32_t>(to.data() + kCrcAt, base::crc32c(to.first(kCrcAt)));
}

std::optional<RoundMark> load_mark(std::span<const std::byte> bytes, std::uint64_t position) {
  if (bytes.size() < kMarkSize || bytes[kMarkMagicAt] != std::byte{kMarkMagic}) return {};
  const std::byte* const at = bytes.data();
  if (load_big<std::uint64_t>(at + 20) != position) return {};
  if (load_big<std::uint32_t>(at + kCrcAt) != base::crc32c(bytes.first(kCrcAt))) return {};
  return RoundMark{.first_offset = load_big<std::int64_t>(at),
                   .bytes = load_big<std::uint32_t>(at + 12),
                   .position = position};
}

}  // namespace eventlog
