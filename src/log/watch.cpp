#include "log/watch.h"

namespace eventlog {

void Watcher::call() {
  queued_ = false;  // first: what changes from here on is another call
  const std::scoped_lock lock(mutex_);
  if (!ended_) changed_();
}

void Watcher::end() {
  const std::scoped_lock lock(mutex_);
  ended_ = true;
}

WatchCaller::WatchCaller() {
  tasks_.run("log-watch", [this](const std::stop_token& stop) { call_all(stop); });
}

void WatchCaller::changed(const std::vector<std::shared_ptr<Watcher>>& watchers) {
  bool any = false;
  for (const auto& watcher : watchers) {
    if (!watcher->queue()) continue;
    const std::scoped_lock lock(mutex_);
    queue_.push_back(watcher);
    any = true;
  }
  if (any) there_.notify_one();
}

void WatchCaller::call_all(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (there_.wait(lock, stop, [this] { return !queue_.empty(); })) {
    std::vector<std::shared_ptr<Watcher>> queue;
    queue.swap(queue_);
    lock.unlock();
    for (const auto& watcher : queue) watcher->call();
    lock.lock();
  }
}

}  // namespace eventlog
