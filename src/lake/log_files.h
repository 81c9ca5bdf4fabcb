// The names of files in _delta_log, and what a listing of them means. Pure.
// Source: PROTOCOL.md, "Delta Log Entries", "Checkpoints".
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "lake/table.h"
#include "storage/object_store.h"

namespace lake {

std::string log_folder(const std::string& table_path);  // with a slash at the end
std::string commit_key(const std::string& table_path, Version version);
std::string checkpoint_key(const std::string& table_path, Version version);
std::string hint_key(const std::string& table_path);  // _last_checkpoint
// Greater than every key of a smaller version, smaller than every key of this one.
std::string before_version_key(const std::string& table_path, Version version);

struct Checkpoint {
  Version version = 0;
  std::vector<std::string> keys;  // all parts
  base::TimestampUs modified_us = 0;
};

// What several versions change together (x.y.compacted.json).
struct CompactedLog {
  Version last = 0;
  std::string key;
};

struct LogListing {
  // Commit times by version, each at least 1 ms after the one before it.
  std::map<Version, base::TimestampUs> commits;
  std::map<Version, CompactedLog> compacted;  // by their first version, the longest of it
  std::vector<Checkpoint> checkpoints;  // complete ones, newest first, classic before version 2
};

// Other files are skipped.
LogListing read_listing(const std::string& table_path,
                        const std::vector<storage::ObjectInfo>& objects);

}  // namespace lake
