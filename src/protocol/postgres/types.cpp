#include "protocol/postgres/types.h"

#include <array>
#include <bit>
#include <charconv>

#include "base/clock.h"
#include "protocol/postgres/backend.h"
#include "protocol/postgres/decimal.h"

namespace protocol::postgres {

namespace {

using base::Code;

struct TypeRow {
  Oid type;
  std::int16_t size;
  Oid array;
};
constexpr std::array<TypeRow, 22> kTypes = {{
    {oid::kBool, 1, 1000},      {oid::kBytea, -1, 1001},    {oid::kChar, 1, 1002},
    {oid::kName, 64, 1003},     {oid::kInt8, 8, 1016},      {oid::kInt2, 2, 1005},
    {oid::kInt4, 4, 1007},      {oid::kText, -1, 1009},     {oid::kOid, 4, 1028},
    {oid::kJson, -1, 199},      {oid::kFloat4, 4, 1021},    {oid::kFloat8, 8, 1022},
    {oid::kBpchar, -1, 1014},   {oid::kVarchar, -1, 1015},  {oid::kDate, 4, 1182},
    {oid::kTime, 8, 1183},      {oid::kTimestamp, 8, 1115}, {oid::kTimestampTz, 8, 1185},
    {oid::kInterval, 16, 1187}, {oid::kNumeric, -1, 1231},  {oid::kUuid, 16, 2951},
    {oid::kJsonb, -1, 3807},
}};

constexpr std::int32_t kPostgresEpochDays = 10957;  // 2000-01-01
constexpr std::int64_t kPostgresEpochUs = kPostgresEpochDays * base::kUsPerDay;

std::unexpected<base::Error> not_a(std::string_view type, std::string_view text) {
  return base::fail(Code::kInvalid, "invalid input for type {}: \"{}\"", type, text.substr(0, 100));
}

template <class T>
base::Result<T> number(std::string_view type, std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return not_a(type, text);
  return value;
}

base::Result<double> parse_float(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Out of range leaves what the text says: it is infinite or zero only when it says so.
  if (error != std::errc() || end != text.data() + text.size())
    return not_a("double precision", text);
  return value;
}

base::Result<bool> parse_bool(std::string_view text) {
  if (text == "t" || text == "true" || text == "1") return true;
  if (text == "f" || text == "false" || text == "0") return false;
  return not_a("boolean", text);
}

// "HH:MM:SS[.ffffff]", with a sign for intervals and any number of hours.
base::Result<std::int64_t> parse_time_us(std::string_view text) {
  const auto whole = text;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::array<std::int64_t, 3> parts{};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto end = i < 2 ? text.find(':') : text.find('.');
    parts[i] = TRY(number<std::int64_t>("time", text.substr(0, end)));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (parts[i] < 0 || parts[i] > 1'000'000'000) return not_a("time", whole);
  }
  std::int64_t fraction = 0;
  std::int64_t unit = 100'000;
  for (const char digit : text.substr(0, 6)) {
    if (digit < '0' || digit > '9') return not_a("time", whole);
    fraction += (digit - '0') * unit;
    unit /= 10;
  }
  const auto us = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * base::kUsPerSecond + fraction;
  return negative ? -us : us;
}

struct Interval {
  std::int64_t us = 0;
  std::int32_t days = 0;
  std::int32_t months = 0;
};

// "1 year 2 mons -3 days 04:05:06.5", the parts optional.
base::Result<Interval> parse_interval(std::string_view text) {
  Interval interval;
  auto rest = text;
  while (!rest.empty()) {
    const auto space = rest.find(' ');
    const auto word = rest.substr(0, space);
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    if (word.find(':') != std::string_view::npos) {
      interval.us += TRY(parse_time_us(word));
      continue;
    }
    const auto count = TRY(number<std::int32_t>("interval", word));
    const auto unit_end = rest.find(' ');
    const auto unit = rest.substr(0, unit_end);
    rest = unit_end == std::string_view::npos ? std::string_view() : rest.substr(unit_end + 1);
    if (unit.starts_with("year")) {
      interval.months += count * 12;
    } else if (unit.starts_with("mon")) {
      interval.months += count;
    } else if (unit.starts_with("day")) {
      interval.days += count;
    } else {
      return not_a("interval", text);
    }
  }
  return interval;
}

base::Result<> append_uuid(std::string& out, std::string_view text) {
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    if (c == '-') continue;
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return not_a("uuid", text);
    if (high >= 0) bytes.push_back(static_cast<char>(high * 16 + digit));
    high = high >= 0 ? -1 : digit;
  }
  if (bytes.size() != 16 || high >= 0) return not_a("uuid", text);
  append_value(out, bytes);
  return {};
}

base::Result<> append_bytea(std::string& out, std::string_view text) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return not_a("bytea", text);
  std::string bytes;
  for (std::size_t i = 2; i < text.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
    if (error != std::errc() || end != text.data() + i + 2) return not_a("bytea", text);
    bytes.push_back(static_cast<char>(value));
  }
  append_value(out, bytes);
  return {};
}

