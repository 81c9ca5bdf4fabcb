#include "stream/pipeline.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>

#include "base/check.h"
#include "base/logging.h"
#include "base/metrics.h"
#include "quality/dead_letter.h"
#include "stream/step.h"

namespace stream {
namespace {

constexpr const char* kDeadLetters = "dead_letters";
constexpr std::int64_t kKeyedKeepUs = 600 * base::kUsPerSecond;  // old files of rewritten tables

std::string position_key(const std::string& pipeline) { return "pipeline/" + pipeline; }
std::string plan_key(const std::string& pipeline) { return "plan/" + pipeline; }

nlohmann::json to_json(const std::vector<runs::Interval>& intervals) {
  nlohmann::json list = nlohmann::json::array();
  for (const runs::Interval& i : intervals) {
    list.push_back({{"partition", i.source.partition}, {"from", i.from}, {"to", i.to}});
  }
  return list;
}

// The order in which models run: each after the one that it reads.
base::Result<std::vector<runs::Model>> in_reading_order(sql::Connection& connection,
                                                        const std::string& bronze,
                                                        std::vector<runs::Model> models) {
  std::vector<runs::Model> ordered;
  std::vector<std::string> known{bronze};
  while (!models.empty()) {
    const std::size_t before = models.size();
    for (auto it = models.begin(); it != models.end();) {
      const Plan plan = TRY(plan_model(connection, *it));
      if (std::find(known.begin(), known.end(), plan.source) == known.end()) {
        ++it;
        continue;
      }
      known.push_back(it->table);
      ordered.push_back(std::move(*it));
      it = models.erase(it);
    }
    if (models.size() == before) {
      return std::unexpected(base::Error{
          .code = base::Code::kInvalid,
          .message =
              fmt::format("{} reads a table that no source or model writes", models[0].table),
          .mend = fmt::format("read one of {}", fmt::join(known, ", "))}
                                 .at(models[0].file, models[0].sql_line));
    }
  }
  return ordered;
}

}  // namespace

Pipeline::Pipeline(Services services, schema::TopicSchema topic, PipelineOptions options)
    : services_(services), topic_(std::move(topic)), options_(options), name_(topic_.topic.name) {
  status_.name = name_;
  status_.state = "idle";
}

Pipeline::~Pipeline() = default;

base::Result<std::unique_ptr<Pipeline>> Pipeline::make(
    Services services, const schema::TopicSchema& topic, const std::vector<runs::Model>& models,
    const std::map<std::string, quality::Suite>& suites, const PipelineOptions& options) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline(services, topic, options));
  pipeline->connection_ = TRY(services.database.connect());
  pipeline->landing_connection_ = TRY(services.database.connect());
  TRY(pipeline->make_operators(models, suites));
  TRY(pipeline->open_tables());
  pipeline->reader_ = std::make_unique<SourceReader>(services.log, topic, options.rows_max);
  return pipeline;
}

base::Result<> Pipeline::make_operators(const std::vector<runs::Model>& models,
                                        const std::map<std::string, quality::Suite>& suites) {
  const std::string bronze = "bronze." + name_;
  std::map<std::string, columns::Schema> schemas{{bronze, schema::bronze_schema(topic_)}};
  TRY(connection_->execute(empty_table(rows_table(bronze), schemas[bronze])));
  for (const runs::Model& model : TRY(in_reading_order(*connection_, bronze, models))) {
    const quality::Suite* suite = nullptr;
    if (!model.quality.empty()) {
      const auto it = suites.find(model.quality);
      if (it == suites.end()) {
        return std::unexpected(
            base::Error{.code = base::Code::kInvalid,
                        .message = fmt::format("there is no quality/{}", model.quality),
                        .mend = "write that suite or drop 'quality'"}
                .at(model.file, 1));
      }
      suite = &it->second;
    }
    const Plan plan = TRY(plan_model(*connection_, model));
    auto made = TRY(make_operator(*connection_, model, schemas[plan.source], suite));
    TRY(connection_->execute(empty_table(rows_table(model.table), made->schema())));
    schemas[model.table] = made->schema();
    status_.models.push_back(model.table);
    operators_.push_back(std::move(made));
  }
  return {};
}

