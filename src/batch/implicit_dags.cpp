#include "batch/implicit_dags.h"

#include <algorithm>
#include <set>

#include "stream/plan.h"

namespace batch {
namespace {

std::string dag_name(const runs::Schedule& schedule) {
  std::string name = fmt::format("daily-{:02}{:02}", schedule.hour, schedule.minute);
  if (schedule.time_zone != "UTC") name += "-" + schedule.time_zone;
  std::ranges::replace(name, '/', '-');
  return name;
}

std::string task_name(const std::string& table) {
  std::string name = table;
  std::ranges::replace(name, '.', '-');
  return name;
}

base::Result<Dag> dag_at(const runs::Schedule& schedule, const std::string& file) {
  Dag dag;
  dag.name = dag_name(schedule);
  dag.file = file;
  dag.description = "batch models by their own schedule";
  dag.implicit = true;
  dag.at_once = true;
  dag.schedule = TRY(Cron::parse(fmt::format("{} {} * * *", schedule.minute, schedule.hour)));
  auto zone = TimeZone::find(schedule.time_zone);
  if (!zone) return std::unexpected(std::move(zone).error().at(file, 1));
  dag.zone = *std::move(zone);
  return dag;
}

// Upstream tasks first; models that read each other in a circle stay in their order.
void order(Dag& dag) {
  std::vector<Task> ordered;
  std::set<std::string> placed;
  while (ordered.size() < dag.tasks.size()) {
    const std::size_t before = ordered.size();
    for (const Task& task : dag.tasks) {
      const bool free = std::ranges::all_of(
          task.depends_on, [&](const std::string& other) { return placed.contains(other); });
      if (!free || !placed.insert(task.name).second) continue;
      ordered.push_back(task);
    }
    if (ordered.size() != before) continue;
    for (Task& task : dag.tasks) {
      if (!placed.contains(task.name)) task.depends_on.clear();
    }
  }
  dag.tasks = std::move(ordered);
}

}  // namespace

base::Result<std::vector<Dag>> implicit_dags(const std::vector<Dag>& dags,
                                             const std::vector<runs::Model>& models,
                                             sql::Connection& connection) {
  std::set<std::string> run;
  for (const Dag& dag : dags) {
    for (const Task& task : dag.tasks) {
      if (const auto* model = std::get_if<ModelTask>(&task.work)) run.insert(model->table);
    }
  }
  std::map<std::string, Dag> made;
  for (const runs::Model& model : models) {
    if (run.contains(model.table)) continue;
    Dag fresh = TRY(dag_at(model.schedule, model.file));
    Dag& dag = made.try_emplace(fresh.name, std::move(fresh)).first->second;
    Task task;
    task.name = task_name(model.table);
    task.work = ModelTask{.table = model.table};
    task.retries = 3;
    task.retry_delay_us = 5 * base::kUsPerSecond;
    // SQL that does not parse is told when the model runs.
    if (const auto tree = connection.parse(model.sql)) task.depends_on = stream::tables_of(*tree);
    dag.tasks.push_back(std::move(task));
  }
  std::vector<Dag> all;
  for (auto& [name, dag] : made) {
    for (Task& task : dag.tasks) {
      std::vector<std::string> upstream;
      for (const std::string& table : task.depends_on) {
        const std::string other = task_name(table);
        if (other != task.name && dag.task(other) != nullptr) upstream.push_back(other);
      }
      task.depends_on = std::move(upstream);
    }
    order(dag);
    all.push_back(std::move(dag));
  }
  return all;
}

base::Result<std::vector<std::string>> inputs_of(const Dag& dag,
                                                 const std::vector<runs::Model>& models,
                                                 sql::Connection& connection) {
  std::set<std::string> written;
  std::set<std::string> read;
  for (const Task& task : dag.tasks) {
    const auto* work = std::get_if<ModelTask>(&task.work);
    if (work == nullptr) continue;
    written.insert(work->table);
    const auto model = std::ranges::find(models, work->table, &runs::Model::table);
    if (model == models.end()) continue;
    for (const std::string& table : stream::tables_of(TRY(connection.parse(model->sql))))
      read.insert(table);
  }
  std::vector<std::string> inputs;
  std::ranges::set_difference(read, written, std::back_inserter(inputs));
  return inputs;
}

}  // namespace batch
