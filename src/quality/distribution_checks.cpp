// Expectations of how a column's values are spread: Kullback-Leibler divergence, chi-square,
// Kolmogorov-Smirnov, Cramér's phi.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "quality/expectation_list.h"
#include "quality/probability.h"

namespace quality {
namespace {

using nlohmann::json;

constexpr std::size_t kBinsMax = 10'000;
// Values that are taken in memory for a test of distribution at most.
constexpr std::int64_t kTestedMax = 5'000'000;

struct Partition {
  bool categorical = false;
  json values;  // or edges
  std::vector<double> weights;
  std::vector<double> tails;  // none or two
};

std::unexpected<base::Error> wrong_partition(std::string what) {
  return wrong_argument(
      "ValueError: " + std::move(what),
      R"(write {"values": […], "weights": […]} or {"bins": […], "weights": […]} whose weights sum to 1)");
}

base::Result<Partition> partition_of(const Arguments& a) {
  if (!a.has("partition_object") || !a.kwargs()["partition_object"].is_object())
    return wrong_partition("'partition_object' is missing or no object");
  const json& given = a.kwargs()["partition_object"];
  Partition p;
  double sum = 0;
  const auto take = [&](const char* key, std::vector<double>& to) -> base::Result<> {
    for (const json& weight : given.value(key, json::array())) {
      if (!weight.is_number() || weight < 0)
        return wrong_partition(fmt::format("'{}' has {}", key, weight.dump()));
      to.push_back(weight.get<double>());
      sum += to.back();
    }
    return {};
  };
  TRY(take("weights", p.weights));
  TRY(take("tail_weights", p.tails));
  p.categorical = given.contains("values");
  p.values = given.value(p.categorical ? "values" : "bins", json::array());
  const std::size_t parts = p.values.size() - (p.categorical || p.values.empty() ? 0 : 1);
  if (!p.values.is_array() || p.values.empty() || p.values.size() > kBinsMax ||
      parts != p.weights.size() || (!p.tails.empty() && p.tails.size() != 2))
    return wrong_partition("the partition object has not one weight for each part");
  if (std::abs(sum - 1) > 1e-6)
    return wrong_partition(fmt::format("the weights of the partition object sum to {}", sum));
  if (p.categorical) return p;
  for (std::size_t i = 0; i < p.values.size(); ++i) {
    if (!p.values[i].is_number() || (i > 0 && p.values[i] <= p.values[i - 1]))
      return wrong_partition("the bins of the partition object do not rise");
  }
  return p;
}

// Sum of p log(p / q), both scaled to 1; nothing where p is 0, infinite where only q is.
double entropy(std::vector<double> p, std::vector<double> q) {
  const auto scale = [](std::vector<double>& values) {
    double sum = 0;
    for (const double v : values) sum += v;
    for (double& v : values) v /= sum;
  };
  scale(p);
  scale(q);
  double divergence = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] > 0) divergence += p[i] * std::log(p[i] / q[i]);
  }
  return divergence;
}

Verdict divergence_verdict(double divergence, const json& threshold, json details) {
  Verdict verdict;
  verdict.success = threshold.is_null() || divergence <= threshold.get<double>();
  verdict.result["observed_value"] = std::isfinite(divergence) ? json(divergence) : json();
  verdict.result["details"] = std::move(details);
  return verdict;
}

// How often each value comes: an object from its JSON to its count, sorted by value.
Grouped counts_of(const Arguments& a, const std::string& name, const std::string& missing) {
  return {{sql::quote_name(name)},
          a.judged(missing),
          fmt::format("list({{'value': v, 'count': n}} ORDER BY v)[:{}]", kBinsMax)};
}

struct Categories {
  json values = json::array();
  std::vector<double> observed;
  std::vector<double> expected;  // NaN: not foreseen
  double total = 0;
};