base::Result<> Pipeline::open_table(const std::string& name, const columns::Schema& schema,
                                    const std::vector<std::string>& partition,
                                    std::int64_t keep_us) {
  lake::Table::CreateOptions options{
      .name = name, .schema = schema, .partition_columns = partition};
  for (columns::Field& field : options.schema.fields) field.nullable = true;
  if (keep_us > 0) {
    options.configuration["delta.deletedFileRetentionDuration"] =
        fmt::format("interval {} seconds", keep_us / base::kUsPerSecond);
  }
  Target target;
  target.table = TRY(services_.catalog.open_or_create(name, options));
  const auto snapshot = TRY(target.table->snapshot());
  const columns::Schema& have = snapshot->metadata().schema;
  std::vector<std::string> added;
  for (const columns::Field& field : options.schema.fields) {
    const auto at = have.find(field.name);
    if (!at) {
      added.push_back(field.name);
    } else if (have.fields[*at].type != field.type) {
      return base::fail_with(
          base::Code::kInvalid,
          fmt::format("{}.{} is {} in the lake but {} in the project", name, field.name,
                      columns::type_name(have.fields[*at].type), columns::type_name(field.type)),
          "CAST it to the old type, or write to a new table");
    }
  }
  if (!added.empty()) {  // additive change: new nullable columns at the end
    auto transaction = TRY(target.table->begin());
    lake::Metadata metadata = transaction->base().metadata();
    for (const std::string& column : added)
      metadata.schema.fields.push_back(options.schema.fields[*options.schema.find(column)]);
    transaction->set_metadata(metadata);
    TRY(transaction->commit({.operation = "ADD COLUMNS", .parameters = {{"columns", added}}}));
    spdlog::info("lake: {} has new columns {}", name, fmt::join(added, ", "));
  }
  targets_[name] = std::move(target);
  return {};
}

base::Result<> Pipeline::open_tables() {
  TRY(open_table("bronze." + name_, schema::bronze_schema(topic_), {}, 0));
  TRY(open_table(kDeadLetters, quality::dead_letter_schema(), {}, 0));
  for (const auto& op : operators_) {
    const bool keyed = !op->model().key.empty();
    TRY(open_table(op->model().table, op->schema(), op->model().partition,
                   keyed ? kKeyedKeepUs : 0));
    for (const auto& [name, schema] : op->side_tables()) TRY(open_table(name, schema, {}, 0));
  }
  return {};
}

base::Result<> Pipeline::restore() {
  const std::scoped_lock running(running_);
  reader_->stop();
  committed_ = TRY(consumed());
  epoch_ = 0;
  if (const auto saved = TRY(services_.store.get(position_key(name_)))) {
    epoch_ = nlohmann::json::parse(*saved).at("epoch");
  }
  for (const auto& op : operators_) TRY(op->restore(services_.store, *connection_));
  if (const auto saved = TRY(services_.store.get(plan_key(name_)))) {
    const auto plan = nlohmann::json::parse(*saved);
    if (plan.at("epoch").get<std::int64_t>() > epoch_) {
      std::vector<runs::Interval> intervals;
      for (const auto& i : plan.at("intervals")) {
        intervals.push_back({{name_, i.at("partition")}, i.at("from"), i.at("to")});
      }
      EpochInput input = TRY(reader_->replay(intervals));
      input.now_us = plan.at("now_us");
      spdlog::info("{}: running epoch {} again, which a stop cut off ({} records)", name_,
                   epoch_ + 1, input.count());
      TRY(execute(std::move(input)));
    }
  }
  TRY(find_behind());
  TRY(give_out_served());
  reader_->start(committed_);
  return {};
}

base::Result<> Pipeline::write_plan(const EpochInput& input) {
  state::WriteSet changes;
  const nlohmann::json plan{
      {"epoch", epoch_ + 1}, {"now_us", input.now_us}, {"intervals", to_json(input.intervals)}};
  changes.put(plan_key(name_), plan.dump());
  return services_.store.apply(changes);
}

