#include "schema/value_columns.h"

#include <simdjson.h>

#include <cmath>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json_text.h"
#include "schema/bronze_text.h"

namespace schema {

using columns::Column;
using columns::Type;

namespace {

constexpr std::int64_t kDateMax = 2'932'896;  // 9999-12-31
constexpr std::int64_t kDateMin = -719'162;   // 0001-01-01

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

}  // namespace

void ValueWriter::unfit(std::string_view found, Column& column, std::string& reason) {
  column.append_null();
  reason = fmt::format("{} expected, found {}", columns::expected(column.type()), found);
}

void ValueWriter::whole(std::int64_t value, Column& column, std::string& reason) {
  switch (column.type()) {
    case Type::kInt64:
      return column.append_int(value);
    case Type::kInt32:
      if (value >= INT32_MIN && value <= INT32_MAX) return column.append_int(value);
      break;
    case Type::kFloat64:
      return column.append_double(static_cast<double>(value));
    case Type::kString:
      return column.append_text(fmt::format_int(value).c_str());
    case Type::kTimestamp: {
      std::int64_t us = 0;
      if (columns::timestamp_from_integer(value, us)) return column.append_int(us);
      break;
    }
    case Type::kBoolean:
    case Type::kBytes:
    case Type::kDate:
      break;
  }
  unfit(fmt::format_int(value).c_str(), column, reason);
}

void ValueWriter::number(double value, Column& column, std::string& reason) {
  if (column.type() == Type::kFloat64) return column.append_double(value);
  std::int64_t whole = 0;
  if ((column.type() == Type::kInt32 || column.type() == Type::kInt64) &&
      columns::integer_from_double(value, column.type(), whole) == columns::NumberError::kNone)
    return column.append_int(whole);
  if (column.type() == Type::kTimestamp && columns::timestamp_from_number(value, whole))
    return column.append_int(whole);
  if (column.type() == Type::kString) return column.append_text(fmt::format("{}", value));
  unfit(fmt::format("{}", value), column, reason);
}

void ValueWriter::truth(bool value, Column& column, std::string& reason) {
  if (column.type() == Type::kBoolean) return column.append_int(value ? 1 : 0);
  if (column.type() == Type::kString) return column.append_text(value ? "true" : "false");
  unfit(value ? "true" : "false", column, reason);
}

void ValueWriter::text(std::string_view value, Column& column, std::string& reason) {
  if (column.type() == Type::kBytes) return column.append_text(value);
  if (!is_utf8(value)) return unfit("bytes that are not UTF-8", column, reason);
  if (column.type() == Type::kString) return column.append_text(value);
  std::string why;
  if (!columns::append_from_text(value, times_, column, why)) reason = std::move(why);
}

void ValueWriter::bytes(std::string_view value, Column& column, std::string& reason) {
  if (column.type() == Type::kBytes) return column.append_text(value);
  if (column.type() == Type::kString) return append_text_or_base64(value, column, scratch_);
  unfit("bytes", column, reason);
}

void ValueWriter::timestamp(std::int64_t us, Column& column, std::string& reason) {
  const bool in_range = us >= columns::kTimestampMinUs && us <= columns::kTimestampMaxUs;
  if (!in_range) return unfit(fmt::format("{} µs, beyond the year 9999", us), column, reason);
  if (column.type() == Type::kTimestamp || column.type() == Type::kInt64)
    return column.append_int(us);
  if (column.type() == Type::kString) return column.append_text(base::format_rfc3339(us));
  unfit("a timestamp", column, reason);
}

void ValueWriter::date(std::int64_t days, Column& column, std::string& reason) {
  if (days < kDateMin || days > kDateMax)
    return unfit(fmt::format("day {}, beyond the year 9999", days), column, reason);
  if (column.type() == Type::kDate) return column.append_int(days);
  if (column.type() == Type::kInt32 || column.type() == Type::kInt64)
    return column.append_int(days);
  if (column.type() == Type::kTimestamp) return column.append_int(days * base::kUsPerDay);
  if (column.type() == Type::kString)
    return column.append_text(base::format_rfc3339(days * base::kUsPerDay).substr(0, 10));
  unfit("a date", column, reason);
}

void ValueWriter::nested(std::string_view json, Column& column, std::string& reason) {
  if (column.type() == Type::kString) return column.append_text(json);
  unfit("a nested value", column, reason);
}

void append_json_number(double value, std::string& out) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else {
    fmt::format_to(std::back_inserter(out), "\"{}\"",
                   std::isnan(value) ? "NaN" : (value > 0 ? "Infinity" : "-Infinity"));
  }
}

void append_json_bytes(std::string_view bytes, std::string& out) {
  if (is_utf8(bytes)) return base::append_json_text(bytes, out);
  base::append_json_text(std::string(kBase64Prefix) + base::encode_base64(bytes), out);
}

std::string decimal_text(std::string_view bytes, int scale) {
  if (bytes.empty() || bytes.size() > 16) return "";
  __extension__ using Wide = unsigned __int128;
  Wide value = 0;
  const bool negative = (static_cast<std::uint8_t>(bytes[0]) & 0x80) != 0;
  if (negative) value = ~value;
  for (const char c : bytes) value = value << 8 | static_cast<std::uint8_t>(c);
  if (negative) value = ~value + 1;
  std::string digits;
  for (; value != 0; value /= 10)
    digits.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
  while (digits.size() <= static_cast<std::size_t>(scale)) digits.push_back('0');
  if (scale > 0) digits.insert(static_cast<std::size_t>(scale), ".");
  if (negative) digits.push_back('-');
  return {digits.rbegin(), digits.rend()};
}

}  // namespace schema
