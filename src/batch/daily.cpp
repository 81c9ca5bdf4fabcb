#include "batch/daily.h"

#include <algorithm>
#include <chrono>

#include "base/logging.h"
#include "batch/flags.h"
#include "batch/once.h"
#include "lake/dml.h"
#include "stream/plan.h"

namespace batch {
namespace {

constexpr int kAttemptsMax = 4;
constexpr std::string_view kFirstDay = "0001-01-01";

std::string plan_key(const std::string& table) { return "daily-plan/" + table; }
std::string done_key(const std::string& table) { return "daily/" + table; }
// The last day that runs which go on by themselves have closed.
std::string until_key(const std::string& table) { return "daily-until/" + table; }
std::string app_id(const std::string& table) { return "waybill/daily/" + table; }
// The day that a clock of this zone shows.
base::Result<std::int32_t> day_in(sql::Connection& connection, const std::string& zone,
                                  base::TimestampUs now_us) {
  const auto result = TRY(connection.query(
      fmt::format("SELECT CAST(timezone({}, make_timestamptz({})) AS DATE) - DATE '1970-01-01'",
                  sql::quote_text(zone), now_us)));
  return static_cast<std::int32_t>(result->int_at(0, 0));
}

std::unexpected<base::Error> at_header(const runs::Model& model, std::string what,
                                       std::string mend) {
  return std::unexpected(
      base::Error{.code = base::Code::kInvalid, .message = std::move(what), .mend = std::move(mend)}
          .at(model.file, 1));
}

}  // namespace

DailyModels::DailyModels(stream::Services services, std::vector<runs::Model> models,
                         std::map<std::string, quality::Suite> suites, base::Path project)
    : services_(services),
      suites_(std::move(suites)),
      project_(std::move(project)),
      models_(std::move(models)) {}

std::vector<runs::Model> DailyModels::models() const {
  const std::scoped_lock lock(models_mutex_);
  return models_;
}

void DailyModels::set_models(std::vector<runs::Model> models) {
  const std::scoped_lock lock(models_mutex_);
  models_ = std::move(models);
}

base::Result<> DailyModels::record(const runs::Run& run, const runs::Counts& counts,
                                   const std::string& until, const std::string& instance) {
  runs::Run whole = run;
  whole.by_source = {{{"daily", 0}, counts}};
  state::WriteSet changes;
  TRY(runs::record_run(services_.store, whole, changes));
  changes.put(done_key(run.model),
              nlohmann::json{{"number", run.epoch}, {"ran_us", run.started_us}}.dump());
  if (!until.empty()) changes.put(until_key(run.model), nlohmann::json(until).dump());
  changes.remove(plan_key(run.model));
  if (!instance.empty())
    changes.put(Once::mark_key(instance), nlohmann::json{{"run", run.id},
                                                         {"model", run.model},
                                                         {"number", run.epoch},
                                                         {"table_version", run.table_version},
                                                         {"counts", runs::to_json(counts)}}
                                              .dump());
  return services_.store.apply(changes);
}

base::Result<> DailyModels::restore() {
  for (const runs::Model& model : models()) {
    const auto saved = TRY(services_.store.get(plan_key(model.table)));
    if (!saved) continue;
    const auto plan = nlohmann::json::parse(*saved);
    const auto table = services_.catalog.table(model.table);
    if (!table) continue;
    const auto snapshot = TRY((*table)->snapshot());
    if (snapshot->transaction_version(app_id(model.table)) < plan.at("number").get<std::int64_t>())
      continue;
    const runs::Run run{.id = plan.at("run"),
                        .model = model.table,
                        .model_version = plan.at("model_version"),
                        .mode = "daily",
                        .pipeline = "daily",
                        .epoch = plan.at("number"),
                        .inputs = {},
                        .by_source = {},
                        .table_version = snapshot->version(),
                        .started_us = plan.at("started_us")};
    runs::Counts counts;
    counts.in = counts.out = plan.at("rows");
    TRY(record(run, counts, plan.value("until", ""), plan.value("instance", "")));
    spdlog::info("daily: recorded run {} of {}, which a stop cut off", run.epoch, model.table);
  }
  return {};
}

base::Result<runs::Model> DailyModels::find(const std::string& table) const {
  std::vector<std::string> names;
  for (const runs::Model& model : models()) {
    if (model.table == table) return model;
    names.push_back(model.table);
  }
  return base::fail_with(base::Code::kNotFound, fmt::format("there is no daily model '{}'", table),
                         fmt::format("the daily models are {}", fmt::join(names, ", ")));
}

base::Result<DailyModels::Scope> DailyModels::scope_of(
    sql::Connection& connection, const runs::Model& model, const columns::Schema& schema,
    const std::optional<DataInterval>& interval) const {
  using Kind = Scope::Kind;
  Scope scope{.kind = Kind::kWhole, .column = {}, .interval = {}, .until = {}};
  const bool merges = model.late == runs::Late::kUpsert;
  if (merges && model.key.empty())
    return at_header(model, "'late: upsert' merges rows by their key, and the model has none",
                     "write 'key: [column, …]'");
  if (merges && !interval) return Scope{Kind::kMerge, {}, {}, {}};
  if (!interval && model.late == runs::Late::kDrop) return scope;
  scope.column = TRY(part_column(model, schema));
  if (scope.column.name.empty())
    return at_header(model, "an interval of a table without partitions cannot be written anew",
                     "write 'partition: [column]', or run the whole table");
  scope.kind = merges ? Kind::kMerge : Kind::kInterval;
  const bool days = scope.column.type == columns::Type::kDate;
  if (!interval && !days)
    return at_header(model,
                     fmt::format("'late:' counts in days, and {} is no date", scope.column.name),
                     "partition by a date first");
  if (interval) {
    scope.interval = {TRY(part_value(connection, scope.column, interval->from)),
                      TRY(part_value(connection, scope.column, interval->to))};
    TRY(check_interval(scope.column, scope.interval.from, scope.interval.to));
  } else {
    const std::int64_t wait_us =
        model.late == runs::Late::kBuffer ? model.allowed_late_us : std::int64_t{0};
    scope.interval.to = scope.until = base::format_date(
        TRY(day_in(connection, model.schedule.time_zone, services_.clock.now_us() - wait_us)) - 1);
    const auto saved = TRY(services_.store.get(until_key(model.table)));
    scope.interval.from =
        saved ? base::format_date(
                    TRY(base::parse_date(nlohmann::json::parse(*saved).get<std::string>())) + 1)
              : std::string(kFirstDay);
  }
  if (days && model.late == runs::Late::kReprocess && scope.interval.from != kFirstDay) {
    const auto back = (model.allowed_late_us + base::kUsPerDay - 1) / base::kUsPerDay;
    scope.interval.from = base::format_date(TRY(base::parse_date(scope.interval.from)) -
                                            static_cast<std::int32_t>(back));
  }
  if (days && scope.interval.from > scope.interval.to) scope.kind = Kind::kNothing;
  return scope;
}

// A batch run writes all of its rows or none: a suite that some break stops it.
base::Result<> DailyModels::check(sql::Connection& connection, const runs::Model& model,
                                  const std::string& rows) const {
  const auto suite = suites_.find(model.quality);
  if (suite == suites_.end()) return {};
  const QualityVerdict verdict = TRY(check_quality(connection, suite->second, rows));
  if (verdict.failed.empty()) return {};
  return at_header(model,
                   fmt::format("its rows do not meet {} of {} expectations of the suite {}: {}",
                               verdict.failed.size(), verdict.expectations, suite->second.name,
                               fmt::join(verdict.failed, "; ")),
                   "mend the rows or the suite; the table stays as it was");
}

base::Result<> DailyModels::remember_plan(const runs::Model& model, const runs::Run& run,
                                          const runs::Counts& counts, const std::string& until) {
  state::WriteSet plan;
  plan.put(plan_key(model.table), nlohmann::json{{"number", run.epoch},
                                                 {"run", run.id},
                                                 {"model_version", model.version},
                                                 {"rows", counts.in},
                                                 {"until", until},
                                                 {"instance", instance_},
                                                 {"started_us", run.started_us}}
                                      .dump());
  return services_.store.apply(plan);
}

// The whole table, or the partitions of an interval.
base::Result<> DailyModels::replace(lake::Table& table, sql::Connection& connection,
                                    const runs::Model& model, const columns::Schema& schema,
                                    const Scope& scope, const Inputs& inputs, runs::Run& run,
                                    runs::Counts& counts) {
  const bool whole = scope.kind == Scope::Kind::kWhole;
  auto transaction = TRY(table.begin());
  std::string select = stream::cast_to(schema, model.sql);
  if (whole) {
    transaction->read_whole_table();
  } else {
    const auto in_scope = [scope](const lake::AddFile& file) {
      const auto it = file.partition_values.find(scope.column.name);
      return it != file.partition_values.end() &&
             in_interval(scope.column, it->second, scope.interval.from, scope.interval.to);
    };
    transaction->read_where(in_scope);
    select = fmt::format("SELECT * FROM ({}) WHERE {}", select,
                         interval_condition(scope.column, scope.interval.from, scope.interval.to));
  }
  for (const lake::AddFile& file : transaction->base().files()) {
    const auto it = file.partition_values.find(scope.column.name);
    if (whole || (it != file.partition_values.end() &&
                  in_interval(scope.column, it->second, scope.interval.from, scope.interval.to)))
      transaction->remove(file);
  }
  auto staged = table.stage(connection, select);
  if (!staged) return at_model(model, std::move(staged).error());
  TRY(check(connection, model, rows_of(transaction->base(), *staged)));
  for (lake::AddFile& file : *staged) {
    counts.in += file.rows();
    transaction->add(std::move(file));
  }
  counts.out = counts.in;
  TRY(remember_plan(model, run, counts, scope.until));
  transaction->set_transaction(app_id(model.table), run.epoch);
  nlohmann::json parameters{{"mode", "Overwrite"}};
  if (!whole)
    parameters["predicate"] =
        interval_condition(scope.column, scope.interval.from, scope.interval.to);
  run.table_version =
      TRY(transaction->commit({.operation = "WRITE",
                               .parameters = parameters,
                               .user_metadata = run_metadata(model, run.id, "daily", inputs)}));
  return {};
}

// Rows that differ, by key, of an interval or all. What went from the inputs stays.
base::Result<> DailyModels::merge(lake::Table& table, sql::Connection& connection,
                                  const runs::Model& model, const columns::Schema& schema,
                                  const Scope& scope, const Inputs& inputs, runs::Run& run,
                                  runs::Counts& counts) {
  const std::string rows = sql::quote_name("merged_rows");
  const std::string where =
      scope.column.name.empty()
          ? "true"
          : interval_condition(scope.column, scope.interval.from, scope.interval.to);
  if (auto made = connection.execute(
          fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM ({}) WHERE {}", rows,
                      stream::cast_to(schema, model.sql), where));
      !made)
    return at_model(model, std::move(made).error());
  TRY(check(connection, model, "FROM " + rows));
  counts.in = counts.out = TRY(connection.query("SELECT count(*) FROM " + rows))->int_at(0, 0);
  std::vector<std::string> same;
  std::vector<std::string> differs{"false"};
  for (const columns::Field& field : schema.fields) {
    const std::string name = sql::quote_name(field.name);
    if (std::ranges::count(model.key, field.name) > 0)
      same.push_back(fmt::format("target.{0} IS NOT DISTINCT FROM source.{0}", name));
    else
      differs.push_back(fmt::format("target.{0} IS DISTINCT FROM source.{0}", name));
  }
  TRY(remember_plan(model, run, counts, ""));
  using Clause = lake::MergeClause;
  const lake::Merge what{
      .source = "SELECT * FROM " + rows,
      .on = fmt::format("{}", fmt::join(same, " AND ")),
      .clauses = {{.when = Clause::When::kMatched,
                   .what = Clause::Do::kUpdate,
                   .condition = fmt::format("{}", fmt::join(differs, " OR "))},
                  {.when = Clause::When::kNotMatched, .what = Clause::Do::kInsert}}};
  const auto changed =
      TRY(lake::merge(table, connection, what,
                      {.app_id = app_id(model.table),
                       .app_version = run.epoch,
                       .user_metadata = run_metadata(model, run.id, "daily", inputs)}));
  run.table_version = changed.version;
  return {};
}

