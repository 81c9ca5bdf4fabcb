// Daily models: a run pins its inputs, stages and commits once. It
// replaces the whole table, the partitions of an interval, or merges by key (`late: upsert`).
// Running twice over the same input gives the same table.
//
// Threads: any; runs queue one behind another.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "batch/model_run.h"
#include "runs/ledger.h"
#include "runs/model.h"
#include "stream/pipeline.h"

namespace batch {

// Values of the first partition column, both included.
struct DataInterval {
  std::string from;
  std::string to;
};

class DailyModels {
 public:
  // `models`: those of mode daily. Binds nothing yet: the tables that they read may still be empty.
  DailyModels(stream::Services services, std::vector<runs::Model> models,
              std::map<std::string, quality::Suite> suites = {}, base::Path project = {});

  // Finishes the record of a run that a stop cut off between commit and record.
  base::Result<> restore();
  // Runs one model now: pins the newest version of each table that it reads, stages, checks its
  // suite, commits once, records. With an interval only those partitions are written anew (of
  // `late: upsert` only their rows are merged; kInvalid when it ends before it begins), and with
  // `late: reprocess 3 days` the three before it. Without one a partitioned model that says `late:`
  // goes on from the last day that it closed; others write the whole table. kNotFound names the
  // models; kInvalid with file and line for SQL that does not bind. With an `instance` (of a DAG's
  // task) it commits once for it: later calls give the run that did, until its mark is removed
  // (once.h).
  base::Result<runs::Run> run(const std::string& table,
                              const std::optional<DataInterval>& interval = {},
                              const std::string& instance = {});

  std::vector<runs::Model> models() const;
  // Other models from the next run on.
  void set_models(std::vector<runs::Model> models);

 private:
  // What a run writes.
  struct Scope {
    enum class Kind : std::uint8_t { kWhole, kInterval, kMerge, kNothing } kind = Kind::kWhole;
    PartColumn column;
    DataInterval interval;
    std::string until;  // the last day that is closed after it; "" = not told
  };
  base::Result<runs::Model> find(const std::string& table) const;
  base::Result<Scope> scope_of(sql::Connection& connection, const runs::Model& model,
                               const columns::Schema& schema,
                               const std::optional<DataInterval>& interval) const;
  base::Result<runs::Run> attempt(const runs::Model& plain,
                                  const std::optional<DataInterval>& interval);
  base::Result<> replace(lake::Table& table, sql::Connection& connection, const runs::Model& model,
                         const columns::Schema& schema, const Scope& scope, const Inputs& inputs,
                         runs::Run& run, runs::Counts& counts);
  base::Result<> merge(lake::Table& table, sql::Connection& connection, const runs::Model& model,
                       const columns::Schema& schema, const Scope& scope, const Inputs& inputs,
                       runs::Run& run, runs::Counts& counts);
  base::Result<> check(sql::Connection& connection, const runs::Model& model,
                       const std::string& rows) const;
  base::Result<> remember_plan(const runs::Model& model, const runs::Run& run,
                               const runs::Counts& counts, const std::string& until);
  base::Result<> record(const runs::Run& run, const runs::Counts& counts, const std::string& until,
                        const std::string& instance);
  base::Result<std::optional<runs::Run>> run_of(const std::string& instance) const;

  stream::Services services_;
  std::map<std::string, quality::Suite> suites_;
  base::Path project_;  // where flags are; empty: nowhere
  mutable std::mutex models_mutex_;
  std::vector<runs::Model> models_;
  std::mutex running_;
  std::string instance_;  // that the run under way is for
};

}  // namespace batch
