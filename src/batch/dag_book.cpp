#include "batch/dag_book.h"

#include <algorithm>

#include "base/edit_distance.h"

namespace batch {
namespace {

constexpr std::size_t kInstancesMax = 100'000;  // of a DAG, in memory and in state
constexpr std::size_t kPastMax = 30;            // durations of a task

constexpr const char* kEpochKey = "dag/epoch";
std::string state_key(const std::string& dag) { return "dag/state/" + dag; }
std::string past_key(const std::string& dag) { return "dag/past/" + dag; }
std::string runs_prefix(const std::string& dag) { return "dag/run/" + dag + "/"; }
std::string run_key(const std::string& dag, RunNumber number) {
  return runs_prefix(dag) + state::key_number(number);
}
std::string tasks_prefix(const std::string& dag, RunNumber number) {
  return "dag/task/" + dag + "/" + state::key_number(number) + "/";
}

std::string nearest(const std::string& name, const std::vector<std::string>& known) {
  const auto it = std::ranges::min_element(
      known, {}, [&](const std::string& other) { return base::edit_distance(name, other); });
  return it == known.end() ? "write one: docs/dags.md" : fmt::format("did you mean '{}'?", *it);
}

}  // namespace

std::size_t DagEntry::runs_max() const {
  return std::clamp<std::size_t>(kInstancesMax / std::max<std::size_t>(1, dag->tasks.size()), 10,
                                 1000);
}

DagRun* DagEntry::run(const std::string& id, RunNumber* number) {
  for (auto it = runs.rbegin(); it != runs.rend(); ++it) {
    if (it->second.id != id) continue;
    if (number != nullptr) *number = it->first;
    return &it->second;
  }
  return nullptr;
}

void DagBook::fit(const Dag& dag, DagRun& run) {
  std::erase_if(run.tasks, [&](const auto& item) { return dag.task(item.first) == nullptr; });
  for (const Task& task : dag.tasks) run.tasks[task.name];
}

base::Result<> DagBook::load_runs(DagEntry& entry) {
  const std::string prefix = runs_prefix(entry.dag->name);
  TRY(store_.scan(prefix, [&](std::string_view key, std::string_view value) {
    const RunNumber number = state::number_of_key(key.substr(prefix.size()));
    entry.runs[number] = run_from_json(nlohmann::json::parse(value));
    next_ = std::max(next_, number + 1);
    return true;
  }));
  for (auto& [number, run] : entry.runs) {
    const std::string tasks = tasks_prefix(run.dag, number);
    TRY(store_.scan(tasks, [&, &kept = run](std::string_view key, std::string_view value) {
      kept.tasks[std::string(key.substr(tasks.size()))] =
          instance_from_json(nlohmann::json::parse(value));
      return true;
    }));
  }
  return {};
}

base::Result<> DagBook::load_entry(DagEntry& entry) {
  if (const auto saved = TRY(store_.get(state_key(entry.dag->name)))) {
    const auto json = nlohmann::json::parse(*saved);
    entry.paused = json.at("paused");
    entry.cursor_us = json.at("cursor_us");
    entry.backfill_parallel = json.at("backfill_parallel");
  }
  if (const auto saved = TRY(store_.get(past_key(entry.dag->name))))
    entry.past = nlohmann::json::parse(*saved).get<Durations>();
  return load_runs(entry);
}

base::Result<> DagBook::load(std::vector<Dag> dags, base::TimestampUs now_us) {
  dags_.clear();
  const auto epoch = TRY(store_.get(kEpochKey));
  epoch_ = (epoch ? std::stoll(*epoch) : 0) + 1;
  state::WriteSet changes;
  changes.put(kEpochKey, std::to_string(epoch_));
  for (Dag& dag : dags) {
    const std::string name = dag.name;
    DagEntry& entry = dags_[name];
    entry.dag = std::make_shared<const Dag>(std::move(dag));
    TRY(load_entry(entry));
    for (auto& [number, run] : entry.runs) {
      if (run.state != RunState::kRunning) continue;
      fit(*entry.dag, run);
      for (auto& [task, instance] : run.tasks) {
        if (instance.state != TaskState::kRunning) continue;
        instance.move_to(TaskState::kReady, now_us);
        instance.message = fmt::format("attempt {} was cut off by a stop", instance.attempt);
        save_task(run, number, task, changes);
      }
    }
  }
  return store_.apply(changes);
}

base::Result<> DagBook::apply(const state::WriteSet& changes) {
  if (changes.empty()) return {};
  const auto epoch = TRY(store_.get(kEpochKey));
  if (!epoch || std::stoll(*epoch) != epoch_)
    return base::fail_with(base::Code::kConflict, "another scheduler has taken over",
                           "this one stops; look at the other one");
  return store_.apply(changes);
}

base::Result<DagEntry*> DagBook::dag(const std::string& name) {
  const auto it = dags_.find(name);
  if (it != dags_.end()) return &it->second;
  std::vector<std::string> names;
  for (const auto& [known, entry] : dags_) names.push_back(known);
  return base::fail_with(base::Code::kNotFound, fmt::format("there is no DAG '{}'", name),
                         nearest(name, names));
}

base::Result<DagRun*> DagBook::run(const std::string& dag_name, const std::string& id,
                                   RunNumber* number) {
  DagEntry* const entry = TRY(dag(dag_name));
  if (DagRun* const found = entry->run(id, number)) return found;
  std::vector<std::string> ids;
  for (const auto& [other, run] : entry->runs) ids.push_back(run.id);
  return base::fail_with(base::Code::kNotFound,
                         fmt::format("DAG '{}' has no run '{}'", dag_name, id),
                         ids.empty() ? "it never ran" : nearest(id, ids));
}

RunNumber DagBook::add(DagEntry& entry, DagRun run, state::WriteSet& changes,
                       std::vector<DagRun>& forgotten) {
  const RunNumber number = next_++;
  fit(*entry.dag, run);
  save_run(run, number, changes);
  for (const auto& [task, instance] : run.tasks) save_task(run, number, task, changes);
  entry.runs.emplace(number, std::move(run));
  for (auto it = entry.runs.begin();
       entry.runs.size() > entry.runs_max() && it != entry.runs.end();) {
    if (it->second.state == RunState::kRunning) {
      ++it;
      continue;
    }
    const std::string tasks = tasks_prefix(it->second.dag, it->first);
    changes.remove(run_key(it->second.dag, it->first));
    changes.remove_range(tasks, tasks.substr(0, tasks.size() - 1) + '0');
    forgotten.push_back(std::move(it->second));
    it = entry.runs.erase(it);
  }
  return number;
}

void DagBook::save_run(const DagRun& run, RunNumber number, state::WriteSet& changes) const {
  changes.put(run_key(run.dag, number), to_json(run).dump());
}

void DagBook::save_task(const DagRun& run, RunNumber number, const std::string& task,
                        state::WriteSet& changes) const {
  changes.put(tasks_prefix(run.dag, number) + task, to_json(run.tasks.at(task)).dump());
}

void DagBook::save_entry(const DagEntry& entry, state::WriteSet& changes) const {
  changes.put(state_key(entry.dag->name),
              nlohmann::json{{"paused", entry.paused},
                             {"cursor_us", entry.cursor_us},
                             {"backfill_parallel", entry.backfill_parallel}}
                  .dump());
}

void DagBook::add_past(DagEntry& entry, const std::string& task, std::int64_t duration_us,
                       state::WriteSet& changes) const {
  auto& past = entry.past[task];
  past.push_back(duration_us);
  if (past.size() > kPastMax) past.erase(past.begin());
  if (entry.dag->deadline_us > 0)
    changes.put(past_key(entry.dag->name), nlohmann::json(entry.past).dump());
}

}  // namespace batch