Categories categories_of(const Partition& p, const json& counts) {
  Categories c;
  std::map<std::string, double> seen;
  if (counts.is_array()) {
    for (const json& one : counts) {
      seen[one.at("value").dump()] = one.at("count").get<double>();
      c.total += one.at("count").get<double>();
    }
  }
  for (std::size_t i = 0; i < p.weights.size(); ++i) {
    const auto it = seen.find(p.values[i].dump());
    c.values.push_back(p.values[i]);
    c.observed.push_back(it == seen.end() ? 0 : it->second);
    c.expected.push_back(p.weights[i]);
    if (it != seen.end()) seen.erase(it);
  }
  for (const auto& [value, count] : seen) {
    c.values.push_back(json::parse(value));
    c.observed.push_back(count);
    c.expected.push_back(std::nan(""));
  }
  return c;
}

base::Result<Check> kl_categorical(const Arguments& a, const Partition& p, const std::string& name,
                                   const std::string& missing) {
  const double holdout = TRY(a.number_or("tail_weight_holdout", 0));
  Check check;
  check.columns = {name};
  check.groups = {counts_of(a, name, missing)};
  const json threshold = a.kwargs().value("threshold", json());
  check.judge = [p, holdout, threshold](const std::vector<json>& v) -> base::Result<Verdict> {
    Categories c = categories_of(p, v[0]);
    const auto unseen = static_cast<double>(
        std::ranges::count_if(c.expected, [](double q) { return std::isnan(q); }));
    for (double& q : c.expected) {
      if (std::isnan(q)) {
        q = holdout / unseen;
      } else if (unseen > 0) {
        q *= 1 - holdout;
      }
    }
    for (double& one : c.observed) one /= c.total;
    return divergence_verdict(
        entropy(c.observed, c.expected), threshold,
        {{"observed_partition", {{"values", c.values}, {"weights", c.observed}}},
         {"expected_partition", {{"values", c.values}, {"weights", c.expected}}}});
  };
  return check;
}

struct Binned {
  std::vector<double> observed;  // below, the bins, above
  std::vector<double> expected;
};

base::Result<Check> kl_binned(const Arguments& a, const Partition& p, const std::string& name,
                              const std::string& missing) {
  const double tail = TRY(a.number_or("tail_weight_holdout", 0));
  const double internal = TRY(a.number_or("internal_weight_holdout", 0));
  if (tail != 0 && !p.tails.empty())
    return wrong_partition("tail_weight_holdout must be 0 when the partition has tail_weights");
  Check check;
  check.columns = {name};
  const std::string kept = fmt::format("NOT ({})", missing);
  const std::string c = sql::quote_name(name);
  const auto count = [&](const std::string& where) {
    check.scan.push_back(a.filtered("count(*)", fmt::format("{} AND {}", kept, where)));
  };
  count(fmt::format("{} < {}", c, p.values.front().dump()));
  for (std::size_t i = 0; i + 1 < p.values.size(); ++i)
    count(fmt::format("{0} >= {1} AND {0} {3} {2}", c, p.values[i].dump(), p.values[i + 1].dump(),
                      i + 2 == p.values.size() ? "<=" : "<"));
  count(fmt::format("{} > {}", c, p.values.back().dump()));
  Binned binned;
  const auto zeros = static_cast<double>(std::ranges::count(p.weights, 0.0));
  for (const double weight : p.weights) {
    binned.expected.push_back(weight == 0 && internal > 0 ? internal / zeros
                                                          : weight * (1 - tail - internal));
  }
  binned.expected.insert(binned.expected.begin(), p.tails.empty() ? tail / 2 : p.tails[0]);
  binned.expected.push_back(p.tails.empty() ? tail / 2 : p.tails[1]);
  const json threshold = a.kwargs().value("threshold", json());
  check.judge = [p, binned, threshold](const std::vector<json>& v) -> base::Result<Verdict> {
    std::vector<double> observed;
    double total = 0;
    for (const json& one : v) total += one.get<double>();
    for (const json& one : v) observed.push_back(one.get<double>() / total);
    const auto side = [&](const std::vector<double>& weights) {
      return json{{"bins", p.values},
                  {"weights", std::vector<double>(weights.begin() + 1, weights.end() - 1)},
                  {"tail_weights", {weights.front(), weights.back()}}};
    };
    return divergence_verdict(
        entropy(observed, binned.expected), threshold,
        {{"observed_partition", side(observed)}, {"expected_partition", side(binned.expected)}});
  };
  return check;
}

