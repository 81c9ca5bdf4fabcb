#include "base/crc32c.h"

#include <nmmintrin.h>

#include <cstring>

namespace base {

std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t crc) {
  std::uint64_t state = ~crc;
  const std::byte* at = data.data();
  std::size_t left = data.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    state = _mm_crc32_u64(state, word);
  }
  auto low = static_cast<std::uint32_t>(state);
  for (; left > 0; --left, ++at) low = _mm_crc32_u8(low, static_cast<std::uint8_t>(*at));
  return ~low;
}

}  // namespace base
