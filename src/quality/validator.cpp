#include "quality/validator.h"

#include <algorithm>
#include <optional>

#include "quality/expectation_list.h"
#include "quality/parameters.h"
#include "quality/row_condition.h"
#include "quality/row_result.h"

namespace quality {
namespace {

using nlohmann::json;

// Expressions of one SELECT, each once.
class Scan {
 public:
  std::size_t add(const std::string& expression) {
    const auto [it, fresh] = places_.try_emplace(expression, list_.size());
    if (fresh) list_.push_back(expression);
    return it->second;
  }
  bool empty() const { return list_.empty(); }
  base::Result<std::vector<json>> run(sql::Connection& connection, const std::string& from,
                                      const std::string& before = "") const {
    if (list_.empty()) return std::vector<json>();
    const auto result = TRY(connection.query(
        fmt::format("{}SELECT {}, count(*) FROM {}", before, fmt::join(list_, ", "), from)));
    std::vector<json> values;
    for (std::size_t i = 0; i < list_.size(); ++i) values.push_back(result->json(i, 0));
    return values;
  }

 private:
  std::map<std::string, std::size_t> places_;
  std::vector<std::string> list_;
};

// One expectation on its way.
struct Work {
  const Expectation* expectation = nullptr;
  ResultFormat format;
  std::optional<Check> check;
  std::optional<base::Error> error;
  std::vector<std::size_t> places;  // in the scan under way
  std::vector<json> values;         // scan, groups, queries, late
  RowCounts counts;
  Verdict verdict;

