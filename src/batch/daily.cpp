#include "batch/daily.h"

#include <chrono>
#include <thread>

#include "base/logging.h"
#include "stream/plan.h"

namespace batch {
namespace {

std::string plan_key(const std::string& table) { return "daily-plan/" + table; }
std::string done_key(const std::string& table) { return "daily/" + table; }
std::string app_id(const std::string& table) { return "waybill/daily/" + table; }

// The newest time at or before `now_us` at which the schedule's clock showed its hour and minute;
// by DuckDB's time zones, so that summer time is right.
base::Result<base::TimestampUs> last_due(sql::Connection& connection,
                                         const runs::Schedule& schedule, base::TimestampUs now_us) {
  const auto result = TRY(connection.query(
      fmt::format("SELECT epoch_us(max(t)) FROM (SELECT (date_trunc('day', timezone({zone}, "
                  "make_timestamptz({now}))) "
                  "+ to_hours({hour}) + to_minutes({minute}) - to_days(CAST(d AS INTEGER))) AT "
                  "TIME ZONE {zone} AS t FROM range(0, 3) r(d)) "
                  "WHERE t <= make_timestamptz({now})",
                  fmt::arg("zone", sql::quote_text(schedule.time_zone)), fmt::arg("now", now_us),
                  fmt::arg("hour", schedule.hour), fmt::arg("minute", schedule.minute))));
  return result->int_at(0, 0);
}

std::unexpected<base::Error> at_model(const runs::Model& model, base::Error error) {
  const int line = model.sql_line + std::max(0, error.line - 1);
  return std::unexpected(std::move(error).at(model.file, line));
}

}  // namespace

DailyModels::DailyModels(stream::Services services, std::vector<runs::Model> models)
    : services_(services), models_(std::move(models)) {}

base::Result<> DailyModels::record(const runs::Run& run, const runs::Counts& counts) {
  runs::Run whole = run;
  whole.by_source = {{{"daily", 0}, counts}};
  state::WriteSet changes;
  TRY(runs::record_run(services_.store, whole, changes));
  changes.put(done_key(run.model),
              nlohmann::json{{"number", run.epoch}, {"ran_us", run.started_us}}.dump());
  changes.remove(plan_key(run.model));
  return services_.store.apply(changes);
}

base::Result<> DailyModels::restore() {
  for (const runs::Model& model : models_) {
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
    TRY(record(run, counts));
    spdlog::info("daily: recorded run {} of {}, which a stop cut off", run.epoch, model.table);
  }
  return {};
}

base::Result<std::vector<storage::Hold>> DailyModels::bind_tables(
    sql::Connection& connection, const runs::Model& model, std::vector<runs::Interval>& inputs) {
  std::vector<storage::Hold> held;
  auto tree = connection.parse(model.sql);
  if (!tree) return at_model(model, std::move(tree).error());
  for (const std::string& name : stream::tables_of(*tree)) {
    auto table = services_.catalog.table(name);
    if (!table) return at_model(model, std::move(table).error());
    const auto snapshot = TRY((*table)->snapshot());
    held.push_back(TRY(snapshot->fetch()));
    TRY(connection.execute(
        fmt::format("CREATE SCHEMA IF NOT EXISTS {}; CREATE OR REPLACE VIEW {} AS {}",
                    sql::quote_name(name.substr(0, name.find('.'))), sql::quote_table(name),
                    snapshot->scan_sql())));
    inputs.push_back({{name, 0}, 0, snapshot->version()});
  }
  return held;
}

base::Result<std::shared_ptr<lake::Table>> DailyModels::target(const runs::Model& model,
                                                               const columns::Schema& schema) {
  auto table = TRY(services_.catalog.open_or_create(
      model.table, {.name = model.table, .schema = schema, .partition_columns = model.partition}));
  const auto snapshot = TRY(table->snapshot());
  if (snapshot->metadata().schema.fields.size() == schema.fields.size()) return table;
  auto transaction = TRY(table->begin());
  lake::Metadata metadata = snapshot->metadata();
  metadata.schema = schema;
  transaction->set_metadata(metadata);
  TRY(transaction->commit({.operation = "REPLACE COLUMNS"}));
  return table;
}

base::Result<runs::Run> DailyModels::run(const std::string& table_name) {
  const std::scoped_lock lock(running_);
  const auto it = std::find_if(models_.begin(), models_.end(),
                               [&](const runs::Model& m) { return m.table == table_name; });
  if (it == models_.end()) {
    std::vector<std::string> names;
    for (const runs::Model& m : models_) names.push_back(m.table);
    return base::fail_with(base::Code::kNotFound,
                           fmt::format("there is no daily model '{}'", table_name),
                           fmt::format("the daily models are {}", fmt::join(names, ", ")));
  }
  const runs::Model& model = *it;
  const auto before = std::chrono::steady_clock::now();
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
  const auto held = TRY(bind_tables(*connection, model, run.inputs));
  const columns::Schema schema = TRY(stream::describe(*connection, model, model.sql));
  const auto table = TRY(target(model, schema));

  auto transaction = TRY(table->begin());
  transaction->read_whole_table();
  run.epoch = transaction->base().transaction_version(app_id(model.table)) + 1;
  run.epoch = std::max<std::int64_t>(run.epoch, 1);
  run.id = fmt::format("{}/{:012}", model.table, run.epoch);
  runs::Counts counts;
  for (const lake::AddFile& file : transaction->base().files()) transaction->remove(file);
  for (lake::AddFile& file : TRY(table->stage(*connection, stream::cast_to(schema, model.sql)))) {
    counts.in += file.rows();
    transaction->add(std::move(file));
  }
  counts.out = counts.in;
  state::WriteSet plan;
  plan.put(plan_key(model.table), nlohmann::json{{"number", run.epoch},
                                                 {"run", run.id},
                                                 {"model_version", model.version},
                                                 {"rows", counts.in},
                                                 {"started_us", run.started_us}}
                                      .dump());
  TRY(services_.store.apply(plan));
  transaction->set_transaction(app_id(model.table), run.epoch);
  run.table_version = TRY(transaction->commit({.operation = "WRITE",
                                               .parameters = {{"mode", "Overwrite"}},
                                               .user_metadata = {{"run", run.id}}}));
  run.elapsed_us = std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::steady_clock::now() - before)
                       .count();
  TRY(record(run, counts));
  run.by_source = {{{"daily", 0}, counts}};
  spdlog::info("daily: {} run {} wrote {} rows in {}", model.table, run.epoch, counts.out,
               base::format_duration(run.elapsed_us));
  return run;
}

