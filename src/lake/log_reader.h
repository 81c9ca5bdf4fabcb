// Reads a table's log from the store into a state.
//
// Threads: any.
#pragma once

#include <optional>

#include "lake/log_files.h"
#include "lake/state.h"
#include "sql/database.h"
#include "storage/object_store.h"

namespace lake {

// The state at `target`, or at the newest version: from the newest readable checkpoint at or before
// it and the commits after that. kNotFound when there is no table, or no such version any more;
// kCorrupt when a commit is missing or broken.
base::Result<State> load_state(storage::ObjectStore& store, sql::Database& database,
                               const std::string& table_path, std::optional<Version> target);

// The same from these files of the log alone.
base::Result<State> load_listed(storage::ObjectStore& store, sql::Database& database,
                                const std::string& table_path, const LogListing& listing,
                                std::optional<Version> target);

// Commit times of every version whose JSON is still there.
base::Result<LogListing> list_log(storage::ObjectStore& store, const std::string& table_path);

struct CommitFile {
  Commit commit;
  base::TimestampUs modified_us = 0;
};
// kNotFound when this version is not there (yet).
base::Result<CommitFile> read_commit(storage::ObjectStore& store, const std::string& table_path,
                                     Version version);

}  // namespace lake
