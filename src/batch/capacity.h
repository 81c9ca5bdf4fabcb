// Shares of the machine: live streams, daily runs and backfills. Each batch class has a DuckDB of
// its own, with its own threads and memory; its threads give way to the live path, and take what it
// leaves idle.
//
// The weight of a class's threads is set by the kernel's priorities: a share of the cores while all
// are busy (nice, SCHED_BATCH), or only what is idle (SCHED_IDLE). Threads inherit it from the
// thread that makes them, as processes do. Threads: any.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/yaml.h"
#include "batch/capacity_class.h"
#include "sql/database.h"

namespace batch {

struct CapacityShare {
  double cores = 0;  // while all cores are busy; 0: only idle ones
  int threads = 0;   // at most, borrowed ones as well; 0: as many as there are cores
  std::string memory = "1GB";
  int tasks = 4;  // side by side
};

struct CapacitySettings {
  std::array<CapacityShare, kBatchClasses> shares{
      CapacityShare{.cores = 0.5, .threads = 0, .memory = "1GB", .tasks = 4},
      CapacityShare{.cores = 0, .threads = 0, .memory = "1GB", .tasks = 2}};

  const CapacityShare& of(CapacityClass capacity) const {
    return shares.at(static_cast<std::size_t>(capacity));
  }
};

// capacity: {daily: {cores: 0.5, threads: 2, memory: 1GB, tasks: 4}, backfill: {…}}
base::Result<CapacitySettings> parse_capacity(const base::Yaml& yaml);

// The nice value that gives `threads` busy threads together `cores` of a machine whose other cores
// are busy with threads of nice 0.
int nice_of(double cores, int threads, int machine_cores);

class Capacity {
 public:
  static base::Result<std::unique_ptr<Capacity>> open(const CapacitySettings& settings,
                                                      const base::Path& spill);

  sql::Database& database(CapacityClass capacity) {
    return *databases_.at(static_cast<std::size_t>(capacity));
  }
  // Gives the calling thread the class's priority, for good: the kernel lets nobody go back up.
  void begin_thread(CapacityClass capacity) const;
  const CapacitySettings& settings() const { return settings_; }

 private:
  explicit Capacity(CapacitySettings settings) : settings_(std::move(settings)) {}

  CapacitySettings settings_;
  std::array<std::unique_ptr<sql::Database>, kBatchClasses> databases_;
};

}  // namespace batch
