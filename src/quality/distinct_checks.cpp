// Expectations of the different values of a column and how often they come.
#include <algorithm>
#include <set>

#include "quality/expectation_list.h"

namespace quality {
namespace {

using nlohmann::json;

// What is listed of the different values at most; verdicts are about all of them.
constexpr int kListedMax = 10'000;

struct Distinct {
  Check check;
  std::string keys;
  std::string where;
  std::vector<std::string> set;  // as literals, each once
};

base::Result<Distinct> distinct_of(const Arguments& a) {
  const std::string name = TRY(a.text("column"));
  const auto* column = TRY(a.column(name));
  Distinct d{.check = {},
             .keys = sql::quote_name(name),
             .where = a.judged(missing_sql(column, name)),
             .set = {}};
  d.check.columns = {name};
  d.check.where = a.where();
  if (a.has("value_set")) {
    const auto values = a.set_for(column, TRY(a.list("value_set")));
    const std::set<std::string> once(values.begin(), values.end());
    d.set.assign(once.begin(), once.end());
  }
  return d;
}

base::Result<Verdict> verdict_of(const std::vector<json>& values) {
  json counts = values[1];
  json observed = json::array();
  if (!counts.is_array()) counts = json::array();
  for (const json& one : counts) observed.push_back(one.at("value"));
  return Verdict{values[0] == true,
                 {{"observed_value", observed}, {"details", {{"value_counts", counts}}}}};
}

base::Result<Check> set_check(const Arguments& a, bool within, bool contains) {
  Distinct d = TRY(distinct_of(a));
  std::vector<std::string> tests;
  const std::string set = d.set.empty() ? "NULL" : fmt::format("{}", fmt::join(d.set, ", "));
  if (within && a.has("value_set"))
    tests.push_back(fmt::format("count_if(v NOT IN ({}) OR v IN ({}) IS NULL) = 0", set, set));
  if (contains) tests.push_back(fmt::format("count_if(v IN ({})) = {}", set, d.set.size()));
  d.check.groups = {
      {{d.keys}, d.where, tests.empty() ? "true" : fmt::format("{}", fmt::join(tests, " AND "))},
      {{d.keys},
       d.where,
       fmt::format("list({{'value': v, 'count': n}} ORDER BY v)[:{}]", kListedMax)}};
  d.check.judge = verdict_of;
  return std::move(d.check);
}

base::Result<Check> in_set(const Arguments& a) { return set_check(a, true, false); }
base::Result<Check> contain_set(const Arguments& a) {
  TRY(a.list("value_set"));
  return set_check(a, false, true);
}
base::Result<Check> equal_set(const Arguments& a) {
  TRY(a.list("value_set"));
  return set_check(a, true, true);
}

base::Result<Check> most_common(const Arguments& a) {
  Distinct d = TRY(distinct_of(a));
  const std::string set = d.set.empty() ? "NULL" : fmt::format("{}", fmt::join(d.set, ", "));
  d.check.groups = {
      {{d.keys},
       d.where,
       fmt::format("(SELECT list(v ORDER BY v)[:{}] FROM g WHERE n = (SELECT max(n) FROM g))",
                   kListedMax)},
      {{d.keys},
       d.where,
       fmt::format("(SELECT count_if(v IN ({})) FROM g WHERE n = (SELECT max(n) FROM g))", set)}};
  const bool ties = a.flag("ties_okay", false);
  d.check.judge = [ties](const std::vector<json>& values) -> base::Result<Verdict> {
    const json found = values[0].is_array() ? values[0] : json::array();
    const auto hits = values[1].is_number() ? values[1].get<std::int64_t>() : 0;
    return Verdict{ties ? hits > 0 : found.size() == 1 && hits == 1, {{"observed_value", found}}};
  };
  return std::move(d.check);
}

}  // namespace

std::map<std::string, Known> distinct_expectations() {
  const std::vector<std::string> set = {"column", "value_set"};
  return {
      {"expect_column_distinct_values_to_be_in_set", {in_set, set}},
      {"expect_column_distinct_values_to_contain_set", {contain_set, set}},
      {"expect_column_distinct_values_to_equal_set", {equal_set, set}},
      {"expect_column_most_common_value_to_be_in_set",
       {most_common, {"column", "value_set", "ties_okay"}}},
  };
}

}  // namespace quality