base::Result<bool> DailyModels::due(const runs::Model& model,
                                    const std::function<bool()>& settled) {
  const auto done = TRY(services_.store.get(done_key(model.table)));
  if (!done) {
    const auto connection = TRY(services_.database.connect());
    const nlohmann::json tree = TRY(connection->parse(model.sql));
    for (const std::string& name : stream::tables_of(tree)) {
      const auto table = services_.catalog.table(name);
      if (!table || TRY((*table)->snapshot())->files().empty()) return false;
    }
    return settled();
  }
  const auto connection = TRY(services_.database.connect());
  const base::TimestampUs due_us =
      TRY(last_due(*connection, model.schedule, services_.clock.now_us()));
  return nlohmann::json::parse(*done).at("ran_us").get<std::int64_t>() < due_us;
}

void DailyModels::run_schedule(std::stop_token stop, const std::function<bool()>& settled) {
  while (!stop.stop_requested()) {
    for (const runs::Model& model : models_) {
      if (stop.stop_requested()) return;
      const auto is_due = due(model, settled);
      const std::string alert = "daily/" + model.table;
      base::Result<> ran;
      if (!is_due) ran = std::unexpected(is_due.error());
      if (is_due && *is_due) {
        if (auto result = run(model.table); !result)
          ran = std::unexpected(std::move(result).error());
        if (ran) services_.alerts.resolve(alert, services_.clock.now_us());
      }
      if (!ran)
        services_.alerts.raise(alert, "error",
                               fmt::format("{}: {}", model.table, ran.error().to_string()),
                               services_.clock.now_us());
    }
    for (int i = 0; i < 100 && !stop.stop_requested(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace batch