base::Result<runs::Run> DailyModels::attempt(const runs::Model& plain,
                                             const std::optional<DataInterval>& interval) {
  const auto before = std::chrono::steady_clock::now();
  std::vector<Flag> flags;
  if (!project_.empty()) flags = TRY(load_flags(project_));
  const runs::Model model = with_flags(plain, flags);
  runs::Run run{.id = {},
                .model = model.table,
                .model_version = model.version,
                .mode = "daily",
                .pipeline = "daily",
                .epoch = 0,
                .inputs = {},
                .by_source = {},
                .table_version = -1,
                .started_us = services_.clock.now_us()};
  const auto connection = TRY(services_.database.connect());
  Inputs inputs = TRY(pin_inputs(services_.catalog, *connection, model));
  inputs.flags = decisions(model.table, flags);
  const auto held = TRY(bind_inputs(*connection, inputs));
  run.inputs = inputs.intervals();
  const columns::Schema schema = TRY(stream::describe(*connection, model, model.sql));
  const Scope scope = TRY(scope_of(*connection, model, schema, interval));
  const auto table =
      TRY(open_target(services_.catalog, model, schema, scope.kind == Scope::Kind::kWhole));
  const auto saved = TRY(services_.store.get(done_key(model.table)));
  const std::int64_t recorded =
      saved ? nlohmann::json::parse(*saved).at("number").get<std::int64_t>() : 0;
  run.epoch =
      std::max(recorded, TRY(table->snapshot())->transaction_version(app_id(model.table))) + 1;
  run.epoch = std::max<std::int64_t>(run.epoch, 1);
  run.id = fmt::format("{}/{:012}", model.table, run.epoch);
  runs::Counts counts;
  if (scope.kind == Scope::Kind::kMerge) {
    TRY(merge(*table, *connection, model, schema, scope, inputs, run, counts));
  } else if (scope.kind != Scope::Kind::kNothing) {
    TRY(replace(*table, *connection, model, schema, scope, inputs, run, counts));
  }
  run.elapsed_us = std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::steady_clock::now() - before)
                       .count();
  TRY(record(run, counts, scope.until, instance_));
  run.by_source = {{{"daily", 0}, counts}};
  spdlog::info("daily: {} run {} wrote {} rows in {}", model.table, run.epoch, counts.out,
               base::format_duration(run.elapsed_us));
  return run;
}

// The run that has committed for the instance, as far as its mark tells.
base::Result<std::optional<runs::Run>> DailyModels::run_of(const std::string& instance) const {
  const auto mark = TRY(services_.store.get(Once::mark_key(instance)));
  if (!mark) return std::nullopt;
  const auto json = nlohmann::json::parse(*mark);
  runs::Run run;
  run.id = json.at("run");
  run.model = json.at("model");
  run.epoch = json.at("number");
  run.table_version = json.at("table_version");
  run.by_source[{"daily", 0}] = runs::counts_from_json(json.at("counts"));
  return run;
}

base::Result<runs::Run> DailyModels::run(const std::string& table,
                                         const std::optional<DataInterval>& interval,
                                         const std::string& instance) {
  const std::scoped_lock lock(running_);
  TRY(restore());
  if (!instance.empty()) {
    if (auto known = TRY(run_of(instance))) return *std::move(known);
  }
  instance_ = instance;
  const runs::Model model = TRY(find(table));
  for (int i = 1;; ++i) {
    auto ran = attempt(model, interval);
    // Somebody else wrote what this run read: the next attempt reads it again.
    if (ran || ran.error().code != base::Code::kConflict || i == kAttemptsMax) return ran;
  }
}

}  // namespace batch
