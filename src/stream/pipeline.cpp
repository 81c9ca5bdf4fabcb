#include "stream/pipeline.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "base/logging.h"
#include "base/metrics.h"
#include "lake/applications.h"
#include "quality/dead_letter.h"
#include "stream/step.h"

namespace stream {
namespace {

constexpr std::int64_t kKeyedKeepUs = 600 * base::kUsPerSecond;  // old files of rewritten tables

}  // namespace

Pipeline::Pipeline(Services services, const Component& component, PipelineOptions options)
    : services_(services),
      topics_(component.topics),
      options_(options),
      name_(component.name()),
      committing_as_(name_) {
  status_.name = name_;
  status_.state = "idle";
}

Pipeline::~Pipeline() = default;

base::Result<std::unique_ptr<Pipeline>> Pipeline::make(
    Services services, const Component& component,
    const std::map<std::string, quality::Suite>& suites, const PipelineOptions& options) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline(services, component, options));
  pipeline->connection_ = TRY(services.database.connect());
  pipeline->landing_connection_ = TRY(services.database.connect());
  TRY(pipeline->make_operators(component.models, suites));
  TRY(pipeline->open_tables());
  pipeline->reader_ =
      std::make_unique<SourceReader>(services.log, component.topics, options.rows_max);
  return pipeline;
}

// Tables that the models read and nobody here writes, empty until an epoch loads them.
base::Result<> Pipeline::know_statics(const std::vector<runs::Model>& models,
                                      std::map<std::string, Relation>& known) {
  std::set<std::string> written;
  for (const runs::Model& model : models) written.insert(model.table);
  for (const runs::Model& model : models) {
    for (const std::string& table : TRY(plan_model(*connection_, model)).sources) {
      if (known.contains(table) || written.contains(table)) continue;
      StaticTable& found = statics_[table];
      found.table = TRY(services_.catalog.table(table));
      known[table] = {.table = table,
                      .schema = TRY(found.table->snapshot())->metadata().schema,
                      .changes = false,
                      .is_static = true,
                      .key = {},
                      .topics = {}};
      TRY(connection_->execute(empty_table(rows_table(table), known[table].schema)));
    }
  }
  return {};
}

