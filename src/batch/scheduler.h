// Runs DAGs: makes runs when their time has come, starts tasks, and keeps what became of them.
//
// A task's start record is durable before it starts, and its end before anything follows from it; a
// process that is killed starts the tasks anew whose end nobody wrote. Records of one round go in
// one synced write. Whoever loads the state begins an epoch: an older scheduler's writes are
// refused, and so is the end of an attempt that was cleared, marked or timed out meanwhile.
// Threads: run() owns one and the task threads; the rest from any.
#pragma once

#include <condition_variable>
#include <mutex>
#include <random>
#include <set>

#include "batch/dag_book.h"
#include "batch/task_runner.h"
#include "quality/alerts.h"

namespace batch {

struct SchedulerOptions {
  std::array<int, kBatchClasses> slots{4, 2};  // tasks side by side, by class
  std::map<std::string, int> pools;
  base::Path logs;
  std::uint64_t seed = 0;  // of the jitter
  std::function<void(CapacityClass)> begin_thread;
  // Whether a table has all rows before a time; whether a DAG's inputs have rows at all.
  std::function<bool(const std::string& table, base::TimestampUs until_us)> table_has;
  std::function<bool(const Dag& dag)> has_inputs;
};

// By hand; what is not given is as on schedule.
struct TriggerRequest {
  std::map<std::string, std::string> parameters = {};
  std::string id = {};  // asking twice with one id makes one run
  std::optional<RunInterval> interval = {};
};
struct BackfillRequest {
  base::TimestampUs from_us = 0;  // intervals that begin from here on
  base::TimestampUs to_us = 0;    // and before here
  int parallel = 1;
  std::map<std::string, std::string> parameters = {};
};

class Scheduler {
 public:
  static constexpr int kParallelMax = 100;
  static constexpr std::size_t kBackfillRunsMax = 5000;

  Scheduler(state::Store& store, TaskRunner& runner, quality::Alerts& alerts,
            const base::Clock& clock, SchedulerOptions options);
  ~Scheduler();

  base::Result<> restore(std::vector<Dag> dags);
  // Until asked to stop; running tasks are asked to stop, too, and run again after the next start.
  void run(std::stop_token stop);
  // One round of what run() does; false when nothing changed. The end of tasks comes from others'
  // threads.
  base::Result<bool> step();

  base::Result<std::string> trigger(const std::string& dag, const TriggerRequest& request);
  base::Result<std::vector<std::string>> backfill(const std::string& dag,
                                                  const BackfillRequest& request);
  base::Result<> pause(const std::string& dag, bool paused);
  // Runs a task again and, with `downstream`, all behind it; without a name all tasks. Returns
  // them.
  base::Result<std::vector<std::string>> clear(const std::string& dag, const std::string& run,
                                               const std::string& task, bool downstream);
  // `state` is success, failed or skipped.
  base::Result<> mark(const std::string& dag, const std::string& run, const std::string& task,
                      TaskState state);

  // Shapes as in docs/http-api.md.
  nlohmann::json list();
  base::Result<nlohmann::json> show(const std::string& dag);
  base::Result<nlohmann::json> runs(const std::string& dag, std::size_t limit);
  base::Result<nlohmann::json> run_view(const std::string& dag, const std::string& run);
  base::Result<nlohmann::json> next(const std::string& dag, std::size_t count);
  base::Result<std::string> log(const std::string& dag, const std::string& run,
                                const std::string& task, int attempt);
  std::uint64_t tasks_started() const { return started_; }

 private:
  struct Running {
    RunNumber number;
    std::string dag, task;
    std::uint64_t ticket;
    CapacityClass capacity;
    std::string pool;
    int slots = 1;
    base::TimestampUs deadline_us = 0;  // 0: none
    std::stop_source stop;
    bool given_up = false;  // its end is not waited for; it keeps its slot until it comes
  };
  struct Ended {
    std::uint64_t ticket;
    TaskOutcome outcome;
  };
  // Orders what is ready: priority, then older runs, then the DAG's order.
  struct Ready {
    int priority;
    RunNumber number;
    std::size_t index;
    std::string dag;
    bool operator<(const Ready& other) const {
      return std::tuple(-priority, number, index) <
             std::tuple(-other.priority, other.number, other.index);
    }
  };
  struct Start {
    CapacityClass capacity;
    TaskCall call;
    std::uint64_t ticket;
    std::stop_token stop;
  };

  bool collect(state::WriteSet& changes);
  void end(const Running& running, const TaskOutcome& outcome, state::WriteSet& changes);
  void give_up_late(state::WriteSet& changes);
  void begin_schedule(DagEntry& entry) const;
  void make_due_runs(state::WriteSet& changes);
  void make_due_runs_of(DagEntry& entry, base::TimestampUs now_us, state::WriteSet& changes);
  RunNumber make_run(DagEntry& entry, RunKind kind, const RunInterval& interval,
                     const std::string& id, std::map<std::string, std::string> parameters,
                     state::WriteSet& changes);
  void advance_runs(state::WriteSet& changes);
  void ended_run(DagEntry& entry, const DagRun& run);
  std::vector<Start> pick(state::WriteSet& changes);
  bool may_begin(const DagEntry& entry, const DagRun& run) const;
  bool has_room(const Task& task) const;
  Start start(DagEntry& entry, DagRun& run, RunNumber number, const Task& task,
              state::WriteSet& changes);
  void dispatch(std::vector<Start> starts);
  void watch_deadlines();
  void abandon(RunNumber number, const std::string& task);
  void remember_ready(const DagEntry& entry, const DagRun& run, RunNumber number,
                      const std::string& task);
  void reopen(DagEntry& entry, DagRun& run, RunNumber number);
  base::Result<> go_on(DagEntry& entry, DagRun& run, RunNumber number, state::WriteSet& changes);
  base::Result<> keep(const state::WriteSet& changes);
  void forget_logs(const std::vector<DagRun>& runs) const;
  base::Path log_path(const DagRun& run, const std::string& task, int attempt) const;
  nlohmann::json overview(const DagEntry& entry) const;
  nlohmann::json run_json(const DagEntry& entry, const DagRun& run, bool with_tasks) const;
  base::TimestampUs now_us() const { return clock_.now_us(); }
  void wait(std::stop_token stop);

  TaskRunner& runner_;
  quality::Alerts& alerts_;
  const base::Clock& clock_;
  SchedulerOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool poked_ = false;
  bool stopping_ = false;
  DagBook book_;
  std::array<std::set<Ready>, kBatchClasses> ready_;
  std::set<std::pair<std::string, RunNumber>> active_;   // runs that have not ended
  std::set<std::pair<std::string, RunNumber>> touched_;  // active runs whose tasks changed
  std::map<std::uint64_t, Running> running_;
  std::array<int, kBatchClasses> used_{};
  std::map<std::string, int> pools_used_;
  std::vector<Ended> ended_;
  std::uint64_t next_ticket_ = 1;
  std::uint64_t started_ = 0;
  base::TimestampUs timers_us_ = 0;     // when schedules were looked at last
  base::TimestampUs deadlines_us_ = 0;  // and deadlines
  std::mt19937_64 random_;
  std::unique_ptr<TaskSlots> slots_;
};

}  // namespace batch
