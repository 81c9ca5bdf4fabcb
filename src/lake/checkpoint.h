// Checkpoints: a table's state as Parquet, so that a reader need not replay the whole log.
// Source: PROTOCOL.md, "Checkpoints".
//
// Threads: any.
#pragma once

#include "lake/log_files.h"
#include "lake/state.h"
#include "sql/database.h"
#include "storage/object_store.h"

namespace lake {

// Reads classic, multi-part and version 2 checkpoints. kCorrupt, or kUnsupported by type.
base::Result<Commit> read_checkpoint(storage::ObjectStore& store, sql::Database& database,
                                     const std::string& table_path, const Checkpoint& checkpoint);

// Writes a classic checkpoint of the state and then `_last_checkpoint`.
base::Result<> write_checkpoint(storage::ObjectStore& store, sql::Database& database,
                                const std::string& table_path, const State& state);

}  // namespace lake
