// Integers in Kafka's byte order. The caller has checked the bounds.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace eventlog {

template <std::integral T>
T load_big(const std::byte* from) {
  T value{};
  std::memcpy(&value, from, sizeof(T));
  return std::byteswap(value);
}

template <std::integral T>
void store_big(std::byte* to, T value) {
  value = std::byteswap(value);
  std::memcpy(to, &value, sizeof(T));
}

}  // namespace eventlog
