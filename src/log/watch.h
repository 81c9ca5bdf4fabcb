// Who is called when partitions change: the log's side of a Watch, and the thread that calls.
//
// Threads: changed() from any, at the cost of a queue's push; the callbacks come from the one
// thread of the WatchCaller. Invariant: a callback never runs on the committer's thread, and news
// that come while a watcher is queued already are one call.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/task_group.h"

namespace eventlog {

// One watch, shared by its owner, the partitions and the caller.
class Watcher {
 public:
  explicit Watcher(std::function<void()> changed) : changed_(std::move(changed)) {}

  // Whether it was not queued before.
  bool queue() { return !queued_.exchange(true); }
  void call();
  // Waits for a call under way, unless it is this thread's own; there is none after it.
  void end();

 private:
  std::atomic<bool> queued_{false};
  std::recursive_mutex mutex_;
  bool ended_ = false;
  const std::function<void()> changed_;
};

class WatchCaller {
 public:
  WatchCaller();
  ~WatchCaller() { tasks_.stop(); }

  void changed(const std::vector<std::shared_ptr<Watcher>>& watchers);

 private:
  void call_all(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any there_;
  std::vector<std::shared_ptr<Watcher>> queue_;
  base::TaskGroup tasks_;
};

}  // namespace eventlog
