// A table at one version as a pure fold over its commits.
//
// Threads: values; what versions share is immutable.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lake/actions.h"
#include "lake/file_list.h"
#include "lake/spark_schema.h"

namespace lake {

struct State {
  Version version = -1;  // -1: before the first commit
  base::TimestampUs timestamp_us = 0;
  Protocol protocol;
  std::shared_ptr<const Metadata> metadata;  // null before the first metaData
  std::shared_ptr<const std::vector<SparkField>> fields;
  std::string schema_tag;  // of `fields`
  ColumnMapping mapping = ColumnMapping::kNone;
  FileList<AddFile> files;
  // Removals that readers or vacuum may still need: those younger than
  // delta.deletedFileRetentionDuration at the last commit.
  FileList<RemoveFile> tombstones;
  std::shared_ptr<const std::map<std::string, AppTransaction>> transactions;
  std::int64_t rows = 0;  // of the files that say
  std::int64_t files_without_rows = 0;
  std::int64_t bytes = 0;
  Version checkpoint_version = -1;  // of the newest checkpoint that is known; -1 = none
};

// The state after `commit`, in time of what it adds. A checkpoint is read as one commit onto an
// empty state. kCorrupt when the log is not a table after it; kUnsupported when the table now needs
// a feature that this library does not have.
base::Result<State> advance(const State& state, Version version, base::TimestampUs timestamp_us,
                            const Commit& commit);

// The same files under another schema or other properties, for rows that are staged before the
// commit that changes it.
base::Result<State> with_metadata(const State& state, const Metadata& metadata);

// What a column is called in files and partition values; the name itself for one that is none.
const std::string& physical_name(const State& state, const std::string& column);

// "interval 7 days" as microseconds; `otherwise_us` for an absent or unreadable value.
std::int64_t interval_us(const Metadata& metadata, const std::string& key,
                         std::int64_t otherwise_us);
inline constexpr std::int64_t kTombstoneRetentionUs = 7 * base::kUsPerDay;

}  // namespace lake
