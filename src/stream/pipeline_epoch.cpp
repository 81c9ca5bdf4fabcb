// One epoch: rows land in bronze, go through the models, and are committed.
#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/metrics.h"
#include "stream/pipeline.h"
#include "stream/step.h"

namespace stream {
namespace {

// What a model that is built anew is given of these tables as a whole counts once, however often
// their rows changed before: its beginning is what they had given, less what it took in.
base::Result<> begin_with(const state::Store& store, const std::vector<std::string>& tables,
                          const runs::Run& run, state::WriteSet& changes) {
  nlohmann::json given = nlohmann::json::array();
  const std::vector<runs::LedgerLine> lines = TRY(runs::ledger(store));
  for (const std::string& table : tables) {
    for (const auto& [place, rows] : runs::given_by(table, lines)) {
      const auto taken = run.by_source.find(place);
      given.push_back({{"topic", place.topic},
                       {"partition", place.partition},
                       {"out", rows - (taken == run.by_source.end() ? 0 : taken->second.in)}});
    }
  }
  changes.put("beginning/" + run.model, given.dump());
  return {};
}

}  // namespace

base::Result<> Pipeline::pin_statics(EpochPlan& plan) const {
  for (const auto& [name, found] : statics_)
    plan.versions[name] = TRY(found.table->snapshot())->version();
  return {};
}

// Static tables as the plan names them; read again only when they have another version.
base::Result<> Pipeline::load_statics(const EpochPlan& plan) {
  for (auto& [name, found] : statics_) {
    const auto it = plan.versions.find(name);
    if (it == plan.versions.end() || it->second == found.loaded) continue;
    const auto snapshot = TRY(found.table->snapshot_at(it->second));
    for (sql::Connection* reader : readers_of(name))
      TRY(reader->execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}",
                                      sql::quote_name(rows_table(name)), snapshot->scan_sql())));
    found.loaded = it->second;
  }
  return {};
}

// Everything behind the plan: also run for an epoch that is replayed.
base::Result<> Pipeline::execute(EpochPlan plan, EpochInput input, const std::string& pipeline) {
  const std::int64_t started_us = steady_us();
  const std::size_t records = input.count();
  committing_as_ = pipeline;
  held_.reset();
  TRY(load_statics(plan));
  TRY(find_active(plan));
  std::vector<runs::Run> runs;
  std::vector<TableChange> changes;
  TRY(share(plan, std::move(input), runs, changes));
  const std::size_t landed = changes.size();
  Epoch landing = epoch_on(*landing_connection_, plan);
  // Bronze lands on a connection of its own while the models run.
  auto landing_done = std::async(
      std::launch::async, [&, bronze = changes]() -> base::Result<std::vector<lake::Version>> {
        std::vector<lake::Version> versions;
        for (const TableChange& change : bronze)
          versions.push_back(TRY(commit_change(landing, change)));
        return versions;
      });
  TRY(transform(plan, runs, changes));
  TRY(replace_table(plan, changes));
  const std::vector<lake::Version> landed_versions = TRY(landing_done.get());
  std::vector<lake::Version> versions = TRY(commit_all(plan, changes, landed));
  std::ranges::copy(landed_versions, versions.begin());
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const lake::Version version = versions[i];
    for (runs::Run& run : runs) {
      if (run.model == changes[i].table) run.table_version = version;
    }
  }
  const std::int64_t elapsed_us = steady_us() - started_us;
  for (runs::Run& run : runs) {
    run.started_us = plan.now_us;
    run.elapsed_us = elapsed_us;
  }
  TRY(finish(plan, runs));
  committing_as_ = name_;
  watch_quality(runs);
  measure();
  publish(records, steady_us() - started_us);
  note_work(runs);
  note_plan();
  return {};
}

Epoch Pipeline::epoch_on(sql::Connection& connection, const EpochPlan& plan) const {
  Epoch epoch{.connection = connection,
              .number = plan.number,
              .now_us = plan.now_us,
              .partitions = {},
              .standing = {}};
  for (const schema::TopicSchema& topic : topics_)
    epoch.partitions[topic.topic.name] = topic.topic.partitions;
  return epoch;
}

