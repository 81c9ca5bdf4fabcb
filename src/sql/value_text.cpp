// PostgreSQL's text format of every kind, and JSON text.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/clock.h"
#include "base/json_text.h"
#include "sql/value.h"

namespace sql {
namespace {

void append_unsigned(UInt128 value, std::string& out) {
  std::array<char, 40> digits;
  if (value <= UINT64_MAX) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(),
                                   static_cast<std::uint64_t>(value));
    out.append(digits.data(), end.ptr);
    return;
  }
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value != 0);
  out.append(digits.data() + at, digits.size() - at);
}

void append_signed(Int128 value, std::string& out) {
  if (value < 0) out.push_back('-');
  append_unsigned(
      value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value), out);
}

void append_decimal(Int128 value, int scale, std::string& out) {
  if (value < 0) out.push_back('-');
  std::string digits;
  append_unsigned(
      value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value), digits);
  const auto places = static_cast<std::size_t>(scale);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  out.append(digits, 0, digits.size() - places);
  if (places > 0) out.append(".").append(digits, digits.size() - places, places);
}

// "-1.25" and an exponent of 1 as "-12.5".
void append_plain(std::string_view mantissa, int exponent, std::string& out) {
  if (mantissa.front() == '-') {
    out.push_back('-');
    mantissa.remove_prefix(1);
  }
  if (exponent < 0) {
    out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0');
    out.push_back(mantissa.front());
    if (mantissa.size() > 2) out.append(mantissa.substr(2));
    return;
  }
  out.push_back(mantissa.front());
  const auto fraction = mantissa.size() > 2 ? mantissa.substr(2) : std::string_view();
  const auto whole = std::min(static_cast<std::size_t>(exponent), fraction.size());
  out.append(fraction.substr(0, whole)).append(static_cast<std::size_t>(exponent) - whole, '0');
  if (whole < fraction.size()) out.append(".").append(fraction.substr(whole));
}

// PostgreSQL's float8out and float4out: the shortest digits that read back as the same number, an
// exponent below 1e-4 and from 1e15 (1e6 for float4), of at least two digits.
template <class T>
void append_float(T value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  constexpr int kExponentFrom = sizeof(T) == 8 ? 15 : 6;
  std::array<char, 64> buffer;
  char* const end_of_buffer = buffer.data() + buffer.size();
  const auto shortest =
      std::to_chars(buffer.data(), end_of_buffer, value, std::chars_format::scientific);
  const std::string_view text(buffer.data(),
                              static_cast<std::size_t>(shortest.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), shortest.ptr, exponent);
  if (exponent < -4 || exponent >= kExponentFrom) {
    out += text;
    return;
  }
  append_plain(text.substr(0, e), exponent, out);
}

void append_hex(std::string_view bytes, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\x";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
}

// Exactly two digits.
char* put_two(char* at, std::int64_t value) {
  at[0] = static_cast<char>('0' + value / 10);
  at[1] = static_cast<char>('0' + value % 10);
  return at + 2;
}

// "2026-01-31"; whether the year is before Christ, which is to be told at the end.
bool append_day(std::int32_t days, std::string& out) {
  const duckdb_date_struct date = duckdb_from_date({days});
  const bool before_christ = date.year <= 0;
  const int year = before_christ ? 1 - date.year : date.year;
  if (year > 9999) {
    out += fmt::format("{}-{:02}-{:02}", year, int{date.month}, int{date.day});
    return before_christ;
  }
  std::array<char, 10> text;
  char* at = put_two(put_two(text.data(), year / 100), year % 100);
  *at++ = '-';
  at = put_two(at, date.month);
  *at++ = '-';
  put_two(at, date.day);
  out.append(text.data(), text.size());
  return before_christ;
}

void append_date(std::int32_t days, std::string& out) {
  if (days == INT32_MAX || days == -INT32_MAX) {
    out += days > 0 ? "infinity" : "-infinity";
    return;
  }
  if (append_day(days, out)) out += " BC";
}

