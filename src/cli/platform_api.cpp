// What the listeners ask of the platform: look-ups, status, runs, audit, dead letters.
#include <algorithm>
#include <chrono>
#include <thread>

#include "base/logging.h"
#include "cli/platform.h"
#include "cli/schemas_api.h"
#include "quality/dead_letter.h"
#include "server/remote_engine.h"

namespace cli {
namespace {

using nlohmann::json;

constexpr int kAuditTries = 60;

json rows_as_json(const sql::Result& result) {
  json rows = json::array();
  for (std::size_t row = 0; row < result.rows(); ++row) {
    json object = json::object();
    for (std::size_t column = 0; column < result.columns().size(); ++column) {
      object[result.columns()[column].name] = result.json(column, row);
    }
    rows.push_back(std::move(object));
  }
  return rows;
}

json to_json(const stream::PipelineStatus& s, base::TimestampUs now_us) {
  json j{{"name", s.name},
         {"mode", "streaming"},
         {"state", s.state},
         {"epoch", s.epoch},
         {"models", s.models},
         {"lag_records", s.lag_records},
         {"lag_seconds", s.lag_seconds},
         {"records_per_second", s.records_per_second}};
  if (!s.error.empty()) j["error"] = s.error;
  j["committed_at"] = s.committed_us == 0 ? json() : json(base::format_rfc3339(s.committed_us));
  j["freshness_seconds"] =
      s.committed_us == 0 ? json() : json(static_cast<double>(now_us - s.committed_us) / 1e6);
  return j;
}

}  // namespace

base::Result<std::unique_ptr<server::JsonQuery>> Platform::json_query(server::SqlRequest request) {
  return server::remote_json_query(*sql_workers_, std::move(request));
}

server::PostgresListener::OpenEngine Platform::open_engine() {
  return [this](server::Running& running, std::int32_t process_id, std::shared_ptr<void> slot)
             -> base::Result<std::unique_ptr<protocol::postgres::Engine>> {
    return server::remote_engine(*sql_workers_, running, process_id, std::move(slot));
  };
}

std::vector<std::string> Platform::lookups() const {
  std::vector<std::string> names;
  for (const auto& [name, table] : project_.lookups) names.push_back(name);
  return names;
}

base::Result<std::optional<json>> Platform::lookup(const std::string& name, const std::string& id) {
  const auto it = project_.lookups.find(name);
  if (it == project_.lookups.end()) {
    return base::fail_with(base::Code::kNotFound, fmt::format("there is no look-up '{}'", name),
                           fmt::format("the look-ups are {}", fmt::join(lookups(), ", ")));
  }
  for (const auto& pipeline : pipelines()) {
    for (const auto& op : pipeline->operators()) {
      if (op->model().table != it->second.table || op->served().empty()) continue;
      if (!units_->running("topic-" + pipeline->name())) return lookup_in_lake(op->model(), id);
    }
  }
  const auto row = served_->table(name)->get(id);
  if (!row) return std::nullopt;
  return json::parse(*row);
}

// What a pipeline in another worker has put into its table; some epochs behind its memory.
base::Result<std::optional<json>> Platform::lookup_in_lake(const runs::Model& model,
                                                           const std::string& id) {
  const auto snapshot = TRY(TRY(catalog_->table(model.table))->snapshot());
  const std::scoped_lock lock(lookup_mutex_);
  const auto result = TRY(lookup_connection_->query(
      fmt::format("SELECT * FROM ({}) WHERE {} = {} LIMIT 1", snapshot->scan_sql(),
                  sql::quote_name(model.key.front()), sql::quote_text(id))));
  if (result->rows() == 0) return std::nullopt;
  return rows_as_json(*result)[0];
}

json Platform::pipeline_status(const stream::Pipeline& pipeline, base::TimestampUs now_us) const {
  const stream::PipelineStatus status = pipeline.status();
  json entry = to_json(status, now_us);
  if (!units_->shared()) return entry;
  const std::string unit = "topic-" + status.name;
  const json owner = units_->owner(unit);
  entry["worker"] = owner.is_object() ? owner.value("worker", "") : "";
  if (units_->running(unit)) return entry;
  entry["state"] = status.lag_records > 0 ? "running" : "idle";  // as far as is seen from here
  if (const auto epoch = pipeline.epochs(); epoch) entry["epoch"] = epoch->committed;
  return entry;
}

json Platform::status() {
  const base::TimestampUs now_us = clock_.now_us();
  json status{{"version", "0.1.0"},
              {"project", project_.name},
              {"started_at", base::format_rfc3339(started_us_)},
              {"now", base::format_rfc3339(now_us)},
              {"pipelines", json::array()},
              {"tables", json::array()}};
  for (const auto& pipeline : pipelines())
    status["pipelines"].push_back(pipeline_status(*pipeline, now_us));
  for (const runs::Model& model : daily_->models()) {
    json entry{{"name", model.table},
               {"mode", fmt::format("daily at {:02}:{:02} {}", model.schedule.hour,
                                    model.schedule.minute, model.schedule.time_zone)},
               {"state", "idle"},
               {"epoch", 0},
               {"models", {model.table}},
               {"lag_records", 0},
               {"lag_seconds", 0},
               {"records_per_second", 0},
               {"committed_at", nullptr},
               {"freshness_seconds", nullptr}};
    if (const auto done = units_->store("daily").get("daily/" + model.table); done && *done) {
      const json saved = json::parse(**done);
      entry["epoch"] = saved.at("number");
      entry["committed_at"] = base::format_rfc3339(saved.at("ran_us"));
      entry["freshness_seconds"] =
          static_cast<double>(now_us - saved.at("ran_us").get<std::int64_t>()) / 1e6;
    }
    status["pipelines"].push_back(std::move(entry));
  }
  if (units_->shared()) status["worker"] = project_.worker;
  if (const auto names = catalog_->names(units_->shared())) {
    for (const std::string& name : *names) {
      const auto table = catalog_->table(name);
      if (!table) continue;
      const auto snapshot = (*table)->snapshot(false);
      if (!snapshot) continue;
      status["tables"].push_back(
          {{"name", name},
           {"version", (*snapshot)->version()},
           {"rows", (*snapshot)->rows()},
           {"files", (*snapshot)->files().size()},
           {"bytes", (*snapshot)->bytes()},
           {"committed_at", base::format_rfc3339((*snapshot)->timestamp_us())}});
    }
  }
  status["fleet"] = {{"trucks", fleet_ ? fleet_->size() : 0},
                     {"active", fleet_ ? fleet_->active(now_us) : 0}};
  return status;
}

base::Result<json> Platform::runs(std::size_t limit, const std::string& model) {
  std::vector<json> all;
  for (const state::Store* store : units_->stores()) {
    for (json& run : TRY(runs::list_runs(*store, limit, model))) all.push_back(std::move(run));
  }
  std::ranges::sort(all, std::ranges::greater{},
                    [](const json& run) { return run.at("started_at").get<std::string>(); });
  if (all.size() > limit) all.resize(limit);
  return json(std::move(all));
}

// Ledger, offsets and table versions of one moment: no epoch runs here while they are read.
base::Result<runs::AuditInput> Platform::audit_input_now() {
  auto running = pipelines();
  std::vector<std::unique_lock<std::mutex>> holds;
  for (;;) {
    for (const auto& pipeline : running) holds.push_back(pipeline->hold());
    auto now = pipelines();
    if (now == running) break;  // else one was made anew while its lock was waited for
    holds.clear();
    running = std::move(now);
  }
  runs::AuditInput input;
  for (const state::Store* store : units_->stores()) {
    for (runs::LedgerLine& line : TRY(runs::ledger(*store)))
      input.ledger.push_back(std::move(line));
    for (auto& [model, given] : TRY(runs::beginnings(*store))) input.beginnings[model] = given;
  }
  for (const std::string& name : TRY(catalog_->names(true)))
    input.tables[name] = TRY(TRY(catalog_->table(name))->snapshot());
  for (const auto& pipeline : running) {
    for (const schema::TopicSchema& topic : pipeline->topics())
      input.models.push_back(
          {.table = "bronze." + topic.topic.name, .sources = {}, .appends = true, .key = {}});
    for (const auto& op : pipeline->operators()) {
      input.models.push_back({.table = op->model().table,
                              .sources = op->plan().sources,
                              .appends = op->model().key.empty(),
                              .key = op->model().key,
                              .behind = pipeline->is_behind(op->model().table)});
    }
    for (const auto& [source, to] : TRY(pipeline->consumed())) input.consumed[source] = to;
  }
  return input;
}

// Whether no pipeline is between the plan and the commit of an epoch, as far as is seen from here.
base::Result<bool> Platform::pipelines_rest() const {
  for (const auto& pipeline : pipelines()) {
    const auto epochs = TRY(pipeline->epochs());
    if (epochs.planned > epochs.committed) return false;
  }
  return true;
}

// Other workers' epochs cannot be held: waits for a moment in which none of them ran.
base::Result<runs::AuditInput> Platform::audit_input() {
  if (!units_->shared()) return audit_input_now();
  for (int i = 0; i < kAuditTries; ++i) {
    TRY(units_->follow());
    const auto before = units_->changes();
    auto input = TRY(audit_input_now());
    TRY(units_->follow());
    if (TRY(pipelines_rest()) && units_->changes() == before) return input;
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + 10 * i));
  }
  return base::fail_with(base::Code::kUnavailable,
                         "the workers' epochs left no moment to read all ledgers and tables as one",
                         "ask again, best when less comes in");
}

