#include "log/key_offsets.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <random>

namespace eventlog {
namespace {
constexpr std::size_t kFirstSlots = 1024;

std::uint64_t random_seed() {
  std::random_device random;
  return (std::uint64_t{random()} << 32U) | random();
}
}  // namespace

KeyOffsets::KeyOffsets(std::size_t keys_max)
    : seed_(random_seed()), keys_max_(keys_max), slots_(kFirstSlots) {}

KeyOffsets::Slot KeyOffsets::hash(std::string_view key) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(key.data(), key.size(), seed_);
  return {.low = hash.low64, .high = hash.high64};
}

// Where the key is, or would be.
std::size_t KeyOffsets::place_of(const Slot& key) const {
  std::size_t at = key.low & (slots_.size() - 1);
  while (slots_[at].offset >= 0 && (slots_[at].low != key.low || slots_[at].high != key.high)) {
    at = (at + 1) & (slots_.size() - 1);
  }
  return at;
}

void KeyOffsets::grow() {
  std::vector<Slot> before(slots_.size() * 2);
  before.swap(slots_);
  for (const Slot& slot : before) {
    if (slot.offset >= 0) slots_[place_of(slot)] = slot;
  }
}

bool KeyOffsets::put(std::string_view key, Offset offset) {
  Slot slot = hash(key);
  slot.offset = offset;
  std::size_t at = place_of(slot);
  if (slots_[at].offset < 0) {
    if (keys_ == keys_max_) return false;
    if (++keys_ * 10 > slots_.size() * 7) {
      grow();
      at = place_of(slot);
    }
  }
  slots_[at] = slot;
  return true;
}

std::optional<Offset> KeyOffsets::last(std::string_view key) const {
  const Slot& slot = slots_[place_of(hash(key))];
  return slot.offset < 0 ? std::nullopt : std::optional(slot.offset);
}

}  // namespace eventlog
