// What PostgreSQL's clients ask of pg_catalog and information_schema, as DuckDB views and macros
// over the lake's tables. They live in a database of their own, which the search path of each
// session ends in. Source: PostgreSQL 15 documentation, "System Catalogs" and "The Information
// Schema".
#pragma once

#include <string>
#include <vector>

namespace server {

// The SQL that makes them, to be run once in a database that has the two databases attached
// (sql_session_guard.h).
std::vector<std::string> postgres_catalog_statements();

}  // namespace server