base::Result<bool> Pipeline::run_epoch() {
  const std::scoped_lock running(running_);
  auto input = TRY(reader_->take(0));
  if (!input) return false;
  input->now_us = services_.clock.now_us();
  TRY(write_plan(*input));
  TRY(execute(*std::move(input)));
  return true;
}

// Everything behind the plan: also run for an epoch that is replayed.
base::Result<> Pipeline::execute(EpochInput input) {
  const std::int64_t started_us = steady_us();
  const std::string bronze = rows_table("bronze." + name_);
  const auto rows = std::make_shared<const columns::Batch>(std::exchange(input.rows, {}));
  TRY(connection_->share(bronze, rows));
  TRY(landing_connection_->share(bronze, rows));
  Epoch epoch = epoch_on(*connection_, epoch_ + 1, input.now_us);
  Epoch landing = epoch_on(*landing_connection_, epoch_ + 1, input.now_us);

  // Bronze lands on a connection of its own while the models run.
  std::vector<TableChange> changes{landing_change(*rows)};
  auto landed = std::async(std::launch::async,
                           [&, change = changes[0]] { return commit_change(landing, change); });
  std::vector<runs::Run> runs{landing_run(epoch, input, *rows)};
  TRY(transform(epoch, input, runs, changes));
  runs[0].table_version = TRY(landed.get());
  for (std::size_t i = 1; i < changes.size(); ++i) {
    const std::int64_t version = TRY(commit_change(epoch, changes[i]));
    for (runs::Run& run : runs) {
      if (run.model == changes[i].table) run.table_version = version;
    }
  }
  const std::int64_t elapsed_us = steady_us() - started_us;
  for (runs::Run& run : runs) {
    run.started_us = input.now_us;
    run.elapsed_us = elapsed_us;
  }
  TRY(finish(epoch, input, runs));
  watch_quality(runs);
  publish(rows->rows(), steady_us() - started_us);
  return {};
}

Epoch Pipeline::epoch_on(sql::Connection& connection, std::int64_t number,
                         base::TimestampUs now_us) const {
  return {.connection = connection,
          .number = number,
          .now_us = now_us,
          .topic = name_,
          .partitions = topic_.topic.partitions};
}

TableChange Pipeline::landing_change(const columns::Batch& rows) const {
  const std::string bronze = "bronze." + name_;
  return {.kind = TableChange::Kind::kAppend,
          .table = bronze,
          .writer = bronze,
          .select = "SELECT * FROM " + sql::quote_name(rows_table(bronze)),
          .changed = {},
          .key = {},
          .rows = static_cast<std::int64_t>(rows.rows())};
}

runs::Run Pipeline::run_of(const Epoch& epoch, const EpochInput& input, const std::string& table,
                           int version) const {
  return {.id = epoch.run_id(table),
          .model = table,
          .model_version = version,
          .mode = "streaming",
          .pipeline = name_,
          .epoch = epoch.number,
          .inputs = input.intervals,
          .by_partition = {}};
}

runs::Run Pipeline::landing_run(const Epoch& epoch, const EpochInput& input,
                                const columns::Batch& rows) const {
  runs::Run run = run_of(epoch, input, "bronze." + name_, 1);
  const columns::Column& partitions = rows.column("_partition");
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    runs::Counts& counts =
        run.by_partition[static_cast<eventlog::Partition>(partitions.int_at(row))];
    ++counts.in;
    ++counts.out;
  }
  return run;
}

base::Result<> Pipeline::transform(Epoch& epoch, const EpochInput& input,
                                   std::vector<runs::Run>& runs,
                                   std::vector<TableChange>& changes) {
  for (const auto& op : operators_) {
    const Step step(name_, "transform " + op->model().table);
    Outcome outcome = TRY(op->process(epoch));
    for (const auto& [partition, counts] : outcome.counts) {
      CHECK(counts.balanced(), "{} epoch {}: rows of {} partition {} do not add up: {}", name_,
            epoch.number, op->model().table, partition, runs::to_json(counts).dump());
    }
    runs.push_back(run_of(epoch, input, op->model().table, op->model().version));
    runs.back().by_partition = std::move(outcome.counts);
    for (TableChange& change : outcome.changes) changes.push_back(std::move(change));
    if (outcome.dead.empty()) continue;
    changes.push_back({.kind = TableChange::Kind::kAppend,
                       .table = kDeadLetters,
                       .writer = op->model().table,
                       .select = "SELECT * FROM " + sql::quote_name(outcome.dead),
                       .changed = {},
                       .key = {},
                       .rows = 1});
  }
  return {};
}

