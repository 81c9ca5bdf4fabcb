// CRC32C (Castagnoli, RFC 3720 appendix B.4) by the SSE4.2 instruction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace base {

// The checksum of `data`, continued from `crc` (0 to start).
std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t crc = 0);

}  // namespace base
