// Writes the fields of one message (shape.h) in one version.
//
// Threads: one at a time.
#pragma once

#include <concepts>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/kafka/codec.h"

namespace protocol::kafka {

class Encoder {
 public:
  Encoder(std::int16_t version, bool flexible, EncodedFrame& out)
      : version_(version), flexible_(flexible), out_(out) {}

  // A struct: its fields, then its tag buffer where the version has one.
  template <class Struct>
  void structure(const Struct& value) {
    const Tags outer = std::exchange(tags_, {});
    Struct::fields(value, *this);
    if (flexible_) {
      uvarint(tags_.count);
      tags_.writing = true;
      if (tags_.count > 0) Struct::fields(value, *this);
    }
    tags_ = outer;
  }

  // Called by `fields`.
  template <class T>
  void operator()(const T& value, FieldShape shape = always()) {
    if (!shape.in(version_)) return;
    if (shape.tag >= 0) {
      tagged(value, shape);
    } else if (!tags_.writing) {
      write(value, shape);
    }
  }

  template <class Integer>
    requires std::integral<Integer>
  void integer(Integer value) {
    using Unsigned = std::make_unsigned_t<Integer>;
    std::byte bytes[sizeof(Integer)];
    auto rest = static_cast<Unsigned>(value);
    for (std::size_t i = sizeof(Integer); i-- > 0;) {
      bytes[i] = static_cast<std::byte>(rest & 0xFF);
      if constexpr (sizeof(Integer) > 1) rest = static_cast<Unsigned>(rest >> 8);
    }
    raw(bytes, sizeof bytes);
  }

  void uvarint(std::uint32_t value) {
    std::byte bytes[5];
    raw(bytes, put_uvarint(value, bytes));
  }

  // A string as it was before compact lengths: null has length -1.
  void classic_string(const std::optional<std::string>& text) {
    if (!text) return integer(std::int16_t{-1});
    const std::string_view cut = std::string_view(*text).substr(0, kStringBytesMax);
    integer(static_cast<std::int16_t>(cut.size()));
    raw(cut.data(), cut.size());
  }

 private:
  struct Tags {
    bool writing = false;     // the second walk over a struct, for its tagged fields only
    std::uint32_t count = 0;  // how many there are to be written
  };

  template <class T>
  void tagged(const T& value, const FieldShape& shape) {
    if (is_default(value, shape)) return;
    if (!tags_.writing) {
      ++tags_.count;
      return;
    }
    uvarint(static_cast<std::uint32_t>(shape.tag));
    const std::size_t start = out_.bytes.size();
    write(value, shape);
    // The length goes in front of what was written. Records are never tagged, so no splice moves.
    std::byte length[5];
    const std::size_t length_size =
        put_uvarint(static_cast<std::uint32_t>(out_.bytes.size() - start), length);
    out_.bytes.insert(out_.bytes.begin() + static_cast<std::ptrdiff_t>(start), length,
                      length + length_size);
  }

  template <class T>
  static bool is_default(const T& value, const FieldShape& shape) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>)
      return static_cast<std::int64_t>(value) == shape.tag_default;
    else if constexpr (requires { value.has_value(); })
      return !value.has_value();
    else if constexpr (requires { value.empty(); })
      return value.empty();
    else
      return value == T{};
  }

  void write(bool value, const FieldShape&) { integer(static_cast<std::int8_t>(value)); }
  void write(std::int8_t value, const FieldShape&) { integer(value); }
  void write(std::int16_t value, const FieldShape&) { integer(value); }
  void write(std::int32_t value, const FieldShape&) { integer(value); }
  void write(std::int64_t value, const FieldShape&) { integer(value); }
  void write(ErrorCode value, const FieldShape&) { integer(std::to_underlying(value)); }

  void write(const std::string& text, const FieldShape&) {
    const std::string_view cut = std::string_view(text).substr(0, kStringBytesMax);
    length<std::int16_t>(cut.size());
    raw(cut.data(), cut.size());
  }
  void write(const Bytes& bytes, const FieldShape&) {
    length<std::int32_t>(bytes.size());
    raw(bytes.data(), bytes.size());
  }
  void write(const Records& records, const FieldShape&) {
    length<std::int32_t>(records.size());
    for (const auto& chunk : records.chunks) {
      if (!chunk.empty()) out_.splices.push_back({.at = out_.bytes.size(), .records = chunk});
    }
    out_.holds.insert(out_.holds.end(), records.holds.begin(), records.holds.end());
  }

  template <class T>
  void write(const std::vector<T>& values, const FieldShape&) {
    length<std::int32_t>(values.size());
    for (const T& value : values) write(value, always());
  }

  template <class T>
  void write(const std::optional<T>& value, const FieldShape& shape) {
    if (value) return write(*value, shape);
    if (version_ < shape.nullable_from) return write(T{}, shape);
    if (flexible_) return uvarint(0);
    if constexpr (std::same_as<T, std::string>)
      integer(std::int16_t{-1});
    else
      integer(std::int32_t{-1});
  }

  template <class Struct>
    requires requires(const Struct& value, Encoder& self) { Struct::fields(value, self); }
  void write(const Struct& value, const FieldShape&) {
    structure(value);
  }

  template <class Classic>
  void length(std::size_t size) {
    if (flexible_)
      uvarint(static_cast<std::uint32_t>(size + 1));
    else
      integer(static_cast<Classic>(size));
  }

  static std::size_t put_uvarint(std::uint32_t value, std::byte (&bytes)[5]) {
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<std::byte>(value | 0x80);
    bytes[size++] = static_cast<std::byte>(value);
    return size;
  }

  void raw(const void* bytes, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(bytes);
    out_.bytes.insert(out_.bytes.end(), first, first + size);
  }

  std::int16_t version_;
  bool flexible_;
  EncodedFrame& out_;
  Tags tags_;
};

}  // namespace protocol::kafka
