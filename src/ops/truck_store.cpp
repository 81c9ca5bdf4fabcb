#include "ops/truck_store.h"

#include <algorithm>
#include <functional>

#include "base/check.h"

namespace ops {
namespace {

std::uint32_t hash_of(std::string_view id) {
  const std::size_t hash = std::hash<std::string_view>{}(id);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

}  // namespace

TruckStore::TruckStore() : slots_(1024) {}

std::size_t TruckStore::slot_of(std::string_view id, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.handle == kFree || (slot.hash == hash && name(slot.handle) == id)) return i;
  }
}

Handle TruckStore::find(std::string_view id) const {
  const Handle handle = slots_[slot_of(id, hash_of(id))].handle;
  return handle == kFree ? static_cast<Handle>(size()) : handle;
}

Handle TruckStore::find_or_add(std::string_view id) {
  const std::uint32_t hash = hash_of(id);
  std::size_t at = slot_of(id, hash);
  if (slots_[at].handle != kFree) return slots_[at].handle;
  CHECK(size() < kTrucksMax && !id.empty() && id.size() <= kNameBytesMax);
  if (size() * 10 >= slots_.size() * 6) {
    grow();
    at = slot_of(id, hash);
  }
  const auto handle = static_cast<Handle>(size());
  slots_[at] = {.hash = hash, .handle = handle};
  names_.append(id);
  name_offsets_.push_back(names_.size());
  event_time_us.push_back(0);
  x.push_back(0);
  y.push_back(0);
  speed_dkmh.push_back(0);
  heading_half.push_back(255);
  status.push_back(0);
  sequence.push_back(0);
  if (handle / kBlock >= block_sequence.size()) block_sequence.push_back(0);
  return handle;
}

void TruckStore::grow() {
  std::vector<Slot> bigger(slots_.size() * 2);
  const std::size_t mask = bigger.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.handle == kFree) continue;
    std::size_t i = slot.hash & mask;
    while (bigger[i].handle != kFree) i = (i + 1) & mask;
    bigger[i] = slot;
  }
  slots_.swap(bigger);
}

std::uint8_t TruckStore::status_index(std::string_view word) {
  const auto at = std::find(statuses.begin(), statuses.end(), word);
  if (at != statuses.end()) return static_cast<std::uint8_t>(at - statuses.begin());
  if (statuses.size() >= kStatusesMax || word.size() > kNameBytesMax) return 0;
  statuses.emplace_back(word);
  return static_cast<std::uint8_t>(statuses.size() - 1);
}

TruckState TruckStore::state(Handle handle) const {
  return {.event_time_us = event_time_us[handle],
          .x = x[handle],
          .y = y[handle],
          .speed_dkmh = speed_dkmh[handle],
          .heading_half = heading_half[handle],
          .status = status[handle]};
}

void TruckStore::set(Handle handle, const TruckState& state, std::uint64_t number) {
  event_time_us[handle] = state.event_time_us;
  x[handle] = state.x;
  y[handle] = state.y;
  speed_dkmh[handle] = state.speed_dkmh;
  heading_half[handle] = state.heading_half;
  status[handle] = state.status;
  sequence[handle] = number;
  block_sequence[handle / kBlock] = number;
}

}  // namespace ops
