// PostgreSQL's data types on the wire: their OIDs and their binary formats.
// Source: PostgreSQL's pg_type.dat for the OIDs; the *send and *recv functions of the types for the
// binary formats (the documentation calls them internal, drivers rely on them).
//
// Threads: values, no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/postgres/frontend.h"

namespace protocol::postgres {

namespace oid {
inline constexpr Oid kBool = 16;
inline constexpr Oid kBytea = 17;
inline constexpr Oid kChar = 18;
inline constexpr Oid kName = 19;
inline constexpr Oid kInt8 = 20;
inline constexpr Oid kInt2 = 21;
inline constexpr Oid kInt4 = 23;
inline constexpr Oid kText = 25;
inline constexpr Oid kOid = 26;
inline constexpr Oid kJson = 114;
inline constexpr Oid kFloat4 = 700;
inline constexpr Oid kFloat8 = 701;
inline constexpr Oid kUnknown = 705;
inline constexpr Oid kBpchar = 1042;
inline constexpr Oid kVarchar = 1043;
inline constexpr Oid kDate = 1082;
inline constexpr Oid kTime = 1083;
inline constexpr Oid kTimestamp = 1114;
inline constexpr Oid kTimestampTz = 1184;
inline constexpr Oid kInterval = 1186;
inline constexpr Oid kTimeTz = 1266;
inline constexpr Oid kNumeric = 1700;
inline constexpr Oid kUuid = 2950;
inline constexpr Oid kJsonb = 3802;
}  // namespace oid

// The element type of an array type; 0 when `type` is not one that is known.
Oid array_element(Oid type);
// The array type of an element type; that of texts when there is none.
Oid array_of(Oid element);
// An array of these elements, given in PostgreSQL's text format, as its text and as its binary
// format with the length in front. kInvalid when a text is not one of the type.
std::string array_text(const std::vector<std::optional<std::string>>& elements);
base::Result<> append_binary_array(std::string& out, Oid element,
                                   const std::vector<std::optional<std::string>>& elements);

// Bytes of a value of this type; -1 when it varies (pg_type.typlen).
std::int16_t type_size(Oid type);

// Whether append_binary or one of the fixed-size forms below can write it.
bool has_binary_format(Oid type);

// Fixed-size values with their length in front. Dates count days, timestamps microseconds since
// 1970; `kInfinity` and its negation stand for 'infinity' and '-infinity'.
inline constexpr std::int64_t kInfinity = INT64_MAX;
inline constexpr std::int32_t kDateInfinity = INT32_MAX;
void append_binary_bool(std::string& out, bool value);
void append_binary_int2(std::string& out, std::int16_t value);
void append_binary_int4(std::string& out, std::int32_t value);
void append_binary_int8(std::string& out, std::int64_t value);
void append_binary_float4(std::string& out, float value);
void append_binary_float8(std::string& out, double value);
void append_binary_date(std::string& out, std::int32_t days);
void append_binary_timestamp(std::string& out, std::int64_t us);

// A value given in PostgreSQL's text format as this type's binary format, with its length in front:
// all of the types above except arrays. kInvalid when the text is not one of the type.
base::Result<> append_binary(std::string& out, Oid type, std::string_view text);

// A parameter in binary format as PostgreSQL's text format. kUnsupported for a type without one,
// kInvalid for broken bytes.
base::Result<std::string> binary_to_text(Oid type, std::string_view bytes);

}  // namespace protocol::postgres
