#include "cli/platform.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "base/logging.h"
#include "base/metrics.h"
#include "batch/model_run.h"
#include "cli/migrations.h"
#include "log/kafka_log.h"
#include "sources/file_source.h"
#include "sources/simulated_source.h"

namespace cli {
namespace {

constexpr std::int64_t kQuietUs = 4 * base::kUsPerSecond;
constexpr std::int64_t kLagMax = 1000;  // records; a live topic is never without any
// Versions that can be read again where a table does not say (delta.logRetentionDuration): a commit
// is a file, and streams commit every second.
constexpr std::int64_t kLogKeepUs = 6 * 3600 * base::kUsPerSecond;
constexpr std::int64_t kLogCleanUs = 600 * base::kUsPerSecond;   // how often
constexpr std::int64_t kKeyedKeepUs = 600 * base::kUsPerSecond;  // time travel of rewritten tables

// Units of work.
constexpr const char* kDaily = "daily";
constexpr const char* kFiles = "files";
constexpr const char* kSimulator = "simulator";
constexpr const char* kMaintenance = "maintenance";

std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

base::Result<base::Path> make_folder(const base::Path& path) {
  TRY(base::posix_file_system().create_directories(path));
  return path;
}

}  // namespace

std::string unit_of(const std::string& pipeline) { return "topic-" + pipeline; }

base::Result<std::unique_ptr<Platform>> Platform::open(Project project) {
  std::unique_ptr<Platform> platform(new Platform(std::move(project)));
  platform->started_us_ = platform->clock_.now_us();
  TRY(platform->open_stores());
  TRY(platform->open_topics());
  TRY(platform->open_pipelines());
  TRY(platform->open_serving());
  return platform;
}

Platform::~Platform() { stop(); }

base::Result<> Platform::open_stores() {
  base::FileSystem& disk = base::posix_file_system();
  const base::Path data = TRY(make_folder(project_.data));
  const base::Path own = TRY(make_folder(project_.worker_folder()));
  if (!project_.log.empty())
    log_ = TRY(eventlog::open_kafka_log(TRY(eventlog::parse_kafka_url(project_.log))));
  TRY(alerts_.keep_in(own / "alerts.json"));
  std::vector<std::string> names{kDaily, kFiles, kSimulator, kMaintenance};
  components_ = TRY(project_components(project_));
  for (const stream::Component& component : components_) names.push_back(unit_of(component.name()));
  // The state before the log: its lock keeps a second process out.
  units_ = TRY(Units::open(project_, log_.get(), alerts_, clock_, names));
  if (!log_) {
    auto log = TRY(eventlog::open_embedded_log(disk, clock_, {.directory = data / "log"}));
    embedded_log_ = log.get();
    log_ = std::move(log);
    registry_ = TRY(schema::Registry::open(disk, data / "schemas.log"));
  }
  TRY(learn_schemas());
  objects_ = TRY(open_lake_place(project_.lake, data / "lake", own / "lake-cache"));
  const base::Path spill = TRY(make_folder(own / "spill"));
  engine_ = TRY(sql::Database::open({.memory_limit = project_.memory,
                                     .threads = 2,
                                     .temporary_directory = (spill / "engine").string()}));
  serving_ = TRY(sql::Database::open({.memory_limit = project_.memory,
                                      .threads = 2,
                                      .temporary_directory = (spill / "serving").string(),
                                      .locked = true,
                                      .allowed_directory = lake_folder()}));
  batch_ = TRY(BatchWork::open(project_, spill));
  catalog_ = lake::make_catalog(*objects_, *engine_);
  TRY(run_migrations(project_.folder, project_.data, *catalog_, *engine_, clock_));
  return {};
}

// Where DuckDB finds the lake's files.
std::string Platform::lake_folder() const {
  return base::Path(objects_->url("")).parent_path().string();
}

base::Result<> Platform::open_topics() {
  for (const schema::TopicSchema& topic : project_.topics) {
    auto existing = log_->topic(topic.topic.name);
    if (existing && existing->config.partitions != topic.topic.partitions) {
      return std::unexpected(base::Error{
          .code = base::Code::kInvalid,
          .message =
              fmt::format("topic {} has {} partitions in the log but {} in the project",
                          topic.topic.name, existing->config.partitions, topic.topic.partitions),
          .mend = fmt::format("write 'partitions: {}'; keys must stay in their partition",
                              existing->config.partitions)}
                                 .at(topic.file, 0));
    }
    if (existing) continue;
    auto made = log_->create_topic(topic.topic);
    if (!made && made.error().code != base::Code::kAlreadyExists) return made;
  }
  return {};
}

stream::Services Platform::services(const std::string& unit) {
  return {*log_, *catalog_, *engine_, units_->store(unit), alerts_, clock_, served_.get()};
}

base::Result<> Platform::add_pipeline(const stream::Component& component) {
  const std::string unit = unit_of(component.name());
  const std::size_t index = pipelines_.size();
  pipelines_.push_back(
      TRY(stream::Pipeline::make(services(unit), component, project_.suites, pipeline_options())));
  return units_->add(unit,
                     {.prepare = [this, index] { return pipelines()[index]->restore(); },
                      .run = [this, index](std::stop_token stop) { run_pipeline(index, stop); }});
}

// Tables of daily models that a streaming model looks up: empty until their first run, so that the
// pipeline can begin.
base::Result<> Platform::make_looked_up() {
  const auto planner = TRY(engine_->connect());
  std::set<std::string> read;
  for (const stream::Component& component : components_) {
    for (const runs::Model& model : component.models) {
      for (const std::string& table : TRY(stream::plan_model(*planner, model)).sources)
        read.insert(table);
    }
  }
  for (const runs::Model& model : project_.models) {
    if (model.mode != runs::Mode::kDaily || !read.contains(model.table)) continue;
    if (const auto there = catalog_->table(model.table)) continue;
    const auto connection = TRY(engine_->connect());
    const auto inputs = batch::pin_inputs(*catalog_, *connection, model);
    if (!inputs) continue;  // then the streaming model says which table there is not
    const auto held = TRY(batch::bind_inputs(*connection, *inputs));
    const columns::Schema schema = TRY(stream::describe(*connection, model, model.sql));
    TRY(batch::open_target(*catalog_, model, schema, true));
  }
  return {};
}

base::Result<> Platform::open_pipelines() {
  served_ = std::make_unique<server::ServedState>(project_.lookups, clock_);
  open_push();
  TRY(make_looked_up());
  for (const stream::Component& component : components_) TRY(add_pipeline(component));
  TRY(open_batch());
  TRY(units_->add(kMaintenance,
                  {.prepare = nullptr, .run = [this](std::stop_token stop) { maintain(stop); }}));
  return add_sources();
}

base::Result<> Platform::open_batch() {
  std::vector<runs::Model> daily;
  std::copy_if(project_.models.begin(), project_.models.end(), std::back_inserter(daily),
               [](const runs::Model& m) { return m.mode == runs::Mode::kDaily; });
  const stream::Services live = services(kDaily);
  const stream::Services own{
      live.log,   live.catalog, batch_->capacity().database(batch::CapacityClass::kDaily),
      live.store, live.alerts,  live.clock,
      live.served};
  daily_ =
      std::make_unique<batch::DailyModels>(own, std::move(daily), project_.suites, project_.folder);
  TRY(batch_->start_with(own, *daily_, [this] { return settled(); }));
  const stream::Services behind{
      live.log,   live.catalog, batch_->capacity().database(batch::CapacityClass::kBackfill),
      live.store, live.alerts,  live.clock,
      live.served};
  backfills_ = std::make_unique<BackfillApi>(behind, *daily_, batch_->capacity(), project_);
  quality_ = std::make_unique<QualityApi>(*log_, *catalog_, *engine_, *serving_,
                                          units_->store(kMaintenance), units_->store(kDaily),
                                          alerts_, project_, clock_);
  lineage_ = std::make_unique<Lineage>(
      project_, *catalog_, *engine_, [this] { return units_->stores(); },
      units_->store(kMaintenance), alerts_, clock_);
  if (!units_->shared()) TRY(lineage_->open());
  const auto prepare = [this]() -> base::Result<> {
    TRY(backfills_->jobs().restore());
    TRY(daily_->restore());
    return batch_->restore();
  };
  const auto run = [this](std::stop_token stop) {
    if (auto resumed = backfills_->jobs().resume(); !resumed)
      alerts_.raise("backfill", "error", resumed.error().to_string(), clock_.now_us());
    batch_->run(stop);
  };
  return units_->add(kDaily, {.prepare = prepare, .run = run});
}

// Served rows to a real Redis, of the pipelines that run here.
void Platform::open_push() {
  if (!project_.serve) return;
  const auto owns = [this](const std::string& lookup) {
    const std::string& table = project_.lookups.at(lookup).table;
    return std::ranges::any_of(pipelines(), [&](const auto& pipeline) {
      return !pipeline->served(table).empty() && units_->running("topic-" + pipeline->name());
    });
  };
  const auto tell = [this](const base::Error* problem) {
    if (problem == nullptr) return alerts_.resolve("serve", clock_.now_us());
    alerts_.raise("serve", "error", problem->to_string(), clock_.now_us());
  };
  push_ = std::make_unique<server::RedisPush>(*served_, *project_.serve, owns, tell);
}

base::Result<> Platform::open_serving() {
  server::ProjectTables tables;
  for (const schema::TopicSchema& topic : project_.topics)
    tables["bronze." + topic.topic.name] = {.model = topic.file, .key = {}, .description = {}};
  for (const runs::Model& model : project_.models) {
    tables[model.table] = {.model = model.file, .key = model.key, .description = model.description};
    tables[model.late_table()] = {.model = model.file, .key = {}, .description = {}};
  }
  tables["dead_letters"] = {.model = "the quality suites", .key = {}, .description = {}};
  views_ = server::views_of(*catalog_, tables);
  lake_sql_ = TRY(server::LakeSql::open(*views_, *serving_));
  const base::Path data = std::filesystem::absolute(project_.data);
  sql_writes_ = std::make_unique<server::SqlWrites>(
      *catalog_, *views_,
      server::SqlWritesOptions{.program = "/proc/self/exe",
                               .lake = data / "lake",
                               .spill = data / "spill" / "workers",
                               .workload = project_.workloads.at("default"),
                               .rights = project_.access.rights(),
                               .project = std::move(tables)});
  sql_workers_ = std::make_unique<server::SqlWorkers>(
      *views_, server::SqlWorkersOptions{.program = "/proc/self/exe",
                                         .lake = lake_folder(),
                                         .spill = data / "spill" / "workers",
                                         .workloads = project_.workloads,
                                         .users = project_.access.workloads(),
                                         .writes = sql_writes_.get()});
  lookup_connection_ = TRY(engine_->connect());
  if (project_.fleet) fleet_ = std::make_unique<ops::Fleet>(*project_.fleet);
  for (const auto& [name, lookup] : project_.lookups) TRY(check_lookup(name, lookup));
  return {};
}

base::Result<> Platform::check_lookup(const std::string& name, const server::Lookup& lookup) const {
  const auto fails = [&](const std::string& why, const std::string& mend) {
    return std::unexpected(base::Error{.code = base::Code::kInvalid,
                                       .message = fmt::format("look-up '{}': {}", name, why),
                                       .mend = mend}
                               .at((project_.folder / "waybill.yaml").string(), 0));
  };
  for (const auto& pipeline : pipelines()) {
    for (const auto& op : pipeline->operators()) {
      if (op->model().table != lookup.table || op->served().empty()) continue;
      if (lookup.ttl_us == 0 || server::can_expire(lookup, op->schema())) return {};
      return fails(fmt::format("{} has no TIMESTAMP column '{}'", lookup.table, lookup.time),
                   "name the column from whose time the 'ttl' counts");
    }
  }
  return fails(lookup.table + " is no latest-by-key model",
               "name a streaming model with a 'key' and QUALIFY row_number() … = 1");
}

// Drop folders and the simulated fleet: made anew whenever this worker gets them, from what they
// keep in the data folder.
base::Result<> Platform::add_sources() {
  const auto wait = [](std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  const auto open_files = [this] {
    files_ = std::make_unique<sources::FileSource>(
        *log_, *engine_, base::posix_file_system(), clock_, project_.topics,
        sources::FileSourceOptions{.project = project_.folder,
                                   .data = project_.data,
                                   .on_problem = [this](const sources::FileProblem& problem) {
                                     alerts_.raise("file/" + problem.error.file, "error",
                                                   problem.error.to_string(), clock_.now_us());
                                   }});
    return files_->open();
  };
  const auto files = [this, wait](std::stop_token stop) {
    files_->start();
    wait(stop);
    files_->stop();
  };
  const auto simulate = [this, wait](std::stop_token stop) {
    if (!project_.simulate) return wait(stop);
    sources::SimulatedSource source(*log_, project_.topics, clock_, base::posix_file_system(),
                                    project_.data, *project_.simulate);
    if (auto started = source.start(); !started)
      alerts_.raise("simulate", "error", started.error().to_string(), clock_.now_us());
    wait(stop);
  };
  TRY(units_->add(kFiles, {.prepare = open_files, .run = files, .is_source = true}));
  return units_->add(kSimulator, {.prepare = nullptr, .run = simulate, .is_source = true});
}

base::Result<> Platform::start(const std::string& address) {
  if (fleet_) tasks_.run("fleet", [this](std::stop_token stop) { follow_fleet(stop); });
  if (push_) push_->start();
  return units_->start(address);
}

void Platform::stop_waiting() {
  if (quality_) quality_->letters().stop();
}

void Platform::stop() {
  if (backfills_) backfills_->jobs().stop();
  if (units_) units_->stop();
  if (push_) push_->stop();
  tasks_.stop();
}

// Nothing waits in the log, and partner files have stopped landing for a while.
bool Platform::settled() const {
  const base::TimestampUs now_us = clock_.now_us();
  if (now_us - started_us_ < kQuietUs) return false;
  for (const auto& pipeline : pipelines()) {
    const stream::PipelineStatus status = pipeline->status();
    if (status.lag_records >= kLagMax) return false;
    if (std::ranges::none_of(pipeline->topics(),
                             [](const auto& topic) { return topic.files.has_value(); }))
      continue;
    if (now_us - status.committed_us < kQuietUs) return false;
    if (steady_us() - units_->changed_us(unit_of(pipeline->name())) < kQuietUs) return false;
  }
  return true;
}

// Feeds the live fleet straight from the log: the last half hour first, then as records come.
void Platform::follow_fleet(std::stop_token stop) {
  const std::string& topic = project_.fleet->topic;
  const auto info = log_->topic(topic);
  const auto it = std::find_if(project_.topics.begin(), project_.topics.end(),
                               [&](const auto& t) { return t.topic.name == topic; });
  if (!info || it == project_.topics.end()) return;
  schema::TopicSchema steady = *it;
  steady.evolves = false;  // the fleet needs none of the columns that come later
  schema::BronzeDecoder decoder(steady);
  std::vector<std::pair<eventlog::TopicPartition, eventlog::Offset>> positions;
  for (std::size_t p = 0; p < info->end_offsets.size(); ++p) {
    const eventlog::TopicPartition partition{topic, static_cast<eventlog::Partition>(p)};
    const auto from = log_->offset_at_time(partition, clock_.now_us() - 1800 * base::kUsPerSecond);
    positions.emplace_back(partition, from ? *from : info->end_offsets[p]);
  }
  while (!stop.stop_requested()) {
    log_->wait_for_data(positions, 200'000);
    for (auto& [partition, offset] : positions) {
      const auto read = log_->read(partition, offset, 1UL << 20);
      if (!read) {
        spdlog::warn("fleet: {}", read.error().to_string());
        if (const auto now = log_->topic(topic))
          offset =
              std::max(offset, now->start_offsets[static_cast<std::size_t>(partition.partition)]);
        continue;
      }
      for (const auto& batch : read->batches)
        static_cast<void>(decoder.add(partition.partition, batch, offset, read->next_offset));
      offset = read->next_offset;
    }
    if (decoder.rows() > 0) fleet_->update(decoder.take());
  }
}

base::Result<> Platform::maintain_once() {
  const bool cleans_log = clock_.now_us() - logs_cleaned_us_ >= kLogCleanUs;
  if (cleans_log) logs_cleaned_us_ = clock_.now_us();
  for (const std::string& name : TRY(catalog_->names(units_->shared()))) {
    const auto table = TRY(catalog_->table(name));
    const auto snapshot = TRY(table->snapshot(false));
    const auto& configuration = snapshot->metadata().configuration;
    const bool keyed = configuration.contains("delta.deletedFileRetentionDuration");
    if (!keyed && snapshot->files().size() >= 64) TRY(table->compact());
    TRY(table->vacuum(keyed ? kKeyedKeepUs : 7 * base::kUsPerDay, clock_.now_us()));
    if (cleans_log) TRY(table->clean_log(kLogKeepUs, clock_.now_us()));
  }
  return {};
}

void Platform::maintain(std::stop_token stop) {
  base::TaskGroup beside;  // it may wait for the other side
  beside.run("lineage", [this](std::stop_token its) { lineage_->run(its); });
  while (!stop.stop_requested()) {
    for (int i = 0; i < 600 && !stop.stop_requested(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (stop.stop_requested()) return;
    const auto done = maintain_once();
    quality_->tick();
    ::malloc_trim(0);  // what a burst of rows took goes back to the system
    if (!done) {
      alerts_.raise("maintenance", "warning", "maintenance: " + done.error().to_string(),
                    clock_.now_us());
    } else {
      alerts_.resolve("maintenance", clock_.now_us());
    }
  }
}

}  // namespace cli