// Gives the epoch's rows to both connections, and what lands of them in bronze.
base::Result<> Pipeline::share(const EpochPlan& plan, EpochInput input,
                               std::vector<runs::Run>& runs, std::vector<TableChange>& changes) {
  for (const schema::TopicSchema& topic : topics_) {
    const std::string bronze = "bronze." + topic.topic.name;
    const std::string table = rows_table(bronze);
    columns::Batch& read = input.rows[topic.topic.name];
    if (read.rows() == 0) read = columns::Batch(schema::bronze_schema(topic));
    const auto rows = SpareRows::lend(reader_->spares(), topic.topic.name, std::move(read));
    for (sql::Connection* reader : readers_of(bronze)) TRY(reader->share(table, rows));
    TRY(landing_connection_->share(table, rows));
    if (rows->rows() == 0) continue;
    changes.push_back(append_rows(bronze, bronze, table, static_cast<std::int64_t>(rows->rows())));
    runs::Run run = run_of(plan, bronze, 1);
    const columns::Column& partitions = rows->column("_partition");
    for (std::size_t row = 0; row < rows->rows(); ++row) {
      runs::Counts& counts = run.by_source[{
          topic.topic.name, static_cast<eventlog::Partition>(partitions.int_at(row))}];
      ++counts.in;
      ++counts.out;
    }
    runs.push_back(std::move(run));
  }
  return {};
}

runs::Run Pipeline::run_of(const EpochPlan& plan, const std::string& table, int version) const {
  return {.id = fmt::format("{}/{:012}", table, plan.number),
          .model = table,
          .model_version = version,
          .mode = "streaming",
          .pipeline = name_,
          .epoch = plan.number,
          .inputs = plan.intervals,
          .by_source = {}};
}

base::Result<> Pipeline::finish(const EpochPlan& plan, std::vector<runs::Run>& runs) {
  const Step step(name_, "keep state");
  state::WriteSet changes;
  std::vector<state::WriteSet> kept(active_.size());
  TRY(each_active([&](Operator& op, std::size_t at) {
    Epoch epoch = epoch_on(connection_of(op), plan);
    return op.keep(epoch, services_.store, kept[at]);
  }));
  for (state::WriteSet& one : kept) changes.append(std::move(one));
  const auto pace = paces_.find(plan.model);
  if (pace != paces_.end() && pace->second.anew) {
    std::vector<std::string> whole;
    for (const Relation& source : TRY(find(plan.model))->inputs())
      if (!gives_places(source.table)) whole.push_back(source.table);
    for (const runs::Run& run : runs)
      if (run.model == plan.model) TRY(begin_with(services_.store, whole, run, changes));
  }
  keep_pace(plan, changes);
  for (const auto& op : operators_)
    TRY(runs::record_beginning(services_.store, op->model().table, op->plan().sources, changes));
  for (const runs::Run& run : runs) TRY(runs::record_run(services_.store, run, changes));
  Position position = TRY(read_position(services_.store, name_)).value_or(Position{});
  position.epoch = std::max(epoch_, plan.number);
  position.offsets = committed_;
  if (plan.model.empty()) {
    for (const runs::Interval& interval : plan.intervals)
      position.offsets[interval.source] = interval.to;
  }
  position.unfinished.erase(committing_as_);
  changes.put(position_key(name_), to_text(position));
  std::vector<columns::Batch> changed;
  std::vector<const Operator*> told = followed();
  std::erase_if(told, [&](const Operator* op) { return !is_active(*op); });
  for (const Operator* op : told)
    changed.push_back(TRY(TRY(connection_of(*op).query(op->changed_rows()))->batch()));
  TRY(services_.store.apply(changes));
  committed_ = std::move(position.offsets);
  epoch_ = position.epoch;
  TRY(each_active([&](Operator& op, std::size_t) { return op.committed(connection_of(op)); }));
  std::size_t i = 0;
  for (const Operator* op : told)
    services_.served->changed(op->model().table, op->model().key.front(), changed[i++]);
  return {};
}

// What each model keeps, and how far its watermark is behind.
void Pipeline::measure() const {
  for (const Operator* op : active_) {
    const base::Labels labels{{"model", op->model().table}};
    const StateSize size = op->state_size();
    base::gauge("waybill_operator_state_rows", "Rows that a model keeps.", labels)
        .Set(static_cast<double>(size.rows));
    const bool counts_bytes =
        op->plan().shape != Shape::kLatest && op->plan().shape != Shape::kPattern;
    if (counts_bytes)
      base::gauge("waybill_operator_state_bytes", "Bytes of them in the state store.", labels)
          .Set(static_cast<double>(size.bytes));
    const auto watermark = op->watermark();
    if (!watermark) continue;
    base::gauge("waybill_operator_watermark_lag_seconds",
                "How far a model's watermark is behind the clock.", labels)
        .Set(static_cast<double>(services_.clock.now_us() - *watermark) / 1e6);
  }
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

}  // namespace stream
