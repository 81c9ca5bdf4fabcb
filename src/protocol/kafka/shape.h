// The words in which the messages describe themselves: a call's versions, a field's versions, and
// the types of the protocol that are not in the standard library.
//
// A message is a struct with one function `fields(self, field)` that names its fields in the order
// of the wire. Encoder and decoder are the two things that are passed as `field`; a new message is
// a struct and one line in messages.h.
// Threads: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/kafka/error_code.h"

namespace protocol::kafka {

inline constexpr std::int16_t kNeverFlexible = INT16_MAX;
inline constexpr std::size_t kStringBytesMax = INT16_MAX;

// A call: the versions are the ones that the codec knows; what a server advertises may be less.
struct CallShape {
  std::int16_t api_key = 0;
  std::string_view name;
  std::int16_t version_min = 0;
  std::int16_t version_max = 0;
  std::int16_t flexible_from = kNeverFlexible;  // compact lengths and tag buffers from here on

  constexpr bool knows(std::int16_t version) const {
    return version >= version_min && version <= version_max;
  }
  constexpr bool flexible(std::int16_t version) const { return version >= flexible_from; }
  // The answer to ApiVersions has the old header in every version, because the client does not know
  // yet what the server speaks.
  constexpr bool flexible_response_header(std::int16_t version) const {
    return flexible(version) && api_key != 18;
  }
};

// The versions of the call in which a field exists, and how it is written there.
struct FieldShape {
  std::int16_t from = 0;
  std::int16_t to = INT16_MAX;
  std::int16_t nullable_from = 0;  // a std::optional may be null from this version on
  std::int16_t tag = -1;           // -1: an ordinary field
  std::int64_t tag_default = 0;    // the value that a tagged number has when it is not written

  constexpr FieldShape nullable_since(std::int16_t version) const {
    FieldShape shape = *this;
    shape.nullable_from = version;
    return shape;
  }
  // Written into the tag buffer, and only when it differs from its default.
  constexpr FieldShape tagged(std::int16_t number, std::int64_t default_number = 0) const {
    FieldShape shape = *this;
    shape.tag = number;
    shape.tag_default = default_number;
    return shape;
  }
  constexpr bool in(std::int16_t version) const { return version >= from && version <= to; }
};
constexpr FieldShape always() { return {}; }
constexpr FieldShape since(std::int16_t from) { return {.from = from}; }
constexpr FieldShape versions(std::int16_t from, std::int16_t to) {
  return {.from = from, .to = to};
}

// Opaque bytes that somebody else understands: a group member's metadata, an assignment.
using Bytes = std::vector<std::byte>;

// Record batches, laid end to end, which are never copied: in a decoded message one chunk that
// points into the frame; in a message to be encoded any number of them.
struct Records {
  std::vector<std::span<const std::byte>> chunks = {};
  // Keeps the chunks alive until they are sent; empty where somebody else does.
  std::vector<std::shared_ptr<const void>> holds = {};

  std::size_t size() const {
    std::size_t total = 0;
    for (const auto& chunk : chunks) total += chunk.size();
    return total;
  }
};

}  // namespace protocol::kafka