  bool lives() const { return check.has_value() && !error.has_value(); }
};

std::string filter(const std::string& where) {
  return where.empty() ? "" : fmt::format(" FILTER (WHERE {})", where);
}

std::string both(const std::string& a, const std::string& b) {
  if (a.empty()) return b;
  return b.empty() ? a : fmt::format("({}) AND ({})", a, b);
}

std::string judged_count(const Check& check) {
  if (check.missing.empty()) return "count(*)" + filter(check.where);
  if (check.where.empty() && check.columns.size() == 1 &&
      check.missing == sql::quote_name(check.columns[0]) + " IS NULL")
    return fmt::format("count({})", sql::quote_name(check.columns[0]));
  return "count(*)" + filter(both(check.where, fmt::format("NOT ({})", check.missing)));
}

std::string unexpected_count(const Check& check) {
  const std::string kept = check.missing.empty() ? "" : fmt::format("NOT ({})", check.missing);
  return fmt::format("count_if({})", both(both(check.where, kept), check.unexpected));
}

// What the first scan is to find for a check.
std::vector<std::string> first_scan(const Check& check) {
  std::vector<std::string> list = check.scan;
  if (!check.over_rows || !check.source.empty()) return list;
  list.push_back("count(*)" + filter(check.where));
  list.push_back(judged_count(check));
  if (!check.repeats && !check.refine) list.push_back(unexpected_count(check));
  return list;
}

// What a second scan is to find, from the values of the first.
std::vector<std::string> second_scan(Check& check, const std::vector<json>& values) {
  if (check.late) return check.late(values);
  if (!check.refine) return {};
  check.unexpected = check.refine(values);
  return {unexpected_count(check)};
}

using Expressions = std::vector<std::string> (*)(Work&);

std::vector<std::string> first_of(Work& work) { return first_scan(*work.check); }
std::vector<std::string> second_of(Work& work) { return second_scan(*work.check, work.values); }

// One SELECT for all; when it fails, one for each, so that only those that fail are lost.
void run_scan(sql::Connection& connection, const Rows& rows, std::vector<Work>& works,
              Expressions expressions) {
  Scan all;
  std::vector<std::vector<std::string>> lists(works.size());
  for (std::size_t i = 0; i < works.size(); ++i) {
    works[i].places.clear();
    if (!works[i].lives()) continue;
    lists[i] = expressions(works[i]);
    for (const std::string& one : lists[i]) works[i].places.push_back(all.add(one));
  }
  const auto found = all.run(connection, rows.from);
  for (std::size_t i = 0; i < works.size(); ++i) {
    Work& work = works[i];
    if (!work.lives() || lists[i].empty()) continue;
    if (found) {
      for (const std::size_t place : work.places) work.values.push_back((*found)[place]);
      continue;
    }
    Scan one;
    std::vector<std::size_t> places;
    for (const std::string& expression : lists[i]) places.push_back(one.add(expression));
    const auto own = one.run(connection, rows.from);
    if (!own) {
      work.error = own.error();
      continue;
    }
    for (const std::size_t place : places) work.values.push_back((*own)[place]);
  }
}

// Aggregates over the same groups are one query.
struct Groups {
  Scan scan;
  std::optional<base::Result<std::vector<json>>> found = std::nullopt;
};

std::string groups_sql(const Rows& rows, const Grouped& grouped) {
  std::vector<std::string> keys;
  std::vector<std::string> places;
  for (const std::string& key : grouped.keys) {
    keys.push_back(
        fmt::format("{} AS {}", key, keys.empty() ? "v" : fmt::format("_wb_{}", keys.size())));
    places.push_back(std::to_string(keys.size()));
  }
  return fmt::format("(SELECT {}, count(*) AS n FROM {} WHERE {} GROUP BY {})",
                     fmt::join(keys, ", "), rows.from, grouped.where, fmt::join(places, ", "));
}

void run_groups(sql::Connection& connection, const Rows& rows, std::vector<Work>& works) {
  std::map<std::string, Groups> all;
  for (Work& work : works) {
    if (!work.lives()) continue;
    work.places.clear();
    for (const Grouped& group : work.check->groups) {
      Groups& same = all[groups_sql(rows, group)];
      work.places.push_back(same.scan.add(group.aggregate));
    }
  }
  for (auto& [sql, groups] : all) {
    // A name that each aggregate may read again.
    groups.found = groups.scan.run(connection, "g", fmt::format("WITH g AS {} ", sql));
  }
  for (Work& work : works) {
    if (!work.lives()) continue;
    for (std::size_t i = 0; i < work.places.size(); ++i) {
      const auto& found = *all[groups_sql(rows, work.check->groups[i])].found;
      if (!found) {
        work.error = found.error();
        break;
      }
      work.values.push_back((*found)[work.places[i]]);
    }
  }
}

base::Result<> run_queries(sql::Connection& connection, Work& work) {
  for (const std::string& query : work.check->queries) {
    const auto result = TRY(connection.query(query));
    json rows = json::array();
    for (std::size_t row = 0; row < result->rows(); ++row) {
      json cells = json::array();
      for (std::size_t i = 0; i < result->columns().size(); ++i)
        cells.push_back(result->json(i, row));
      rows.push_back(std::move(cells));
    }
    work.values.push_back(std::move(rows));
  }
  return {};
}

std::int64_t count_of(const json& value) {
  return value.is_number() ? value.get<std::int64_t>() : 0;
}

// The counts of a check over rows, from what the scans found.
base::Result<> take_counts(sql::Connection& connection, Work& work) {
  const Check& check = *work.check;
  if (!check.source.empty()) {
    Scan own;
    own.add("count(*)" + filter(check.where));
    own.add(judged_count(check));
    own.add(unexpected_count(check));
    const auto values = TRY(own.run(connection, check.source));
    const auto at = [&](const std::string& expression) {
      return count_of(values[own.add(expression)]);
    };
    work.counts = {at("count(*)" + filter(check.where)), at(judged_count(check)),
                   at(unexpected_count(check))};
    return {};
  }
  const std::size_t at = check.scan.size();
  work.counts.total = count_of(work.values[at]);
  work.counts.judged = count_of(work.values[at + 1]);
  work.counts.unexpected = count_of(work.values[at + 2]);
  return {};
}

base::Result<> judge(sql::Connection& connection, const Rows& rows, Work& work) {
  if (!work.check->over_rows) {
    work.verdict = TRY(work.check->judge(work.values));
    if (work.format.level == ResultFormat::Level::kBoolean) work.verdict.result = json::object();
    return {};
  }
  TRY(take_counts(connection, work));
  work.verdict = TRY(row_result(connection, rows, *work.check, work.counts, work.format));
  return {};
}

json result_of(const Work& work) {
  json info{{"raised_exception", work.error.has_value()},
            {"exception_message", nullptr},
            {"exception_traceback", nullptr}};
  if (work.error) {
    info["exception_message"] = work.error->to_string();
    info["exception_traceback"] = work.error->to_string();
  }
  const bool success = !work.error && work.verdict.success;
  return {{"success", success},
          {"expectation_config", work.expectation->config},
          {"result", work.error ? json::object() : work.verdict.result},
          {"meta", {{"severity", severity_name(work.expectation->severity)}}},
          {"exception_info", std::move(info)}};
}

json summary_of(const SuiteFile& suite, const std::vector<Work>& works, const json& parameters) {
  json results = json::array();
  std::size_t met = 0;
  for (const Work& work : works) {
    results.push_back(result_of(work));
    if (results.back()["success"] == true) ++met;
  }
  const std::size_t all = works.size();
  return {{"success", met == all},
          {"results", std::move(results)},
          {"suite_name", suite.name},
          {"suite_parameters", parameters},
          {"statistics",
           {{"evaluated_expectations", all},
            {"successful_expectations", met},
            {"unsuccessful_expectations", all - met},
            {"success_percent",
             all == 0 ? json() : json(static_cast<double>(met) / static_cast<double>(all) * 100)}}},
          {"meta", json::object()}};
}

}  // namespace

base::Result<Rows> describe_rows(sql::Connection& connection, const std::string& from) {
  const auto statement = TRY(connection.prepare(fmt::format("SELECT * FROM {} LIMIT 0", from)));
  return Rows{.from = from, .columns = statement->columns(), .others = {}};
}

base::Result<Check> compile(const Expectation& expectation, const Rows& rows,
                            const json& parameters, base::TimestampUs now_us) {
  const json kwargs = TRY(with_parameters(expectation.kwargs, parameters, now_us));
  const std::string where = TRY(row_condition_sql(kwargs.value("row_condition", json()),
                                                  kwargs.value("condition_parser", "")));
  const Arguments arguments(expectation.type, kwargs, rows, where);
  return known_expectations().at(expectation.type).compile(arguments);
}

base::Result<json> validate(sql::Connection& connection, const Rows& rows, const SuiteFile& suite,
                            const ValidateOptions& options) {
  json parameters = suite.parameters.is_object() ? suite.parameters : json::object();
  if (options.parameters.is_object()) parameters.update(options.parameters);
  std::vector<Work> works;
  for (const Expectation& expectation : suite.expectations) {
    Work& work = works.emplace_back();
    work.expectation = &expectation;
    auto format = ResultFormat::from(expectation.kwargs.value("result_format", json::object()),
                                     options.format);
    if (!format) return std::unexpected(in_expectation(format.error(), suite, expectation));
    work.format = *std::move(format);
    auto check = compile(expectation, rows, parameters, options.now_us);
    if (check) {
      work.check = *std::move(check);
    } else {
      work.error = in_expectation(check.error(), suite, expectation);
    }
  }
  run_scan(connection, rows, works, first_of);
  run_groups(connection, rows, works);
  for (Work& work : works) {
    if (!work.lives()) continue;
    if (const auto done = run_queries(connection, work); !done) work.error = done.error();
  }
  run_scan(connection, rows, works, second_of);
  for (Work& work : works) {
    if (!work.lives()) continue;
    if (const auto done = judge(connection, rows, work); !done) work.error = done.error();
  }
  return summary_of(suite, works, parameters);
}

}  // namespace quality
