#include "stream/seen_keys.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace stream {

KeyHash hash_field(KeyHash before, std::string_view bytes, bool null) {
  XXH128_hash_t hash =
      XXH3_128bits_withSeed(bytes.data(), bytes.size(), before.low + (null ? 1 : 0));
  hash.high64 ^= before.high * 0x9E3779B97F4A7C15ULL;
  if (hash.low64 == 0 && hash.high64 == 0) hash.low64 = 1;
  return {hash.low64, hash.high64};
}

bool HashSet::contains(KeyHash key) const {
  if (slots_.empty()) return false;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = key.low & mask; !slots_[at].empty(); at = (at + 1) & mask) {
    if (slots_[at] == key) return true;
  }
  return false;
}

bool HashSet::insert(KeyHash key) {
  if (size_ * 4 >= slots_.size() * 3) grow();
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key.low & mask;
  for (; !slots_[at].empty(); at = (at + 1) & mask) {
    if (slots_[at] == key) return false;
  }
  slots_[at] = key;
  ++size_;
  return true;
}

void HashSet::grow() {
  std::vector<KeyHash> old(std::max<std::size_t>(1024, slots_.size() * 2));
  old.swap(slots_);
  size_ = 0;
  for (const KeyHash& key : old) {
    if (!key.empty()) insert(key);
  }
}

SeenKeys::SeenKeys(std::int64_t ttl_us)
    : ttl_us_(ttl_us),
      width_us_(std::max<std::int64_t>(ttl_us / 4, base::kUsPerSecond)),
      newest_us_(std::numeric_limits<std::int64_t>::min() / 2),
      oldest_(std::numeric_limits<std::int64_t>::min() / 2) {}

std::int64_t SeenKeys::generation_of(base::TimestampUs time_us) const {
  const std::int64_t quotient = time_us / width_us_;
  return std::max(oldest_, time_us % width_us_ < 0 ? quotient - 1 : quotient);
}

bool SeenKeys::insert(KeyHash key, base::TimestampUs time_us) {
  newest_us_ = std::max(newest_us_, time_us);
  const std::int64_t generation = generation_of(time_us);
  for (const auto& [number, set] : generations_) {
    if (number != generation && set.contains(key)) return false;
  }
  if (!generations_[generation].insert(key)) return false;
  added_[generation].append(reinterpret_cast<const char*>(&key), sizeof(key));
  return true;
}

void SeenKeys::forget() {
  if (generations_.empty()) return;
  oldest_ = std::max(oldest_, generation_of(newest_us_ - ttl_us_));
  generations_.erase(generations_.begin(), generations_.lower_bound(oldest_));
}

std::size_t SeenKeys::size() const {
  std::size_t sum = 0;
  for (const auto& [number, set] : generations_) sum += set.size();
  return sum;
}

std::map<std::int64_t, std::string> SeenKeys::take_added() { return std::exchange(added_, {}); }

void SeenKeys::load(std::int64_t generation, std::string_view packed) {
  newest_us_ = std::max(newest_us_, generation * width_us_);
  HashSet& set = generations_[generation];
  for (std::size_t at = 0; at + sizeof(KeyHash) <= packed.size(); at += sizeof(KeyHash)) {
    KeyHash key;
    std::memcpy(&key, packed.data() + at, sizeof(KeyHash));
    set.insert(key);
  }
}

}  // namespace stream