base::Result<> Pipeline::finish(Epoch& epoch, const EpochInput& input,
                                std::vector<runs::Run>& runs) {
  const Step step(name_, "keep state");
  state::WriteSet changes;
  for (const auto& op : operators_) TRY(op->keep(epoch, services_.store, changes));
  for (const auto& op : operators_)
    TRY(runs::record_beginning(services_.store, op->model().table, op->plan().source, changes));
  for (const runs::Run& run : runs) TRY(runs::record_run(services_.store, name_, run, changes));
  auto offsets = committed_;
  for (const runs::Interval& interval : input.intervals) offsets[interval.source] = interval.to;
  nlohmann::json position{{"epoch", epoch.number}, {"offsets", nlohmann::json::array()}};
  for (const auto& [source, to] : offsets) {
    position["offsets"].push_back({{"partition", source.partition}, {"to", to}});
  }
  changes.put(position_key(name_), position.dump());
  std::vector<columns::Batch> changed;
  for (const Operator* op : followed())
    changed.push_back(TRY(TRY(connection_->query(op->changed_rows()))->batch()));
  TRY(services_.store.apply(changes));
  committed_ = std::move(offsets);
  epoch_ = epoch.number;
  for (const auto& op : operators_) TRY(op->committed(*connection_));
  std::size_t i = 0;
  for (const Operator* op : followed())
    services_.served->changed(op->model().table, op->model().key.front(), changed[i++]);
  return {};
}

void Pipeline::watch_quality(const std::vector<runs::Run>& runs) {
  for (const runs::Run& run : runs) {
    if (run.model.starts_with("bronze.")) continue;
    const runs::Counts total = run.total();
    if (total.in == 0) continue;
    services_.alerts.watch_error_rate("quality/" + run.model, run.model, total.dead, total.in,
                                      run.started_us);
  }
}

void Pipeline::publish(std::size_t records, std::int64_t elapsed_us) {
  const base::Labels labels{{"pipeline", name_}};
  base::counter("waybill_pipeline_records_total", "Records that committed epochs took in.", labels)
      .Increment(static_cast<double>(records));
  base::histogram("waybill_pipeline_epoch_seconds", "Time to transform and commit an epoch.",
                  labels)
      .Observe(static_cast<double>(elapsed_us) / 1e6);
  const base::TimestampUs now_us = services_.clock.now_us();
  const std::scoped_lock lock(mutex_);
  const double since = std::max(0.05, static_cast<double>(now_us - status_.committed_us) / 1e6);
  const double rate = status_.committed_us == 0 ? 0 : static_cast<double>(records) / since;
  status_.records_per_second = status_.records_per_second * 0.7 + rate * 0.3;
  status_.epoch = epoch_;
  status_.committed_us = now_us;
  status_.state = "running";
  status_.error.clear();
}

void Pipeline::fail(const base::Error& error) {
  spdlog::error("{}: epoch {} failed and will be tried again: {}", name_, epoch_ + 1,
                error.to_string());
  services_.alerts.raise("pipeline/" + name_, "critical",
                         fmt::format("pipeline {}: {}", name_, error.to_string()),
                         services_.clock.now_us());
  const std::scoped_lock lock(mutex_);
  status_.state = "failed";
  status_.error = error.to_string();
}

