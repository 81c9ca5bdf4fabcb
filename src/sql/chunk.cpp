#include "sql/chunk.h"

#include <simdjson.h>

#include <cstring>

#include "sql/error.h"

namespace sql {
namespace {

// The texts lie end to end: all are UTF-8 when their sum is and none starts inside a character.
bool is_utf8(const columns::Column& column) {
  if (column.size() == 0) return true;
  if (!simdjson::validate_utf8(column.text_at(0).data(), column.text_bytes())) return false;
  for (std::size_t row = 0; row < column.size(); ++row) {
    const std::string_view text = column.text_at(row);
    if (!text.empty() && (static_cast<unsigned char>(text[0]) & 0xC0) == 0x80) return false;
  }
  return true;
}

template <class T>
void fill_narrow(const columns::Column& column, std::size_t from, std::size_t rows, void* data) {
  T* out = static_cast<T*>(data);
  for (std::size_t i = 0; i < rows; ++i) out[i] = static_cast<T>(column.fixed()[from + i]);
}

void fill_text(const columns::Column& column, std::size_t from, std::size_t rows, void* data) {
  auto* out = static_cast<duckdb_string_t*>(data);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::string_view text = column.text_at(from + i);
    duckdb_string_t& to = out[i];
    std::memset(&to, 0, sizeof to);
    to.value.inlined.length = static_cast<std::uint32_t>(text.size());
    if (text.size() <= sizeof to.value.inlined.inlined) {
      std::memcpy(to.value.inlined.inlined, text.data(), text.size());
    } else {
      std::memcpy(to.value.pointer.prefix, text.data(), sizeof to.value.pointer.prefix);
      to.value.pointer.ptr = const_cast<char*>(text.data());
    }
  }
}

void fill_validity(const columns::Column& column, std::size_t from, std::size_t rows,
                   duckdb_vector vector) {
  const std::uint8_t* valid = column.valid().data() + from;
  if (std::memchr(valid, 0, rows) == nullptr) return;
  duckdb_vector_ensure_validity_writable(vector);
  std::uint64_t* bits = duckdb_vector_get_validity(vector);
  for (std::size_t i = 0; i < rows; ++i) {
    if (valid[i] == 0) bits[i / 64] &= ~(1ULL << (i % 64));
  }
}

}  // namespace

duckdb_type duckdb_type_of(columns::Type type) {
  switch (type) {
    case columns::Type::kBoolean:
      return DUCKDB_TYPE_BOOLEAN;
    case columns::Type::kInt32:
      return DUCKDB_TYPE_INTEGER;
    case columns::Type::kInt64:
      return DUCKDB_TYPE_BIGINT;
    case columns::Type::kFloat64:
      return DUCKDB_TYPE_DOUBLE;
    case columns::Type::kString:
      return DUCKDB_TYPE_VARCHAR;
    case columns::Type::kBytes:
      return DUCKDB_TYPE_BLOB;
    case columns::Type::kDate:
      return DUCKDB_TYPE_DATE;
    case columns::Type::kTimestamp:
      return DUCKDB_TYPE_TIMESTAMP_TZ;
  }
  return DUCKDB_TYPE_INVALID;
}

base::Result<> check_texts(const columns::Batch& batch) {
  for (std::size_t i = 0; i < batch.columns.size(); ++i) {
    if (batch.columns[i].type() != columns::Type::kString || is_utf8(batch.columns[i])) continue;
    return base::fail_with(
        base::Code::kInvalid,
        fmt::format("column '{}' holds text that is not UTF-8", batch.schema.fields[i].name),
        "declare it as bytes");
  }
  return {};
}

void fill_vector(const columns::Column& column, std::size_t from, std::size_t rows,
                 duckdb_vector vector) {
  void* data = duckdb_vector_get_data(vector);
  switch (column.type()) {
    case columns::Type::kBoolean:
      fill_narrow<bool>(column, from, rows, data);
      break;
    case columns::Type::kInt32:
    case columns::Type::kDate:
      fill_narrow<std::int32_t>(column, from, rows, data);
      break;
    case columns::Type::kInt64:
    case columns::Type::kFloat64:
    case columns::Type::kTimestamp:
      std::memcpy(data, column.fixed().data() + from, rows * sizeof(std::int64_t));
      break;
    case columns::Type::kString:
    case columns::Type::kBytes:
      fill_text(column, from, rows, data);
      break;
  }
  fill_validity(column, from, rows, vector);
}

}  // namespace sql
