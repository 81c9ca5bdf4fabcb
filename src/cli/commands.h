// The commands of the `waybill` binary, one function each; main.cpp is their list.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"

namespace cli {

struct UpOptions {
  base::Path project;
  base::Path web;              // the built page; empty: beside the binary
  std::string http;            // overrides the project's
  std::string postgres;        // the same
  std::string worker;          // its name among several on one Kafka
  std::string kafka;           // the same
  std::string redis;           // the same
  std::string registry;        // the same
  std::int64_t simulate = -1;  // trucks; 0 = none; -1 = as the project says
};

// All print their answer to stdout; an error is what the caller prints, with exit status 1.
base::Result<> init(const base::Path& folder);
base::Result<> check(const base::Path& project);
base::Result<> up(const UpOptions& options);
base::Result<> sql_query(const base::Path& project, const std::string& sql,
                         const std::string& format, std::int64_t limit);
base::Result<> status(const base::Path& project);
base::Result<> runs(const base::Path& project, std::int64_t limit, const std::string& model);
base::Result<> audit(const base::Path& project);  // an error when one row is missing
// A daily model, whole or the partitions from one value to another ("" = `from` alone).
base::Result<> run_model(const base::Path& project, const std::string& model,
                         const std::string& from, const std::string& to);
// The plan, the state and the bounds of a streaming model.
base::Result<> explain_model(const base::Path& project, const std::string& model);
// `command` is pause, resume or rewind.
base::Result<> steer_model(const base::Path& project, const std::string& model,
                           const std::string& command);
base::Result<> alerts(const base::Path& project);
base::Result<> queries(const base::Path& project);  // what clients run now
base::Result<> kill_query(const base::Path& project, std::int64_t id);

struct SimulateFlags {
  std::string to = "http://127.0.0.1:8080";
  std::uint32_t trucks = 1000;
  std::string rate = "max";
  std::string duration = "";
  std::uint64_t seed = 7;
  int connections = 4;
  base::Path truth;
  base::Path ack_log;
};
base::Result<> simulate(const SimulateFlags& flags);

}  // namespace cli