base::Result<Check> kl_divergence(const Arguments& a) {
  const std::string name = TRY(a.text("column"));
  const std::string missing = missing_sql(TRY(a.column(name)), name);
  for (const char* key : {"tail_weight_holdout", "internal_weight_holdout"}) {
    const double share = TRY(a.number_or(key, 0));
    if (share < 0 || share > 1)
      return wrong_argument(fmt::format("'{}' must be between zero and one", key),
                            "write a share between 0 and 1");
  }
  if (a.has("threshold") && TRY(a.number("threshold")) < 0)
    return wrong_argument("'threshold' is below zero", "write zero or more");
  if (!a.has("partition_object")) {  // held against itself
    Check check;
    check.columns = {name};
    check.judge = [](const std::vector<json>&) -> base::Result<Verdict> {
      return Verdict{true, {{"observed_value", 0.0}}};
    };
    return check;
  }
  const Partition p = TRY(partition_of(a));
  if (!p.categorical && !a.flag("bucketize_data", true))
    return wrong_partition("a partition of bins needs bucketize_data");
  return p.categorical ? kl_categorical(a, p, name, missing) : kl_binned(a, p, name, missing);
}

Verdict p_verdict(double p, double threshold, json details) {
  return {p > threshold, {{"observed_value", p}, {"details", std::move(details)}}};
}

base::Result<Check> chi_square(const Arguments& a) {
  const std::string name = TRY(a.text("column"));
  const std::string missing = missing_sql(TRY(a.column(name)), name);
  const Partition p = TRY(partition_of(a));
  if (!p.categorical) return wrong_partition("chi-square needs a partition of values");
  const double threshold = TRY(a.number_or("p", 0.05));
  const double holdout = TRY(a.number_or("tail_weight_holdout", 0));
  Check check;
  check.columns = {name};
  check.groups = {counts_of(a, name, missing),
                  {{sql::quote_name(name)}, a.judged(missing), "coalesce(sum(n), 0)"}};
  check.judge = [p, threshold, holdout](const std::vector<json>& v) -> base::Result<Verdict> {
    const Categories c = categories_of(p, v[0]);
    const auto unseen = static_cast<double>(
        std::ranges::count_if(c.expected, [](double q) { return std::isnan(q); }));
    double statistic = 0;
    for (std::size_t i = 0; i < c.observed.size(); ++i) {
      const double share = std::isnan(c.expected[i]) ? holdout / unseen
                           : unseen > 0              ? c.expected[i] * (1 - holdout)
                                                     : c.expected[i];
      const double expected = share * c.total;
      if (expected == 0 && c.observed[i] == 0) continue;
      statistic += (c.observed[i] - expected) * (c.observed[i] - expected) / expected;
    }
    const auto degrees = static_cast<double>(c.observed.size()) - 1;
    const double found = std::isfinite(statistic) ? chi_square_survival(statistic, degrees) : 0;
    std::vector<double> observed = c.observed;
    for (double& one : observed) one /= c.total;
    Verdict verdict =
        p_verdict(found, threshold,
                  {{"observed_partition", {{"values", c.values}, {"weights", observed}}},
                   {"expected_partition", {{"values", p.values}, {"weights", p.weights}}}});
    verdict.result.update(
        {{"element_count", v[1]}, {"missing_count", nullptr}, {"missing_percent", nullptr}});
    return verdict;
  };
  return check;
}

