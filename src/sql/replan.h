// Queries that DuckDB ends before they have begun.
#pragma once

#include <string_view>

#include "sql/error.h"
#include "sql/handles.h"

namespace sql {

inline constexpr int kReplansMax = 10;

// Calls `run(duckdb_result*)`. A table that another connection makes or drops between planning and
// running ends a query before it has begun: it is planned again.
template <class Run>
base::Result<ResultHandle> run_planned(Run run) {
  for (int left = kReplansMax;; --left) {
    ResultHandle result;
    if (run(result.get()) == DuckDBSuccess) return result;
    const char* message = duckdb_result_error(result.get());
    const bool never_ran =
        message != nullptr &&
        std::string_view(message).find("unsuccessful or closed pending query result") !=
            std::string_view::npos;
    if (!never_ran || left == 0)
      return fail_duckdb(code_of(duckdb_result_error_type(result.get())), message);
  }
}

}  // namespace sql
