// Expectations of the table: its rows, its columns, and rows that a query finds.
#include <algorithm>

#include "quality/expectation_list.h"

namespace quality {
namespace {

using nlohmann::json;

// Rows that a query finds, told at most.
constexpr int kShownRows = 20;

json names_of(const Rows& rows) {
  json names = json::array();
  for (const sql::ColumnInfo& column : rows.columns) names.push_back(column.name);
  return names;
}

base::Result<Check> told(bool success, json result) {
  Check check;
  check.judge = [success,
                 result = std::move(result)](const std::vector<json>&) -> base::Result<Verdict> {
    return Verdict{success, result};
  };
  return check;
}

base::Result<Check> column_exists(const Arguments& a) {
  const std::string name = TRY(a.text("column"));
  const auto& columns = a.rows().columns;
  const auto it = std::ranges::find(columns, name, &sql::ColumnInfo::name);
  bool success = it != columns.end();
  if (success && a.has("column_index"))
    success = it - columns.begin() == TRY(a.integer("column_index"));
  return told(success, json::object());
}

base::Result<> check_counts(const Arguments& a) {
  for (const char* key : {"min_value", "max_value"}) {
    if (a.has(key)) TRY(a.integer(key));
  }
  return {};
}

bool count_inside(const json& kwargs, std::int64_t count) {
  const auto bound = [&](const char* key, std::int64_t otherwise) {
    return kwargs.contains(key) && kwargs[key].is_number() ? kwargs[key].get<std::int64_t>()
                                                           : otherwise;
  };
  const auto strict = [&](const char* key) { return kwargs.contains(key) && kwargs[key] == true; };
  const std::int64_t low = bound("min_value", INT64_MIN) + (strict("strict_min") ? 1 : 0);
  const std::int64_t high = bound("max_value", INT64_MAX) - (strict("strict_max") ? 1 : 0);
  return count >= low && count <= high;
}

base::Result<Check> column_count_between(const Arguments& a) {
  TRY(check_counts(a));
  const auto count = static_cast<std::int64_t>(a.rows().columns.size());
  return told(count_inside(a.kwargs(), count), {{"observed_value", count}});
}

base::Result<Check> column_count_equal(const Arguments& a) {
  const auto count = static_cast<std::int64_t>(a.rows().columns.size());
  return told(count == TRY(a.integer("value")), {{"observed_value", count}});
}

base::Result<Check> ordered_columns(const Arguments& a) {
  const json found = names_of(a.rows());
  if (!a.has("column_list")) return told(true, {{"observed_value", found}});
  const std::vector<std::string> wanted = TRY(a.texts("column_list"));
  json mismatched = json::array();
  for (std::size_t i = 0; i < std::max(wanted.size(), found.size()); ++i) {
    const json expected = i < wanted.size() ? json(wanted[i]) : json();
    const json there = i < found.size() ? found[i] : json();
    if (expected != there)
      mismatched.push_back(
          {{"Expected Column Position", i}, {"Expected", expected}, {"Found", there}});
  }
  if (mismatched.empty()) return told(true, {{"observed_value", found}});
  return told(false, {{"observed_value", found}, {"details", {{"mismatched", mismatched}}}});
}

base::Result<Check> column_set(const Arguments& a) {
  json found = names_of(a.rows());
  std::sort(found.begin(), found.end());
  const bool exact = a.flag("exact_match", true);
  std::vector<std::string> wanted;
  if (a.has("column_set")) wanted = TRY(a.texts("column_set"));
  if (!a.has("column_set") && !exact) return told(true, {{"observed_value", found}});
  std::ranges::sort(wanted);
  json unexpected = json::array();
  json missing = json::array();
  for (const json& name : found) {
    if (std::ranges::find(wanted, name.get<std::string>()) == wanted.end())
      unexpected.push_back(name);
  }
  for (const std::string& name : wanted) {
    if (std::ranges::find(found, json(name)) == found.end()) missing.push_back(name);
  }
  json mismatched = json::object();
  if (!unexpected.empty()) mismatched["unexpected"] = unexpected;
  if (!missing.empty()) mismatched["missing"] = missing;
  const bool success = missing.empty() && (!exact || unexpected.empty());
  return told(success, {{"observed_value", found}, {"details", {{"mismatched", mismatched}}}});
}

base::Result<Check> row_count(const Arguments& a, bool equal) {
  if (equal) TRY(a.integer("value"));
  TRY(check_counts(a));
  Check check;
  check.where = a.where();
  check.scan = {a.filtered("count(*)")};
  const json kwargs = a.kwargs();
  check.judge = [kwargs, equal](const std::vector<json>& values) -> base::Result<Verdict> {
    const auto count = values[0].get<std::int64_t>();
    return Verdict{equal ? json(count) == kwargs["value"] : count_inside(kwargs, count),
                   {{"observed_value", count}}};
  };
  return check;
}
base::Result<Check> row_count_between(const Arguments& a) { return row_count(a, false); }
base::Result<Check> row_count_equal(const Arguments& a) { return row_count(a, true); }

base::Result<Check> row_count_other(const Arguments& a) {
  const std::string name = TRY(a.text("other_table_name"));
  const auto it = a.rows().others.find(name);
  if (it == a.rows().others.end()) {
    std::vector<std::string> names;
    for (const auto& [other, from] : a.rows().others) names.push_back(other);
    return base::fail_with(base::Code::kNotFound, fmt::format("there is no table '{}'", name),
                           nearest_of(name, names, "the tables"));
  }
  Check check;
  check.where = a.where();
  check.scan = {a.filtered("count(*)")};
  check.queries = {fmt::format("SELECT count(*) FROM {}", it->second)};
  check.judge = [](const std::vector<json>& values) -> base::Result<Verdict> {
    const json other = values[1][0][0];
    return Verdict{values[0] == other,
                   {{"observed_value", {{"self", values[0]}, {"other", other}}}}};
  };
  return check;
}

// A query of the user's own; {batch} is the table.
base::Result<Check> unexpected_rows(const Arguments& a) {
  std::string query = TRY(a.text("unexpected_rows_query"));
  const std::string batch =
      a.where().empty() ? fmt::format("(SELECT * FROM {})", a.rows().from)
                        : fmt::format("(SELECT * FROM {} WHERE {})", a.rows().from, a.where());
  if (query.find("{batch}") == std::string::npos)
    return wrong_argument("'unexpected_rows_query' does not read {batch}",
                          "write SELECT … FROM {batch} WHERE …");
  for (std::size_t at = query.find("{batch}"); at != std::string::npos;
       at = query.find("{batch}", at + batch.size()))
    query.replace(at, 7, batch);
  while (!query.empty() && (query.back() == ';' || std::isspace(query.back()) != 0))
    query.pop_back();
  Check check;
  check.where = a.where();
  check.queries = {fmt::format("SELECT count(*) FROM ({})", query),
                   fmt::format("SELECT to_json(q) FROM ({}) q LIMIT {}", query, kShownRows)};
  check.judge = [](const std::vector<json>& values) -> base::Result<Verdict> {
    const auto count = values[0][0][0].get<std::int64_t>();
    json rows = json::array();
    for (const json& row : values[1])
      rows.push_back(row[0].is_string() ? json::parse(row[0].get<std::string>(), nullptr, false)
                                        : row[0]);
    return Verdict{
        count == 0,
        {{"observed_value", fmt::format("{} unexpected row{}", count, count == 1 ? "" : "s")},
         {"details", {{"unexpected_rows", rows}, {"unexpected_rows_count", count}}}}};
  };
  return check;
}

}  // namespace

std::map<std::string, Known> table_expectations() {
  const std::vector<std::string> bounds = {"min_value", "max_value", "strict_min", "strict_max"};
  return {
      {"expect_column_to_exist", {column_exists, {"column", "column_index"}}},
      {"expect_table_column_count_to_be_between", {column_count_between, bounds}},
      {"expect_table_column_count_to_equal", {column_count_equal, {"value"}}},
      {"expect_table_columns_to_match_ordered_list", {ordered_columns, {"column_list"}}},
      {"expect_table_columns_to_match_set", {column_set, {"column_set", "exact_match"}}},
      {"expect_table_row_count_to_be_between", {row_count_between, bounds}},
      {"expect_table_row_count_to_equal", {row_count_equal, {"value"}}},
      {"expect_table_row_count_to_equal_other_table", {row_count_other, {"other_table_name"}}},
      {"unexpected_rows_expectation", {unexpected_rows, {"unexpected_rows_query"}}},
  };
}

}  // namespace quality
