#include "sql/result.h"

#include <algorithm>

#include "sql/column_type.h"
#include "sql/value.h"

namespace sql {
namespace {

// Small integers widen: a batch has two sizes of them.
columns::Type batch_type(Kind kind) {
  switch (kind) {
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kUTinyInt:
    case Kind::kUSmallInt:
      return columns::Type::kInt64;
    default:
      return column_type(kind).value_or(columns::Type::kString);
  }
}

// The rows of one vector behind those that the column has. False when a number does not fit.
bool append_vector(const VectorView& view, std::size_t rows, columns::Column& column,
                   std::string& scratch) {
  for (std::size_t row = 0; row < rows; ++row) {
    if (view.is_null(row)) {
      column.append_null();
    } else if (column.type() == columns::Type::kFloat64) {
      column.append_double(to_double(view, row));
    } else if (!column.is_text()) {
      const auto value = to_int(view, row);
      if (!value) return false;
      column.append_int(*value);
    } else {
      const Kind kind = view.type->kind;
      if (kind == Kind::kVarchar || kind == Kind::kBlob) {
        column.append_text(view.text_at(row));
      } else {
        scratch.clear();
        append_text(view, row, scratch);
        column.append_text(scratch);
      }
    }
  }
  return true;
}

class ChunkedResult final : public Result {
 public:
  ChunkedResult(std::shared_ptr<DatabaseHandle> database, ResultHandle handle)
      : database_(std::move(database)), handle_(std::move(handle)) {
    const idx_t count = duckdb_column_count(handle_.get());
    types_.reserve(count);
    for (idx_t i = 0; i < count; ++i) {
      const TypeHandle type(duckdb_column_logical_type(handle_.get(), i));
      types_.push_back(type_tree(type.get()));
      infos_.push_back(column_info(duckdb_column_name(handle_.get(), i), types_.back()));
    }
    rows_changed_ = static_cast<std::int64_t>(duckdb_rows_changed(handle_.get()));
  }

  base::Result<> fetch() {
    for (std::size_t i = 0; i < types_.size(); ++i) {
      if (unreadable(types_[i]) != nullptr) {
        return base::fail_with(
            base::Code::kUnsupported,
            fmt::format("column '{}' has a type that cannot be given out", infos_[i].name),
            fmt::format("cast it, for example CAST({} AS VARCHAR)", infos_[i].name));
      }
    }
    while (true) {
      ChunkHandle chunk(duckdb_fetch_chunk(*handle_.get()));
      if (!chunk) return {};
      const std::size_t size = duckdb_data_chunk_get_size(chunk.get());
      if (size == 0) return {};
      Chunk& kept = chunks_.emplace_back();
      kept.first_row = rows_;
      kept.rows = size;
      for (std::size_t i = 0; i < types_.size(); ++i) {
        kept.vectors.push_back(
            vector_view(types_[i], duckdb_data_chunk_get_vector(chunk.get(), i)));
      }
      kept.handle = std::move(chunk);
      rows_ += size;
    }
  }

  const std::vector<ColumnInfo>& columns() const override { return infos_; }
  std::size_t rows() const override { return rows_; }
  std::int64_t rows_changed() const override { return rows_changed_; }

  bool is_null(std::size_t column, std::size_t row) const override {
    const Chunk& chunk = find(row);
    return chunk.vectors[column].is_null(row - chunk.first_row);
  }

  std::string text(std::size_t column, std::size_t row) const override {
    const Chunk& chunk = find(row);
    std::string out;
    if (!chunk.vectors[column].is_null(row - chunk.first_row)) {
      append_text(chunk.vectors[column], row - chunk.first_row, out);
    }
    return out;
  }

  nlohmann::json json(std::size_t column, std::size_t row) const override {
    const Chunk& chunk = find(row);
    if (chunk.vectors[column].is_null(row - chunk.first_row)) return nullptr;
    return to_json(chunk.vectors[column], row - chunk.first_row);
  }

  std::int64_t int_at(std::size_t column, std::size_t row) const override {
    const Chunk& chunk = find(row);
    const VectorView& view = chunk.vectors[column];
    return view.is_null(row - chunk.first_row) ? 0
                                               : to_int(view, row - chunk.first_row).value_or(0);
  }

  double double_at(std::size_t column, std::size_t row) const override {
    const Chunk& chunk = find(row);
    const VectorView& view = chunk.vectors[column];
    return view.is_null(row - chunk.first_row) ? 0 : to_double(view, row - chunk.first_row);
  }

  base::Result<columns::Batch> batch() const override {
    columns::Schema schema;
    for (const ColumnInfo& info : infos_)
      schema.fields.push_back({info.name, batch_type(info.kind), true});
    columns::Batch batch(std::move(schema));
    std::string scratch;
    for (std::size_t i = 0; i < types_.size(); ++i) {
      columns::Column& column = batch.columns[i];
      column.reserve(rows_);
      for (const Chunk& chunk : chunks_) {
        if (column.text_bytes() > columns::kColumnTextBytesMax / 2) {
          return base::fail(base::Code::kLimit, "column '{}' has more than {} bytes of text",
                            infos_[i].name, columns::kColumnTextBytesMax / 2);
        }
        if (append_vector(chunk.vectors[i], chunk.rows, column, scratch)) continue;
        return base::fail_with(
            base::Code::kLimit,
            fmt::format("a value of column '{}' does not fit into 64 bits", infos_[i].name),
            "cast it to DOUBLE or VARCHAR");
      }
    }
    return batch;
  }

 private:
  struct Chunk {
    std::size_t first_row = 0;
    std::size_t rows = 0;
    ChunkHandle handle;
    std::vector<VectorView> vectors;
  };

  const Chunk& find(std::size_t row) const {
    if (last_ < chunks_.size() && row >= chunks_[last_].first_row &&
        row < chunks_[last_].first_row + chunks_[last_].rows) {
      return chunks_[last_];
    }
    const auto after =
        std::upper_bound(chunks_.begin(), chunks_.end(), row,
                         [](std::size_t r, const Chunk& c) { return r < c.first_row; });
    last_ = static_cast<std::size_t>(after - chunks_.begin()) - 1;
    return chunks_[last_];
  }

  // In this order: chunks go before the result, the result before the database.
  std::shared_ptr<DatabaseHandle> database_;
  ResultHandle handle_;
  std::vector<TypeTree> types_;
  std::vector<ColumnInfo> infos_;
  std::vector<Chunk> chunks_;
  std::size_t rows_ = 0;
  std::int64_t rows_changed_ = 0;
  mutable std::size_t last_ = 0;  // the chunk that was asked last
};

}  // namespace

base::Result<std::unique_ptr<Result>> make_result(std::shared_ptr<DatabaseHandle> database,
                                                  ResultHandle handle) {
  auto result = std::make_unique<ChunkedResult>(std::move(database), std::move(handle));
  TRY(result->fetch());
  return result;
}

}  // namespace sql
