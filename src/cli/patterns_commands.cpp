#include "cli/patterns_commands.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/opened_lake.h"
#include "cli/print.h"
#include "cli/project.h"
#include "stream/pattern.h"
#include "stream/pattern_history.h"

namespace cli {
namespace {

using base::Code;
using base::Result;

struct Flags {
  std::string name, from, to;
  std::int64_t limit = 20;
  bool as_json = false;
};

std::vector<runs::Model> patterns_of(const Project& project) {
  std::vector<runs::Model> patterns;
  std::copy_if(project.models.begin(), project.models.end(), std::back_inserter(patterns),
               [](const runs::Model& model) { return !model.pattern.empty(); });
  return patterns;
}

Result<runs::Model> pattern_named(const Project& project, const std::string& name) {
  std::vector<std::string> tables;
  for (const runs::Model& model : patterns_of(project)) {
    if (model.table == name || base::Path(model.file).stem() == name) return model;
    tables.push_back(model.table);
  }
  return base::fail_with(Code::kNotFound, fmt::format("there is no pattern '{}'", name),
                         tables.empty()
                             ? "write one: docs/patterns.md"
                             : fmt::format("the patterns are {}", fmt::join(tables, ", ")));
}

Result<> list(const std::string& folder) {
  const Project project = TRY(load_project(folder));
  std::vector<std::vector<std::string>> cells;
  for (const runs::Model& model : patterns_of(project)) {
    const stream::Pattern pattern = TRY(stream::parse_pattern_file(model.pattern, model.file));
    cells.push_back({model.table, pattern.source, fmt::format("{}", fmt::join(pattern.key, ", ")),
                     base::format_duration(pattern.within_us), model.description});
  }
  std::cout << table({"table", "source", "key", "within", "description"}, cells);
  return {};
}

Result<base::TimestampUs> time_of(const std::string& flag, const std::string& text,
                                  base::TimestampUs otherwise) {
  if (text.empty()) return otherwise;
  auto us = base::parse_timestamp(text);
  if (!us) return std::unexpected(std::move(us).error().in(flag));
  return us;
}

void show_rows(const Flags& flags, const sql::Result& rows) {
  std::vector<std::string> names;
  for (const sql::ColumnInfo& column : rows.columns()) names.push_back(column.name);
  if (flags.as_json) {
    nlohmann::json list = nlohmann::json::array();
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      nlohmann::json object;
      for (std::size_t c = 0; c < names.size(); ++c)
        object[names[c]] = rows.is_null(c, row) ? nlohmann::json() : rows.json(c, row);
      list.push_back(std::move(object));
    }
    std::cout << list.dump(2) << "\n";
    return;
  }
  std::vector<std::vector<std::string>> cells;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    std::vector<std::string>& line = cells.emplace_back();
    for (std::size_t c = 0; c < names.size(); ++c) line.push_back(rows.text(c, row));
  }
  std::cout << table(names, cells);
}

// What the pattern finds among the rows that its source has in the lake. Writes nothing.
Result<> run_over_history(const std::string& folder, const Flags& flags) {
  const Project project = TRY(load_project(folder));
  const runs::Model model = TRY(pattern_named(project, flags.name));
  const stream::Pattern pattern = TRY(stream::parse_pattern_file(model.pattern, model.file));
  const OpenedLake lake = TRY(open_lake(folder, ""));
  const auto& connection = lake.connection;
  const auto snapshot = TRY(TRY(lake.catalog->table(pattern.source))->snapshot());
  const storage::Hold hold = TRY(snapshot->fetch());
  const std::string scan = snapshot->scan_sql();
  stream::PatternPeriod period{.from_us = TRY(time_of("--from", flags.from, INT64_MIN)),
                               .to_us = TRY(time_of("--to", flags.to, INT64_MAX))};
  const auto newest = TRY(connection->query(
      fmt::format("SELECT max(epoch_us({})) FROM ({})", sql::quote_name(pattern.time), scan)));
  if (!newest->is_null(0, 0)) period.complete_us = newest->int_at(0, 0) - pattern.watermark_us;
  const stream::PatternFound found = TRY(stream::match_history(
      *connection, model, scan, snapshot->metadata().schema, period, "found"));
  show_rows(flags, *TRY(connection->query(fmt::format(
                       "SELECT * EXCLUDE (_partition, _offset) FROM found ORDER BY match_time, "
                       "match_id LIMIT {}",
                       flags.limit))));
  if (!flags.as_json)
    std::cout << fmt::format("{} matches, {} of them time-outs, in {} rows of {}\n", found.matches,
                             found.timeouts, found.rows, pattern.source);
  return {};
}

}  // namespace

void add_patterns_commands(CLI::App& app, const std::string& project,
                           std::function<base::Result<>()>& run) {
  const auto flags = std::make_shared<Flags>();
  auto* patterns = app.add_subcommand("patterns", "sequences of events")->require_subcommand(1);
  patterns->add_subcommand("list", "the project's patterns")->callback([&project, &run] {
    run = [&project] { return list(project); };
  });
  auto* over = patterns->add_subcommand(
      "run", "what a pattern finds among the rows in the lake; writes nothing");
  over->add_option("name", flags->name, "its table, or its file's name")->required();
  over->add_option("--from", flags->from, "matches that begin from this time on");
  over->add_option("--to", flags->to, "and before this one");
  over->add_option("--limit", flags->limit, "rows shown at most");
  over->add_flag("--json", flags->as_json, "rows as JSON");
  over->callback([&project, &run, flags] {
    run = [&project, flags] { return run_over_history(project, *flags); };
  });
}

}  // namespace cli
