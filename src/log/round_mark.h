// The mark in front of what one commit round wrote to a segment: 32 bytes, big-endian.
//
//   first_offset i64 @0 | length i32 @8 (always 20, from byte 12) | bytes u32 @12 (of the batches
//   behind it) | magic i8 @16 ('R') | zeros @17 | position u64 @20 | crc u32 @28 (CRC32C of 0..28)
//
// Why it exists: a power cut may keep a later sector of an unsynced write and lose an earlier one.
// A round begins only after the round before it was synced, so a bad batch with a valid mark
// behind it had been acknowledged (corruption), and one without had not (a torn tail). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "log/event_log.h"

namespace eventlog {

inline constexpr std::size_t kMarkSize = 32;
inline constexpr char kMarkMagic = 'R';
inline constexpr std::size_t kMarkMagicAt = 16;

struct RoundMark {
  Offset first_offset = 0;
  std::uint32_t bytes = 0;
  std::uint64_t position = 0;  // of the mark in its file
};

void store_mark(std::span<std::byte, kMarkSize> to, const RoundMark& mark);
// The mark that stands at `position` of a file; nullopt when these bytes are none.
std::optional<RoundMark> load_mark(std::span<const std::byte> bytes, std::uint64_t position);

}  // namespace eventlog
