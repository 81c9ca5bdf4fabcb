// Syncs several files at once: on one disk two syncs that meet share a journal commit and a flush.
//
// Threads: sync_all() from one thread. A failed sync stops the process.
#pragma once

#include <condition_variable>
#include <mutex>
#include <span>

#include "base/task_group.h"
#include "log/partition_log.h"

namespace eventlog {

class SyncPool {
 public:
  explicit SyncPool(int threads);
  ~SyncPool();

  // Returns when every partition's dirty file is on disk.
  void sync_all(std::span<PartitionLog* const> partitions);

 private:
  void work(const std::stop_token& stop);
  // Syncs one that nobody took yet; false when there is none.
  bool sync_next(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable_any work_there_;
  std::condition_variable_any all_done_;
  std::span<PartitionLog* const> partitions_;
  std::size_t next_ = 0;
  std::size_t left_ = 0;
  base::TaskGroup tasks_;
};

}  // namespace eventlog
