// Shuts a SQL worker in before it sees the first query: the kernel keeps it from files and network.
//
// Landlock (Linux 5.13 and later): reading below the lake and of the system's memory, reading and
// writing below the folder to spill into, nothing else; from 6.7 on no TCP either. No new
// privileges, no core dumps, a bound on open files and on what one file may hold.
#pragma once

#include "base/file_system.h"

namespace server {

struct Sandbox {
  base::Path lake;         // read
  base::Path spill;        // read and write
  base::Path writes = {};  // read and write, for a change of one table; empty: none
  std::uint64_t file_bytes_max = 64ULL << 30;
  std::uint64_t open_files_max = 1024;
};

// For the calling process and all its later threads: to be called while there is one thread.
// kUnsupported when the kernel has no Landlock; everything else is in force then.
base::Result<> enter_sandbox(const Sandbox& sandbox);

}  // namespace server
