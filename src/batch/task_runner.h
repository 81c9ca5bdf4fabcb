// What the scheduler asks of those who do the work of tasks, and the threads that they do it on.
//
// Threads: run() of one runner is called from many threads at once.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/task_group.h"
#include "batch/dag.h"
#include "batch/dag_run.h"
#include "batch/dag_template.h"

namespace batch {

struct TaskCall {
  std::shared_ptr<const Dag> dag;
  const Task* task = nullptr;  // of the DAG
  TemplateValues values;
  RunKind kind = RunKind::kScheduled;
  CapacityClass capacity = CapacityClass::kDaily;
  std::string instance;    // its effect is done once under this name
  std::int64_t epoch = 0;  // of the scheduler
  base::Path log;          // appended to
};

struct TaskOutcome {
  enum class Kind : std::uint8_t { kDone, kFailed, kNotYet, kCancelled } kind = Kind::kDone;
  std::string message = {};
  bool final = false;                // kFailed: trying again cannot help
  std::int64_t retry_after_us = -1;  // kFailed: the other side asks for so much patience
};

class TaskRunner {
 public:
  virtual ~TaskRunner() = default;
  // Ends soon after `stop` asks for it, with kCancelled.
  virtual TaskOutcome run(const TaskCall& call, std::stop_token stop) = 0;
};

// A fixed number of threads per class, so that one class never waits for the other's tasks.
class TaskSlots {
 public:
  using Work = std::function<void()>;

  // `begin` is called on each thread first: it gives the thread its class's priority.
  TaskSlots(const std::array<int, kBatchClasses>& slots,
            const std::function<void(CapacityClass)>& begin);
  ~TaskSlots() { stop(); }
  TaskSlots(const TaskSlots&) = delete;
  TaskSlots& operator=(const TaskSlots&) = delete;

  // The caller keeps what it submits within the slots of the class.
  void submit(CapacityClass capacity, Work work);
  // Waits for the work under way; work that has not begun is dropped.
  void stop();

 private:
  struct Lane {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::deque<Work> waiting;
  };
  std::array<Lane, kBatchClasses> lanes_;
  base::TaskGroup threads_;
};

}  // namespace batch
