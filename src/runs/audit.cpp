#include "runs/audit.h"

#include <algorithm>

namespace runs {
namespace {

using Sums = std::map<eventlog::TopicPartition, Counts>;

class Auditor {
 public:
  Auditor(const AuditInput& input, sql::Connection& connection)
      : input_(input), connection_(connection) {
    for (const LedgerLine& line : input.ledger) sums_[line.model][line.source] += line.counts;
  }

  base::Result<Audit> run() {
    audit_.lines = input_.ledger;
    for (const AuditedModel& model : input_.models) {
      if (model.sources.empty()) {
        TRY(check_bronze(model));
      } else {
        check_chain(model);
        TRY(check_rows(model));
      }
      TRY(check_dead(model));
    }
    return std::move(audit_);
  }

 private:
  void check(std::string name, bool ok, std::string detail) {
    audit_.checks.push_back({std::move(name), ok, std::move(detail)});
  }

  // A SELECT over the pinned version of a table, read from its files.
  base::Result<std::unique_ptr<sql::Result>> ask(const std::string& table,
                                                 const std::string& select,
                                                 const std::string& behind = "") {
    const auto it = input_.tables.find(table);
    if (it == input_.tables.end())
      return base::fail(base::Code::kNotFound, "there is no table {}", table);
    return connection_.query(
        fmt::format("SELECT {} FROM ({}) t{}", select, it->second->scan_sql(), behind));
  }

  base::Result<std::int64_t> count(const std::string& table, const std::string& where) {
    if (!input_.tables.contains(table)) return 0;
    return TRY(ask(table, "count(*)", " WHERE " + where))->int_at(0, 0);
  }

  // Every record up to the consumed offset is in bronze exactly once. Offsets need not be dense:
  // the marks that end transactions have offsets, and compaction takes records away.
  base::Result<> check_bronze(const AuditedModel& model) {
    const auto groups = TRY(ask(
        model.table, "_partition, count(*), count(DISTINCT _offset), min(_offset), max(_offset)",
        " GROUP BY 1"));
    std::map<std::int64_t, std::size_t> row_of;
    for (std::size_t row = 0; row < groups->rows(); ++row) row_of[groups->int_at(0, row)] = row;
    for (const auto& [source, sum] : sums_[model.table]) {
      const std::string name = fmt::format("{} {}/{}: each consumed record once", model.table,
                                           source.topic, source.partition);
      const auto found = row_of.find(source.partition);
      if (found == row_of.end()) {
        check(name, sum.in == 0, fmt::format("{} records taken in, none in the table", sum.in));
        continue;
      }
      const std::size_t r = found->second;
      const std::int64_t n = groups->int_at(1, r);
      const std::int64_t distinct = groups->int_at(2, r);
      const std::int64_t span = groups->int_at(4, r) - groups->int_at(3, r) + 1;
      const auto consumed = input_.consumed.find(source);
      const bool up_to =
          consumed == input_.consumed.end() || groups->int_at(4, r) < consumed->second;
      std::string detail =
          fmt::format("{} taken in, {} in the table, {} different offsets from {} to {}", sum.in, n,
                      distinct, groups->int_at(3, r), groups->int_at(4, r));
      if (span > n) detail += fmt::format(", {} of them without a record", span - n);
      check(name, n == sum.in && distinct == n && span >= n && up_to, std::move(detail));
    }
    return {};
  }

  // What a model took in is what its sources gave out.
  void check_chain(const AuditedModel& model) {
    const auto beginning = input_.beginnings.find(model.table);
    std::map<eventlog::TopicPartition, std::int64_t> given;
    for (const std::string& source : model.sources) {
      for (const auto& [place, rows] : given_by(source, input_.ledger)) given[place] += rows;
    }
    for (auto [source, due] : given) {
      if (beginning != input_.beginnings.end() && beginning->second.contains(source))
        due -= beginning->second.at(source);
      const auto it = sums_[model.table].find(source);
      const std::int64_t taken = it == sums_[model.table].end() ? 0 : it->second.in;
      check(fmt::format("{} {}/{}: takes in all that {} gives", model.table, source.topic,
                        source.partition, fmt::join(model.sources, ", ")),
            taken == due || (model.behind && taken < due),
            fmt::format("{} given since it began, {} taken in", due, taken));
    }
  }

  base::Result<> check_rows(const AuditedModel& model) {
    Counts total;
    for (const auto& [source, counts] : sums_[model.table]) total += counts;
    if (model.appends) {
      const std::int64_t rows = TRY(count(model.table, "true"));
      std::int64_t due = 0;
      for (const auto& [place, given] : given_by(model.table, input_.ledger)) due += given;
      check(fmt::format("{}: rows in the table", model.table), rows == due,
            fmt::format("{} by the ledger, {} in the table", due, rows));
    } else if (input_.tables.contains(model.table)) {
      std::vector<std::string> key;
      for (const std::string& column : model.key) key.push_back(sql::quote_name(column));
      const auto result = TRY(
          ask(model.table, fmt::format("count(*), count(DISTINCT row({}))", fmt::join(key, ", "))));
      check(fmt::format("{}: one row per key", model.table),
            result->int_at(0, 0) == result->int_at(1, 0),
            fmt::format("{} rows, {} keys", result->int_at(0, 0), result->int_at(1, 0)));
    }
    if (total.late > 0) {
      const std::int64_t rows = TRY(count(model.table + "_late", "true"));
      check(fmt::format("{}_late: late rows", model.table), rows == total.late,
            fmt::format("{} by the ledger, {} in the table", total.late, rows));
    }
    return {};
  }

  base::Result<> check_dead(const AuditedModel& model) {
    std::int64_t dead = 0;
    for (const auto& [source, counts] : sums_[model.table]) dead += counts.dead;
    const std::int64_t rows =
        TRY(count("dead_letters", "t.model = " + sql::quote_text(model.table)));
    if (dead == 0 && rows == 0) return {};
    check(fmt::format("{}: dead letters", model.table), rows == dead,
          fmt::format("{} by the ledger, {} in the table", dead, rows));
    return {};
  }

  const AuditInput& input_;
  sql::Connection& connection_;
  std::map<std::string, Sums> sums_;
  Audit audit_;
};

}  // namespace

bool Audit::balanced() const {
  return std::all_of(lines.begin(), lines.end(),
                     [](const LedgerLine& l) { return l.counts.balanced(); }) &&
         std::all_of(checks.begin(), checks.end(), [](const Check& c) { return c.ok; });
}

base::Result<Audit> audit(const AuditInput& input, sql::Connection& connection) {
  return Auditor(input, connection).run();
}

nlohmann::json to_json(const Audit& audit) {
  nlohmann::json json{{"balanced", audit.balanced()},
                      {"lines", nlohmann::json::array()},
                      {"checks", nlohmann::json::array()}};
  for (const LedgerLine& line : audit.lines) {
    nlohmann::json entry = to_json(line.counts);
    entry["model"] = line.model;
    entry["topic"] = line.source.topic;
    entry["partition"] = line.source.partition;
    entry["balanced"] = line.counts.balanced();
    json["lines"].push_back(std::move(entry));
  }
  for (const Check& check : audit.checks) {
    json["checks"].push_back({{"check", check.name}, {"ok", check.ok}, {"detail", check.detail}});
  }
  return json;
}

}  // namespace runs
