#include "sql/value.h"

#include <cmath>

#include "base/clock.h"

namespace sql {
namespace {

Int128 int128_of(duckdb_hugeint value) {
  return static_cast<Int128>((static_cast<UInt128>(static_cast<std::uint64_t>(value.upper)) << 64) |
                             value.lower);
}

constexpr std::int64_t kInfinityUs = INT64_MAX;

std::int64_t floor_div(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

// Timestamps of every resolution in microseconds; the infinities keep their values.
std::int64_t timestamp_us(const VectorView& view, std::size_t row) {
  const std::int64_t value = view.at<std::int64_t>(row);
  if (value == kInfinityUs || value == -kInfinityUs) return value;
  switch (view.type->kind) {
    case Kind::kTimestampS:
      return value * base::kUsPerSecond;
    case Kind::kTimestampMs:
      return value * base::kUsPerMs;
    case Kind::kTimestampNs:
      return floor_div(value, 1000);
    default:
      return value;
  }
}

}  // namespace

Int128 to_int128(const VectorView& view, std::size_t row) {
  switch (view.type->storage) {
    case DUCKDB_TYPE_BOOLEAN:
      return view.at<bool>(row) ? 1 : 0;
    case DUCKDB_TYPE_TINYINT:
      return view.at<std::int8_t>(row);
    case DUCKDB_TYPE_SMALLINT:
      return view.at<std::int16_t>(row);
    case DUCKDB_TYPE_INTEGER:
      return view.at<std::int32_t>(row);
    case DUCKDB_TYPE_BIGINT:
      return view.at<std::int64_t>(row);
    case DUCKDB_TYPE_UTINYINT:
      return view.at<std::uint8_t>(row);
    case DUCKDB_TYPE_USMALLINT:
      return view.at<std::uint16_t>(row);
    case DUCKDB_TYPE_UINTEGER:
      return view.at<std::uint32_t>(row);
    case DUCKDB_TYPE_UBIGINT:
      return view.at<std::uint64_t>(row);
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
      return int128_of(view.at<duckdb_hugeint>(row));
    default:
      return 0;
  }
}

std::optional<std::int64_t> to_int(const VectorView& view, std::size_t row) {
  switch (view.type->kind) {
    case Kind::kBigInt:
      return view.at<std::int64_t>(row);
    case Kind::kInteger:
    case Kind::kDate:
      return view.at<std::int32_t>(row);
    case Kind::kTimestamp:
    case Kind::kTimestampS:
    case Kind::kTimestampMs:
    case Kind::kTimestampNs:
    case Kind::kTimestampTz:
      return timestamp_us(view, row);
    case Kind::kTime:
      return view.at<std::int64_t>(row);
    case Kind::kFloat:
    case Kind::kDouble:
    case Kind::kDecimal: {
      const double value = to_double(view, row);
      if (!(std::abs(value) < 9223372036854775808.0)) return std::nullopt;
      return static_cast<std::int64_t>(value);
    }
    case Kind::kUHugeInt: {
      const Int128 value = to_int128(view, row);
      if (value < 0 || value > INT64_MAX) return std::nullopt;
      return static_cast<std::int64_t>(value);
    }
    case Kind::kBoolean:
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kHugeInt:
    case Kind::kUTinyInt:
    case Kind::kUSmallInt:
    case Kind::kUInteger:
    case Kind::kUBigInt: {
      const Int128 value = to_int128(view, row);
      if (value < INT64_MIN || value > INT64_MAX) return std::nullopt;
      return static_cast<std::int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

double to_double(const VectorView& view, std::size_t row) {
  switch (view.type->kind) {
    case Kind::kDouble:
      return view.at<double>(row);
    case Kind::kFloat:
      return static_cast<double>(view.at<float>(row));
    case Kind::kDecimal: {
      // Through the text, so that the double is the nearest one to the decimal.
      std::string text;
      append_text(view, row, text);
      return std::strtod(text.c_str(), nullptr);
    }
    case Kind::kHugeInt:
      return static_cast<double>(to_int128(view, row));
    case Kind::kUHugeInt:
      return static_cast<double>(static_cast<UInt128>(to_int128(view, row)));
    default:
      return static_cast<double>(to_int(view, row).value_or(0));
  }
}

}  // namespace sql
