// Batches into DuckDB's tables.
#pragma once

#include "columns/batch.h"
#include "sql/handles.h"

namespace sql {

// Appends all rows through DuckDB's appender. `catalog` may be null (the default one). kInvalid
// when a string column holds bytes that are not UTF-8, or the table has other columns.
base::Result<> append_batch(duckdb_connection connection, const char* catalog, const char* schema,
                            const char* table, const columns::Batch& batch);

}  // namespace sql
