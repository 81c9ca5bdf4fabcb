// What a client's SQL may touch: the lake's tables and the system's catalogs, nothing else.
//
// DuckDB reads files by table functions and by names such as 'x.parquet'; a client's text may use
// neither. What is allowed is a list; what is not on it is refused before DuckDB sees the text.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace server {

// The fixed starts of refusals; PostgreSQL's error codes derive from them.
inline constexpr std::string_view kOnlyReads = "this session only reads: ";
inline constexpr std::string_view kNotAllowed = "not allowed in a query: ";

// The database that holds the views, and the one that holds what PostgreSQL's clients ask of
// pg_catalog and DuckDB does not have.
inline constexpr std::string_view kLakeDatabase = "waybill";
inline constexpr std::string_view kCompatDatabase = "postgres_catalog";
inline constexpr std::string_view kDefaultSchema = "public";
// Where views of older versions are, as "silver.scans@3".
inline constexpr std::string_view kPinnedSchema = "lake_versions";

struct Reads {
  std::set<std::string> tables;  // of the lake: "silver.scans"
  bool catalogs = false;         // pg_catalog, information_schema, SHOW
};

// Checks DuckDB's syntax tree of `sql`. `tables` are the lake's; `search_path` the schemas where
// unqualified names are looked up. kInvalid for what is refused, kNotFound for an unknown table,
// with its place in `sql` marked as DuckDB marks it and the nearest table in the mend.
base::Result<Reads> check_reads(const nlohmann::json& tree, const std::string& sql,
                                const std::set<std::string>& tables,
                                const std::vector<std::string>& search_path);

// The SELECT in an EXPLAIN; nullopt when `sql` is none.
std::optional<std::string> explained(const std::string& sql);

// "\n\nLINE 1: …\n        ^" under the byte `location` of `sql`; "" when it is not in the text.
std::string mark(const std::string& sql, std::size_t location);

// Schema and table in the lake's database.
struct ViewName {
  std::string schema;
  std::string table;
};
ViewName view_name(const std::string& lake_table);

}  // namespace server
