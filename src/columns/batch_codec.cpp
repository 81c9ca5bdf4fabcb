// The byte form of a batch (little-endian, as on every machine Waybill runs on):
//
//   u8 version | u32 fields | fields times: u8 type, u8 nullable, u32 length, name |
//   u64 rows | columns: u8 valid[rows], then i64 fixed[rows], or u32 length[rows] and the texts
#include <cstring>

#include "columns/batch.h"

namespace columns {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint32_t kFieldsMax = 100'000;

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}

  template <class T>
  base::Result<T> number() {
    const std::string_view bytes = TRY(take(sizeof(T)));
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  base::Result<std::string_view> take(std::uint64_t size) {
    if (size > data_.size() - at_) return base::fail(base::Code::kCorrupt, "batch bytes end early");
    const std::string_view bytes = data_.substr(at_, size);
    at_ += size;
    return bytes;
  }

  bool at_end() const { return at_ == data_.size(); }

 private:
  std::string_view data_;
  std::size_t at_ = 0;
};

void encode_column(const Column& column, std::string& out) {
  out.append(reinterpret_cast<const char*>(column.valid().data()), column.size());
  if (!column.is_text()) {
    out.append(reinterpret_cast<const char*>(column.fixed().data()), column.size() * 8);
    return;
  }
  for (std::size_t row = 0; row < column.size(); ++row) {
    put(out, static_cast<std::uint32_t>(column.text_at(row).size()));
  }
  for (std::size_t row = 0; row < column.size(); ++row) out.append(column.text_at(row));
}

bool in_range(Type type, std::int64_t value) {
  if (type == Type::kBoolean) return value == 0 || value == 1;
  if (type == Type::kInt32 || type == Type::kDate) return value >= INT32_MIN && value <= INT32_MAX;
  return true;
}

base::Result<> decode_fixed(Reader& reader, std::string_view valid, Column& column) {
  const std::string_view values = TRY(reader.take(valid.size() * 8));
  for (std::size_t row = 0; row < valid.size(); ++row) {
    std::int64_t value;
    std::memcpy(&value, values.data() + row * 8, sizeof value);
    if (valid[row] == 1 && in_range(column.type(), value)) {
      column.append_int(value);
    } else if (valid[row] == 0 && value == 0) {
      column.append_null();
    } else {
      return base::fail(base::Code::kCorrupt, "batch bytes have an impossible value in row {}",
                        row);
    }
  }
  return {};
}

base::Result<> decode_text(Reader& reader, std::string_view valid, Column& column) {
  const std::string_view lengths = TRY(reader.take(valid.size() * 4));
  std::uint64_t total = 0;
  for (std::size_t row = 0; row < valid.size(); ++row) {
    std::uint32_t length;
    std::memcpy(&length, lengths.data() + row * 4, sizeof length);
    total += length;
    if (total > kColumnTextBytesMax) {
      return base::fail(base::Code::kCorrupt, "batch bytes have texts of {} bytes", total);
    }
    const std::string_view text = TRY(reader.take(length));
    if (valid[row] == 1) {
      column.append_text(text);
    } else if (valid[row] == 0 && length == 0) {
      column.append_null();
    } else {
      return base::fail(base::Code::kCorrupt, "batch bytes have an impossible null in row {}", row);
    }
  }
  return {};
}

base::Result<Schema> decode_schema(Reader& reader) {
  Schema schema;
  const auto count = TRY(reader.number<std::uint32_t>());
  if (count > kFieldsMax)
    return base::fail(base::Code::kCorrupt, "batch bytes have {} fields", count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto type = TRY(reader.number<std::uint8_t>());
    const auto nullable = TRY(reader.number<std::uint8_t>());
    if (type > static_cast<std::uint8_t>(Type::kTimestamp) || nullable > 1) {
      return base::fail(base::Code::kCorrupt, "batch bytes have an unknown type in field {}", i);
    }
    const auto length = TRY(reader.number<std::uint32_t>());
    const std::string_view name = TRY(reader.take(length));
    schema.fields.push_back({std::string(name), static_cast<Type>(type), nullable == 1});
  }
  return schema;
}

}  // namespace

std::string encode(const Batch& batch) {
  std::string out;
  put(out, kVersion);
  put(out, static_cast<std::uint32_t>(batch.schema.fields.size()));
  for (const Field& field : batch.schema.fields) {
    put(out, static_cast<std::uint8_t>(field.type));
    put(out, static_cast<std::uint8_t>(field.nullable ? 1 : 0));
    put(out, static_cast<std::uint32_t>(field.name.size()));
    out.append(field.name);
  }
  put(out, static_cast<std::uint64_t>(batch.rows()));
  for (const Column& column : batch.columns) encode_column(column, out);
  return out;
}

base::Result<Batch> decode(std::string_view data) {
  Reader reader(data);
  const auto version = TRY(reader.number<std::uint8_t>());
  if (version != kVersion) {
    return base::fail(base::Code::kCorrupt, "batch bytes are of version {}, not {}", version,
                      kVersion);
  }
  Batch batch(TRY(decode_schema(reader)));
  const auto rows = TRY(reader.number<std::uint64_t>());
  if (batch.columns.empty() && rows > 0) {
    return base::fail(base::Code::kCorrupt, "batch bytes have {} rows of no columns", rows);
  }
  for (Column& column : batch.columns) {
    const std::string_view valid = TRY(reader.take(rows));
    column.reserve(rows);
    if (column.is_text()) {
      TRY(decode_text(reader, valid, column));
    } else {
      TRY(decode_fixed(reader, valid, column));
    }
  }
  if (!reader.at_end())
    return base::fail(base::Code::kCorrupt, "batch bytes go on after their end");
  return batch;
}

}  // namespace columns
