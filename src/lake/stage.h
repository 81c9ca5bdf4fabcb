// Writes the rows of a SELECT as Parquet files in a table's folder, not yet visible.
//
// Threads: any, each with its own connection.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lake/state.h"
#include "sql/database.h"
#include "storage/object_store.h"

namespace lake {

// Whether staged files are durable at once, or with the commit that adds them.
enum class Sync { kNow, kWithCommit };

// As Table::stage, below `prefix` (with a slash at its end). When it fails, no file stays behind
// (as far as the store lets it remove them).
base::Result<std::vector<AddFile>> stage_rows(storage::ObjectStore& store,
                                              sql::Connection& connection,
                                              const std::string& table_path, const State& state,
                                              const std::string& select,
                                              const std::string& prefix = "",
                                              Sync sync = Sync::kNow);

// Where a new file of a partition lies, from the table's folder on.
std::string new_file_path(const State& state, const PartitionValues& values);

// SQL for the value of a partition column as the log holds it; reads the column by its logical
// name. An empty text means null to every reader, so it becomes one.
std::string partition_value_sql(const SparkField& field);

// The table's CHECK constraints and columns' invariants as SQL, by name. Spark's quotes become
// SQL's.
std::vector<std::pair<std::string, std::string>> constraints_of(const State& state);

// All rows into one file of one partition, without a look at their partition columns. `values` as
// AddFile's.
base::Result<std::vector<AddFile>> stage_partition(storage::ObjectStore& store,
                                                   sql::Connection& connection,
                                                   const std::string& table_path,
                                                   const State& state, const std::string& select,
                                                   const PartitionValues& values);

}  // namespace lake
