// Daily models: one run over whole tables, on schedule or on demand, replacing the target's rows in
// one commit. Running twice over the same input gives the same table.
//
// Threads: any; runs queue one behind another.
#pragma once

#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "runs/ledger.h"
#include "runs/model.h"
#include "stream/pipeline.h"

namespace batch {

class DailyModels {
 public:
  // `models`: those of mode daily. Binds nothing yet: the tables that they read may still be empty.
  DailyModels(stream::Services services, std::vector<runs::Model> models);

  // Finishes the record of a run that a stop cut off between commit and record.
  base::Result<> restore();
  // Runs one model now: pins the newest version of each table that it reads, stages, commits once,
  // records. kNotFound names the models; kInvalid with file and line for SQL that does not bind.
  base::Result<runs::Run> run(const std::string& table);
  // Runs what is due until asked to stop: a model is due when its time has come since its last run,
  // missed times count once, and a model that never ran runs as soon as `settled` says that the
  // streaming models before it have caught up.
  void run_schedule(std::stop_token stop, const std::function<bool()>& settled);

  const std::vector<runs::Model>& models() const { return models_; }

 private:
  // What keeps the tables' files where they are while the run reads them.
  base::Result<std::vector<storage::Hold>> bind_tables(sql::Connection& connection,
                                                       const runs::Model& model,
                                                       std::vector<runs::Interval>& inputs);
  base::Result<std::shared_ptr<lake::Table>> target(const runs::Model& model,
                                                    const columns::Schema& schema);
  base::Result<> record(const runs::Run& run, const runs::Counts& counts);
  base::Result<bool> due(const runs::Model& model, const std::function<bool()>& settled);

  stream::Services services_;
  std::vector<runs::Model> models_;
  std::mutex running_;
};

}  // namespace batch
