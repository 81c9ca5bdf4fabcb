// A run of a DAG over one interval, and what becomes of its tasks: the state that the scheduler
// keeps, and the pure rules by which it moves on.
//
// Threads: values.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "batch/capacity_class.h"
#include "batch/dag.h"

namespace batch {

enum class TaskState : std::uint8_t {
  kWaiting,  // for upstream tasks
  kReady,    // for a slot
  kRunning,  // its start record is written
  kRetry,    // failed; starts again at next_us
  kSensing,  // a sensor that looks again at next_us
  kSuccess,
  kFailed,
  kSkipped,         // the trigger rule cannot hold
  kUpstreamFailed,  // as kSkipped, because of a failure
};
bool has_ended(TaskState state);
std::string_view state_name(TaskState state);
std::optional<TaskState> state_named(std::string_view name);

struct TaskInstance {
  TaskState state = TaskState::kWaiting;
  int attempt = 0;         // of this generation; from 1 when it has started
  int failures = 0;        // attempts that count against the retries
  int generation = 1;      // grows whenever it is cleared
  std::int64_t epoch = 0;  // of the scheduler that started it
  base::TimestampUs ready_us = 0;
  base::TimestampUs started_us = 0;
  base::TimestampUs ended_us = 0;
  base::TimestampUs next_us = 0;
  base::TimestampUs sensing_since_us = 0;
  std::string message;  // why it failed, or what it did
  bool marked = false;  // by a person

  void move_to(TaskState to, base::TimestampUs now_us);
};
nlohmann::json to_json(const TaskInstance& instance);
TaskInstance instance_from_json(const nlohmann::json& json);

enum class RunKind : std::uint8_t { kScheduled, kManual, kBackfill };
enum class RunState : std::uint8_t { kRunning, kSuccess, kFailed };
std::string_view kind_name(RunKind kind);
std::string_view state_name(RunState state);

struct DagRun {
  std::string dag;
  std::string id;  // "scheduled-2026-11-23T02:00:00Z", sorts by the interval's end within a kind
  RunKind kind = RunKind::kScheduled;
  RunState state = RunState::kRunning;
  RunInterval interval;
  std::map<std::string, std::string> parameters;
  base::TimestampUs created_us = 0;
  base::TimestampUs started_us = 0;  // its first task's
  base::TimestampUs ended_us = 0;
  bool cleared = false;  // runs again by a person's wish, beside the limit of runs
  std::map<std::string, TaskInstance> tasks;

  CapacityClass capacity() const {
    return kind == RunKind::kBackfill ? CapacityClass::kBackfill : CapacityClass::kDaily;
  }
  // "DAG/RUN/TASK/GENERATION": what a task's effect is done once for.
  std::string instance_id(const std::string& task) const;
};
// Without its tasks.
nlohmann::json to_json(const DagRun& run);
DagRun run_from_json(const nlohmann::json& json);

// Moves waiting tasks on whose upstream tasks have ended, and the run when all tasks have. Returns
// the names of the tasks that changed; the run's own change is in its state.
std::vector<std::string> advance(const Dag& dag, DagRun& run, base::TimestampUs now_us);

// Full jitter: uniformly between zero and min(max, delay * 2^failures), `random` in [0, 1).
std::int64_t retry_delay_us(const Task& task, int failures, double random);

// Durations of successful tasks, newest last, by task.
using Durations = std::map<std::string, std::vector<std::int64_t>>;
// When the run will have ended, by the median and the spread of what its open tasks took before,
// along the longest path; nullopt when one of them has never run.
std::optional<base::TimestampUs> expected_end_us(const Dag& dag, const DagRun& run,
                                                 const Durations& durations,
                                                 base::TimestampUs now_us);

}  // namespace batch
