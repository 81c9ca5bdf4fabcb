// Whether a transaction still holds after commits that came between. Pure.
// Source: PROTOCOL.md has no rules for this; these are those of Delta's own ConflictChecker at
// Serializable, with one relaxation: files that a commit moves without changing data (compaction)
// do not disturb readers of their rows, only writers that remove the same files.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "lake/actions.h"

namespace lake {

struct Intent {
  bool reads_whole_table = false;
  std::vector<PartitionValues> read_partitions = {};
  // Whether a file that comes later would have been read; none = no.
  std::vector<std::function<bool(const AddFile&)>> read_where = {};
  std::set<std::string> read_paths = {};  // files whose rows were read
  std::set<std::string> removed_paths = {};
  std::set<std::string> app_ids = {};
};

// kConflict names the winning version and the rule.
base::Result<> check_conflict(const Intent& mine, Version winning_version, const Commit& winner);

}  // namespace lake
