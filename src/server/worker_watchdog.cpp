#include "server/worker_watchdog.h"

#include <algorithm>

namespace server {

Watchdog::Watchdog() {
  thread_.run("http-watchdog", [this](std::stop_token) { run(); });
}

Watchdog::~Watchdog() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.stop();
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    auto next = std::chrono::steady_clock::now() + std::chrono::hours(1);
    for (auto& [id, entry] : entries_) {
      if (entry.at <= std::chrono::steady_clock::now()) {
        entry.acted = true;
        entry.act();
        entry.at = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      }
      next = std::min(next, entry.at);
    }
    wake_.wait_until(lock, next);
  }
}

Watchdog::Watch::Watch(Watchdog& dog, std::chrono::milliseconds time, std::function<void()> act)
    : dog_(dog) {
  {
    const std::scoped_lock lock(dog_.mutex_);
    id_ = ++dog_.next_id_;
    dog_.entries_.emplace(
        id_, Entry{.at = std::chrono::steady_clock::now() + time, .act = std::move(act)});
  }
  dog_.wake_.notify_all();
}

Watchdog::Watch::~Watch() {
  const std::scoped_lock lock(dog_.mutex_);
  dog_.entries_.erase(id_);
}

bool Watchdog::Watch::acted() const {
  const std::scoped_lock lock(dog_.mutex_);
  return dog_.entries_.at(id_).acted;
}

}  // namespace server
