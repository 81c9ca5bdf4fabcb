// Parameters in binary format to text: the reading half of types.h.
#include <bit>
#include <cmath>

#include "base/clock.h"
#include "protocol/postgres/decimal.h"
#include "protocol/postgres/types.h"

namespace protocol::postgres {

namespace {

using base::Code;

constexpr int kArrayDimensionsMax = 6;

std::unexpected<base::Error> wrong_size(std::string_view type, std::size_t size) {
  return base::fail(Code::kInvalid, "binary {} of {} bytes", type, size);
}

template <class T>
base::Result<T> integer(std::string_view type, std::string_view bytes) {
  if (bytes.size() != sizeof(T)) return wrong_size(type, bytes.size());
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return static_cast<T>(value);
}

template <class Float>
std::string float_text(Float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{}", value);
}

std::string time_text(std::int64_t us) {
  const auto magnitude =
      us < 0 ? 0 - static_cast<std::uint64_t>(us) : static_cast<std::uint64_t>(us);
  const auto seconds = magnitude / 1'000'000;
  return fmt::format("{}{:02}:{:02}:{:02}.{:06}", us < 0 ? "-" : "", seconds / 3600,
                     seconds / 60 % 60, seconds % 60, magnitude % 1'000'000);
}

base::Result<std::string> date_text(std::string_view bytes) {
  const auto days = TRY(integer<std::int32_t>("date", bytes));
  if (days == INT32_MAX) return "infinity";
  if (days == INT32_MIN) return "-infinity";
  // 4713 BC to 5874897 AD, as PostgreSQL has it.
  if (days < -2'451'545 || days > 2'145'031'948)
    return base::fail(Code::kInvalid, "date out of range");
  return base::format_date(days + 10957);
}

base::Result<std::string> timestamp_text(std::string_view bytes, bool with_zone) {
  const auto us = TRY(integer<std::int64_t>("timestamp", bytes));
  if (us == INT64_MAX) return "infinity";
  if (us == INT64_MIN) return "-infinity";
  constexpr std::int64_t kEpochUs = 10957 * base::kUsPerDay;
  // Years 1 to 9999: what the text form can say.
  if (us < -730'119 * base::kUsPerDay || us > 2'921'939 * base::kUsPerDay) {
    return base::fail(Code::kInvalid, "timestamp out of range");
  }
  auto text = base::format_rfc3339(us + kEpochUs);
  if (text.size() > 10 && text[10] == 'T') text[10] = ' ';
  if (text.ends_with('Z')) text.pop_back();
  return with_zone ? text + "+00" : text;
}

base::Result<std::string> interval_text(std::string_view bytes) {
  if (bytes.size() != 16) return wrong_size("interval", bytes.size());
  const auto us = TRY(integer<std::int64_t>("interval", bytes.substr(0, 8)));
  const auto days = TRY(integer<std::int32_t>("interval", bytes.substr(8, 4)));
  const auto months = TRY(integer<std::int32_t>("interval", bytes.substr(12, 4)));
  return fmt::format("{} months {} days {}", months, days, time_text(us));
}

base::Result<std::string> uuid_text(std::string_view bytes) {
  if (bytes.size() != 16) return wrong_size("uuid", bytes.size());
  std::string text;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
  }
  return text;
}

std::string bytea_text(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "\\x";
  text.reserve(2 + 2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

// An element between quotes, as array_out writes it.
void append_quoted(std::string& out, std::string_view value) {
  out.push_back('"');
  for (const char c : value) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

// One dimension only: nested arrays have no use in a parameter of a reading query.
base::Result<std::string> array_text(Oid element, std::string_view bytes) {
  if (bytes.size() < 12) return wrong_size("array", bytes.size());
  const auto dimensions = TRY(integer<std::int32_t>("array", bytes.substr(0, 4)));
  if (dimensions == 0) return "{}";
  if (dimensions < 0 || dimensions > kArrayDimensionsMax) return wrong_size("array", bytes.size());
  if (dimensions > 1) {
    return base::fail_with(Code::kUnsupported, "array parameter of more than one dimension",
                           "pass a one-dimensional array");
  }
  if (bytes.size() < 20) return wrong_size("array", bytes.size());
  const auto count = TRY(integer<std::int32_t>("array", bytes.substr(12, 4)));
  auto rest = bytes.substr(20);
  if (count < 0 || static_cast<std::size_t>(count) > rest.size() / 4)
    return wrong_size("array", bytes.size());
  std::string text = "{";
  for (std::int32_t i = 0; i < count; ++i) {
    if (i > 0) text.push_back(',');
    if (rest.size() < 4) return wrong_size("array", bytes.size());
    const auto size = TRY(integer<std::int32_t>("array", rest.substr(0, 4)));
    rest.remove_prefix(4);
    if (size == -1) {
      text += "NULL";
      continue;
    }
    if (size < 0 || static_cast<std::size_t>(size) > rest.size())
      return wrong_size("array", bytes.size());
    append_quoted(text,
                  TRY(binary_to_text(element, rest.substr(0, static_cast<std::size_t>(size)))));
    rest.remove_prefix(static_cast<std::size_t>(size));
  }
  return text + "}";
}

}  // namespace

base::Result<std::string> binary_to_text(Oid type, std::string_view bytes) {
  switch (type) {
    case oid::kBool:
      if (bytes.size() != 1) return wrong_size("boolean", bytes.size());
      return bytes[0] != 0 ? "t" : "f";
    case oid::kInt2:
      return std::to_string(TRY(integer<std::int16_t>("smallint", bytes)));
    case oid::kInt4:
      return std::to_string(TRY(integer<std::int32_t>("integer", bytes)));
    case oid::kOid:
      return std::to_string(TRY(integer<std::uint32_t>("oid", bytes)));
    case oid::kInt8:
      return std::to_string(TRY(integer<std::int64_t>("bigint", bytes)));
    case oid::kFloat4:
      return float_text(std::bit_cast<float>(TRY(integer<std::uint32_t>("real", bytes))));
    case oid::kFloat8:
      return float_text(
          std::bit_cast<double>(TRY(integer<std::uint64_t>("double precision", bytes))));
    case oid::kDate:
      return date_text(bytes);
    case oid::kTimestamp:
      return timestamp_text(bytes, false);
    case oid::kTimestampTz:
      return timestamp_text(bytes, true);
    case oid::kTime:
      return time_text(TRY(integer<std::int64_t>("time", bytes)));
    case oid::kInterval:
      return interval_text(bytes);
    case oid::kNumeric:
      return numeric_to_text(bytes);
    case oid::kUuid:
      return uuid_text(bytes);
    case oid::kBytea:
      return bytea_text(bytes);
    case oid::kJsonb:
      if (!bytes.starts_with('\1'))
        return base::fail(Code::kInvalid, "unknown version of binary jsonb");
      return std::string(bytes.substr(1));
    case oid::kText:
    case oid::kVarchar:
    case oid::kBpchar:
    case oid::kName:
    case oid::kChar:
    case oid::kJson:
    case oid::kUnknown:
    case 0:
      return std::string(bytes);
    default:
      break;
  }
  if (const auto element = array_element(type); element != 0) return array_text(element, bytes);
  return base::fail_with(Code::kUnsupported,
                         fmt::format("parameter of type {} in binary format", type),
                         "send this parameter as text");
}

}  // namespace protocol::postgres