base::Result<> append_date_text(std::string& out, std::string_view text) {
  if (text == "infinity") return append_binary_date(out, kDateInfinity), base::Result<>{};
  if (text == "-infinity") return append_binary_date(out, -kDateInfinity), base::Result<>{};
  append_binary_date(out, TRY(base::parse_date(text)));
  return {};
}

base::Result<> append_timestamp_text(std::string& out, std::string_view text) {
  if (text == "infinity") return append_binary_timestamp(out, kInfinity), base::Result<>{};
  if (text == "-infinity") return append_binary_timestamp(out, -kInfinity), base::Result<>{};
  append_binary_timestamp(out, TRY(base::parse_timestamp(text)));
  return {};
}

}  // namespace

Oid array_element(Oid type) {
  for (const auto& row : kTypes) {
    if (row.array == type) return row.type;
  }
  return 0;
}

Oid array_of(Oid element) {
  for (const auto& row : kTypes) {
    if (row.type == element) return row.array;
  }
  return 1009;  // text[]
}

std::int16_t type_size(Oid type) {
  for (const auto& row : kTypes) {
    if (row.type == type) return row.size;
  }
  return -1;
}

bool has_binary_format(Oid type) {
  for (const auto& row : kTypes) {
    if (row.type == type) return true;
  }
  return type == oid::kUnknown;
}

void append_binary_bool(std::string& out, bool value) {
  append_u32(out, 1);
  out.push_back(value ? '\1' : '\0');
}
void append_binary_int2(std::string& out, std::int16_t value) {
  append_u32(out, 2);
  append_u16(out, static_cast<std::uint16_t>(value));
}
void append_binary_int4(std::string& out, std::int32_t value) {
  append_u32(out, 4);
  append_u32(out, static_cast<std::uint32_t>(value));
}
void append_binary_int8(std::string& out, std::int64_t value) {
  append_u32(out, 8);
  append_u64(out, static_cast<std::uint64_t>(value));
}
void append_binary_float4(std::string& out, float value) {
  append_binary_int4(out, std::bit_cast<std::int32_t>(value));
}
void append_binary_float8(std::string& out, double value) {
  append_binary_int8(out, std::bit_cast<std::int64_t>(value));
}
void append_binary_date(std::string& out, std::int32_t days) {
  if (days == kDateInfinity) return append_binary_int4(out, INT32_MAX);
  if (days == -kDateInfinity) return append_binary_int4(out, INT32_MIN);
  append_binary_int4(out, days - kPostgresEpochDays);
}
void append_binary_timestamp(std::string& out, std::int64_t us) {
  if (us == kInfinity) return append_binary_int8(out, INT64_MAX);
  if (us == -kInfinity) return append_binary_int8(out, INT64_MIN);
  append_binary_int8(out, us - kPostgresEpochUs);
}

base::Result<> append_binary(std::string& out, Oid type, std::string_view text) {
  switch (type) {
    case oid::kBool:
      append_binary_bool(out, TRY(parse_bool(text)));
      return {};
    case oid::kInt2:
      append_binary_int2(out, TRY(number<std::int16_t>("smallint", text)));
      return {};
    case oid::kInt4:
      append_binary_int4(out, TRY(number<std::int32_t>("integer", text)));
      return {};
    case oid::kOid:
      append_binary_int4(out, static_cast<std::int32_t>(TRY(number<std::uint32_t>("oid", text))));
      return {};
    case oid::kInt8:
      append_binary_int8(out, TRY(number<std::int64_t>("bigint", text)));
      return {};
    case oid::kFloat4:
      append_binary_float4(out, static_cast<float>(TRY(parse_float(text))));
      return {};
    case oid::kFloat8:
      append_binary_float8(out, TRY(parse_float(text)));
      return {};
    case oid::kDate:
      return append_date_text(out, text);
    case oid::kTimestamp:
    case oid::kTimestampTz:
      return append_timestamp_text(out, text);
    case oid::kTime:
      append_binary_int8(out, TRY(parse_time_us(text)));
      return {};
    case oid::kInterval: {
      const auto interval = TRY(parse_interval(text));
      append_u32(out, 16);
      append_u64(out, static_cast<std::uint64_t>(interval.us));
      append_u32(out, static_cast<std::uint32_t>(interval.days));
      append_u32(out, static_cast<std::uint32_t>(interval.months));
      return {};
    }
    case oid::kNumeric:
      return append_binary_numeric(out, text);
    case oid::kUuid:
      return append_uuid(out, text);
    case oid::kBytea:
      return append_bytea(out, text);
    case oid::kJsonb:
      append_u32(out, static_cast<std::uint32_t>(text.size() + 1));
      out.push_back('\1');
      out.append(text);
      return {};
    default:
      break;
  }
  append_value(out, text);
  return {};
}

}  // namespace protocol::postgres
