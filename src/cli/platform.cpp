#include "cli/platform.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/logging.h"
#include "base/metrics.h"
#include "log/kafka_log.h"

namespace cli {
namespace {

constexpr std::int64_t kQuietUs = 4 * base::kUsPerSecond;
constexpr std::int64_t kLagMax = 1000;  // records; a live topic is never without any
constexpr std::int64_t kKeyedKeepUs = 600 * base::kUsPerSecond;  // time travel of rewritten tables

base::Result<base::Path> make_folder(const base::Path& path) {
  TRY(base::posix_file_system().create_directories(path));
  return path;
}

}  // namespace

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
  store_ = TRY(state::Store::open(data / "state"));  // first: its lock keeps a second process out
  if (project_.log.empty()) {
    log_ = TRY(eventlog::open_embedded_log(disk, clock_, {.directory = data / "log"}));
  } else {
    log_ = TRY(eventlog::open_kafka_log(TRY(eventlog::parse_kafka_url(project_.log))));
  }
  objects_ = TRY(storage::local_store(disk, TRY(make_folder(data / "lake"))));
  const base::Path spill = TRY(make_folder(data / "spill"));
  engine_ = TRY(sql::Database::open({.memory_limit = project_.memory,
                                     .threads = 2,
                                     .temporary_directory = (spill / "engine").string()}));
  serving_ = TRY(sql::Database::open(
      {.memory_limit = project_.memory,
       .threads = 2,
       .temporary_directory = (spill / "serving").string(),
       .locked = true,
       .allowed_directory = std::filesystem::absolute(data / "lake").string()}));
  catalog_ = lake::make_catalog(*objects_, *engine_);
  return {};
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
    if (!existing) TRY(log_->create_topic(topic.topic));
  }
  return {};
}

stream::Services Platform::services() {
  return {*log_, *catalog_, *engine_, *store_, alerts_, clock_};
}

base::Result<> Platform::open_pipelines() {
  const auto connection = TRY(engine_->connect());
  const auto by_topic = TRY(models_by_topic(project_, *connection));
  for (const schema::TopicSchema& topic : project_.topics) {
    const auto it = by_topic.find(topic.topic.name);
    auto pipeline = TRY(stream::Pipeline::make(
        services(), topic, it == by_topic.end() ? std::vector<runs::Model>{} : it->second,
        project_.suites, {.epoch_us = project_.epoch_us}));
    TRY(pipeline->restore());
    pipelines_.push_back(std::move(pipeline));
  }
  std::vector<runs::Model> daily;
  std::copy_if(project_.models.begin(), project_.models.end(), std::back_inserter(daily),
               [](const runs::Model& m) { return m.mode == runs::Mode::kDaily; });
  daily_ = std::make_unique<batch::DailyModels>(services(), std::move(daily));
  return daily_->restore();
}

base::Result<> Platform::open_serving() {
  lake_sql_ = TRY(server::LakeSql::open(*catalog_, *serving_));
  lookup_connection_ = TRY(engine_->connect());
  if (project_.fleet) fleet_ = std::make_unique<ops::Fleet>(*project_.fleet);
  for (const auto& [name, table] : project_.lookups) {
    const bool served = std::any_of(pipelines_.begin(), pipelines_.end(),
                                    [&](const auto& p) { return !p->served(table).empty(); });
    if (served) continue;
    return std::unexpected(base::Error{
        .code = base::Code::kInvalid,
        .message = fmt::format("look-up '{}': {} is no latest-by-key model", name, table),
        .mend = "name a streaming model with a 'key' and QUALIFY row_number() … = 1"}
                               .at((project_.folder / "waybill.yaml").string(), 0));
  }
  return {};
}

base::Result<> Platform::start() {
  for (const auto& pipeline : pipelines_) {
    tasks_.run("epochs", [p = pipeline.get()](std::stop_token stop) { p->run(stop); });
  }
  tasks_.run("daily", [this](std::stop_token stop) {
    daily_->run_schedule(stop, [this] { return settled(); });
  });
  tasks_.run("maintain", [this](std::stop_token stop) { maintain(stop); });
  if (fleet_) source_tasks_.run("fleet", [this](std::stop_token stop) { follow_fleet(stop); });
  base::FileSystem& disk = base::posix_file_system();
  files_ = std::make_unique<sources::FileSource>(
      *log_, *engine_, disk, clock_, project_.topics,
      sources::FileSourceOptions{.project = project_.folder,
                                 .data = project_.data,
                                 .on_problem = [this](const sources::FileProblem& problem) {
                                   alerts_.raise("file/" + problem.error.file, "error",
                                                 problem.error.to_string(), clock_.now_us());
                                 }});
  TRY(files_->open());
  files_->start();
  if (project_.simulate) {
    simulated_ = std::make_unique<sources::SimulatedSource>(*log_, project_.topics, clock_, disk,
                                                            project_.data, *project_.simulate);
    TRY(simulated_->start());
  }
  return {};
}

void Platform::stop() {
  if (simulated_) simulated_->stop();
  if (files_) files_->stop();
  source_tasks_.stop();
  tasks_.stop();
}

// Nothing waits in the log, and partner files have stopped landing for a while.
bool Platform::settled() const {
  const base::TimestampUs now_us = clock_.now_us();
  if (now_us - started_us_ < kQuietUs) return false;
  for (std::size_t i = 0; i < pipelines_.size(); ++i) {
    const stream::PipelineStatus status = pipelines_[i]->status();
    if (status.lag_records >= kLagMax) return false;
    if (project_.topics[i].files && now_us - status.committed_us < kQuietUs) return false;
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
  schema::BronzeDecoder decoder(*it);
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
  TRY(log_->enforce_retention(clock_.now_us()));
  for (const std::string& name : TRY(catalog_->names())) {
    const auto table = TRY(catalog_->table(name));
    const auto snapshot = TRY(table->snapshot(false));
    const auto& configuration = snapshot->metadata().configuration;
    const bool keyed = configuration.contains("delta.deletedFileRetentionDuration");
    if (!keyed && snapshot->files().size() >= 64) TRY(table->compact());
    TRY(table->vacuum(keyed ? kKeyedKeepUs : 7 * base::kUsPerDay, clock_.now_us()));
  }
  return {};
}

void Platform::maintain(std::stop_token stop) {
  while (!stop.stop_requested()) {
    for (int i = 0; i < 600 && !stop.stop_requested(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (stop.stop_requested()) return;
    const auto done = maintain_once();
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
