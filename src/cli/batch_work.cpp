#include "cli/batch_work.h"

#include <algorithm>
#include <filesystem>

#include "base/logging.h"
#include "batch/implicit_dags.h"
#include "batch/task_shell.h"

namespace cli {
namespace {

constexpr std::int64_t kReachUs = 5 * base::kUsPerSecond;   // how long an answer is good
constexpr std::int64_t kInputsUs = 1 * base::kUsPerSecond;  // the same of a DAG's inputs

}  // namespace

base::Result<std::unique_ptr<BatchWork>> BatchWork::open(const Project& project,
                                                         const base::Path& spill) {
  std::unique_ptr<BatchWork> work(new BatchWork(project));
  work->capacity_ = TRY(batch::Capacity::open(project.capacity, spill));
  return work;
}

base::Result<> BatchWork::start_with(stream::Services services, batch::DailyModels& daily,
                                     std::function<bool()> settled) {
  services_.emplace(services);
  daily_ = &daily;
  settled_ = std::move(settled);
  std::ranges::copy_if(project_.models, std::back_inserter(models_),
                       [](const auto& model) { return model.mode == runs::Mode::kDaily; });
  const auto has = [this](const std::string& table, base::TimestampUs until_us) {
    return table_has(table, until_us);
  };
  const base::Path data = std::filesystem::absolute(project_.worker_folder());
  runner_ = std::make_unique<batch::ProjectRunner>(batch::ProjectWork{
      .catalog = services.catalog,
      .store = services.store,
      .clock = services.clock,
      .databases = {&capacity_->database(batch::CapacityClass::kDaily),
                    &capacity_->database(batch::CapacityClass::kBackfill)},
      .suites = project_.suites,
      .folder = std::filesystem::absolute(project_.folder),
      .mark = data.string(),
      .run_model = [this](const batch::TaskCall& call,
                          const std::string& table) { return run_model(call, table); },
      .table_has = has});
  const auto& settings = capacity_->settings();
  scheduler_ = std::make_unique<batch::Scheduler>(
      services.store, *runner_, services.alerts, services.clock,
      batch::SchedulerOptions{
          .slots = {settings.of(batch::CapacityClass::kDaily).tasks,
                    settings.of(batch::CapacityClass::kBackfill).tasks},
          .pools = project_.pools,
          .logs = data / "dag-logs",
          .seed = static_cast<std::uint64_t>(services.clock.now_us()),
          .begin_thread = [this](batch::CapacityClass name) { capacity_->begin_thread(name); },
          .table_has = has,
          .has_inputs =
              [this](const batch::Dag& dag) {
                const auto answer = has_inputs(dag);
                return answer && *answer;
              }});
  return {};
}

base::Result<std::vector<batch::Dag>> BatchWork::dags() {
  std::vector<batch::Dag> all = project_.dags;
  const auto connection = TRY(capacity_->database(batch::CapacityClass::kDaily).connect());
  for (batch::Dag& dag : TRY(batch::implicit_dags(all, models_, *connection)))
    all.push_back(std::move(dag));
  return all;
}

base::Result<> BatchWork::restore() {
  if (const int ended = batch::end_orphans(std::filesystem::absolute(project_.worker_folder())))
    spdlog::info("dags: ended {} processes that a stop had left behind", ended);
  return scheduler_->restore(TRY(dags()));
}

// Up to when a table has all rows: its newest time less what may come late; of a batch model its
// last run; of others the time of its newest version.
base::Result<base::TimestampUs> BatchWork::reaches(const std::string& table) {
  const auto snapshot = TRY(TRY(services_->catalog.table(table))->snapshot());
  std::string time;
  std::int64_t behind_us = 0;
  for (const schema::TopicSchema& topic : project_.topics) {
    if (table == "bronze." + topic.topic.name) time = "_time";
  }
  for (const runs::Model& model : project_.models) {
    if (model.table != table) continue;
    time = model.time;
    behind_us = model.watermark_us;
    if (model.mode != runs::Mode::kDaily) continue;
    const auto done = TRY(services_->store.get("daily/" + table));
    return done ? nlohmann::json::parse(*done).at("ran_us").get<base::TimestampUs>() : 0;
  }
  if (time.empty()) return snapshot->timestamp_us();
  const auto connection = TRY(capacity_->database(batch::CapacityClass::kDaily).connect());
  const auto newest = TRY(connection->query(fmt::format(
      "SELECT max(epoch_us({})) FROM ({})", sql::quote_name(time), snapshot->scan_sql())));
  return newest->is_null(0, 0) ? 0 : newest->int_at(0, 0) - behind_us;
}

bool BatchWork::table_has(const std::string& table, base::TimestampUs until_us) {
  const base::TimestampUs now_us = services_->clock.now_us();
  {
    const std::scoped_lock lock(reaches_mutex_);
    const Reach& known = reaches_[table];
    if (known.until_us >= until_us) return true;
    if (now_us - known.asked_us < kReachUs) return false;
  }
  const auto until = reaches(table);
  const std::scoped_lock lock(reaches_mutex_);
  reaches_[table] = {.asked_us = now_us, .until_us = until ? *until : 0};
  return until && *until >= until_us;
}

base::Result<bool> BatchWork::has_inputs(const batch::Dag& dag) {
  const base::TimestampUs now_us = services_->clock.now_us();
  base::TimestampUs& asked_us = inputs_asked_us_[dag.name];
  if (now_us - asked_us < kInputsUs) return false;
  asked_us = now_us;
  if (!settled_()) return false;
  const auto connection = TRY(capacity_->database(batch::CapacityClass::kDaily).connect());
  for (const std::string& table : TRY(batch::inputs_of(dag, models_, *connection))) {
    const auto found = services_->catalog.table(table);
    if (!found || TRY((*found)->snapshot())->files().empty()) return false;
  }
  return true;
}

base::Result<std::string> BatchWork::run_model(const batch::TaskCall& call,
                                               const std::string& table) {
  const runs::Run run = TRY(daily_->run(table, {}, call.instance));
  return fmt::format("{} wrote {} rows to {}, version {}", run.id, run.total().out, table,
                     run.table_version);
}

}  // namespace cli
