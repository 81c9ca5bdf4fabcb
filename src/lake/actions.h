// The actions of one commit, to and from the newline-delimited JSON of the log. No I/O.
// Source: PROTOCOL.md, "Actions".
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lake/table.h"

namespace lake {

using PartitionValues = std::map<std::string, std::optional<std::string>>;

struct Protocol {
  int min_reader_version = 1;
  int min_writer_version = 2;
  std::vector<std::string> reader_features = {};
  std::vector<std::string> writer_features = {};
};

// A tombstone: the file left the table at deletion_time_ms and may still be needed by readers.
struct RemoveFile {
  std::string path;  // as AddFile's
  std::int64_t deletion_time_ms = 0;
  bool data_change = true;
  // Absent in logs of old writers ("extendedFileMetadata").
  std::optional<PartitionValues> partition_values = std::nullopt;
  std::int64_t size = 0;
  std::string deletion_vector = {};  // as AddFile's
};

// What tells files of a table apart: the path, with the deletion vector's id where there is one.
std::string file_key(const AddFile& file);
std::string file_key(const RemoveFile& file);

struct AppTransaction {
  std::string app_id;
  std::int64_t version = 0;
  std::int64_t last_updated_ms = 0;  // 0 = unknown
};

// What one version changes, or what a checkpoint holds. Actions that Waybill does not use
// (domainMetadata, …) are skipped.
struct Commit {
  nlohmann::json info = {};  // commitInfo; null when there is none
  std::optional<Protocol> protocol = std::nullopt;
  std::optional<Metadata> metadata = std::nullopt;
  std::vector<AddFile> adds = {};
  std::vector<RemoveFile> removes = {};
  std::vector<AppTransaction> transactions = {};
  std::vector<ChangeFile> changes = {};
  std::vector<std::string> sidecars = {};  // of a version 2 checkpoint: file names in _sidecars
};

bool has_feature(const Protocol& protocol, std::string_view feature);

// kCorrupt names the line. An empty partition value is a null.
base::Result<Commit> parse_commit(std::string_view text);
// Adds one action, an object with one member named after its kind.
base::Result<> parse_action(const nlohmann::json& action, Commit& into);

// One action per line, commitInfo first.
std::string print_commit(const Commit& commit);
// One line each, as checkpoints hold them, too.
void print_action(std::string& out, const Protocol& protocol);
void print_action(std::string& out, const Metadata& metadata);
void print_action(std::string& out, const AppTransaction& transaction);
void print_action(std::string& out, const AddFile& file);
void print_action(std::string& out, const RemoveFile& file);
void print_action(std::string& out, const ChangeFile& file);

}  // namespace lake
