#include "base/crc32c.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace base {
namespace {

// The instruction takes three cycles and one can begin in each: three blocks go side by side.
constexpr std::size_t kBlockBytes = 512;

std::uint64_t word_at(const std::byte* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// What kBlockBytes zeros make of a state: linear in its bits, so a table per byte does.
class ZeroBlock {
 public:
  ZeroBlock() {
    for (std::size_t byte = 0; byte < 4; ++byte) {
      for (std::uint32_t bit = 0; bit < 8; ++bit) {
        std::uint64_t state = std::uint64_t{1} << (8 * byte + bit);
        for (std::size_t i = 0; i < kBlockBytes / 8; ++i) state = _mm_crc32_u64(state, 0);
        const std::uint32_t weight = 1U << bit;
        for (std::uint32_t value = 0; value < weight; ++value) {
          table_[byte][value | weight] = table_[byte][value] ^ static_cast<std::uint32_t>(state);
        }
      }
    }
  }
  std::uint64_t after(std::uint64_t state) const {
    return table_[0][state & 0xffU] ^ table_[1][(state >> 8U) & 0xffU] ^
           table_[2][(state >> 16U) & 0xffU] ^ table_[3][(state >> 24U) & 0xffU];
  }

 private:
  std::array<std::array<std::uint32_t, 256>, 4> table_{};
};

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t crc) {
  static const ZeroBlock zero_block;
  std::uint64_t state = ~crc;
  const std::byte* at = data.data();
  std::size_t left = data.size();
  for (; left >= 3 * kBlockBytes; left -= 3 * kBlockBytes, at += 3 * kBlockBytes) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < kBlockBytes; i += 8) {
      state = _mm_crc32_u64(state, word_at(at + i));
      second = _mm_crc32_u64(second, word_at(at + kBlockBytes + i));
      third = _mm_crc32_u64(third, word_at(at + 2 * kBlockBytes + i));
    }
    state = zero_block.after(zero_block.after(state) ^ second) ^ third;
  }
  for (; left >= 8; left -= 8, at += 8) state = _mm_crc32_u64(state, word_at(at));
  auto low = static_cast<std::uint32_t>(state);
  for (; left > 0; --left, ++at) low = _mm_crc32_u8(low, static_cast<std::uint8_t>(*at));
  return ~low;
}

}  // namespace base