base::Result<Distribution> distribution_of(const Arguments& a) {
  static const std::map<std::string, std::vector<std::string>> kShapes = {
      {"norm", {}},         {"uniform", {}}, {"expon", {}}, {"beta", {"alpha", "beta"}},
      {"gamma", {"alpha"}}, {"chi2", {"df"}}};
  Distribution d{.name = TRY(a.text("distribution")), .shape = {}};
  const auto it = kShapes.find(d.name);
  if (it == kShapes.end())
    return wrong_argument(fmt::format("unknown distribution '{}'", d.name),
                          "write norm, uniform, expon, beta, gamma or chi2");
  const json params = a.kwargs().value("params", json::object());
  std::vector<double> list;
  if (params.is_array()) {
    for (const json& one : params) {
      if (!one.is_number())
        return wrong_argument("'params' has what is no number", "write numbers");
      list.push_back(one.get<double>());
    }
  } else if (params.is_object()) {
    for (const std::string& key : it->second) {
      if (!params.contains(key) || !params[key].is_number())
        return wrong_argument(fmt::format("'params' has no '{}'", key),
                              fmt::format("{} needs {}", d.name, fmt::join(it->second, " and ")));
      list.push_back(params[key].get<double>());
    }
    const char* where = d.name == "norm" ? "mean" : d.name == "uniform" ? "min" : "loc";
    list.push_back(params.value(where, params.value("loc", 0.0)));
    double scale = params.value(d.name == "norm" ? "std_dev" : "scale", params.value("scale", 1.0));
    if (d.name == "uniform" && params.contains("max"))
      scale = params["max"].get<double>();  // as scipy takes it: the width
    list.push_back(scale);
  }
  if (list.size() < it->second.size())
    return wrong_argument(fmt::format("'params' has {} numbers", list.size()),
                          fmt::format("{} needs {}", d.name, fmt::join(it->second, " and ")));
  const auto shape_end = list.begin() + static_cast<std::ptrdiff_t>(it->second.size());
  d.shape.assign(list.begin(), shape_end);
  if (list.size() > it->second.size()) d.location = list[it->second.size()];
  if (list.size() > it->second.size() + 1) d.scale = list[it->second.size() + 1];
  if (!(d.scale > 0) || std::ranges::any_of(d.shape, [](double s) { return !(s > 0); }))
    return wrong_argument("ValueError: the parameters of a distribution must be positive",
                          "write a scale and a shape above zero");
  return d;
}

base::Result<Check> ks_test(const Arguments& a) {
  const std::string name = TRY(a.text("column"));
  const std::string missing = missing_sql(TRY(a.column(name)), name);
  const Distribution d = TRY(distribution_of(a));
  const double threshold = TRY(a.number_or("p_value", 0.05));
  if (threshold <= 0 || threshold >= 1)
    return wrong_argument("'p_value' is outside of 0 to 1", "write a share between 0 and 1");
  Check check;
  check.columns = {name};
  const std::string c = sql::quote_name(name);
  check.queries = {fmt::format("SELECT CAST({} AS DOUBLE) FROM {} WHERE {} ORDER BY 1 LIMIT {}", c,
                               a.rows().from, a.judged(missing), kTestedMax)};
  check.judge = [d, threshold](const std::vector<json>& v) -> base::Result<Verdict> {
    const auto n = static_cast<double>(v[0].size());
    double distance = 0;
    double before = 0;
    for (const json& row : v[0]) {
      const double at = d.cdf(row[0].get<double>());
      distance = std::max({distance, at - before / n, (before + 1) / n - at});
      ++before;
    }
    return p_verdict(ks_p_value(distance, n), threshold,
                     {{"statistic", distance}, {"distribution", d.name}});
  };
  return check;
}

