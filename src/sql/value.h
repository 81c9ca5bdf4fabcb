// Values in DuckDB's vectors as PostgreSQL's text, as JSON and as numbers.
//
// Pure. A null is never passed in.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "sql/type.h"

namespace sql {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

// PostgreSQL's text format; nested values as JSON text.
void append_text(const VectorView& view, std::size_t row, std::string& out);
// JSON text with members in the type's order, numbers exact.
void append_json(const VectorView& view, std::size_t row, std::string& out);
nlohmann::json to_json(const VectorView& view, std::size_t row);

// Integers, booleans, dates (days) and timestamps (microseconds, UTC); fractions are cut off.
// nullopt when the value does not fit or is no number.
std::optional<std::int64_t> to_int(const VectorView& view, std::size_t row);
double to_double(const VectorView& view, std::size_t row);

// The integer under an integer kind or a DECIMAL (unscaled), of 128 bits; UHUGEINT above 2^127
// wraps.
Int128 to_int128(const VectorView& view, std::size_t row);

}  // namespace sql
