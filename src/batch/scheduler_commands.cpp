// What people tell the scheduler, and what it tells them.
#include <algorithm>

#include "batch/scheduler.h"

namespace batch {
namespace {

constexpr std::size_t kLogBytesMax = 1UL << 20;  // shown of a log, its end
constexpr std::size_t kGridRuns = 30;

nlohmann::json time_json(base::TimestampUs us) {
  return us == 0 ? nlohmann::json() : nlohmann::json(base::format_rfc3339(us));
}

nlohmann::json interval_json(const RunInterval& interval) {
  return {{"start", base::format_rfc3339(interval.start_us)},
          {"end", base::format_rfc3339(interval.end_us)}};
}

nlohmann::json task_json(const std::string& name, const TaskInstance& t) {
  nlohmann::json json{{"task", name},
                      {"state", state_name(t.state)},
                      {"attempt", t.attempt},
                      {"generation", t.generation},
                      {"started_at", time_json(t.started_us)},
                      {"ended_at", has_ended(t.state) ? time_json(t.ended_us) : nlohmann::json()}};
  if (t.state == TaskState::kRetry || t.state == TaskState::kSensing)
    json["next_at"] = time_json(t.next_us);
  if (!t.message.empty()) json["message"] = t.message;
  if (t.marked) json["marked"] = true;
  return json;
}

}  // namespace

base::Result<> Scheduler::pause(const std::string& dag, bool paused) {
  const std::scoped_lock lock(mutex_);
  DagEntry& entry = *TRY(book_.dag(dag));
  entry.paused = paused;
  state::WriteSet changes;
  book_.save_entry(entry, changes);
  TRY(keep(changes));
  poked_ = true;
  changed_.notify_all();
  return {};
}

void Scheduler::reopen(DagEntry& entry, DagRun& run, RunNumber number) {
  run.state = RunState::kRunning;
  run.ended_us = 0;
  run.cleared = true;
  active_.emplace(entry.dag->name, number);
  touched_.emplace(entry.dag->name, number);
}

// Keeps what a person changed of a run, and sees to what follows from it.
base::Result<> Scheduler::go_on(DagEntry& entry, DagRun& run, RunNumber number,
                                state::WriteSet& changes) {
  reopen(entry, run, number);
  book_.save_run(run, number, changes);
  TRY(keep(changes));
  poked_ = true;
  changed_.notify_all();
  return {};
}

base::Result<std::vector<std::string>> Scheduler::clear(const std::string& dag,
                                                        const std::string& run_id,
                                                        const std::string& task, bool downstream) {
  const std::scoped_lock lock(mutex_);
  RunNumber number = 0;
  DagRun& run = *TRY(book_.run(dag, run_id, &number));
  DagEntry& entry = *TRY(book_.dag(dag));
  DagBook::fit(*entry.dag, run);
  std::vector<std::string> names;
  if (task.empty()) {
    for (const Task& each : entry.dag->tasks) names.push_back(each.name);
  } else if (entry.dag->task(task) == nullptr) {
    return base::fail_with(base::Code::kNotFound,
                           fmt::format("DAG '{}' has no task '{}'", dag, task),
                           "'waybill dags show' lists them");
  } else {
    names = downstream ? entry.dag->with_downstream(task) : std::vector{task};
  }
  state::WriteSet changes;
  for (const std::string& name : names) {
    abandon(number, name);
    TaskInstance& instance = run.tasks.at(name);
    TaskInstance fresh;
    fresh.generation = instance.generation + 1;
    instance = fresh;
    book_.save_task(run, number, name, changes);
  }
  TRY(go_on(entry, run, number, changes));
  return names;
}

base::Result<> Scheduler::mark(const std::string& dag, const std::string& run_id,
                               const std::string& task, TaskState state) {
  const std::scoped_lock lock(mutex_);
  RunNumber number = 0;
  DagRun& run = *TRY(book_.run(dag, run_id, &number));
  DagEntry& entry = *TRY(book_.dag(dag));
  DagBook::fit(*entry.dag, run);
  if (entry.dag->task(task) == nullptr)
    return base::fail_with(base::Code::kNotFound,
                           fmt::format("DAG '{}' has no task '{}'", dag, task),
                           "'waybill dags show' lists them");
  if (state != TaskState::kSuccess && state != TaskState::kFailed && state != TaskState::kSkipped)
    return base::fail_with(base::Code::kInvalid, "a task cannot be marked so",
                           "mark it success, failed or skipped");
  state::WriteSet changes;
  abandon(number, task);
  TaskInstance& marked = run.tasks.at(task);
  marked.move_to(state, now_us());
  marked.marked = true;
  marked.message = "marked by a person";
  for (const std::string& name : entry.dag->with_downstream(task)) {
    TaskInstance& behind = run.tasks.at(name);
    if (behind.state == TaskState::kUpstreamFailed || behind.state == TaskState::kSkipped) {
      if (name != task && !behind.marked) behind.state = TaskState::kWaiting;
    }
    book_.save_task(run, number, name, changes);
  }
  TRY(go_on(entry, run, number, changes));
  return {};
}

nlohmann::json Scheduler::run_json(const DagEntry& entry, const DagRun& run,
                                   bool with_tasks) const {
  nlohmann::json json{{"dag", run.dag},
                      {"run", run.id},
                      {"kind", kind_name(run.kind)},
                      {"state", state_name(run.state)},
                      {"interval", interval_json(run.interval)},
                      {"parameters", run.parameters},
                      {"created_at", time_json(run.created_us)},
                      {"started_at", time_json(run.started_us)},
                      {"ended_at", time_json(run.ended_us)}};
  nlohmann::json counts = nlohmann::json::object();
  for (const auto& [name, task] : run.tasks) {
    const std::string state(state_name(task.state));
    counts[state] = counts.value(state, 0) + 1;
  }
  json["counts"] = std::move(counts);
  if (run.state == RunState::kRunning) {
    const auto expected = expected_end_us(*entry.dag, run, entry.past, now_us());
    json["expected_end_at"] = expected ? time_json(*expected) : nlohmann::json();
  }
  if (entry.dag->deadline_us > 0)
    json["deadline_at"] = time_json(run.interval.end_us + entry.dag->deadline_us);
  if (!with_tasks) return json;
  nlohmann::json tasks = nlohmann::json::array();
  for (const Task& task : entry.dag->tasks) {
    if (const auto it = run.tasks.find(task.name); it != run.tasks.end())
      tasks.push_back(task_json(task.name, it->second));
  }
  json["tasks"] = std::move(tasks);
  return json;
}

nlohmann::json Scheduler::overview(const DagEntry& entry) const {
  const Dag& dag = *entry.dag;
  nlohmann::json json{{"dag", dag.name},
                      {"description", dag.description},
                      {"file", dag.file},
                      {"implicit", dag.implicit},
                      {"paused", entry.paused},
                      {"schedule", dag.schedule ? nlohmann::json(dag.schedule->text()) : nullptr},
                      {"time_zone", dag.zone ? nlohmann::json(dag.zone->name()) : nullptr},
                      {"tasks", dag.tasks.size()},
                      {"next_at", nullptr},
                      {"last_run", nullptr}};
  if (dag.schedule && !entry.paused)
    json["next_at"] = time_json(dag.schedule->next(now_us(), *dag.zone).value_or(0));
  if (!entry.runs.empty()) json["last_run"] = run_json(entry, entry.runs.rbegin()->second, false);
  return json;
}

nlohmann::json Scheduler::list() {
  const std::scoped_lock lock(mutex_);
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [name, entry] : book_.dags()) list.push_back(overview(entry));
  return list;
}

