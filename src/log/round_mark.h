// The mark in front of what one commit round wrote to a segment: 36 bytes, big-endian.
//
//   first_offset i64 @0 | length i32 @8 (always 24, from byte 12) | bytes u32 @12 (of the batches
//   behind it) | magic i8 @16 ('R') | flags u8 @17 (bit 0: all before it was synced) | zeros @18 |
//   position u64 @20 | seal u32 @28 (CRC32C of bytes 0-11 and 17-20 of each of its batches, in
//   order) | crc u32 @32 (CRC32C of 0..32, continued from the salt of the segment)
//
// Why it exists: a power cut may keep a later sector of an unsynced write and lose an earlier one,
// and the file may be a used one with other batches in it. A synced log begins a round only after
// the round before it was synced: a bad batch with such a mark behind it had been acknowledged
// (corruption), and one without had not (a torn tail). The salt is a number of this use of the file
// alone, so an old mark is none; the seal keeps old batches from passing for the round's own.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "log/event_log.h"

namespace eventlog {

inline constexpr std::size_t kMarkSize = 36;
inline constexpr char kMarkMagic = 'R';
inline constexpr std::size_t kMarkMagicAt = 16;

struct RoundMark {
  Offset first_offset = 0;
  std::uint32_t bytes = 0;
  std::uint64_t position = 0;  // of the mark in its file
  std::uint32_t seal = 0;
  bool after_sync = false;
};

// Of the segment that begins at `base_offset` in the partition of this name ("<topic
// id>/<number>").
std::uint32_t salt_of(std::string_view partition, Offset base_offset);
// The seal of the batches so far, continued with one more.
std::uint32_t seal_with(std::uint32_t seal, std::span<const std::byte> batch);

void store_mark(std::span<std::byte, kMarkSize> to, const RoundMark& mark, std::uint32_t salt);
// The mark that stands at `position` of a file; nullopt when these bytes are none.
std::optional<RoundMark> load_mark(std::span<const std::byte> bytes, std::uint64_t position,
                                   std::uint32_t salt);

}  // namespace eventlog
