// A result that DuckDB computes while it is taken, a chunk at a time.
#pragma once

#include <memory>

#include "sql/database.h"
#include "sql/handles.h"

namespace sql {

// Starts the statement, whose parameters are bound. kUnsupported for a column type that cannot be
// given out.
base::Result<std::unique_ptr<RowStream>> start_stream(std::shared_ptr<DatabaseHandle> database,
                                                      std::shared_ptr<ConnectionHandle> connection,
                                                      duckdb_prepared_statement statement);

}  // namespace sql
