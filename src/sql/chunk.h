// Batches into DuckDB's vectors.
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

}  // namespace sql
