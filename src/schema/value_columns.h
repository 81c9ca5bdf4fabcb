// Typed values into columns of any type, as every decoder of registered schemas does it.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "columns/batch.h"
#include "columns/convert.h"

namespace schema {

// Each appends the value, or null and gives a reason. `reason` is left alone when it fits.
class ValueWriter {
 public:
  void whole(std::int64_t value, columns::Column& column, std::string& reason);
  void number(double value, columns::Column& column, std::string& reason);
  void truth(bool value, columns::Column& column, std::string& reason);
  // UTF-8 is checked.
  void text(std::string_view value, columns::Column& column, std::string& reason);
  void bytes(std::string_view value, columns::Column& column, std::string& reason);
  void timestamp(std::int64_t us, columns::Column& column, std::string& reason);
  void date(std::int64_t days, columns::Column& column, std::string& reason);
  // JSON text of a nested value.
  void nested(std::string_view json, columns::Column& column, std::string& reason);

 private:
  static void unfit(std::string_view found, columns::Column& column, std::string& reason);

  columns::TimestampReader times_;
  std::string scratch_;
};

// As JSON: not a number and the infinities as text.
void append_json_number(double value, std::string& out);
// Bytes as JSON: text when they are UTF-8, else base64 behind "base64:".
void append_json_bytes(std::string_view bytes, std::string& out);
// A decimal's digits: two's complement, big-endian. "" when it has more than 38 digits or so.
std::string decimal_text(std::string_view bytes, int scale);

}  // namespace schema
