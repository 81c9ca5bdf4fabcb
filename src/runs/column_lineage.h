// Which columns a query's columns are made of, as far as its syntax tree tells.
//
// Pure.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace runs {

struct ColumnOrigin {
  std::string table;
  std::string column;
  auto operator<=>(const ColumnOrigin&) const = default;
};
using ColumnOrigins = std::set<ColumnOrigin>;

struct ColumnLineage {
  // Of each column of the result, the columns whose values go into it.
  std::map<std::string, ColumnOrigins> columns;
  // Columns that decide which rows there are: of filters, joins, groups, windows' choices.
  ColumnOrigins rows;
};

inline constexpr int kQueryDepthMax = 64;  // of queries within queries; deeper ones tell nothing

// `tree` is DuckDB's (sql::Connection::parse). `columns_of` gives the columns of a table by its
// name, none when there is no such table. Columns of table functions and of tables that are not
// known have no origin.
ColumnLineage column_lineage(
    const nlohmann::json& tree,
    const std::function<std::vector<std::string>(const std::string& table)>& columns_of);

}  // namespace runs
