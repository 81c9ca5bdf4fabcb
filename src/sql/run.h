// Calls of DuckDB that fill a result.
#pragma once

#include "sql/error.h"
#include "sql/handles.h"

namespace sql {

// Calls `run(duckdb_result*)`; its failure is DuckDB's error.
template <class Run>
base::Result<ResultHandle> result_of(Run run) {
  ResultHandle result;
  if (run(result.get()) == DuckDBSuccess) return result;
  return fail_duckdb(code_of(duckdb_result_error_type(result.get())),
                     duckdb_result_error(result.get()));
}

}  // namespace sql