base::Result<nlohmann::json> Scheduler::show(const std::string& dag) {
  const std::scoped_lock lock(mutex_);
  const DagEntry& entry = *TRY(book_.dag(dag));
  nlohmann::json json = overview(entry);
  nlohmann::json graph = nlohmann::json::array();
  for (const Task& task : entry.dag->tasks) {
    nlohmann::json node{{"task", task.name},
                        {"kind", task.kind()},
                        {"depends_on", task.depends_on},
                        {"trigger", rule_name(task.trigger)},
                        {"retries", task.retries},
                        {"timeout_seconds", task.timeout_us / base::kUsPerSecond},
                        {"pool", task.pool},
                        {"priority", task.priority}};
    if (const auto it = entry.past.find(task.name); it != entry.past.end())
      node["past_ms"] = [&] {
        nlohmann::json past = nlohmann::json::array();
        for (const std::int64_t us : it->second) past.push_back(us / base::kUsPerMs);
        return past;
      }();
    graph.push_back(std::move(node));
  }
  json["graph"] = std::move(graph);
  json["parameters"] = entry.dag->parameters;
  json["catch_up"] = entry.dag->catch_up;
  json["max_active_runs"] = entry.dag->max_active_runs;
  json["deadline_seconds"] = entry.dag->deadline_us / base::kUsPerSecond;
  json["when_tables"] = entry.dag->when_tables;
  nlohmann::json grid = nlohmann::json::array();
  for (auto it = entry.runs.rbegin(); it != entry.runs.rend() && grid.size() < kGridRuns; ++it)
    grid.push_back(run_json(entry, it->second, true));
  json["runs"] = std::move(grid);
  return json;
}

