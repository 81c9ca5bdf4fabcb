#include "quality/profile.h"

#include <cmath>

#include "quality/arguments.h"
#include "quality/probability.h"

namespace quality {
namespace {

using nlohmann::json;

// A column with at most so many different values, each of them often, is a set.
constexpr std::int64_t kSetMax = 30;
constexpr std::int64_t kRowsPerValueMin = 10;
constexpr double kDeviations = 2.576;  // 99 %, both sides

struct Facts {
  std::int64_t rows = 0;
  std::int64_t present = 0;
  std::int64_t distinct = 0;  // about
  json low, high;             // or of the lengths
};

json entry(const char* type, json kwargs) {
  return {{"type", type}, {"kwargs", std::move(kwargs)}, {"meta", {{"proposed", true}}}};
}

// Rounded down to two digits: what comes next may be a little worse.
double share_of(std::int64_t part, std::int64_t all) {
  return std::floor(wilson_lower(part, all, kDeviations) * 100) / 100;
}

std::string facts_sql(const sql::ColumnInfo& column) {
  const std::string c = sql::quote_name(column.name);
  const bool text = column.kind == sql::Kind::kVarchar;
  const bool orders = text || is_number(column.kind) || is_time(column.kind);
  const std::string measure = text ? fmt::format("length({})", c) : c;
  const std::string kept =
      is_float(column.kind) ? fmt::format(" FILTER (WHERE NOT isnan({}))", c) : "";
  return fmt::format("count({}){}, approx_count_distinct({}), {}, {}", c, kept, c,
                     orders ? fmt::format("min({}){}", measure, kept) : "NULL",
                     orders ? fmt::format("max({}){}", measure, kept) : "NULL");
}

base::Result<> propose_values(sql::Connection& connection, const Rows& rows,
                              const sql::ColumnInfo& column, const Facts& facts, json& list) {
  const std::string c = sql::quote_name(column.name);
  const auto found = TRY(connection.query(
      fmt::format("SELECT {} FROM {} WHERE {} IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT {}", c,
                  rows.from, c, kSetMax + 1)));
  if (static_cast<std::int64_t>(found->rows()) > kSetMax) return {};
  json values = json::array();
  for (std::size_t row = 0; row < found->rows(); ++row) values.push_back(found->json(0, row));
  if (facts.present < kRowsPerValueMin * static_cast<std::int64_t>(values.size())) return {};
  list.push_back(
      entry("expect_column_values_to_be_in_set", {{"column", column.name}, {"value_set", values}}));
  return {};
}

base::Result<> propose_column(sql::Connection& connection, const Rows& rows,
                              const sql::ColumnInfo& column, const Facts& facts, json& list) {
  const json on = {{"column", column.name}};
  list.push_back(entry("expect_column_to_exist", on));
  list.push_back(entry("expect_column_values_to_be_of_type",
                       {{"column", column.name}, {"type_", column.type}}));
  if (facts.rows == 0) return {};
  if (facts.present == 0) {
    list.push_back(entry("expect_column_values_to_be_null", on));
    return {};
  }
  json present = on;
  if (facts.present < facts.rows) present["mostly"] = share_of(facts.present, facts.rows);
  if (!present.contains("mostly") || present["mostly"] > 0)
    list.push_back(entry("expect_column_values_to_not_be_null", present));
  if (!facts.low.is_null() && !facts.high.is_null()) {
    const bool text = column.kind == sql::Kind::kVarchar;
    list.push_back(entry(
        text ? "expect_column_value_lengths_to_be_between" : "expect_column_values_to_be_between",
        {{"column", column.name}, {"min_value", facts.low}, {"max_value", facts.high}}));
  }
  // The count of different values is near: exactly one row each has to be seen.
  if (facts.distinct * 100 >= facts.present * 90 && facts.present > kSetMax) {
    const std::string c = sql::quote_name(column.name);
    const auto exact =
        TRY(connection.query(fmt::format("SELECT count(DISTINCT {}) FROM {}", c, rows.from)));
    if (exact->int_at(0, 0) == facts.present)
      list.push_back(entry("expect_column_values_to_be_unique", on));
  }
  const bool listed = column.kind == sql::Kind::kVarchar || column.kind == sql::Kind::kBoolean;
  if (listed && facts.distinct <= kSetMax + kSetMax / 10)
    return propose_values(connection, rows, column, facts, list);
  return {};
}

}  // namespace

base::Result<json> propose_suite(sql::Connection& connection, const Rows& rows,
                                 const std::string& name) {
  std::vector<std::string> parts{"count(*)"};
  for (const sql::ColumnInfo& column : rows.columns) parts.push_back(facts_sql(column));
  const auto found =
      TRY(connection.query(fmt::format("SELECT {} FROM {}", fmt::join(parts, ", "), rows.from)));
  const std::int64_t all = found->int_at(0, 0);
  json list = json::array();
  json names = json::array();
  for (const sql::ColumnInfo& column : rows.columns) names.push_back(column.name);
  list.push_back(entry("expect_table_columns_to_match_set", {{"column_set", names}}));
  list.push_back(entry("expect_table_row_count_to_be_between", {{"min_value", all > 0 ? 1 : 0}}));
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    const std::size_t at = 1 + 4 * i;
    const Facts facts{.rows = all,
                      .present = found->int_at(at, 0),
                      .distinct = found->int_at(at + 1, 0),
                      .low = found->json(at + 2, 0),
                      .high = found->json(at + 3, 0)};
    TRY(propose_column(connection, rows, rows.columns[i], facts, list));
  }
  return json{{"name", name},
              {"expectations", std::move(list)},
              {"meta", {{"great_expectations_version", "1.0.0"}}}};
}

}  // namespace quality
