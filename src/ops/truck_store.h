// The fleet's memory: one array per field, one row per truck (its handle), and the ids.
//
// Threads: none of its own; Fleet holds the lock. About 60 bytes a truck.
// Invariant: sequence[h] is the number of the change that last touched truck h, and
// block_sequence[h / kBlock] the greatest of its block, so that a viewer finds what is new to it
// without looking at every truck.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ops/fleet.h"

namespace ops {

inline constexpr std::size_t kTrucksMax = 16UL << 20;
inline constexpr std::size_t kNameBytesMax = 255;  // a frame gives a name's length in one byte
inline constexpr std::size_t kStatusesMax = 255;
inline constexpr std::size_t kBlock = 512;

class TruckStore {
 public:
  TruckStore();

  std::size_t size() const { return event_time_us.size(); }
  std::string_view name(Handle handle) const {
    return std::string_view(names_).substr(name_offsets_[handle],
                                           name_offsets_[handle + 1] - name_offsets_[handle]);
  }
  // The handle of `id`, or size() when it is not known.
  Handle find(std::string_view id) const;
  // The handle of `id`, made when it is new; `id` has 1 to kNameBytesMax bytes and size() is below
  // kTrucksMax.
  Handle find_or_add(std::string_view id);
  // Index into statuses; 0 (the empty status) when the list is full or the word too long.
  std::uint8_t status_index(std::string_view word);

  TruckState state(Handle handle) const;
  // Takes the state as change `number`.
  void set(Handle handle, const TruckState& state, std::uint64_t number);

  std::vector<base::TimestampUs> event_time_us;
  std::vector<std::uint32_t> x;
  std::vector<std::uint32_t> y;
  std::vector<std::uint16_t> speed_dkmh;
  std::vector<std::uint8_t> heading_half;
  std::vector<std::uint8_t> status;
  std::vector<std::uint64_t> sequence;
  std::vector<std::uint64_t> block_sequence;
  std::vector<std::string> statuses{""};

 private:
  struct Slot {
    std::uint32_t hash = 0;
    Handle handle = kFree;
  };
  static constexpr Handle kFree = 0xffffffff;

  std::size_t slot_of(std::string_view id, std::uint32_t hash) const;
  void grow();

  std::vector<Slot> slots_;  // open addressing, a power of two, at most 60 % full
  std::string names_;
  std::vector<std::uint64_t> name_offsets_{0};
};

}  // namespace ops