void Pipeline::run(std::stop_token stop) {
  std::int64_t pause_us = 0;
  std::int64_t last_epoch_us = 0;
  std::int64_t last_status_us = 0;
  const auto sleep = [&](std::int64_t us) {
    for (; us > 0 && !stop.stop_requested(); us -= 20'000)
      std::this_thread::sleep_for(std::chrono::microseconds(std::min<std::int64_t>(us, 20'000)));
  };
  while (!stop.stop_requested()) {
    if (pause_us > 0) {
      sleep(pause_us);
      if (stop.stop_requested()) break;
      if (auto restored = restore(); !restored) {
        fail(restored.error());
        pause_us = std::min<std::int64_t>(pause_us * 2, 30 * base::kUsPerSecond);
        continue;
      }
      services_.alerts.resolve("pipeline/" + name_, services_.clock.now_us());
      pause_us = 0;
    }
    while (!stop.stop_requested() && steady_us() - last_epoch_us < options_.epoch_us &&
           !reader_->full())
      sleep(10'000);
    const std::int64_t started_us = steady_us();
    if (started_us - last_status_us > base::kUsPerSecond) {
      static_cast<void>(status());  // keeps the lag in /metrics
      last_status_us = started_us;
    }
    auto ran = run_epoch();
    if (ran && *ran) last_epoch_us = started_us;
    base::Result<> caught_up;
    if (ran && !*ran) {
      caught_up = catch_up_rewrites(false);
      const std::scoped_lock lock(mutex_);
      if (status_.state == "running") {
        status_.state = "idle";
        status_.records_per_second = 0;
      }
    }
    if (!ran || !caught_up) {
      fail(!ran ? ran.error() : caught_up.error());
      pause_us = 500'000;
    } else if (!*ran) {
      sleep(20'000);
    }
  }
  if (pause_us == 0) {
    if (auto done = catch_up_rewrites(true); !done)
      spdlog::warn("{}: {}", name_, done.error().to_string());
  }
  reader_->stop();
}

base::Result<std::map<eventlog::TopicPartition, eventlog::Offset>> Pipeline::consumed() const {
  std::map<eventlog::TopicPartition, eventlog::Offset> offsets;
  const eventlog::TopicInfo info = TRY(services_.log.topic(name_));
  for (std::size_t p = 0; p < info.start_offsets.size(); ++p) {
    offsets[{name_, static_cast<eventlog::Partition>(p)}] = info.start_offsets[p];
  }
  if (const auto saved = TRY(services_.store.get(position_key(name_)))) {
    const auto json = nlohmann::json::parse(*saved);
    for (const auto& p : json.at("offsets")) offsets[{name_, p.at("partition")}] = p.at("to");
  }
  return offsets;
}

PipelineStatus Pipeline::status() const {
  PipelineStatus status;
  {
    const std::scoped_lock lock(mutex_);
    status = status_;
  }
  const auto empty = reader_->empty_ahead();  // before the offsets: see below
  const auto info = services_.log.topic(name_);
  const auto offsets = consumed();
  if (!info || !offsets) return status;
  for (const auto& [source, to] : *offsets) {
    // What held no row when nothing else waited holds none now, if nothing was committed since.
    const auto passed = empty.find(source);
    const bool holds = passed != empty.end() && passed->second.from == to;
    status.lag_records +=
        std::max<std::int64_t>(0, info->stable_offsets[static_cast<std::size_t>(source.partition)] -
                                      (holds ? passed->second.to : to));
  }
  if (status.lag_records > 0 && status.committed_us > 0) {
    status.lag_seconds = static_cast<double>(services_.clock.now_us() - status.committed_us) / 1e6;
  }
  base::gauge("waybill_pipeline_lag_records",
              "Records in the log that no committed epoch has taken in.", {{"pipeline", name_}})
      .Set(static_cast<double>(status.lag_records));
  return status;
}

base::Result<Pipeline::Epochs> Pipeline::epochs() const {
  Epochs epochs;
  if (const auto saved = TRY(services_.store.get(plan_key(name_))))
    epochs.planned = nlohmann::json::parse(*saved).at("epoch");
  if (const auto saved = TRY(services_.store.get(position_key(name_))))
    epochs.committed = nlohmann::json::parse(*saved).at("epoch");
  return epochs;
}

std::string Pipeline::served(const std::string& table) const {
  for (const auto& op : operators_) {
    if (op->model().table == table) return op->served();
  }
  return "";
}

}  // namespace stream
