#include "stream/stage.h"

#include <algorithm>

namespace stream {

bool Rows::has(const std::string& column) const {
  return std::ranges::any_of(columns, [&](const StageColumn& c) { return c.name == column; });
}

base::Result<std::vector<StageColumn>> columns_of(sql::Connection& connection,
                                                  const std::string& select) {
  std::vector<StageColumn> columns;
  const auto statement = TRY(connection.prepare(select));
  for (const sql::ColumnInfo& column : statement->columns()) {
    if (!column.name.starts_with("_wb_")) columns.push_back({column.name, column.type});
  }
  return columns;
}

std::string names_of(const std::vector<StageColumn>& columns, const std::string& table) {
  std::string names;
  for (const StageColumn& column : columns) {
    if (!names.empty()) names += ", ";
    if (!table.empty()) names += table + ".";
    names += sql::quote_name(column.name);
  }
  return names;
}

std::string net_changes(const std::string& select) {
  return fmt::format(
      "SELECT * EXCLUDE ({0}), CAST(sum({0}) AS BIGINT) AS {0} FROM ({1}) GROUP BY ALL HAVING "
      "sum({0}) <> 0",
      kWeight, select);
}

std::string same_numbered(std::string_view prefix, std::size_t count, const std::string& left,
                          const std::string& right) {
  if (count == 0) return "TRUE";
  std::string terms;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) terms += " AND ";
    terms += fmt::format("{0}.{2}{3} IS NOT DISTINCT FROM {1}.{2}{3}", left, right, prefix, i);
  }
  return terms;
}

}  // namespace stream