base::Result<> Pipeline::make_operators(const std::vector<runs::Model>& models,
                                        const std::map<std::string, quality::Suite>& suites) {
  std::map<std::string, Relation> known;
  for (const schema::TopicSchema& topic : topics_) {
    const std::string bronze = "bronze." + topic.topic.name;
    known[bronze] = {.table = bronze,
                     .schema = schema::bronze_schema(topic),
                     .changes = false,
                     .is_static = false,
                     .key = {},
                     .topics = {topic.topic.name}};
    TRY(connection_->execute(empty_table(rows_table(bronze), known[bronze].schema)));
  }
  TRY(know_statics(models, known));
  for (const runs::Model& model : models) {
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
    if (options_.parallelism > 1) lanes_[model.table] = TRY(services_.database.connect());
    auto made = TRY(make_operator(connection_of_writer(model.table), model, known, suite));
    for (const auto& op : operators_) {
      if (std::ranges::count(made->plan().sources, op->model().table) > 0) op->be_read();
    }
    known[model.table] = made->output();
    status_.models.push_back(model.table);
    operators_.push_back(std::move(made));
    TRY(check_pace(*operators_.back()));
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
  for (const schema::TopicSchema& topic : topics_)
    TRY(open_table("bronze." + topic.topic.name, schema::bronze_schema(topic), {}, 0));
  TRY(open_table(kDeadLetters, quality::dead_letter_schema(), {}, 0));
  for (const auto& op : operators_) {
    const bool keyed = !op->model().key.empty();
    TRY(open_table(op->model().table, op->schema(), op->model().partition,
                   keyed ? kKeyedKeepUs : 0));
    for (const auto& [name, schema] : op->side_tables()) TRY(open_table(name, schema, {}, 0));
  }
  return {};
}

// Takes over what other pipelines have left of its topics, when it has no position of its own.
base::Result<> Pipeline::adopt() {
  if (TRY(read_position(services_.store, name_))) return {};
  std::vector<std::string> names;
  for (const schema::TopicSchema& topic : topics_) names.push_back(topic.topic.name);
  const auto adopted = TRY(stream::adopt(services_.store, name_, names));
  if (!adopted) return refuse_strange_tables();
  spdlog::info("{}: takes over at epoch {}", name_, adopted->position.epoch);
  return services_.store.apply(adopted->changes);
}

// Without a state of their own, epochs over topics that some pipeline has taken in already would
// double their rows, or be taken for committed ones.
base::Result<> Pipeline::refuse_strange_tables() const {
  if (TRY(read_plan(services_.store, name_))) return {};  // its first epoch was cut off
  for (const schema::TopicSchema& topic : topics_) {
    const std::string bronze = "bronze." + topic.topic.name;
    const std::string end = fmt::format("/{0}/{0}", bronze);
    const auto snapshot = TRY(targets_.at(bronze).table->snapshot());
    for (const std::string& id : lake::applications(*snapshot)) {
      constexpr std::string_view kBegin = "waybill/";
      if (!id.starts_with(kBegin) || !id.ends_with(end)) continue;
      const std::string other = id.substr(kBegin.size(), id.size() - kBegin.size() - end.size());
      return base::fail_with(
          base::Code::kInvalid,
          fmt::format("{} has rows of the pipeline {}, whose state the pipeline {} does not have",
                      bronze, other, name_),
          other == name_
              ? "restore the state that belongs to this lake, or begin with an empty lake"
              : "take back the change of models that joined or parted these topics, or begin anew: "
                "another 'name' in waybill.yaml and an empty lake");
    }
  }
  return {};
}

base::Result<> Pipeline::restore() {
  const std::scoped_lock running(running_);
  return restore_now();
}

base::Result<> Pipeline::restore_now() {
  reader_->stop();
  TRY(adopt());
  committed_ = TRY(consumed());
  const Position position = TRY(read_position(services_.store, name_)).value_or(Position{});
  epoch_ = position.epoch;
  TRY(restore_paces());
  for (const auto& op : operators_) TRY(op->restore(services_.store, connection_of(*op)));
  std::vector<std::string> unfinished(position.unfinished.begin(), position.unfinished.end());
  unfinished.push_back(name_);
  for (const std::string& pipeline : unfinished) {
    const auto plan = TRY(read_plan(services_.store, pipeline));
    if (!plan || (pipeline == name_ && plan->number <= epoch_)) continue;
    const auto done = replay(*plan, pipeline);
    if (done) continue;
    if (TRY(hold_back(*plan))) return restore_now();  // one model fewer
    return done;
  }
  TRY(begin_paces());
  TRY(find_behind());
  TRY(give_out_served());
  plan_asked_us_ = steady_us();
  note_plan();
  reader_->start(committed_);
  return {};
}

base::Result<> Pipeline::replay(const EpochPlan& plan, const std::string& pipeline) {
  EpochInput input;
  if (plan.model.empty()) input = TRY(reader_->replay(plan.intervals));
  spdlog::info("{}: running epoch {} again, which a stop cut off ({} records)", pipeline,
               plan.number, input.count());
  return execute(plan, std::move(input), pipeline);
}

bool Pipeline::waits_for_time(base::TimestampUs now_us) const {
  return std::ranges::any_of(operators_, [&](const auto& op) {
    return is_live(*op) && !rows_wait(*op, {}) && op->waits_for_time(now_us);
  });
}

base::Result<bool> Pipeline::run_epoch() {
  const std::scoped_lock running(running_);
  const base::TimestampUs now_us = services_.clock.now_us();
  // In turns, so that neither holds the other up.
  ran_behind_ = !ran_behind_ && TRY(run_behind(now_us));
  if (ran_behind_) return true;
  auto input = TRY(reader_->take(0));
  if (!input && !waits_for_time(now_us)) return false;
  EpochPlan plan{.number = epoch_ + 1, .now_us = now_us, .intervals = {}, .versions = {}};
  if (input) plan.intervals = input->intervals;
  TRY(pin_statics(plan));
  state::WriteSet changes;
  changes.put(plan_key(name_), to_text(plan));
  TRY(services_.store.apply(changes));
  const auto done = execute(plan, input ? *std::move(input) : EpochInput{}, name_);
  if (done) return true;
  if (!TRY(hold_back(plan))) return std::unexpected(done.error());
  TRY(restore_now());
  return true;
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

// Records have columns that the tables lack: another pipeline has to go on (cli/platform_schemas).
bool Pipeline::evolves(const base::Error& error) const {
  return error.code == base::Code::kConflict && reader_->met_new_columns();
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
        if (evolves(restored.error())) {  // the successor tells of what is wrong from here on
          services_.alerts.resolve("pipeline/" + name_, services_.clock.now_us());
          break;
        }
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
    if (!ran && evolves(ran.error())) break;
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

}  // namespace stream
