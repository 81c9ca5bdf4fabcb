// Batches into DuckDB's vectors and tables.
#pragma once

#include "columns/batch.h"
#include "sql/handles.h"

namespace sql {

duckdb_type duckdb_type_of(columns::Type type);

// kInvalid naming a string column that holds bytes that are not UTF-8: DuckDB trusts its texts.
base::Result<> check_texts(const columns::Batch& batch);

// Rows from … from + rows - 1 into a flat vector that was reset. Its texts point into the column.
void fill_vector(const columns::Column& column, std::size_t from, std::size_t rows,
                 duckdb_vector vector);

// Appends all rows through DuckDB's appender. `catalog` may be null (the default one). kInvalid
// when a string column holds bytes that are not UTF-8, or the table has other columns.
base::Result<> append_batch(duckdb_connection connection, const char* catalog, const char* schema,
                            const char* table, const columns::Batch& batch);

}  // namespace sql
