// One value while conditions over earlier rows are computed: 16 bytes, its type known elsewhere.
//
// A text points into the batch that it came from. Threads: values.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "columns/batch.h"

namespace stream {

enum class ValueType : std::uint8_t {
  kBoolean,
  kInteger,  // 32 bits
  kBigint,
  kDouble,
  kText,
  kDate,
  kTime,      // microseconds, UTC
  kInterval,  // microseconds; months are refused
};
// As SQL text: "BIGINT".
std::string_view value_type_name(ValueType type);
inline bool is_number(ValueType type) {
  return type == ValueType::kInteger || type == ValueType::kBigint || type == ValueType::kDouble;
}

struct Value {
  bool null = true;
  bool set = false;  // a register that has taken a row
  std::uint32_t size = 0;
  std::int64_t bits = 0;  // a number, or where the text is

  static Value of(std::int64_t number) { return {.null = false, .set = true, .bits = number}; }
  static Value of(double number) { return of(std::bit_cast<std::int64_t>(number)); }
  static Value of(bool truth) { return of(static_cast<std::int64_t>(truth)); }
  static Value of(std::string_view text) {
    return {.null = false,
            .set = true,
            .size = static_cast<std::uint32_t>(text.size()),
            .bits = std::bit_cast<std::int64_t>(text.data())};
  }
  static Value at(const columns::Column& column, std::size_t row) {
    if (column.is_null(row)) return {};
    return column.is_text() ? of(column.text_at(row)) : of(column.int_at(row));
  }
  double real() const { return std::bit_cast<double>(bits); }
  std::string_view text() const { return {std::bit_cast<const char*>(bits), size}; }
  bool is_true() const { return !null && bits != 0; }
};

// DuckDB's order: NaN equals itself and is greater than every number. Neither is null.
int compare(ValueType type, const Value& left, const Value& right);

}  // namespace stream
