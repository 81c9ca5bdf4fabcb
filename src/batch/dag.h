// A DAG: dags/NAME.yaml, tasks with what they wait for, and when a run of all of them begins.
// What the keys mean: docs/dags.md.
//
// Threads: values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/yaml.h"
#include "batch/cron.h"

namespace batch {

// When a task whose upstream tasks have ended runs; all_* and none_* without upstreams hold.
enum class TriggerRule : std::uint8_t {
  kAllSuccess,
  kAllFailed,
  kAllDone,
  kOneSuccess,
  kOneFailed,
  kNoneFailed,
  kNoneFailedMinOneSuccess,
  kNoneSkipped,
  kAlways,
};

struct ModelTask {
  std::string table;
};
struct SqlTask {
  std::string sql;
  int line = 0;      // of its first line
  std::string into;  // a table; empty: a question whose false first value fails the task
  bool append = false;
};
struct ValidateTask {
  std::string table;
  std::string suite;  // file name in quality/
};
struct MaintainTask {
  std::vector<std::string> tables;
  bool compact = false;
  bool vacuum = false;
  std::vector<std::string> zorder;
};
struct HttpTask {
  std::string method;
  std::string url;
  std::map<std::string, std::string> headers;
  std::string body;
  std::vector<int> expect;  // statuses; empty: 200 … 299
  bool allow_private = false;
};
struct ShellTask {
  std::string command;
  std::map<std::string, std::string> environment;
  std::string folder;  // relative to the project
};
// Waits, without a slot, until something is there.
struct SensorTask {
  std::string table;  // has the run's interval
  std::string file;   // exists; relative to the project
  std::optional<HttpTask> http;
  std::int64_t every_us = 10 * base::kUsPerSecond;
};
using TaskWork =
    std::variant<ModelTask, SqlTask, ValidateTask, MaintainTask, HttpTask, ShellTask, SensorTask>;

struct Task {
  std::string name;
  TaskWork work;
  std::vector<std::string> depends_on;
  TriggerRule trigger = TriggerRule::kAllSuccess;
  int retries = 0;
  std::int64_t retry_delay_us = 10 * base::kUsPerSecond;
  std::int64_t retry_delay_us_max = 600 * base::kUsPerSecond;
  std::int64_t timeout_us = 0;  // 0: none
  std::string pool;             // empty: none
  int slots = 1;                // of the pool
  int priority = 0;
  int line = 0;

  std::string kind() const;  // "model", "sql", …
};

struct Dag {
  std::string name;
  std::string description;
  std::string file;
  std::optional<Cron> schedule;  // none: only by hand
  std::optional<TimeZone> zone;  // when there is a schedule
  base::TimestampUs start_us = 0;
  bool catch_up = false;
  bool at_once = false;  // the first run as soon as its inputs have rows
  int max_active_runs = 1;
  std::vector<std::string> when_tables;           // have the interval before a run begins
  std::map<std::string, std::string> parameters;  // with their defaults
  std::int64_t deadline_us = 0;                   // after the interval's end; 0: none
  std::vector<Task> tasks;                        // upstream before downstream
  bool implicit = false;                          // made of models' own schedules

  const Task* task(const std::string& task_name) const;
  // The task and all that wait for it, directly or through others; in the order of `tasks`.
  std::vector<std::string> with_downstream(const std::string& task_name) const;
};

// All problems of the file that do not need anything else are errors with file and line.
base::Result<Dag> parse_dag(const base::Yaml& yaml, const std::string& name);
// All dags/*.yaml of a project, sorted by name.
base::Result<std::vector<Dag>> load_dags(const base::Path& project);

// What the tasks of a project may name.
struct DagWorld {
  std::vector<std::string> batch_models;
  std::vector<std::string> tables;
  std::vector<std::string> suites;
  std::map<std::string, int> pools;  // their slots
};
std::vector<base::Error> check_dags(const std::vector<Dag>& dags, const DagWorld& world);

// "all_success", …
std::string_view rule_name(TriggerRule rule);
std::optional<TriggerRule> rule_named(std::string_view name);

}  // namespace batch