base::Result<json> Platform::audit() {
  const runs::AuditInput input = TRY(audit_input());
  const auto connection = TRY(engine_->connect());
  return runs::to_json(TRY(runs::audit(input, *connection)));
}

std::string Platform::dead_letter_where(const server::DeadLetterFilter& filter) const {
  std::vector<std::string> terms{"true"};
  if (!filter.model.empty()) terms.push_back("model = " + sql::quote_text(filter.model));
  if (!filter.reason.empty())
    terms.push_back(
        fmt::format("contains(lower(reason), lower({}))", sql::quote_text(filter.reason)));
  if (!filter.ids.empty()) {
    std::vector<std::string> ids;
    for (const std::string& id : filter.ids) ids.push_back(sql::quote_text(id));
    terms.push_back(fmt::format("id IN ({})", fmt::join(ids, ", ")));
  }
  return fmt::format("{}", fmt::join(terms, " AND "));
}

base::Result<json> Platform::dead_letters(const server::DeadLetterFilter& filter) {
  const auto snapshot = TRY(TRY(catalog_->table("dead_letters"))->snapshot());
  const auto connection = TRY(engine_->connect());
  const auto result = TRY(connection->query(
      fmt::format("SELECT * FROM ({}) WHERE {} ORDER BY time DESC, id LIMIT {}",
                  snapshot->scan_sql(), dead_letter_where(filter), filter.limit)));
  return rows_as_json(*result);
}

