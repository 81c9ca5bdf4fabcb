// What PostgreSQL's clients ask of pg_catalog and information_schema, as DuckDB views and macros
// over the lake's tables. They live in a database of their own, which the search path of each
// session ends in. Source: PostgreSQL 15 documentation, "System Catalogs" and "The Information
// Schema".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace server {

// The SQL that makes them, to be run once in a database that has the two databases attached
// (sql_session_guard.h).
std::vector<std::string> postgres_catalog_statements();

// Parts of it, in this order: tables and views of pg_catalog, functions, information_schema. The
// tables lake_tables and lake_column_facts are filled by LakeSql; everything else looks at them.
std::vector<std::string> postgres_relation_statements();
std::vector<std::string> postgres_function_statements();
std::vector<std::string> information_schema_statements();
// PostgreSQL's operators and functions for data.
std::vector<std::string> postgres_dialect_statements();
// The text of a macro or view with '@' for what lies in the database of the catalogs.
std::string with_catalog_names(std::string_view text);
// Whether information_schema has it.
bool is_information_view(std::string_view name);

}  // namespace server
