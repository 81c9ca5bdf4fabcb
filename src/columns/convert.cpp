#include "columns/convert.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/clock.h"

namespace columns {
namespace {

constexpr std::int64_t kSecondsBelow = 100'000'000'000;           // 10^11
constexpr std::int64_t kMillisecondsBelow = 100'000'000'000'000;  // 10^14
constexpr double kInt64End = 9223372036854775808.0;               // 2^63

bool two_digits(const char* at, int most, int& value) {
  const unsigned tens = static_cast<unsigned char>(at[0]) - '0';
  const unsigned ones = static_cast<unsigned char>(at[1]) - '0';
  value = static_cast<int>(tens * 10 + ones);
  return tens <= 9 && ones <= 9 && value <= most;
}

bool is_boolean(std::string_view text, bool& value) {
  if (text == "true" || text == "TRUE" || text == "True" || text == "1" || text == "t") {
    value = true;
    return true;
  }
  value = false;
  return text == "false" || text == "FALSE" || text == "False" || text == "0" || text == "f";
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "+5" is taken, "+-5" is not.
std::string_view without_plus(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

// Finite decimal numbers only.
bool read_double(std::string_view text, double& value) {
  text = without_plus(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

std::string wrong(Type type, std::string_view text) {
  return fmt::format("{} expected, found '{}'", expected(type), shown(text));
}

}  // namespace

bool TimestampReader::read(std::string_view text, std::int64_t& us) {
  // The usual form, "2026-11-23T08:00:00.123456Z", on a date that was read before.
  if (text.size() >= 20 && text.back() == 'Z' && text[10] == 'T' && text[13] == ':' &&
      text[16] == ':' && date_known_ && std::memcmp(text.data(), date_, sizeof date_) == 0) {
    int hour, minute, second;
    if (two_digits(text.data() + 11, 23, hour) && two_digits(text.data() + 14, 59, minute) &&
        two_digits(text.data() + 17, 59, second)) {
      std::int64_t fraction_us = 0;
      std::int64_t unit = 100'000;
      std::size_t at = 19;
      if (text[at] == '.') {
        for (++at; text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) {
          fraction_us += (text[at] - '0') * unit;
        }
      }
      if (at + 1 == text.size()) {
        us = date_us_ + ((hour * 60LL + minute) * 60 + second) * base::kUsPerSecond + fraction_us;
        return true;
      }
    }
  }
  const auto parsed = base::parse_timestamp(text);
  if (!parsed || *parsed < kTimestampMinUs || *parsed > kTimestampMaxUs) return false;
  us = *parsed;
  const auto days = base::parse_date(text.substr(0, 10));
  if (days) {
    std::memcpy(date_, text.data(), sizeof date_);
    date_us_ = *days * base::kUsPerDay;
    date_known_ = true;
  }
  return true;
}

bool timestamp_from_integer(std::int64_t value, std::int64_t& us) {
  us = value;
  if (value > -kSecondsBelow && value < kSecondsBelow) {
    us = value * base::kUsPerSecond;
  } else if (value > -kMillisecondsBelow && value < kMillisecondsBelow) {
    us = value * base::kUsPerMs;
  }
  return us >= kTimestampMinUs && us <= kTimestampMaxUs;
}

bool timestamp_from_number(double value, std::int64_t& us) {
  if (!(std::abs(value) < kInt64End)) return false;
  double scale = 1;
  if (std::abs(value) < static_cast<double>(kSecondsBelow)) {
    scale = static_cast<double>(base::kUsPerSecond);
  } else if (std::abs(value) < static_cast<double>(kMillisecondsBelow)) {
    scale = static_cast<double>(base::kUsPerMs);
  }
  us = std::llround(value * scale);
  return us >= kTimestampMinUs && us <= kTimestampMaxUs;
}

NumberError integer_from_double(double number, Type type, std::int64_t& value) {
  if (std::isnan(number)) return NumberError::kNotANumber;
  if (!std::isfinite(number) || std::abs(number) >= kInt64End) return NumberError::kOutOfRange;
  if (number != std::trunc(number)) return NumberError::kNotWhole;
  value = static_cast<std::int64_t>(number);
  if (type == Type::kInt32 && (value < INT32_MIN || value > INT32_MAX))
    return NumberError::kOutOfRange;
  return NumberError::kNone;
}

NumberError integer_from_text(std::string_view text, Type type, std::int64_t& value) {
  text = without_plus(text);
  const char* stop = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), stop, value);
  if (end == stop && error == std::errc::result_out_of_range) return NumberError::kOutOfRange;
  if (end == stop && error == std::errc{}) {
    const bool fits = type != Type::kInt32 || (value >= INT32_MIN && value <= INT32_MAX);
    return fits ? NumberError::kNone : NumberError::kOutOfRange;
  }
  double number;
  if (!read_double(text, number)) return NumberError::kNotANumber;
  return integer_from_double(number, type, value);
}

std::string_view expected(Type type) {
  switch (type) {
    case Type::kBoolean:
      return "true or false";
    case Type::kInt32:
      return "a whole number of 32 bits";
    case Type::kInt64:
      return "a whole number";
    case Type::kFloat64:
      return "a number";
    case Type::kString:
      return "a text";
    case Type::kBytes:
      return "bytes";
    case Type::kDate:
      return "a date (YYYY-MM-DD)";
    case Type::kTimestamp:
      return "a timestamp (RFC 3339)";
  }
  return "";
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 60;
  if (text.size() <= kShownMax) return std::string(text);
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

bool append_from_text(std::string_view text, TimestampReader& times, Column& column,
                      std::string& reason) {
  const Type type = column.type();
  if (column.is_text()) {
    column.append_text(text);
    return true;
  }
  const std::string_view bare = trim(text);
  std::int64_t whole = 0;
  double number = 0;
  bool truth = false;
  bool good = false;
  switch (type) {
    case Type::kBoolean:
      good = is_boolean(bare, truth);
      whole = truth ? 1 : 0;
      break;
    case Type::kInt32:
    case Type::kInt64:
      good = integer_from_text(bare, type, whole) == NumberError::kNone;
      break;
    case Type::kFloat64:
      good = read_double(bare, number);
      if (good) column.append_double(number);
      break;
    case Type::kDate: {
      const auto days = base::parse_date(bare);
      good = days.has_value();
      if (good) whole = *days;
      break;
    }
    case Type::kTimestamp:
      good = times.read(bare, whole);
      if (!good && read_double(bare, number)) good = timestamp_from_number(number, whole);
      break;
    case Type::kString:
    case Type::kBytes:
      break;
  }
  if (!good) {
    column.append_null();
    reason = wrong(type, text);
    return false;
  }
  if (type != Type::kFloat64) column.append_int(whole);
  return true;
}

void append_text(const Column& column, std::size_t row, std::string& out) {
  switch (column.type()) {
    case Type::kString:
    case Type::kBytes:
      out.append(column.text_at(row));
      return;
    case Type::kBoolean:
      out.append(column.int_at(row) != 0 ? "true" : "false");
      return;
    case Type::kInt32:
    case Type::kInt64:
      out.append(fmt::to_string(column.int_at(row)));
      return;
    case Type::kFloat64:
      out.append(fmt::to_string(column.double_at(row)));
      return;
    case Type::kDate:
      out.append(base::format_date(static_cast<std::int32_t>(column.int_at(row))));
      return;
    case Type::kTimestamp:
      out.append(base::format_rfc3339(column.int_at(row)));
      return;
  }
}

}  // namespace columns