// "HH:MM:SS" and the fraction without its zeros; `digits` decimal places in `fraction`.
void append_clock(std::int64_t seconds, std::int64_t fraction, int digits, std::string& out) {
  std::array<char, 6> text;
  if (seconds < 36'000) out.push_back('0');
  append_unsigned(static_cast<UInt128>(seconds / 3600), out);  // an interval's may be many
  char* at = text.data();
  *at++ = ':';
  at = put_two(at, seconds / 60 % 60);
  *at++ = ':';
  put_two(at, seconds % 60);
  out.append(text.data(), text.size());
  if (fraction == 0) return;
  while (fraction % 10 == 0) {
    fraction /= 10;
    --digits;
  }
  std::array<char, 20> places;
  const auto end = std::to_chars(places.data(), places.data() + places.size(), fraction);
  const auto count = static_cast<std::size_t>(end.ptr - places.data());
  out.push_back('.');
  out.append(static_cast<std::size_t>(digits) - count, '0').append(places.data(), count);
}

// `per_second` units since the epoch.
void append_timestamp(std::int64_t value, std::int64_t per_second, int digits,
                      std::string_view zone, char between, std::string& out) {
  if (value == INT64_MAX || value == -INT64_MAX) {
    out += value > 0 ? "infinity" : "-infinity";
    return;
  }
  const std::int64_t per_day = per_second * 86'400;
  const std::int64_t days = value / per_day - (value % per_day < 0 ? 1 : 0);
  const std::int64_t rest = value - days * per_day;
  const bool before_christ = append_day(static_cast<std::int32_t>(days), out);
  out.push_back(between);
  append_clock(rest / per_second, rest % per_second, digits, out);
  out += zone;
  if (before_christ) out += " BC";
}

void append_any_timestamp(const VectorView& view, std::size_t row, bool rfc3339, std::string& out) {
  const std::int64_t value = view.at<std::int64_t>(row);
  const char between = rfc3339 ? 'T' : ' ';
  const std::string_view naive = rfc3339 ? "Z" : "";
  switch (view.type->kind) {
    case Kind::kTimestampS:
      return append_timestamp(value, 1, 0, naive, between, out);
    case Kind::kTimestampMs:
      return append_timestamp(value, 1000, 3, naive, between, out);
    case Kind::kTimestampNs:
      return append_timestamp(value, 1'000'000'000, 9, naive, between, out);
    case Kind::kTimestampTz:
      return append_timestamp(value, base::kUsPerSecond, 6, rfc3339 ? "Z" : "+00", between, out);
    default:
      return append_timestamp(value, base::kUsPerSecond, 6, naive, between, out);
  }
}

void append_time_tz(duckdb_time_tz value, std::string& out) {
  const duckdb_time_tz_struct parts = duckdb_from_time_tz(value);
  append_clock(parts.time.hour * 3600 + parts.time.min * 60 + parts.time.sec, parts.time.micros, 6,
               out);
  const int offset = std::abs(parts.offset);
  fmt::format_to(std::back_inserter(out), "{}{:02}", parts.offset < 0 ? '-' : '+', offset / 3600);
  if (offset % 3600 != 0) fmt::format_to(std::back_inserter(out), ":{:02}", offset / 60 % 60);
  if (offset % 60 != 0) fmt::format_to(std::back_inserter(out), ":{:02}", offset % 60);
}

// PostgreSQL's interval style: "1 year 2 mons -3 days 04:05:06.7".
void append_interval(const duckdb_interval& value, std::string& out) {
  const std::size_t start = out.size();
  const auto part = [&](std::int32_t number, std::string_view name) {
    if (number == 0) return;
    if (out.size() > start) out.push_back(' ');
    fmt::format_to(std::back_inserter(out), "{} {}{}", number, name, number == 1 ? "" : "s");
  };
  part(value.months / 12, "year");
  part(value.months % 12, "mon");
  part(value.days, "day");
  if (value.micros == 0 && out.size() > start) return;
  if (out.size() > start) out.push_back(' ');
  if (value.micros < 0) out.push_back('-');
  const auto us = value.micros < 0 ? 0 - static_cast<std::uint64_t>(value.micros)
                                   : static_cast<std::uint64_t>(value.micros);
  append_clock(static_cast<std::int64_t>(us / 1'000'000), static_cast<std::int64_t>(us % 1'000'000),
               6, out);
}

void append_uuid(duckdb_hugeint value, std::string& out) {
  const std::uint64_t high = static_cast<std::uint64_t>(value.upper) ^ (1ULL << 63);
  fmt::format_to(std::back_inserter(out), "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32,
                 (high >> 16) & 0xFFFF, high & 0xFFFF, value.lower >> 48,
                 value.lower & 0xFFFF'FFFF'FFFF);
}

// The first byte is the number of bits of padding in front of the first.
void append_bits(std::string_view bytes, std::string& out) {
  if (bytes.empty()) return;
  const auto padding = static_cast<std::size_t>(bytes[0]);
  for (std::size_t bit = padding; bit < (bytes.size() - 1) * 8; ++bit) {
    const auto byte = static_cast<unsigned char>(bytes[1 + bit / 8]);
    out.push_back((byte >> (7 - bit % 8)) & 1 ? '1' : '0');
  }
}

std::size_t enum_index(const VectorView& view, std::size_t row) {
  return static_cast<std::size_t>(to_int128(view, row));
}

void append_json_or_null(const VectorView& view, std::size_t row, std::string& out) {
  if (view.is_null(row)) {
    out += "null";
  } else {
    append_json(view, row, out);
  }
}

void append_json_list(const VectorView& child, std::size_t from, std::size_t count,
                      std::string& out) {
  out.push_back('[');
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out.push_back(',');
    append_json_or_null(child, from + i, out);
  }
  out.push_back(']');
}

void append_json_struct(const VectorView& view, std::size_t row, std::string& out) {
  out.push_back('{');
  for (std::size_t i = 0; i < view.children.size(); ++i) {
    if (i > 0) out.push_back(',');
    base::append_json_text(view.type->names[i], out);
    out.push_back(':');
    append_json_or_null(view.children[i], row, out);
  }
  out.push_back('}');
}

void append_json_map(const VectorView& view, std::size_t row, std::string& out) {
  const auto entry = view.at<duckdb_list_entry>(row);
  out.push_back('{');
  for (std::size_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    if (i > entry.offset) out.push_back(',');
    std::string key;
    append_text(view.children[0], i, key);
    base::append_json_text(key, out);
    out.push_back(':');
    append_json_or_null(view.children[1], i, out);
  }
  out.push_back('}');
}

}  // namespace

