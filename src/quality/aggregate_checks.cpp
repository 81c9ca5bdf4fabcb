// Expectations of one number over a column: extremes, sums, moments, quantiles.
#include <cmath>

#include "quality/expectation_list.h"

namespace quality {
namespace {

using nlohmann::json;

bool reads_as_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0';
}

base::Result<> check_numeric(const Arguments& a, const sql::ColumnInfo* column) {
  if (column == nullptr || is_number(column->kind) || column->kind == sql::Kind::kBoolean)
    return {};
  return wrong_argument(
      fmt::format("the column '{}' holds {}, which is not numeric", column->name, column->type),
      fmt::format("name a column of numbers for {}", a.type()));
}

// A bound that is a text fits times and texts.
base::Result<> check_bound_kinds(const Arguments& a, const sql::ColumnInfo* column) {
  for (const char* key : {"min_value", "max_value"}) {
    if (!a.has(key) || column == nullptr) continue;
    const json& bound = a.kwargs()[key];
    const bool counts = is_number(column->kind) || column->kind == sql::Kind::kBoolean;
    if (bound.is_string() && counts && !reads_as_number(bound.get<std::string>()))
      return wrong_argument(
          fmt::format("'{}' is {}: neither a number (the column '{}' holds {}) nor "
                      "a time (invalid datetime format)",
                      key, bound.dump(), column->name, column->type),
          "write a number");
    if (bound.is_number() && column->kind == sql::Kind::kVarchar)
      return wrong_argument(
          fmt::format("'{}' is a number and the column '{}' holds text", key, column->name),
          "write the bound as text");
  }
  return {};
}

// `aggregate` over a column within bounds. Both values come from SQL, so that times and texts
// compare as what they are.
base::Result<Check> between(const Arguments& a, const std::string& aggregate, bool numeric,
                            bool needs_bounds) {
  const std::string name = TRY(a.text("column"));
  const auto* column = TRY(a.column(name));
  if (numeric) TRY(check_numeric(a, column));
  TRY(check_bound_kinds(a, column));
  if (needs_bounds) TRY(check_bounds(a));
  std::string c = sql::quote_name(name);
  if (numeric && column != nullptr && column->kind == sql::Kind::kBoolean)
    c = fmt::format("CAST({} AS INTEGER)", c);
  std::string kept;
  if (column != nullptr && is_float(column->kind)) kept = fmt::format("NOT isnan({})", c);
  const std::string value = a.filtered(fmt::format(fmt::runtime(aggregate), c), kept);
  Check check;
  check.columns = {name};
  check.where = a.where();
  const Bounds b = bounds_of(value, a.kwargs());
  check.scan = {value, b.inside.empty() ? "true" : b.inside};
  check.judge = [](const std::vector<json>& values) -> base::Result<Verdict> {
    if (values[0].is_null()) return Verdict{false, {{"observed_value", nullptr}}};
    return Verdict{values[1] == true, {{"observed_value", values[0]}}};
  };
  return check;
}

base::Result<Check> max(const Arguments& a) { return between(a, "max({})", false, true); }
base::Result<Check> min(const Arguments& a) { return between(a, "min({})", false, true); }
base::Result<Check> sum(const Arguments& a) { return between(a, "sum({})", true, true); }
base::Result<Check> mean(const Arguments& a) { return between(a, "avg({})", true, false); }
base::Result<Check> median(const Arguments& a) { return between(a, "median({})", true, false); }
base::Result<Check> stdev(const Arguments& a) { return between(a, "stddev_samp({})", true, false); }

// Bounds as numbers, for what is no aggregate of DuckDB.
base::Result<bool> inside(const json& kwargs, double value) {
  const auto bound = [&](const char* key) -> std::optional<double> {
    if (!kwargs.contains(key) || !kwargs[key].is_number()) return std::nullopt;
    return kwargs[key].get<double>();
  };
  const auto strict = [&](const char* key) { return kwargs.contains(key) && kwargs[key] == true; };
  const auto low = bound("min_value");
  const auto high = bound("max_value");
  if (low && (strict("strict_min") ? value <= *low : value < *low)) return false;
  if (high && (strict("strict_max") ? value >= *high : value > *high)) return false;
  return true;
}

base::Result<Check> share(const Arguments& a) {
  const std::string name = TRY(a.text("column"));
  const std::string missing = missing_sql(TRY(a.column(name)), name);
  Check check;
  check.columns = {name};
  check.where = a.where();
  check.scan = {a.filtered("count(*)"), a.filtered("count(*)", fmt::format("NOT ({})", missing))};
  const json kwargs = a.kwargs();
  check.judge = [kwargs](const std::vector<json>& values) -> base::Result<Verdict> {
    const double rows = values[0].get<double>();
    if (rows == 0) return Verdict{false, {{"observed_value", nullptr}}};
    const double share = values[1].get<double>() / rows;
    return Verdict{TRY(inside(kwargs, share)), {{"observed_value", share}}};
  };
  return check;
}

// The different values: how many, or as a share of all.
base::Result<Check> distinct(const Arguments& a, bool proportion) {
  const std::string name = TRY(a.text("column"));
  const std::string missing = missing_sql(TRY(a.column(name)), name);
  Check check;
  check.columns = {name};
  check.where = a.where();
  const std::string c = sql::quote_name(name);
  check.groups = {{{c}, a.judged(missing), "count(*)"},
                  {{c}, a.judged(missing), "coalesce(sum(n), 0)"}};
  const json kwargs = a.kwargs();
  check.judge = [kwargs, proportion](const std::vector<json>& values) -> base::Result<Verdict> {
    const double count = values[0].get<double>();
    const double rows = values[1].get<double>();
    if (!proportion) return Verdict{TRY(inside(kwargs, count)), {{"observed_value", values[0]}}};
    if (rows == 0) return Verdict{false, {{"observed_value", nullptr}}};
    return Verdict{TRY(inside(kwargs, count / rows)), {{"observed_value", count / rows}}};
  };
  return check;
}
base::Result<Check> unique_count(const Arguments& a) { return distinct(a, false); }
base::Result<Check> unique_share(const Arguments& a) { return distinct(a, true); }

struct Quantiles {
  std::vector<double> at;
  json ranges;
};

base::Result<Quantiles> quantiles_of(const Arguments& a) {
  const auto wrong = [](std::string what) {
    return wrong_argument(std::move(what),
                          R"(write {"quantiles": [0.5], "value_ranges": [[1, 2]]})");
  };
  if (!a.has("quantile_ranges") || !a.kwargs()["quantile_ranges"].is_object())
    return wrong("'quantile_ranges' is missing or no object");
  const json& given = a.kwargs()["quantile_ranges"];
  Quantiles q{.at = {}, .ranges = given.value("value_ranges", json::array())};
  for (const json& one : given.value("quantiles", json::array())) {
    if (!one.is_number() || one < 0 || one > 1)
      return wrong(fmt::format("'quantiles' has {}, which is no share", one.dump()));
    q.at.push_back(one.get<double>());
  }
  if (q.at.empty() || !q.ranges.is_array() || q.at.size() != q.ranges.size())
    return wrong("quantile_ranges must have as many value_ranges as quantiles");
  for (const json& range : q.ranges) {
    if (!range.is_array() || range.size() != 2 ||
        (range[0].is_number() && range[1].is_number() && range[0] > range[1]))
      return wrong("quantile_ranges must consist of ordered pairs");
  }
  return q;
}

bool in_range(double value, const json& range) {
  const auto near = [&](const json& bound) {
    return bound.is_number() &&
           std::abs(value - bound.get<double>()) <= 1e-8 + 1e-4 * std::abs(bound.get<double>());
  };
  if (near(range[0]) || near(range[1])) return true;
  return (!range[0].is_number() || value >= range[0].get<double>()) &&
         (!range[1].is_number() || value <= range[1].get<double>());
}

// The value that is nearest to each quantile's place in the order, as pandas gives it.
base::Result<Check> quantiles(const Arguments& a) {
  const std::string name = TRY(a.text("column"));
  const auto* column = TRY(a.column(name));
  TRY(check_numeric(a, column));
  const Quantiles q = TRY(quantiles_of(a));
  const std::string kept = fmt::format("NOT ({})", missing_sql(column, name));
  Check check;
  check.columns = {name};
  check.where = a.where();
  check.scan = {a.filtered("count(*)", kept)};
  const std::string tail = a.filtered("", kept);
  const std::string interpolation = a.text_or("allow_relative_error", "nearest");
  check.late = [q, c = sql::quote_name(name), tail,
                interpolation](const std::vector<json>& values) -> std::vector<std::string> {
    const double last = values[0].get<double>() - 1;
    std::vector<std::string> places;
    for (const double at : q.at) {
      double place = at * last;
      if (interpolation == "lower") place = std::floor(place);
      if (interpolation == "higher") place = std::ceil(place);
      if (interpolation == "midpoint") place = (std::floor(place) + std::ceil(place)) / 2;
      if (interpolation == "nearest") place = std::nearbyint(place);
      places.push_back(json(last > 0 ? place / last : 0.0).dump());
    }
    return {
        fmt::format("quantile_cont(CAST({} AS DOUBLE), [{}]){}", c, fmt::join(places, ", "), tail)};
  };
  check.judge = [q](const std::vector<json>& values) -> base::Result<Verdict> {
    const json& found = values[1];
    Verdict verdict{.success = true};
    json details = json::array();
    for (std::size_t i = 0; i < q.at.size(); ++i) {
      const bool good =
          found.is_array() && found[i].is_number() && in_range(found[i].get<double>(), q.ranges[i]);
      details.push_back(good);
      verdict.success = verdict.success && good;
    }
    verdict.result = {{"observed_value", {{"quantiles", q.at}, {"values", found}}},
                      {"details", {{"success_details", details}}}};
    return verdict;
  };
  return check;
}

}  // namespace

std::map<std::string, Known> aggregate_expectations() {
  const std::vector<std::string> bounds = {"column", "min_value", "max_value", "strict_min",
                                           "strict_max"};
  return {
      {"expect_column_max_to_be_between", {max, bounds}},
      {"expect_column_min_to_be_between", {min, bounds}},
      {"expect_column_mean_to_be_between", {mean, bounds}},
      {"expect_column_median_to_be_between", {median, bounds}},
      {"expect_column_stdev_to_be_between", {stdev, bounds}},
      {"expect_column_sum_to_be_between", {sum, bounds}},
      {"expect_column_unique_value_count_to_be_between", {unique_count, bounds}},
      {"expect_column_proportion_of_unique_values_to_be_between", {unique_share, bounds}},
      {"expect_column_proportion_of_non_null_values_to_be_between", {share, bounds}},
      {"expect_column_quantile_values_to_be_between",
       {quantiles, {"column", "quantile_ranges", "allow_relative_error"}}},
  };
}

}  // namespace quality
