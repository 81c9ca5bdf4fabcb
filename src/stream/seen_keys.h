// The keys that a de-duplicating model remembers: 128-bit hashes in generations of event time, so
// that old ones are forgotten a generation at a time.
//
// Two different keys would be taken for one with a probability of about n^2 / 2^129: with a
// thousand million keys remembered, less than one in 10^20. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace stream {

struct KeyHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const KeyHash&) const = default;
  bool empty() const { return low == 0 && high == 0; }
};
// Continues `before` with a field; a null differs from an empty text.
KeyHash hash_field(KeyHash before, std::string_view bytes, bool null);

// Open addressing, 16 bytes a slot; the all-zero hash stands for an empty slot.
class HashSet {
 public:
  bool contains(KeyHash key) const;
  bool insert(KeyHash key);  // false when it was there
  std::size_t size() const { return size_; }

 private:
  void grow();
  std::vector<KeyHash> slots_;
  std::size_t size_ = 0;
};

class SeenKeys {
 public:
  explicit SeenKeys(std::int64_t ttl_us);

  // True when the key is new; it is then remembered until event time has moved past time_us + ttl.
  bool insert(KeyHash key, base::TimestampUs time_us);
  // Forgets generations that ended more than ttl before the newest event time seen.
  void forget();
  std::size_t size() const;

  // Keys added since the last call, by generation, as they are kept on disk.
  std::map<std::int64_t, std::string> take_added();
  void load(std::int64_t generation, std::string_view packed);
  // Generations below this one are forgotten.
  std::int64_t oldest() const { return oldest_; }

 private:
  std::int64_t generation_of(base::TimestampUs time_us) const;

  std::int64_t ttl_us_;
  std::int64_t width_us_;
  base::TimestampUs newest_us_;
  std::int64_t oldest_;
  std::map<std::int64_t, HashSet> generations_;
  std::map<std::int64_t, std::string> added_;
};

}  // namespace stream
