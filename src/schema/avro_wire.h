// The primitives of Avro's binary encoding.
//
// A cursor over borrowed bytes: reading past the end sets `bad` and gives zeros.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace schema {

struct AvroCursor {
  const char* at;
  const char* end;
  bool bad = false;

  explicit AvroCursor(std::string_view bytes) : at(bytes.data()), end(at + bytes.size()) {}

  std::size_t left() const { return static_cast<std::size_t>(end - at); }

  std::int64_t read_long() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && at < end; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*at++);
      if (shift == 63 && (byte & 0xFE) != 0) break;  // more than 64 bits
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
    }
    bad = true;
    return 0;
  }
  bool read_boolean() {
    if (at >= end || static_cast<std::uint8_t>(*at) > 1) {
      bad = true;
      return false;
    }
    return *at++ != 0;
  }
  template <class T>
  T read_plain() {  // float, double: little-endian
    T value{};
    if (left() < sizeof(T)) {
      bad = true;
      return value;
    }
    std::memcpy(&value, at, sizeof(T));
    at += sizeof(T);
    return value;
  }
  std::string_view read_bytes(std::uint64_t size) {
    if (size > left()) {
      bad = true;
      return {};
    }
    const std::string_view bytes(at, size);
    at += size;
    return bytes;
  }
  std::string_view read_text() {
    const std::int64_t size = read_long();
    if (size < 0) bad = true;
    return bad ? std::string_view() : read_bytes(static_cast<std::uint64_t>(size));
  }
  // The count of the next block of an array or map; 0 at its end.
  std::int64_t read_block() {
    std::int64_t count = read_long();
    if (count >= 0) return count;
    if (read_long() < 0 || count == INT64_MIN) bad = true;  // the block's bytes
    return bad ? 0 : -count;
  }
};

inline void append_avro_long(std::int64_t value, std::string& out) {
  auto bits = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  for (; bits >= 0x80; bits >>= 7) out.push_back(static_cast<char>(bits | 0x80));
  out.push_back(static_cast<char>(bits));
}

template <class T>
void append_avro_plain(T value, std::string& out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

}  // namespace schema
