// Rows as typed columns: what moves between the log, SQL, state and the lake.
//
// Threads: values; a Batch that nobody changes may be read from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace columns {

// The types that every border of Waybill can carry (Delta, Parquet, PostgreSQL, JSON).
enum class Type : std::uint8_t {
  kBoolean,
  kInt32,
  kInt64,
  kFloat64,
  kString,  // UTF-8
  kBytes,
  kDate,       // days since 1970-01-01, int32
  kTimestamp,  // microseconds since the epoch, UTC, int64
};

// The name that people write in sources/*.yaml: boolean, integer, bigint, double, string, bytes,
// date, timestamp; and the DuckDB SQL type: BOOLEAN, INTEGER, BIGINT, DOUBLE, VARCHAR, BLOB, DATE,
// TIMESTAMPTZ (an instant; session time zone is always UTC).
std::string_view type_name(Type type);
std::string_view sql_type(Type type);
base::Result<Type> parse_type(std::string_view name);  // takes both spellings, any case

struct Field {
  std::string name;
  Type type = Type::kString;
  bool nullable = true;
  bool operator==(const Field&) const = default;
};

struct Schema {
  std::vector<Field> fields;
  bool operator==(const Schema&) const = default;
  // Index by exact name.
  std::optional<std::size_t> find(std::string_view name) const;
};

// Text of one column in one batch; more is a bug of the caller, who makes smaller batches.
inline constexpr std::size_t kColumnTextBytesMax = UINT32_MAX;

// One column. Fixed-width values stand in `fixed` as their 8-byte form (booleans 0/1, dates and
// int32 sign-extended, doubles by bit_cast), text and bytes in `bytes` between offsets[i] and
// offsets[i + 1]. `valid[i]` is 0 for null; a null has a zero value or an empty text.
class Column {
 public:
  explicit Column(Type type) : type_(type) {
    if (is_text()) offsets_.push_back(0);
  }

  Type type() const { return type_; }
  bool is_text() const { return type_ == Type::kString || type_ == Type::kBytes; }
  std::size_t size() const { return valid_.size(); }
  void reserve(std::size_t rows);
  void reserve_text(std::size_t bytes);

  void append_null();
  void append_int(std::int64_t value) {  // boolean, int32, int64, date, timestamp
    fixed_.push_back(value);
    valid_.push_back(1);
  }
  void append_double(double value);
  void append_text(std::string_view value) {
    bytes_.append(value);
    if (bytes_.size() > kColumnTextBytesMax) [[unlikely]]
      text_overflow();
    offsets_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    valid_.push_back(1);
  }

  bool is_null(std::size_t row) const { return valid_[row] == 0; }
  std::int64_t int_at(std::size_t row) const { return fixed_[row]; }
  double double_at(std::size_t row) const;
  std::string_view text_at(std::size_t row) const {
    return std::string_view(bytes_).substr(offsets_[row], offsets_[row + 1] - offsets_[row]);
  }

  const std::vector<std::int64_t>& fixed() const { return fixed_; }
  const std::vector<std::uint8_t>& valid() const { return valid_; }
  std::size_t text_bytes() const { return bytes_.size(); }
  // Drops rows from the end.
  void truncate(std::size_t rows);

 private:
  [[noreturn]] static void text_overflow();

  Type type_;
  std::vector<std::int64_t> fixed_;
  std::string bytes_;  // at most kColumnTextBytesMax
  std::vector<std::uint32_t> offsets_;
  std::vector<std::uint8_t> valid_;
};

struct Batch {
  Schema schema;
  std::vector<Column> columns;  // one per field, all of the same size

  Batch() = default;
  explicit Batch(Schema fields);
  std::size_t rows() const { return columns.empty() ? 0 : columns.front().size(); }
  const Column& column(std::string_view name) const;  // CHECKs that it exists
};

// A compact byte form of a batch for keyed state and tests: version byte, schema, columns. `decode`
// refuses anything that `encode` did not write (kCorrupt).
std::string encode(const Batch& batch);
base::Result<Batch> decode(std::string_view data);

}  // namespace columns