base::Result<nlohmann::json> Scheduler::runs(const std::string& dag, std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  const DagEntry& entry = *TRY(book_.dag(dag));
  nlohmann::json list = nlohmann::json::array();
  for (auto it = entry.runs.rbegin(); it != entry.runs.rend() && list.size() < limit; ++it)
    list.push_back(run_json(entry, it->second, false));
  return list;
}

base::Result<nlohmann::json> Scheduler::run_view(const std::string& dag, const std::string& run) {
  const std::scoped_lock lock(mutex_);
  const DagRun& found = *TRY(book_.run(dag, run));
  return run_json(*TRY(book_.dag(dag)), found, true);
}

base::Result<nlohmann::json> Scheduler::next(const std::string& dag, std::size_t count) {
  const std::scoped_lock lock(mutex_);
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [name, entry] : book_.dags()) {
    if ((!dag.empty() && name != dag) || !entry.dag->schedule) continue;
    base::TimestampUs at = std::max(now_us(), entry.cursor_us);
    for (std::size_t i = 0; i < count; ++i) {
      const auto due = entry.dag->schedule->next(at, *entry.dag->zone);
      if (!due) break;
      at = *due;
      list.push_back({{"dag", name},
                      {"at", base::format_rfc3339(at)},
                      {"paused", entry.paused},
                      {"interval", interval_json(interval_ending(*entry.dag->schedule,
                                                                 *entry.dag->zone, at))}});
    }
  }
  if (!dag.empty()) TRY(book_.dag(dag));
  std::sort(list.begin(), list.end(), [](const nlohmann::json& a, const nlohmann::json& b) {
    return std::pair(a.at("at"), a.at("dag")) < std::pair(b.at("at"), b.at("dag"));
  });
  return list;
}

base::Result<std::string> Scheduler::log(const std::string& dag, const std::string& run,
                                         const std::string& task, int attempt) {
  base::Path path;
  {
    const std::scoped_lock lock(mutex_);
    const DagRun& found = *TRY(book_.run(dag, run));
    const auto it = found.tasks.find(task);
    if (it == found.tasks.end())
      return base::fail_with(base::Code::kNotFound,
                             fmt::format("run '{}' has no task '{}'", run, task),
                             "'waybill dags show' lists them");
    path = log_path(found, task, attempt > 0 ? attempt : it->second.attempt);
  }
  auto text = base::read_file(base::posix_file_system(), path, 1UL << 30);
  if (!text && text.error().code == base::Code::kNotFound) return std::string();
  if (!text) return text;
  return text->size() <= kLogBytesMax ? *text : text->substr(text->size() - kLogBytesMax);
}

}  // namespace batch
