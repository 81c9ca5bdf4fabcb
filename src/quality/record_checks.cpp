// Expectations of values of one row beside each other: pairs and records of columns.
#include <algorithm>

#include "quality/expectation_list.h"

namespace quality {
namespace {

using nlohmann::json;

base::Result<Check> pair_of(const Arguments& a) {
  return a.rows_of_columns({TRY(a.text("column_A")), TRY(a.text("column_B"))});
}

// Both columns as things that compare: as texts when one of them is a text and the other is not.
base::Result<std::pair<std::string, std::string>> comparable(const Arguments& a,
                                                             const Check& check) {
  const auto* left = TRY(a.column(check.columns[0]));
  const auto* right = TRY(a.column(check.columns[1]));
  std::string l = sql::quote_name(check.columns[0]);
  std::string r = sql::quote_name(check.columns[1]);
  if (left == nullptr || right == nullptr) return std::pair(l, r);
  const bool left_text = left->kind == sql::Kind::kVarchar;
  const bool right_text = right->kind == sql::Kind::kVarchar;
  if (left_text && !right_text && !is_time(right->kind)) r = fmt::format("CAST({} AS VARCHAR)", r);
  if (right_text && !left_text && !is_time(left->kind)) l = fmt::format("CAST({} AS VARCHAR)", l);
  return std::pair(l, r);
}

base::Result<Check> pair_greater(const Arguments& a) {
  Check check = TRY(pair_of(a));
  const auto [l, r] = TRY(comparable(a, check));
  const bool or_equal = a.flag("or_equal", false);
  check.unexpected = fmt::format("({} {} {}) IS NOT TRUE", l, or_equal ? ">=" : ">", r);
  check.reason =
      fmt::format("must be greater than {}{}", or_equal ? "or equal to " : "", check.columns[1]);
  return check;
}

base::Result<Check> pair_equal(const Arguments& a) {
  Check check = TRY(pair_of(a));
  const auto [l, r] = TRY(comparable(a, check));
  check.unexpected = fmt::format("{} IS DISTINCT FROM {}", l, r);
  check.reason = "must be equal to " + check.columns[1];
  return check;
}

base::Result<Check> pair_in_set(const Arguments& a) {
  Check check = TRY(pair_of(a));
  if (!a.has("value_pairs_set")) {
    check.unexpected = "false";
    return check;
  }
  std::vector<std::string> tests;
  for (const json& pair : TRY(a.list("value_pairs_set"))) {
    if (!pair.is_array() || pair.size() != 2)
      return wrong_argument(fmt::format("'value_pairs_set' has {}, which is no pair", pair.dump()),
                            "write pairs such as [1, \"a\"]");
    tests.push_back(fmt::format("({} IS NOT DISTINCT FROM {} AND {} IS NOT DISTINCT FROM {})",
                                sql::quote_name(check.columns[0]), literal(pair[0]),
                                sql::quote_name(check.columns[1]), literal(pair[1])));
  }
  check.unexpected = tests.empty() ? "true" : fmt::format("NOT ({})", fmt::join(tests, " OR "));
  check.reason = fmt::format("must be one of the pairs with {}", check.columns[1]);
  return check;
}

base::Result<Check> record_of(const Arguments& a) {
  const std::vector<std::string> names = TRY(a.texts("column_list"));
  if (names.empty()) return wrong_argument("'column_list' is empty", "name the columns");
  return a.rows_of_columns(names);
}

std::vector<std::string> quoted(const std::vector<std::string>& names) {
  std::vector<std::string> list;
  for (const std::string& name : names) list.push_back(sql::quote_name(name));
  return list;
}

// Rounding is not a difference: sums of doubles compare within 1e-9 of their size.
base::Result<Check> sum_equal(const Arguments& a) {
  const double total = TRY(a.number("sum_total"));
  Check check = TRY(record_of(a));
  const std::string sum = fmt::format("{}", fmt::join(quoted(check.columns), " + "));
  check.unexpected = fmt::format("(abs({} - {}) > 1e-9 * greatest(1, abs({}))) IS NOT FALSE", sum,
                                 a.kwargs()["sum_total"].dump(), total);
  check.reason = fmt::format("must add up to {}", a.kwargs()["sum_total"].dump());
  return check;
}

base::Result<Check> all_equal(const Arguments& a) {
  Check check = TRY(record_of(a));
  std::vector<std::string> tests;
  for (std::size_t i = 1; i < check.columns.size(); ++i)
    tests.push_back(fmt::format("{} IS DISTINCT FROM {}", sql::quote_name(check.columns[0]),
                                sql::quote_name(check.columns[i])));
  check.unexpected = tests.empty() ? "false" : fmt::format("{}", fmt::join(tests, " OR "));
  check.reason = fmt::format("must be the same in {}", fmt::join(check.columns, ", "));
  return check;
}

base::Result<Check> unique_within(const Arguments& a) {
  Check check = TRY(record_of(a));
  std::vector<std::string> tests;
  for (std::size_t i = 0; i < check.columns.size(); ++i) {
    for (std::size_t j = i + 1; j < check.columns.size(); ++j)
      tests.push_back(fmt::format("{} IS NOT DISTINCT FROM {}", sql::quote_name(check.columns[i]),
                                  sql::quote_name(check.columns[j])));
  }
  check.unexpected = tests.empty() ? "false" : fmt::format("{}", fmt::join(tests, " OR "));
  check.reason = fmt::format("must differ in {}", fmt::join(check.columns, ", "));
  return check;
}

base::Result<Check> compound_unique(const Arguments& a) {
  Check check = TRY(record_of(a));
  const std::string keys = fmt::format("{}", fmt::join(quoted(check.columns), ", "));
  const std::string where = a.judged(check.missing);
  check.repeats = true;
  check.groups = {{quoted(check.columns), where, "coalesce(sum(n) FILTER (WHERE n > 1), 0)"}};
  check.unexpected = fmt::format(
      "({}) IN (SELECT ({}) FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1)",
      check.columns.size() == 1 ? keys : "row(" + keys + ")",
      check.columns.size() == 1 ? keys : "row(" + keys + ")", a.rows().from, where, keys);
  check.reason = fmt::format("{} must be unique together", fmt::join(check.columns, ", "));
  return check;
}

}  // namespace

std::map<std::string, Known> record_expectations() {
  const std::vector<std::string> list = {"column_list", "ignore_row_if"};
  return {
      {"expect_column_pair_values_a_to_be_greater_than_b",
       {pair_greater, {"column_A", "column_B", "or_equal", "ignore_row_if"}}},
      {"expect_column_pair_values_to_be_equal",
       {pair_equal, {"column_A", "column_B", "ignore_row_if"}}},
      {"expect_column_pair_values_to_be_in_set",
       {pair_in_set, {"column_A", "column_B", "value_pairs_set", "ignore_row_if"}}},
      {"expect_multicolumn_sum_to_equal",
       {sum_equal, {"column_list", "sum_total", "ignore_row_if"}}},
      {"expect_multicolumn_values_to_be_equal", {all_equal, list}},
      {"expect_multicolumn_values_to_be_unique", {unique_within, list}},
      {"expect_select_column_values_to_be_unique_within_record", {unique_within, list}},
      {"expect_compound_columns_to_be_unique", {compound_unique, list}},
  };
}

}  // namespace quality
