#include "columns/batch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>

#include "base/check.h"

namespace columns {
namespace {

struct TypeNames {
  Type type;
  std::string_view name;
  std::string_view sql;
};

constexpr std::array<TypeNames, 8> kTypeNames{{{Type::kBoolean, "boolean", "BOOLEAN"},
                                               {Type::kInt32, "integer", "INTEGER"},
                                               {Type::kInt64, "bigint", "BIGINT"},
                                               {Type::kFloat64, "double", "DOUBLE"},
                                               {Type::kString, "string", "VARCHAR"},
                                               {Type::kBytes, "bytes", "BLOB"},
                                               {Type::kDate, "date", "DATE"},
                                               {Type::kTimestamp, "timestamp", "TIMESTAMPTZ"}}};

const TypeNames& names_of(Type type) {
  const auto index = static_cast<std::size_t>(type);
  CHECK(index < kTypeNames.size());
  return kTypeNames[index];
}

bool equal_any_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

// Grows at least by doubling, so that many small reservations stay linear.
template <class Container>
void reserve_doubling(Container& container, std::size_t size) {
  if (size > container.capacity()) container.reserve(std::max(size, 2 * container.capacity()));
}

}  // namespace

std::string_view type_name(Type type) { return names_of(type).name; }
std::string_view sql_type(Type type) { return names_of(type).sql; }

base::Result<Type> parse_type(std::string_view name) {
  for (const TypeNames& known : kTypeNames) {
    if (equal_any_case(name, known.name) || equal_any_case(name, known.sql)) return known.type;
  }
  if (equal_any_case(name, "timestamp with time zone")) return Type::kTimestamp;
  return base::fail_with(
      base::Code::kInvalid, fmt::format("unknown type '{}'", name.substr(0, 64)),
      "types are boolean, integer, bigint, double, string, bytes, date, timestamp");
}

std::optional<std::size_t> Schema::find(std::string_view name) const {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return i;
  }
  return std::nullopt;
}

void Column::reserve(std::size_t rows) {
  reserve_doubling(valid_, rows);
  if (is_text()) {
    reserve_doubling(offsets_, rows + 1);
  } else {
    reserve_doubling(fixed_, rows);
  }
}

void Column::reserve_text(std::size_t bytes) {
  if (is_text()) reserve_doubling(bytes_, bytes);
}

void Column::append_null() {
  if (is_text()) {
    offsets_.push_back(offsets_.back());
  } else {
    fixed_.push_back(0);
  }
  valid_.push_back(0);
}

void Column::append_double(double value) { append_int(std::bit_cast<std::int64_t>(value)); }

double Column::double_at(std::size_t row) const { return std::bit_cast<double>(fixed_[row]); }

void Column::truncate(std::size_t rows) {
  if (rows >= size()) return;
  valid_.resize(rows);
  if (is_text()) {
    bytes_.resize(offsets_[rows]);
    offsets_.resize(rows + 1);
  } else {
    fixed_.resize(rows);
  }
}

void Column::text_overflow() {
  CHECK(false, "a text column holds more than {} bytes; make smaller batches", kColumnTextBytesMax);
}

Batch::Batch(Schema fields) : schema(std::move(fields)) {
  columns.reserve(schema.fields.size());
  for (const Field& field : schema.fields) columns.emplace_back(field.type);
}

const Column& Batch::column(std::string_view name) const {
  const auto index = schema.find(name);
  CHECK(index.has_value(), "no column '{}' in this batch", name);
  return columns[*index];
}

}  // namespace columns