// Sends the bytes of dead letters into their topic again, as new records. The dead letters stay:
// they are history; one that was sent before is left alone.
base::Result<json> Platform::redrive(const server::DeadLetterFilter& filter) {
  return quality_->letters().redrive({.where = dead_letter_where(filter),
                                      .repair = "",
                                      .limit = std::min<std::size_t>(filter.limit, 1'000'000)});
}

base::Result<json> Platform::run_model(const std::string& name) {
  return room_call(
      {.posts = true, .segments = {"models", name, "run"}, .query = {}, .body = json::object()});
}

base::Result<json> Platform::room_call(const server::RoomCall& call) {
  if (call.segments.front() == "dags") return batch_->answer(call);
  if (call.segments.front() == "models" && call.segments.back() == "run" &&
      !units_->running("daily")) {
    const json owner = units_->owner("daily");
    return base::fail_with(base::Code::kUnavailable, "daily models run in another worker",
                           owner.is_object()
                               ? fmt::format("ask worker {} at {}", owner.value("worker", ""),
                                             owner.value("address", ""))
                               : "start 'waybill up'");
  }
  if (QualityApi::answers(call)) return quality_->answer(call);
  if (call.segments.front() == "lineage") return lineage_->graph();
  if (SchemasApi::answers(call))
    return SchemasApi(registry_.get(), project_, *engine_).answer(call);
  return backfills_->answer(call);
}

