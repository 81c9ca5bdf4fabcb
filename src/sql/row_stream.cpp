#include "sql/row_stream.h"

#include "sql/run.h"
#include "sql/value.h"

namespace sql {
namespace {

using PendingHandle = Owned<duckdb_pending_result, duckdb_destroy_pending>;

class ChunkStream final : public RowStream {
 public:
  ChunkStream(std::shared_ptr<DatabaseHandle> database,
              std::shared_ptr<ConnectionHandle> connection, ResultHandle handle)
      : database_(std::move(database)),
        connection_(std::move(connection)),
        handle_(std::move(handle)) {
    const idx_t count = duckdb_column_count(handle_.get());
    types_.reserve(count);
    vectors_.reserve(count);
    for (idx_t i = 0; i < count; ++i) {
      const TypeHandle type(duckdb_column_logical_type(handle_.get(), i));
      types_.push_back(type_tree(type.get()));
      infos_.push_back(column_info(duckdb_column_name(handle_.get(), i), types_.back()));
    }
  }

  base::Result<> check() const {
    for (std::size_t i = 0; i < types_.size(); ++i) {
      if (unreadable(types_[i]) == nullptr) continue;
      return base::fail_with(
          base::Code::kUnsupported,
          fmt::format("column '{}' has a type that cannot be given out", infos_[i].name),
          fmt::format("cast it, for example CAST({} AS VARCHAR)", infos_[i].name));
    }
    return {};
  }

  const std::vector<ColumnInfo>& columns() const override { return infos_; }

  base::Result<bool> next() override {
    rows_ = 0;
    vectors_.clear();
    while (rows_ == 0) {
      chunk_ = ChunkHandle(duckdb_fetch_chunk(*handle_.get()));
      if (!chunk_) {
        const char* message = duckdb_result_error(handle_.get());
        if (message == nullptr || *message == '\0') return false;
        return fail_duckdb(code_of(duckdb_result_error_type(handle_.get())), message);
      }
      rows_ = duckdb_data_chunk_get_size(chunk_.get());
    }
    for (std::size_t i = 0; i < types_.size(); ++i)
      vectors_.push_back(vector_view(types_[i], duckdb_data_chunk_get_vector(chunk_.get(), i)));
    return true;
  }

  std::size_t rows() const override { return rows_; }
  bool is_null(std::size_t column, std::size_t row) const override {
    return vectors_[column].is_null(row);
  }
  void append_text(std::size_t column, std::size_t row, std::string& out) const override {
    const VectorView& view = vectors_[column];
    if (view.is_null(row)) return;
    if (view.type->kind == Kind::kVarchar) {
      out += view.text_at(row);
    } else {
      sql::append_text(view, row, out);
    }
  }
  std::vector<std::optional<std::string>> elements(std::size_t column,
                                                   std::size_t row) const override {
    const VectorView& view = vectors_[column];
    const bool array = view.type->kind == Kind::kArray;
    const auto entry = array ? duckdb_list_entry{row * view.type->array_size, view.type->array_size}
                             : view.at<duckdb_list_entry>(row);
    std::vector<std::optional<std::string>> texts(entry.length);
    for (std::size_t i = 0; i < entry.length; ++i) {
      if (view.children[0].is_null(entry.offset + i)) continue;
      sql::append_text(view.children[0], entry.offset + i, texts[i].emplace());
    }
    return texts;
  }
  std::int64_t int_at(std::size_t column, std::size_t row) const override {
    return to_int(vectors_[column], row).value_or(0);
  }
  double double_at(std::size_t column, std::size_t row) const override {
    return to_double(vectors_[column], row);
  }

 private:
  // In this order: the chunk goes before the result, that before its connection.
  std::shared_ptr<DatabaseHandle> database_;
  std::shared_ptr<ConnectionHandle> connection_;
  ResultHandle handle_;
  ChunkHandle chunk_;
  std::vector<TypeTree> types_;
  std::vector<ColumnInfo> infos_;
  std::vector<VectorView> vectors_;
  std::size_t rows_ = 0;
};

}  // namespace

base::Result<std::unique_ptr<RowStream>> start_stream(std::shared_ptr<DatabaseHandle> database,
                                                      std::shared_ptr<ConnectionHandle> connection,
                                                      duckdb_prepared_statement statement) {
  PendingHandle pending;
  if (duckdb_pending_prepared_streaming(statement, pending.out()) != DuckDBSuccess) {
    const char* message = duckdb_pending_error(pending.get());
    return fail_duckdb(code_of_message(message != nullptr ? message : ""), message);
  }
  auto result = TRY(
      result_of([&](duckdb_result* out) { return duckdb_execute_pending(pending.get(), out); }));
  auto stream =
      std::make_unique<ChunkStream>(std::move(database), std::move(connection), std::move(result));
  TRY(stream->check());
  return stream;
}

}  // namespace sql
