// What the scheduler knows: DAGs, their runs and tasks, in memory and in `state`. Every change goes
// into a WriteSet, which the scheduler applies before anything follows from it.
//
// Keys: dag/epoch; dag/state/DAG; dag/run/DAG/NUMBER; dag/task/DAG/NUMBER/TASK; dag/past/DAG.
// Threads: none of its own; the scheduler's mutex guards it.
#pragma once

#include <deque>
#include <memory>

#include "batch/dag_run.h"
#include "state/store.h"

namespace batch {

using RunNumber = std::uint64_t;  // grows; orders runs by their making

struct DagEntry {
  std::shared_ptr<const Dag> dag;
  bool paused = false;
  base::TimestampUs cursor_us = 0;  // the last time of the schedule that was taken care of
  int backfill_parallel = 1;
  Durations past;
  std::map<RunNumber, DagRun> runs;

  // Beyond this the oldest ended runs are forgotten.
  std::size_t runs_max() const;
  DagRun* run(const std::string& id, RunNumber* number = nullptr);
};

class DagBook {
 public:
  explicit DagBook(state::Store& store) : store_(store) {}

  // Begins a new epoch; tasks that were running are ready again, since nobody runs them now.
  base::Result<> load(std::vector<Dag> dags, base::TimestampUs now_us);
  std::int64_t epoch() const { return epoch_; }
  // kConflict when another scheduler has begun its epoch on the same state.
  base::Result<> apply(const state::WriteSet& changes);

  std::map<std::string, DagEntry>& dags() { return dags_; }
  const std::map<std::string, DagEntry>& dags() const { return dags_; }
  // kNotFound names the nearest.
  base::Result<DagEntry*> dag(const std::string& name);
  base::Result<DagRun*> run(const std::string& dag, const std::string& id,
                            RunNumber* number = nullptr);

  RunNumber add(DagEntry& entry, DagRun run, state::WriteSet& changes,
                std::vector<DagRun>& forgotten);
  void save_run(const DagRun& run, RunNumber number, state::WriteSet& changes) const;
  void save_task(const DagRun& run, RunNumber number, const std::string& task,
                 state::WriteSet& changes) const;
  void save_entry(const DagEntry& entry, state::WriteSet& changes) const;
  void add_past(DagEntry& entry, const std::string& task, std::int64_t duration_us,
                state::WriteSet& changes) const;
  // Tasks of the run as the DAG has them now; those that are new wait.
  static void fit(const Dag& dag, DagRun& run);

 private:
  base::Result<> load_entry(DagEntry& entry);
  base::Result<> load_runs(DagEntry& entry);

  state::Store& store_;
  std::map<std::string, DagEntry> dags_;
  std::int64_t epoch_ = 0;
  RunNumber next_ = 1;
};

}  // namespace batch
