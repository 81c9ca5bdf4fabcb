// A materialised result: DuckDB's chunks, read where they stand.
#pragma once

#include <memory>
#include <vector>

#include "sql/database.h"
#include "sql/handles.h"
#include "sql/type.h"

namespace sql {

// Takes over the rows of a query that went well. Keeps the database open as long as it lives.
// kUnsupported for a column type that cannot be given out.
base::Result<std::unique_ptr<Result>> make_result(std::shared_ptr<DatabaseHandle> database,
                                                  ResultHandle handle);

}  // namespace sql
