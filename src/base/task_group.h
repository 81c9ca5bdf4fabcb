// Background work: named threads that end together.
//
// Threads: run() and stop() from any thread. Invariant: after stop() returns no task runs; a task
// sees its stop_token asked to stop and returns soon. The destructor stops.
#pragma once

#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace base {

class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() { stop(); }

  // `name` (at most 15 characters) is what top and gdb show.
  void run(const std::string& name, std::function<void(std::stop_token)> task);
  void stop();

 private:
  std::mutex mutex_;
  std::vector<std::jthread> threads_;
};

}  // namespace base
