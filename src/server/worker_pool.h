// A few threads for calls that block (SQL, look-ups, runs), behind a bounded queue.
//
// Threads: any. Invariant: an accepted task runs, also when the pool is being stopped.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "base/task_group.h"

namespace server {

class WorkerPool {
 public:
  WorkerPool(std::string name, int threads, std::size_t queue_max);
  ~WorkerPool() { stop(); }

  // False when the queue is full or the pool is stopping.
  bool submit(std::function<void()> task);
  // Runs what was accepted, then ends the threads.
  void stop();

 private:
  void work();

  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  base::TaskGroup threads_;
};

}  // namespace server
