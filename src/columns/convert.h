// Text to typed values, for every text format (CSV fields, JSON strings), and back.
//
// Threads: values; one TimestampReader per thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "columns/batch.h"

namespace columns {

// Reads RFC 3339 times. Remembers the last date, because event times of a batch share theirs.
class TimestampReader {
 public:
  // False when `text` is no time.
  bool read(std::string_view text, std::int64_t& us);

 private:
  char date_[10] = {};
  std::int64_t date_us_ = 0;
  bool date_known_ = false;
};

// The times that every table format can hold: years 1 to 9999.
inline constexpr std::int64_t kTimestampMinUs = -62'135'596'800'000'000;
inline constexpr std::int64_t kTimestampMaxUs = 253'402'300'799'999'999;

// A number of seconds, milliseconds or microseconds since the epoch as microseconds. Told apart by
// size: below 10^11 in seconds (year 5138), below 10^14 in milliseconds. False for a time outside
// of the years above, and for NaN.
bool timestamp_from_number(double value, std::int64_t& us);
bool timestamp_from_integer(std::int64_t value, std::int64_t& us);

// A whole number that is written as one, or as a decimal with nothing behind the point (5.0, 1e3),
// within the range of `type` (kInt32 or kInt64).
enum class NumberError { kNone, kNotANumber, kNotWhole, kOutOfRange };
NumberError integer_from_text(std::string_view text, Type type, std::int64_t& value);
NumberError integer_from_double(double number, Type type, std::int64_t& value);

// "integer" as people read it in a reason: "a whole number", "a timestamp (RFC 3339)".
std::string_view expected(Type type);

// A value as it can stand in a reason: cut to 60 bytes on a character's border.
std::string shown(std::string_view text);

// Appends the value that `text` stands for, or null with a reason (then true is not returned).
bool append_from_text(std::string_view text, TimestampReader& times, Column& column,
                      std::string& reason);

// Appends the value as text, as keys and look-ups have it: true, 12, 1.5, 2026-11-23, RFC 3339. It
// is not null.
void append_text(const Column& column, std::size_t row, std::string& out);

}  // namespace columns
