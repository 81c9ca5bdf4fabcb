// PostgreSQL's functions that DuckDB does not have, or has with another meaning, as functions of
// DuckDB: postgres_divide, postgres_to_char, initcap. What gives them PostgreSQL's names is up to
// whoever opens the database.
//
// Source: PostgreSQL documentation, "Mathematical Functions and Operators", "Data Type Formatting
// Functions".
// Threads: as the connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sql/handles.h"

namespace sql {

base::Result<> register_postgres_functions(duckdb_connection connection);

// to_char of a time: microseconds since 1970 in UTC, and of an interval.
std::string format_time(std::int64_t micros, std::string_view format);
struct IntervalValue {
  std::int32_t months = 0;
  std::int32_t days = 0;
  std::int64_t micros = 0;
};
std::string format_interval(IntervalValue value, std::string_view format);
// to_timestamp and to_date: the text by the format. kInvalid for a text that does not fit.
base::Result<std::int64_t> parse_time(std::string_view text, std::string_view format);
// to_char of a number. kUnsupported for patterns that are not known here.
base::Result<std::string> format_number(double value, std::string_view format);

}  // namespace sql
