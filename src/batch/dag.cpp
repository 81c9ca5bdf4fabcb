#include "batch/dag.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/edit_distance.h"

namespace batch {
namespace {

constexpr std::array<std::pair<TriggerRule, std::string_view>, 9> kRules{{
    {TriggerRule::kAllSuccess, "all_success"},
    {TriggerRule::kAllFailed, "all_failed"},
    {TriggerRule::kAllDone, "all_done"},
    {TriggerRule::kOneSuccess, "one_success"},
    {TriggerRule::kOneFailed, "one_failed"},
    {TriggerRule::kNoneFailed, "none_failed"},
    {TriggerRule::kNoneFailedMinOneSuccess, "none_failed_min_one_success"},
    {TriggerRule::kNoneSkipped, "none_skipped"},
    {TriggerRule::kAlways, "always"},
}};

std::string nearest(const std::string& name, const std::vector<std::string>& known) {
  const auto it = std::ranges::min_element(
      known, {}, [&](const std::string& other) { return base::edit_distance(name, other); });
  return it == known.end() ? "" : *it;
}

class Checker {
 public:
  Checker(const Dag& dag, const DagWorld& world, std::vector<base::Error>& errors)
      : dag_(dag), world_(world), errors_(errors) {}

  void check() {
    for (const std::string& table : dag_.when_tables) known(0, "table", table, world_.tables);
    for (const Task& task : dag_.tasks) {
      if (!task.pool.empty()) pool(task);
      std::visit([&](const auto& work) { refers(task, work); }, task.work);
    }
  }

 private:
  void wrong(int line, std::string message, std::string mend) {
    errors_.push_back(base::Error{
        .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                          .at(dag_.file, line));
  }
  void known(int line, std::string_view what, const std::string& name,
             const std::vector<std::string>& names) {
    if (std::ranges::find(names, name) != names.end()) return;
    const std::string near = nearest(name, names);
    wrong(line, fmt::format("there is no {} '{}'", what, name),
          near.empty() ? "name one that the project has" : fmt::format("did you mean '{}'?", near));
  }
  void pool(const Task& task) {
    std::vector<std::string> names;
    for (const auto& [name, slots] : world_.pools) names.push_back(name);
    known(task.line, "pool", task.pool, names);
    const auto it = world_.pools.find(task.pool);
    if (it != world_.pools.end() && task.slots > it->second)
      wrong(task.line,
            fmt::format("task '{}' needs {} slots of pool '{}', which has {}", task.name,
                        task.slots, task.pool, it->second),
            "ask for fewer, or give the pool more under 'pools' in waybill.yaml");
  }
  void refers(const Task& task, const ModelTask& work) {
    known(task.line, "batch model", work.table, world_.batch_models);
  }
  void refers(const Task& task, const SqlTask& work) {
    if (std::ranges::find(world_.batch_models, work.into) != world_.batch_models.end())
      wrong(task.line, fmt::format("{} is written by a model as well", work.into),
            "write into another table, or let a task run the model");
  }
  void refers(const Task& task, const ValidateTask& work) {
    known(task.line, "table", work.table, world_.tables);
    known(task.line, "suite", work.suite, world_.suites);
  }
  void refers(const Task& task, const MaintainTask& work) {
    for (const std::string& table : work.tables) known(task.line, "table", table, world_.tables);
  }
  void refers(const Task&, const HttpTask&) {}
  void refers(const Task&, const ShellTask&) {}
  void refers(const Task& task, const SensorTask& work) {
    if (!work.table.empty()) known(task.line, "table", work.table, world_.tables);
  }

  const Dag& dag_;
  const DagWorld& world_;
  std::vector<base::Error>& errors_;
};

}  // namespace

std::string_view rule_name(TriggerRule rule) {
  return std::ranges::find(kRules, rule, [](const auto& pair) { return pair.first; })->second;
}

std::optional<TriggerRule> rule_named(std::string_view name) {
  const auto it = std::ranges::find(kRules, name, [](const auto& pair) { return pair.second; });
  return it == kRules.end() ? std::nullopt : std::optional(it->first);
}

std::string Task::kind() const {
  static constexpr std::array<const char*, std::variant_size_v<TaskWork>> kNames{
      "model", "sql", "validate", "maintain", "http", "shell", "sensor"};
  return kNames.at(work.index());
}

const Task* Dag::task(const std::string& task_name) const {
  const auto it = std::ranges::find(tasks, task_name, &Task::name);
  return it == tasks.end() ? nullptr : &*it;
}

std::vector<std::string> Dag::with_downstream(const std::string& task_name) const {
  std::set<std::string> reached{task_name};
  std::vector<std::string> names;
  for (const Task& candidate : tasks) {
    const bool behind = std::ranges::any_of(
        candidate.depends_on, [&](const std::string& other) { return reached.contains(other); });
    if (!behind && candidate.name != task_name) continue;
    reached.insert(candidate.name);
    names.push_back(candidate.name);
  }
  return names;
}

std::vector<base::Error> check_dags(const std::vector<Dag>& dags, const DagWorld& world) {
  std::vector<base::Error> errors;
  DagWorld whole = world;
  for (const Dag& dag : dags) {
    for (const Task& task : dag.tasks) {
      if (const auto* sql = std::get_if<SqlTask>(&task.work); sql != nullptr && !sql->into.empty())
        whole.tables.push_back(sql->into);
    }
  }
  for (const Dag& dag : dags) Checker(dag, whole, errors).check();
  return errors;
}

}  // namespace batch
