// One process that runs SQL (sql_worker.h), seen from the server.
//
// Threads: values; one at a time each.
#pragma once

#include <cstdint>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "server/sql_workloads.h"

namespace server {

struct WorkerProcess {
  int process = -1;  // -1: none
  int socket = -1;

  bool alive() const { return process >= 0; }
  // Whether it has ended by itself.
  bool died() const;
  std::uint64_t resident_bytes() const;
  // To all of its threads. False when the kernel does not let it.
  bool set_nice(int nice) const;
  void signal(int number) const;
  // Kills it and takes it off the kernel's list.
  void end();
};

// Starts `program` with the argument "sql-worker", set up to read `lake`, to spill into `spill`
// and, for a change, to write into `writes`.
base::Result<WorkerProcess> start_worker_process(const std::string& program, const base::Path& lake,
                                                 const base::Path& spill, const Workload& workload,
                                                 const base::Path& writes = {});

}  // namespace server
