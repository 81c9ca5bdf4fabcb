// Workloads: who may ask how much at once, as waybill.yaml has them under 'workloads'.
//
// Threads: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "base/yaml.h"

namespace server {

inline constexpr std::size_t kSlotsMax = 64;
inline constexpr std::size_t kQueueMax = 10'000;
inline constexpr int kThreadsMax = 256;

struct Workload {
  std::size_t slots = 2;                 // queries at a time, each in a process of its own
  std::string memory = "1GB";            // DuckDB's limit, of each process
  int threads = 2;                       // of each process
  int cpu = 100;                         // its share beside one with 100, from 1
  std::chrono::milliseconds timeout{0};  // of a query; 0: none
  std::size_t queue = 100;               // queries that may wait for a slot
  std::chrono::milliseconds queue_time{30'000};
  std::chrono::milliseconds idle{60'000};  // how long rows wait for whoever asked for them

  // Processes of workloads with equal ones can be used for each other.
  std::string profile() const;
  std::uint64_t resident_bytes_max() const;  // above it a process is killed
  int nice() const;                          // the kernel's word for `cpu`
};
// "default" and "page" (Waybill's own page and HTTP) are there in any case.
using Workloads = std::map<std::string, Workload>;
Workloads default_workloads();

// "512MB", "2 GiB"; kInvalid otherwise.
base::Result<std::uint64_t> memory_bytes(const std::string& text);

// kInvalid with file, line and mend. Workloads that it does not name stay as they are by default.
base::Result<Workloads> parse_workloads(const base::Yaml& yaml);

}  // namespace server
