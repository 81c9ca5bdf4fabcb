// Random numbers that are the same on every machine: splitmix64 on a state that its owner keeps.
#pragma once

#include <cstdint>

namespace sources {

inline std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

inline std::uint64_t next_random(std::uint64_t& state) {
  return mix(state += 0x9E3779B97F4A7C15ULL);
}

// In [from, to).
inline double uniform(std::uint64_t& state, double from, double to) {
  return from + (to - from) * (static_cast<double>(next_random(state) >> 11) * 0x1.0p-53);
}

inline std::uint64_t below(std::uint64_t& state, std::uint64_t bound) {
  return next_random(state) % bound;
}

}  // namespace sources
