// What PostgreSQL calls the columns of a SELECT that have no alias: "?column?", "count", "int4".
// Source: PostgreSQL 15, documentation of SELECT, "SELECT List".
//
// Threads: pure function.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace server {

// From DuckDB's syntax tree, for `columns` columns of the result; "" where DuckDB's name is right.
std::vector<std::string> postgres_column_names(const nlohmann::json& tree, std::size_t columns);

}  // namespace server
