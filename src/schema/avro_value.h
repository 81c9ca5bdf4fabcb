// Avro values one at a time: Avro's JSON form to binary and back, with schema resolution. What
// counter-examples are verified by, and what the fast decoder is held against.
// Source: Apache Avro 1.12 specification, "Binary encoding", "JSON Encoding", "Schema Resolution".
//
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "schema/avro_schema.h"

namespace schema {

inline constexpr std::size_t kAvroDepthMax = 64;         // of a value
inline constexpr std::size_t kAvroStepsMax = 4'000'000;  // values looked at, with failed branches
inline constexpr std::size_t kAvroItemsMax = 1'000'000;  // items without bytes in one value

// Avro's JSON form; a union's value is null or {"branch": value}.
base::Result<std::string> encode_avro(const AvroNode& schema, const nlohmann::json& value);

// Reads one value and nothing behind it, resolved to the reader's schema, in Avro's JSON form.
// kLimit when it cannot be found out whether the reader's schema fits.
base::Result<nlohmann::json> decode_avro(std::string_view bytes, const AvroNode& writer,
                                         const AvroNode& reader,
                                         std::size_t steps_max = kAvroStepsMax);

// A field's default, as its binary form; a union's default is of any branch, without its name.
base::Result<std::string> avro_default(const AvroNode& schema, const nlohmann::json& value);

// Whether a record, enum or fixed of the writer goes by the name, or an alias, of the reader's.
bool avro_names_match(const AvroNode& writer, const AvroNode& reader);
// The writer's field that a field of the reader is read from; null when there is none.
const AvroField* avro_writer_field(const AvroNode& writer, const AvroField& reader);

}  // namespace schema
