// Reads the fields of one message (shape.h) in one version.
//
// Threads: one at a time.
// Invariant: after the first failure nothing more is read, and everything reads as empty.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/kafka/codec.h"

namespace protocol::kafka {

class Decoder {
 public:
  Decoder(std::span<const std::byte> data, std::int16_t version, bool flexible)
      : data_(data), end_(data.size()), version_(version), flexible_(flexible) {}

  bool ok() const { return !error_; }
  // Where the next byte is read; after a failure the end.
  std::size_t at() const { return at_; }
  std::size_t left() const { return end_ - at_; }
  // Only after a failure.
  base::Error take_error() { return std::move(*error_); }
  void fail(std::string message);

  template <class Struct>
  void structure(Struct& value) {
    const TagWalk outer = std::exchange(tag_walk_, {});
    Struct::fields(value, *this);
    if (flexible_) {
      each_tag([&](std::uint32_t tag) {
        tag_walk_ = {.active = true, .wanted = tag};
        Struct::fields(value, *this);
        return tag_walk_.found;
      });
    }
    tag_walk_ = outer;
  }

  // Called by `fields`.
  template <class T>
  void operator()(T& value, FieldShape shape = always()) {
    if (!shape.in(version_)) return;
    if (tag_walk_.active) {
      if (shape.tag < 0 || static_cast<std::uint32_t>(shape.tag) != tag_walk_.wanted) return;
      // The walk goes on behind the structs that the value holds.
      tag_walk_.found = true;
      read(value, shape);
    } else if (shape.tag < 0) {
      read(value, shape);
    }
  }

  template <class Integer>
    requires std::integral<Integer>
  Integer integer() {
    const std::byte* bytes = take(sizeof(Integer));
    if (bytes == nullptr) return 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i)
      value = (value << 8) | std::to_integer<std::uint64_t>(bytes[i]);
    return static_cast<Integer>(value);
  }

  std::uint32_t uvarint();

  // A string as it was before compact lengths: null has length -1.
  std::optional<std::string> classic_string();

  void skip_tags() {
    each_tag([](std::uint32_t) { return false; });
  }

 private:
  struct TagWalk {
    bool active = false;  // a walk over a struct in search of one tagged field
    std::uint32_t wanted = 0;
    bool found = false;
  };

  // `read_field` answers whether it has read the field with this tag; it is skipped when not.
  template <class ReadField>
  void each_tag(ReadField read_field) {
    const std::uint32_t count = uvarint();
    if (count > kTagsMax)
      fail(fmt::format("a tag buffer of {} fields, at most {}", count, kTagsMax));
    for (std::uint32_t i = 0; i < count && ok(); ++i) {
      const std::uint32_t tag = uvarint();
      const std::uint32_t size = uvarint();
      if (size > left()) fail(fmt::format("a tagged field of {} bytes, {} are left", size, left()));
      if (!ok()) return;
      // The field ends where its length says, whatever stands in it.
      const std::size_t outer_end = std::exchange(end_, at_ + size);
      if (!read_field(tag)) at_ = end_;
      if (ok() && at_ != end_) fail(fmt::format("tagged field {} has bytes left over", tag));
      end_ = outer_end;
      if (!ok()) at_ = end_;
    }
  }

  void read(bool& value, const FieldShape&) { value = integer<std::int8_t>() != 0; }
  void read(std::int8_t& value, const FieldShape&) { value = integer<std::int8_t>(); }
  void read(std::int16_t& value, const FieldShape&) { value = integer<std::int16_t>(); }
  void read(std::int32_t& value, const FieldShape&) { value = integer<std::int32_t>(); }
  void read(std::int64_t& value, const FieldShape&) { value = integer<std::int64_t>(); }
  void read(ErrorCode& value, const FieldShape&) {
    value = static_cast<ErrorCode>(integer<std::int16_t>());
  }

  void read(std::string& text, const FieldShape&) {
    if (const auto size = length_or_null<std::int16_t>())
      read_sized(text, *size);
    else
      null_refused();
  }
  void read(Bytes& bytes, const FieldShape&) {
    if (const auto size = length_or_null<std::int32_t>())
      read_sized(bytes, *size);
    else
      null_refused();
  }
  template <class T>
  void read(std::vector<T>& values, const FieldShape&) {
    if (const auto size = length_or_null<std::int32_t>())
      read_sized(values, *size);
    else
      null_refused();
  }

  template <class T>
  void read(std::optional<T>& value, const FieldShape& shape) {
    using Classic = std::conditional_t<std::same_as<T, std::string>, std::int16_t, std::int32_t>;
    const auto size = length_or_null<Classic>();
    if (!size) {
      if (version_ < shape.nullable_from) null_refused();
      value = std::nullopt;
      return;
    }
    read_sized(value.emplace(), *size);
  }

  template <class Struct>
    requires requires(Struct& value, Decoder& self) { Struct::fields(value, self); }
  void read(Struct& value, const FieldShape&) {
    structure(value);
  }

  void read_sized(std::string& text, std::size_t size);
  void read_sized(Bytes& bytes, std::size_t size);
  void read_sized(Records& records, std::size_t size);

  template <class T>
  void read_sized(std::vector<T>& values, std::size_t size) {
    // An element has at least one byte.
    if (size > left())
      fail(fmt::format("an array of {} elements, {} bytes are left", size, left()));
    if (!ok() || !afford(size, sizeof(T))) return;
    values.clear();
    values.reserve(size);
    for (std::size_t i = 0; i < size && ok(); ++i) read(values.emplace_back(), always());
  }

  // nullopt: null. A length below that is a failure, and reads as 0.
  template <class Classic>
  std::optional<std::size_t> length_or_null() {
    if (flexible_) {
      const std::uint32_t size = uvarint();
      if (!ok()) return 0;
      return size == 0 ? std::nullopt : std::optional<std::size_t>(size - 1);
    }
    const Classic size = integer<Classic>();
    if (!ok()) return 0;
    if (size >= 0) return static_cast<std::size_t>(size);
    if (size == -1) return std::nullopt;
    fail(fmt::format("a length of {}", size));
    return 0;
  }

  void null_refused() { fail("null in a field that cannot be null"); }
  bool afford(std::size_t count, std::size_t element_bytes);

  // The next bytes; nullptr, and a failure, when there are fewer.
  const std::byte* take(std::size_t size) {
    if (size > left()) {
      if (ok()) fail(fmt::format("a field of {} bytes, {} are left", size, left()));
      return nullptr;
    }
    const std::byte* bytes = data_.data() + at_;
    at_ += size;
    return bytes;
  }

  std::span<const std::byte> data_;
  std::size_t at_ = 0;
  std::size_t end_;  // of the message, or of the tagged field being read
  std::int16_t version_;
  bool flexible_;
  TagWalk tag_walk_;
  std::size_t memory_left_ = kDecodedBytesMax;
  std::optional<base::Error> error_;
};

}  // namespace protocol::kafka
