// Which share of the machine work belongs to; shares are set in capacity.h.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <string_view>

namespace batch {

enum class CapacityClass : std::uint8_t {
  kDaily,
  kBackfill,
};
inline constexpr std::size_t kBatchClasses = 2;

constexpr std::string_view class_name(CapacityClass capacity) {
  return capacity == CapacityClass::kDaily ? "daily" : "backfill";
}

}  // namespace batch