// Each value's class as SQL: a number's bin of so many equal ones between the extremes, a text or
// "(other)" when it is not among the most frequent, or the group that it was put into.
std::string class_of(const Arguments& a, const sql::ColumnInfo* column, const std::string& name,
                     const char* count_key, const char* groups_key) {
  const std::string c = sql::quote_name(name);
  const bool number = column != nullptr && is_number(column->kind);
  const std::string n = a.has(count_key) ? a.kwargs()[count_key].dump() : "10";
  std::string value = fmt::format("CAST({} AS VARCHAR)", c);
  if (number && (a.has(count_key) || is_float(column->kind))) {
    value = fmt::format(
        "CAST(least({1} - 1, floor(({0} - min({0}) OVER ()) * {1} / nullif(max({0}) OVER () - "
        "min({0}) OVER (), 0))) AS VARCHAR)",
        c, n);
  } else if (a.has(groups_key) && a.kwargs()[groups_key].is_array()) {
    std::string cases;
    for (const json& group : a.kwargs()[groups_key]) {
      for (const json& one : group)
        cases +=
            fmt::format(" WHEN {} = {} THEN {}", c, literal(one), sql::quote_text(group.dump()));
    }
    if (!cases.empty()) value = fmt::format("CASE{} ELSE {} END", cases, value);
  } else if (!number) {
    value = fmt::format(
        "CASE WHEN {0} IS NULL OR {0} IN (SELECT {0} FROM {1} WHERE {0} IS NOT NULL GROUP BY 1 "
        "ORDER BY count(*) DESC, 1 LIMIT {2}) THEN {3} ELSE '(other)' END",
        c, a.rows().from, n, value);
  }
  return fmt::format("coalesce({}, '(missing)')", value);
}

base::Result<Check> cramers_phi(const Arguments& a) {
  const std::string left = TRY(a.text("column_A"));
  const std::string right = TRY(a.text("column_B"));
  const auto* l = TRY(a.column(left));
  const auto* r = TRY(a.column(right));
  const double threshold = TRY(a.number_or("threshold", 0.1));
  Check check;
  check.columns = {left, right};
  check.queries = {fmt::format(
      "SELECT a, b, count(*) FROM (SELECT {} AS a, {} AS b FROM {}{}) GROUP BY 1, 2 LIMIT {}",
      class_of(a, l, left, "n_bins_A", "bins_A"), class_of(a, r, right, "n_bins_B", "bins_B"),
      a.rows().from, a.where().empty() ? "" : " WHERE " + a.where(), kBinsMax)};
  check.judge = [threshold](const std::vector<json>& v) -> base::Result<Verdict> {
    std::map<std::string, double> rows;
    std::map<std::string, double> columns;
    double total = 0;
    double sum = 0;
    for (const json& cell : v[0]) {
      const auto n = cell[2].get<double>();
      rows[cell[0].dump()] += n;
      columns[cell[1].dump()] += n;
      total += n;
    }
    for (const json& cell : v[0]) {
      const auto n = cell[2].get<double>();
      sum += n * n / (rows[cell[0].dump()] * columns[cell[1].dump()]);
    }
    const auto side = static_cast<double>(std::min(rows.size(), columns.size())) - 1;
    const double phi =
        side < 1 ? 0 : std::clamp(std::sqrt(std::max(0.0, sum - 1) / side), 0.0, 1.0);
    return Verdict{phi <= threshold, {{"observed_value", total == 0 ? 0 : phi}}};
  };
  return check;
}

}  // namespace

std::map<std::string, Known> distribution_expectations() {
  return {
      {"expect_column_kl_divergence_to_be_less_than",
       {kl_divergence,
        {"column", "partition_object", "threshold", "tail_weight_holdout",
         "internal_weight_holdout", "bucketize_data", "min_value", "max_value"}}},
      {"expect_column_chisquare_test_p_value_to_be_greater_than",
       {chi_square, {"column", "partition_object", "p", "tail_weight_holdout"}}},
      {"expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than",
       {ks_test, {"column", "distribution", "p_value", "params"}}},
      {"expect_column_pair_cramers_phi_value_to_be_less_than",
       {cramers_phi,
        {"column_A", "column_B", "bins_A", "bins_B", "n_bins_A", "n_bins_B", "threshold"}}},
  };
}

}  // namespace quality
