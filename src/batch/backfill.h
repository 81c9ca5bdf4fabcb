// Safe backfills: history written anew by a fixed version of a model while everything else goes on.
//
// A backfill pins its inputs, runs the model's parts side by side at low priority into files that
// nobody sees, validates (suite, totals, rows against production), and then swaps all parts, and
// the daily models downstream, in one act (batch/swap.h). It is remembered part by part: after a
// crash it goes on where it was. Parts that somebody else wrote meanwhile are run again alone.
//
// Threads: any. restore() comes first; stop() ends the work, which a later start goes on with.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "batch/backfill_job.h"
#include "batch/daily.h"

namespace batch {

struct BackfillOptions {
  std::string memory = "2GB";
  std::string spill = {};
  std::map<std::string, quality::Suite> suites = {};
  // Gives the calling thread the priority of backfills; DuckDB's threads inherit it.
  std::function<void()> begin_thread = {};
};

class Backfills {
 public:
  Backfills(stream::Services services, DailyModels& daily, BackfillOptions options);
  ~Backfills() { stop(); }

  // Finishes swaps that were decided.
  base::Result<> restore();
  // Goes on with what a stop or crash cut off.
  base::Result<> resume();
  void stop();

  // What it would read and write, and for how long: one part is run and forgotten.
  base::Result<nlohmann::json> estimate(const std::vector<runs::Model>& models,
                                        const JobRequest& request);
  // Plans and starts it; its id. One that was cut off or failed over the same parts with the same
  // text goes on instead. kConflict while another one of this table runs.
  base::Result<std::string> begin(const std::vector<runs::Model>& models,
                                  const JobRequest& request);
  base::Result<nlohmann::json> show(const std::string& id) const;
  base::Result<nlohmann::json> list() const;
  // Swaps a validated one in; kConflict when its state does not allow it.
  base::Result<nlohmann::json> publish(const std::string& id);
  // Brings the old files back, or the new ones again. kConflict names what wrote since.
  base::Result<nlohmann::json> undo(const std::string& id);
  base::Result<nlohmann::json> redo(const std::string& id);
  base::Result<nlohmann::json> cancel(const std::string& id);

 private:
  // An engine of its own with a table's inputs bound.
  struct Bench {
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<sql::Connection> connection;
    Inputs inputs;
    std::vector<storage::Hold> held;
    std::shared_ptr<lake::Table> table;
    std::shared_ptr<const lake::Snapshot> base;
    columns::Schema schema;
  };

  // backfill.cpp
  base::Result<Job> plan(const std::vector<runs::Model>& models, const JobRequest& request);
  base::Result<Job> find(const std::string& id) const;
  base::Result<> save(const Job& job);
  void start(const std::string& id);
  base::Result<> finish(Job& job, const Swap& swap, const std::vector<Moved>& moved);
  base::Result<nlohmann::json> publish_now(const std::string& id);
  base::Result<> publish_job(Job& job);
  base::Result<nlohmann::json> turn(const std::string& id, Job::State from, bool back);

  // backfill_work.cpp
  base::Result<std::vector<std::string>> downstream(const std::vector<runs::Model>& models,
                                                    const std::string& table) const;
  base::Result<> work(Job& job);
  base::Result<Bench> open_bench(const Job& job, std::size_t table, const nlohmann::json& inputs,
                                 lake::Version base, bool dry = false);
  base::Result<> plan_parts(Job& job, std::size_t table, Bench& bench);
  base::Result<> run_parts(const Job& job, std::size_t table, Bench& bench,
                           const std::vector<std::size_t>& todo);
  PartDone run_part(const Job& job, std::size_t table, Bench& bench, sql::Connection& connection,
                    std::size_t part) const;
  void reopen(Job& job, const std::vector<Moved>& moved, state::WriteSet& changes) const;
  base::Result<std::string> candidate(const Job& job, std::size_t table) const;
  base::Result<Swap> swap_of(const Job& job) const;
  base::Result<> validate(Job& job);
  base::Result<nlohmann::json> validate_table(const Job& job, const TableSwap& swap,
                                              std::size_t table,
                                              std::vector<std::string>& problems);
  base::Result<std::unique_ptr<sql::Database>> open_database() const;

  stream::Services services_;
  DailyModels& daily_;
  BackfillOptions options_;
  mutable std::mutex mutex_;           // guards active_
  std::multiset<std::string> active_;  // ids at work in this process, once for each work
  std::mutex publishing_;              // one swap at a time; locked before mutex_
  std::atomic<bool> stopping_ = false;
  base::TaskGroup tasks_;
};

}  // namespace batch
