// The last offset of each key, by a 128-bit hash, in bounded memory.
//
// The hash is seeded at random, so that nobody can choose keys that meet. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "log/event_log.h"

namespace eventlog {

inline constexpr std::size_t kCompactionKeysMax = 1'400'000;  // about 48 MiB

class KeyOffsets {
 public:
  explicit KeyOffsets(std::size_t keys_max = kCompactionKeysMax);

  // False, and nothing is kept, when the key is new and the bound is reached.
  bool put(std::string_view key, Offset offset);
  std::optional<Offset> last(std::string_view key) const;

 private:
  struct Slot {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    Offset offset = -1;  // -1: empty
  };

  std::size_t place_of(const Slot& key) const;
  Slot hash(std::string_view key) const;
  void grow();

  const std::uint64_t seed_;
  const std::size_t keys_max_;
  std::size_t keys_ = 0;
  std::vector<Slot> slots_;  // a power of two of them, at most 70 in 100 used
};

}  // namespace eventlog
