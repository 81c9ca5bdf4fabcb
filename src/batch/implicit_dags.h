// DAGs for batch models that no DAG runs: one per schedule of models' headers, a task per model,
// after the models whose tables it reads.
//
// Threads: free functions.
#pragma once

#include <vector>

#include "batch/dag.h"
#include "runs/model.h"
#include "sql/database.h"

namespace batch {

// `models` of mode daily; `connection` parses their SQL.
base::Result<std::vector<Dag>> implicit_dags(const std::vector<Dag>& dags,
                                             const std::vector<runs::Model>& models,
                                             sql::Connection& connection);

// Tables that the DAG's models read and that none of them writes.
base::Result<std::vector<std::string>> inputs_of(const Dag& dag,
                                                 const std::vector<runs::Model>& models,
                                                 sql::Connection& connection);

}  // namespace batch
