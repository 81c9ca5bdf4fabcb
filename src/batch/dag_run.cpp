#include "batch/dag_run.h"

#include <algorithm>
#include <array>

namespace batch {
namespace {

constexpr std::array<std::string_view, 9> kStates{"waiting", "ready",   "running",
                                                  "retry",   "sensing", "success",
                                                  "failed",  "skipped", "upstream_failed"};

// What became of the tasks that a task waits for.
struct Upstream {
  std::size_t all = 0;
  std::size_t ended = 0;
  std::size_t success = 0;
  std::size_t failed = 0;  // or upstream failed
  std::size_t skipped = 0;

  bool done() const { return ended == all; }
};

Upstream upstream_of(const Task& task, const DagRun& run) {
  Upstream up;
  for (const std::string& name : task.depends_on) {
    const TaskState state = run.tasks.at(name).state;
    ++up.all;
    up.ended += has_ended(state) ? 1 : 0;
    up.success += state == TaskState::kSuccess ? 1 : 0;
    up.skipped += state == TaskState::kSkipped ? 1 : 0;
    up.failed += state == TaskState::kFailed || state == TaskState::kUpstreamFailed ? 1 : 0;
  }
  return up;
}

TaskState cannot(const Upstream& up) {
  return up.failed > 0 ? TaskState::kUpstreamFailed : TaskState::kSkipped;
}

// What the rule makes of a waiting task. A rule that can no longer hold decides at once.
TaskState decide(TriggerRule rule, const Upstream& up) {
  constexpr TaskState kWait = TaskState::kWaiting;
  constexpr TaskState kGo = TaskState::kReady;
  switch (rule) {
    case TriggerRule::kAllSuccess:
      if (up.failed > 0 || up.skipped > 0) return cannot(up);
      return up.success == up.all ? kGo : kWait;
    case TriggerRule::kAllFailed:
      if (up.success > 0 || up.skipped > 0) return TaskState::kSkipped;
      return up.failed == up.all ? kGo : kWait;
    case TriggerRule::kAllDone:
      return up.done() ? kGo : kWait;
    case TriggerRule::kOneSuccess:
      if (up.success > 0 || up.all == 0) return kGo;
      return up.done() ? cannot(up) : kWait;
    case TriggerRule::kOneFailed:
      if (up.failed > 0) return kGo;
      return up.done() ? TaskState::kSkipped : kWait;
    case TriggerRule::kNoneFailed:
      if (up.failed > 0) return TaskState::kUpstreamFailed;
      return up.done() ? kGo : kWait;
    case TriggerRule::kNoneFailedMinOneSuccess:
      if (up.failed > 0) return TaskState::kUpstreamFailed;
      if (!up.done()) return kWait;
      return up.success > 0 || up.all == 0 ? kGo : TaskState::kSkipped;
    case TriggerRule::kNoneSkipped:
      if (up.skipped > 0) return TaskState::kSkipped;
      return up.done() ? kGo : kWait;
    case TriggerRule::kAlways:
      return kGo;
  }
  return kWait;
}

std::int64_t median(std::vector<std::int64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// The median, and what lies between it and most of the values: 1.4826 times the median distance.
std::int64_t expected_us(const std::vector<std::int64_t>& durations) {
  const std::int64_t typical = median(durations);
  std::vector<std::int64_t> distances;
  for (const std::int64_t d : durations) distances.push_back(std::abs(d - typical));
  return typical + median(distances) * 14'826 / 10'000;
}

}  // namespace

bool has_ended(TaskState state) {
  return state == TaskState::kSuccess || state == TaskState::kFailed ||
         state == TaskState::kSkipped || state == TaskState::kUpstreamFailed;
}

std::string_view state_name(TaskState state) { return kStates.at(static_cast<std::size_t>(state)); }

std::optional<TaskState> state_named(std::string_view name) {
  const auto it = std::ranges::find(kStates, name);
  if (it == kStates.end()) return std::nullopt;
  return static_cast<TaskState>(it - kStates.begin());
}

std::string_view kind_name(RunKind kind) {
  static constexpr std::array<std::string_view, 3> kNames{"scheduled", "manual", "backfill"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string_view state_name(RunState state) {
  static constexpr std::array<std::string_view, 3> kNames{"running", "success", "failed"};
  return kNames.at(static_cast<std::size_t>(state));
}

void TaskInstance::move_to(TaskState to, base::TimestampUs now_us) {
  state = to;
  if (to == TaskState::kReady) ready_us = now_us;
  if (has_ended(to)) ended_us = now_us;
}

nlohmann::json to_json(const TaskInstance& t) {
  nlohmann::json json{
      {"state", state_name(t.state)}, {"attempt", t.attempt},  {"failures", t.failures},
      {"generation", t.generation},   {"epoch", t.epoch},      {"ready_us", t.ready_us},
      {"started_us", t.started_us},   {"ended_us", t.ended_us}};
  if (t.next_us != 0) json["next_us"] = t.next_us;
  if (t.sensing_since_us != 0) json["sensing_since_us"] = t.sensing_since_us;
  if (!t.message.empty()) json["message"] = t.message;
  if (t.marked) json["marked"] = true;
  return json;
}

TaskInstance instance_from_json(const nlohmann::json& json) {
  TaskInstance t;
  t.state = state_named(json.at("state").get<std::string>()).value_or(TaskState::kWaiting);
  t.attempt = json.at("attempt");
  t.failures = json.at("failures");
  t.generation = json.at("generation");
  t.epoch = json.at("epoch");
  t.ready_us = json.at("ready_us");
  t.started_us = json.at("started_us");
  t.ended_us = json.at("ended_us");
  t.next_us = json.value("next_us", base::TimestampUs{0});
  t.sensing_since_us = json.value("sensing_since_us", base::TimestampUs{0});
  t.message = json.value("message", "");
  t.marked = json.value("marked", false);
  return t;
}

std::string DagRun::instance_id(const std::string& task) const {
  return fmt::format("{}/{}/{}/{}", dag, id, task, tasks.at(task).generation);
}

nlohmann::json to_json(const DagRun& run) {
  return {{"dag", run.dag},
          {"run", run.id},
          {"kind", static_cast<int>(run.kind)},
          {"state", static_cast<int>(run.state)},
          {"start_us", run.interval.start_us},
          {"end_us", run.interval.end_us},
          {"parameters", run.parameters},
          {"created_us", run.created_us},
          {"started_us", run.started_us},
          {"ended_us", run.ended_us},
          {"cleared", run.cleared}};
}

DagRun run_from_json(const nlohmann::json& json) {
  DagRun run;
  run.dag = json.at("dag");
  run.id = json.at("run");
  run.kind = static_cast<RunKind>(json.at("kind").get<int>());
  run.state = static_cast<RunState>(json.at("state").get<int>());
  run.interval = {.start_us = json.at("start_us"), .end_us = json.at("end_us")};
  run.parameters = json.at("parameters").get<std::map<std::string, std::string>>();
  run.created_us = json.at("created_us");
  run.started_us = json.at("started_us");
  run.ended_us = json.at("ended_us");
  run.cleared = json.at("cleared");
  return run;
}

std::vector<std::string> advance(const Dag& dag, DagRun& run, base::TimestampUs now_us) {
  std::vector<std::string> changed;
  bool open = false;
  bool failed = false;
  for (const Task& task : dag.tasks) {
    TaskInstance& instance = run.tasks.at(task.name);
    if (instance.state == TaskState::kWaiting) {
      const TaskState next = decide(task.trigger, upstream_of(task, run));
      if (next != TaskState::kWaiting) {
        instance.move_to(next, now_us);
        changed.push_back(task.name);
      }
    }
    const bool is_time = instance.next_us <= now_us;
    if ((instance.state == TaskState::kRetry || instance.state == TaskState::kSensing) && is_time) {
      instance.move_to(TaskState::kReady, now_us);
      changed.push_back(task.name);
    }
    open = open || !has_ended(instance.state);
    failed = failed || instance.state == TaskState::kFailed ||
             instance.state == TaskState::kUpstreamFailed;
  }
  if (!open && run.state == RunState::kRunning) {
    run.state = failed ? RunState::kFailed : RunState::kSuccess;
    run.ended_us = now_us;
    run.cleared = false;
  }
  return changed;
}

std::int64_t retry_delay_us(const Task& task, int failures, double random) {
  const int doublings = std::min(failures, 40);
  const double most =
      std::min(static_cast<double>(task.retry_delay_us_max),
               static_cast<double>(task.retry_delay_us) * static_cast<double>(1LL << doublings));
  return static_cast<std::int64_t>(most * random);
}

std::optional<base::TimestampUs> expected_end_us(const Dag& dag, const DagRun& run,
                                                 const Durations& durations,
                                                 base::TimestampUs now_us) {
  std::map<std::string, base::TimestampUs> ends;
  base::TimestampUs last = now_us;
  for (const Task& task : dag.tasks) {
    const TaskInstance& instance = run.tasks.at(task.name);
    base::TimestampUs& end = ends[task.name];
    end = now_us;
    if (has_ended(instance.state)) continue;
    for (const std::string& other : task.depends_on) end = std::max(end, ends.at(other));
    const auto known = durations.find(task.name);
    if (known == durations.end() || known->second.empty()) return std::nullopt;
    std::int64_t takes = expected_us(known->second);
    if (instance.state == TaskState::kRunning)
      takes = std::max<std::int64_t>(0, takes - (now_us - instance.started_us));
    if (instance.state == TaskState::kRetry) end = std::max(end, instance.next_us);
    end += takes;
    last = std::max(last, end);
  }
  return last;
}

}  // namespace batch