base::Result<std::shared_ptr<stream::Pipeline>> Platform::pipeline_of(const std::string& model) {
  std::vector<std::string> names;
  for (const auto& pipeline : pipelines()) {
    for (const auto& op : pipeline->operators()) {
      names.push_back(op->model().table);
      if (op->model().table == model) return pipeline;
    }
  }
  return base::fail_with(base::Code::kNotFound,
                         fmt::format("there is no streaming model '{}'", model),
                         fmt::format("the streaming models are {}", fmt::join(names, ", ")));
}

base::Result<json> Platform::explain_model(const std::string& name) {
  return TRY(pipeline_of(name))->explain(name);
}

base::Result<json> Platform::steer_model(const std::string& name, server::ModelCommand command) {
  const auto found = TRY(pipeline_of(name));
  stream::Pipeline& pipeline = *found;
  if (const std::string unit = unit_of(pipeline.name());
      units_->shared() && !units_->running(unit)) {
    const json owner = units_->owner(unit);
    return base::fail_with(base::Code::kUnavailable, fmt::format("{} runs in another worker", name),
                           owner.is_object()
                               ? fmt::format("ask worker {} at {}", owner.value("worker", ""),
                                             owner.value("address", ""))
                               : "start 'waybill up'");
  }
  switch (command) {
    case server::ModelCommand::kPause:
      TRY(pipeline.pause(name));
      break;
    case server::ModelCommand::kResume:
      TRY(pipeline.resume(name));
      break;
    case server::ModelCommand::kRewind:
      TRY(pipeline.rewind(name));
      break;
  }
  return pipeline.explain(name);
}

json Platform::queries() { return server::queries_as_json(sql_workers_->running()); }

base::Result<> Platform::kill_query(std::int64_t id) { return sql_workers_->kill(id); }

json Platform::alerts() {
  json list = json::array();
  for (const quality::Alert& alert : alerts_.list()) {
    json entry{{"id", alert.id},
               {"severity", alert.severity},
               {"summary", alert.summary},
               {"since", base::format_rfc3339(alert.since_us)}};
    if (alert.resolved_us) entry["resolved_at"] = base::format_rfc3339(*alert.resolved_us);
    list.push_back(std::move(entry));
  }
  return list;
}

namespace {

json yaml_to_json(const YAML::Node& node) {
  if (node.IsMap()) {
    json object = json::object();
    for (const auto& entry : node) object[entry.first.Scalar()] = yaml_to_json(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    json list = json::array();
    for (const YAML::Node& item : node) list.push_back(yaml_to_json(item));
    return list;
  }
  if (!node.IsScalar()) return nullptr;
  std::int64_t integer = 0;
  double number = 0;
  bool flag = false;
  if (node.Tag() != "!" && YAML::convert<std::int64_t>::decode(node, integer)) return integer;
  if (node.Tag() != "!" && YAML::convert<double>::decode(node, number)) return number;
  if (node.Tag() != "!" && YAML::convert<bool>::decode(node, flag)) return flag;
  return node.Scalar();
}

}  // namespace

// The first in the list is what the page opens: overview, then by name.
base::Result<json> Platform::dashboards() {
  json list = json::array();
  const base::Path folder = project_.folder / "dashboards";
  auto files = TRY(base::posix_file_system().list(folder));
  std::ranges::sort(
      files, {}, [](const std::string& file) { return std::pair(file != "overview.yaml", file); });
  for (const std::string& file : files) {
    if (!file.ends_with(".yaml")) continue;
    const std::string name = file.substr(0, file.size() - 5);
    const auto board = dashboard(name);
    list.push_back({{"name", name}, {"title", board ? board->value("title", name) : name}});
  }
  return list;
}

base::Result<json> Platform::dashboard(const std::string& name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
  const base::Path path = project_.folder / "dashboards" / (name + ".yaml");
  if (!plain || !std::filesystem::exists(path)) {
    return base::fail_with(base::Code::kNotFound,
                           fmt::format("there is no dashboard '{}'", name.substr(0, 64)),
                           "the dashboards are the files of dashboards/ in the project");
  }
  return yaml_to_json(TRY(base::Yaml::load(path)).node());
}

}  // namespace cli