void append_text(const VectorView& view, std::size_t row, std::string& out) {
  switch (view.type->kind) {
    case Kind::kBoolean:
      out.push_back(view.at<bool>(row) ? 't' : 'f');
      return;
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kInteger:
    case Kind::kBigInt:
    case Kind::kHugeInt:
    case Kind::kUTinyInt:
    case Kind::kUSmallInt:
    case Kind::kUInteger:
    case Kind::kUBigInt:
      return append_signed(to_int128(view, row), out);
    case Kind::kUHugeInt:
      return append_unsigned(static_cast<UInt128>(to_int128(view, row)), out);
    case Kind::kFloat:
      return append_float(view.at<float>(row), out);
    case Kind::kDouble:
      return append_float(view.at<double>(row), out);
    case Kind::kDecimal:
      return append_decimal(to_int128(view, row), view.type->scale, out);
    case Kind::kVarchar:
      out += view.text_at(row);
      return;
    case Kind::kBlob:
      return append_hex(view.text_at(row), out);
    case Kind::kDate:
      return append_date(view.at<std::int32_t>(row), out);
    case Kind::kTime: {
      const auto us = view.at<std::int64_t>(row);
      return append_clock(us / base::kUsPerSecond, us % base::kUsPerSecond, 6, out);
    }
    case Kind::kTimeTz:
      return append_time_tz(view.at<duckdb_time_tz>(row), out);
    case Kind::kTimestamp:
    case Kind::kTimestampS:
    case Kind::kTimestampMs:
    case Kind::kTimestampNs:
    case Kind::kTimestampTz:
      return append_any_timestamp(view, row, false, out);
    case Kind::kInterval:
      return append_interval(view.at<duckdb_interval>(row), out);
    case Kind::kUuid:
      return append_uuid(view.at<duckdb_hugeint>(row), out);
    case Kind::kEnum:
      out += view.type->names[enum_index(view, row)];
      return;
    case Kind::kBit:
      return append_bits(view.text_at(row), out);
    case Kind::kList:
    case Kind::kStruct:
    case Kind::kMap:
    case Kind::kArray:
    case Kind::kUnion:
      return append_json(view, row, out);
    case Kind::kNull:
    case Kind::kOther:
      return;
  }
}

void append_json(const VectorView& view, std::size_t row, std::string& out) {
  switch (view.type->kind) {
    case Kind::kBoolean:
      out += view.at<bool>(row) ? "true" : "false";
      return;
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kInteger:
    case Kind::kBigInt:
    case Kind::kHugeInt:
    case Kind::kUTinyInt:
    case Kind::kUSmallInt:
    case Kind::kUInteger:
    case Kind::kUBigInt:
    case Kind::kUHugeInt:
    case Kind::kDecimal:
      return append_text(view, row, out);
    case Kind::kFloat:
    case Kind::kDouble:
      if (std::isfinite(to_double(view, row))) return append_text(view, row, out);
      break;  // "NaN", "Infinity" as texts
    case Kind::kVarchar:
      if (view.type->is_json) {
        out += view.text_at(row);
        return;
      }
      return base::append_json_text(view.text_at(row), out);
    case Kind::kTimestamp:
    case Kind::kTimestampS:
    case Kind::kTimestampMs:
    case Kind::kTimestampNs:
    case Kind::kTimestampTz:
      out.push_back('"');
      append_any_timestamp(view, row, true, out);
      out.push_back('"');
      return;
    case Kind::kList: {
      const auto entry = view.at<duckdb_list_entry>(row);
      return append_json_list(view.children[0], entry.offset, entry.length, out);
    }
    case Kind::kArray: {
      const std::size_t size = view.type->array_size;
      return append_json_list(view.children[0], row * size, size, out);
    }
    case Kind::kStruct:
      return append_json_struct(view, row, out);
    case Kind::kMap:
      return append_json_map(view, row, out);
    case Kind::kUnion:
      return append_json_or_null(view.children[1 + view.children[0].at<std::uint8_t>(row)], row,
                                 out);
    default:
      break;
  }
  std::string text;
  append_text(view, row, text);
  base::append_json_text(text, out);
}

nlohmann::json to_json(const VectorView& view, std::size_t row) {
  switch (view.type->kind) {
    case Kind::kVarchar:
      if (!view.type->is_json) return std::string(view.text_at(row));
      break;
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kInteger:
    case Kind::kBigInt:
      return *to_int(view, row);
    case Kind::kDouble:
      if (std::isfinite(view.at<double>(row))) return view.at<double>(row);
      break;
    default:
      break;
  }
  std::string text;
  append_json(view, row, text);
  return nlohmann::json::parse(text, nullptr, false);
}

}  // namespace sql
