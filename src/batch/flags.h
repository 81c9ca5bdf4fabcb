// Flags: a new version of a model for a part of its keys. flags/NAME.yaml:
//
//   model: gold.delays
//   candidate: candidates/delays.sql   # a model file with the same table
//   key: [carrier]                     # columns that both versions give
//   percent: 25
//
// A key's bucket is a hash of the flag's name and the key, 0 to 99 999, the same in every run and
// on every machine; the candidate gives the rows of the buckets below the percentage, so that more
// percent only adds keys. Files are read before each run: a change needs no restart. The decision
// is recorded with the run and in the table's version. Threads: free functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "runs/model.h"

namespace batch {

struct Flag {
  std::string name;
  std::string model;  // the table
  runs::Model candidate;
  std::vector<std::string> key;
  double percent = 0;
  std::string file;

  std::string bucket_sql() const;  // 0 to 99 999 of a row
  // "delays=25% of v2 3f…"
  std::string decision() const;
};
nlohmann::json to_json(const Flag& flag);

// All flags/*.yaml of a project; none without the folder. kInvalid with file, line and mend.
base::Result<std::vector<Flag>> load_flags(const base::Path& project);
// The model with the flags on it: its SELECT gives each row by the version that its key has.
runs::Model with_flags(runs::Model model, const std::vector<Flag>& flags);
// What is decided for the model's keys: "" without a flag.
std::string decisions(const std::string& table, const std::vector<Flag>& flags);
// Writes another percentage into the flag's file. kNotFound names the flags.
base::Result<Flag> set_percent(const base::Path& project, const std::string& name, double percent);

}  // namespace batch
