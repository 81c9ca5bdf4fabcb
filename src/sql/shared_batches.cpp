#include "sql/shared_batches.h"

#include <algorithm>

#include "sql/chunk.h"

namespace sql {
namespace {

using TableFunctionHandle = Owned<duckdb_table_function, duckdb_destroy_table_function>;
using BatchPointer = std::shared_ptr<const columns::Batch>;

constexpr const char* kFunction = "waybill_batch";

// What one scan knows: the columns that the query needs, and how far it is. One thread scans, so
// that the rows come in their order.
struct Scan {
  std::vector<std::size_t> columns;
  std::size_t row = 0;
};

template <class T>
void destroy(void* data) {
  delete static_cast<T*>(data);
}

void bind(duckdb_bind_info info) {
  const auto& batches =
      *static_cast<std::shared_ptr<SharedBatches>*>(duckdb_bind_get_extra_info(info));
  const ValueHandle id(duckdb_bind_get_parameter(info, 0));
  BatchPointer batch = batches->find(duckdb_get_int64(id.get()));
  if (batch == nullptr) {
    duckdb_bind_set_error(info, "waybill_batch: there is no batch of this number");
    return;
  }
  for (const columns::Field& field : batch->schema.fields) {
    const TypeHandle type(duckdb_create_logical_type(duckdb_type_of(field.type)));
    duckdb_bind_add_result_column(info, field.name.c_str(), type.get());
  }
  duckdb_bind_set_cardinality(info, batch->rows(), true);
  duckdb_bind_set_bind_data(info, new BatchPointer(std::move(batch)), destroy<BatchPointer>);
}

void init(duckdb_init_info info) {
  auto scan = std::make_unique<Scan>();
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    scan->columns.push_back(duckdb_init_get_column_index(info, i));
  }
  duckdb_init_set_max_threads(info, 1);
  duckdb_init_set_init_data(info, scan.release(), destroy<Scan>);
}

void next_chunk(duckdb_function_info info, duckdb_data_chunk output) {
  const columns::Batch& batch = **static_cast<BatchPointer*>(duckdb_function_get_bind_data(info));
  Scan& scan = *static_cast<Scan*>(duckdb_function_get_init_data(info));
  const std::size_t rows = std::min<std::size_t>(duckdb_vector_size(), batch.rows() - scan.row);
  for (std::size_t i = 0; rows > 0 && i < scan.columns.size(); ++i) {
    // Beyond the columns there is the row's number, which count(*) asks for and nobody reads.
    if (scan.columns[i] >= batch.columns.size()) continue;
    fill_vector(batch.columns[scan.columns[i]], scan.row, rows,
                duckdb_data_chunk_get_vector(output, i));
  }
  scan.row += rows;
  duckdb_data_chunk_set_size(output, rows);
}

}  // namespace

std::int64_t SharedBatches::add(std::shared_ptr<const columns::Batch> batch) {
  const std::scoped_lock lock(mutex_);
  batches_.emplace(next_id_, std::move(batch));
  return next_id_++;
}

void SharedBatches::remove(std::int64_t id) {
  const std::scoped_lock lock(mutex_);
  batches_.erase(id);
}

std::shared_ptr<const columns::Batch> SharedBatches::find(std::int64_t id) const {
  const std::scoped_lock lock(mutex_);
  const auto it = batches_.find(id);
  return it == batches_.end() ? nullptr : it->second;
}

base::Result<> register_batch_function(duckdb_connection connection,
                                       std::shared_ptr<SharedBatches> batches) {
  const TableFunctionHandle function(duckdb_create_table_function());
  duckdb_table_function_set_name(function.get(), kFunction);
  const TypeHandle id(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
  duckdb_table_function_add_parameter(function.get(), id.get());
  duckdb_table_function_set_extra_info(function.get(),
                                       new std::shared_ptr<SharedBatches>(std::move(batches)),
                                       destroy<std::shared_ptr<SharedBatches>>);
  duckdb_table_function_set_bind(function.get(), bind);
  duckdb_table_function_set_init(function.get(), init);
  duckdb_table_function_set_function(function.get(), next_chunk);
  duckdb_table_function_supports_projection_pushdown(function.get(), true);
  if (duckdb_register_table_function(connection, function.get()) == DuckDBSuccess) return {};
  return base::fail(base::Code::kUnavailable, "DuckDB does not take the function {}", kFunction);
}

}  // namespace sql
