#include "stream/task_graph.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/check.h"

namespace stream {
namespace {

class TaskGraph {
 public:
  explicit TaskGraph(const std::vector<Task>& tasks)
      : tasks_(tasks), states_(tasks.size(), State::kWaits) {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      for (const std::size_t before : tasks[i].after)
        CHECK(before < i, "task {} comes after task {}, which is behind it", i, before);
    }
  }

  // Works until nothing is left to begin.
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      const std::size_t next = first_ready();
      if (next < tasks_.size()) {
        states_[next] = State::kRuns;
        lock.unlock();
        auto done = tasks_[next].work();
        lock.lock();
        states_[next] = State::kEnded;
        if (!done) errors_.emplace(next, std::move(done).error());
        changed_.notify_all();
      } else if (!errors_.empty() || !any(State::kWaits)) {
        return;
      } else {
        changed_.wait(lock);
      }
    }
  }

  base::Result<> result() {
    if (errors_.empty()) return {};
    return std::unexpected(std::move(errors_.begin()->second));
  }

 private:
  enum class State : std::uint8_t { kWaits, kRuns, kEnded };

  bool any(State state) const { return std::ranges::count(states_, state) > 0; }
  // The number of tasks when there is none.
  std::size_t first_ready() const {
    for (std::size_t i = 0; i < tasks_.size() && errors_.empty(); ++i) {
      if (states_[i] != State::kWaits) continue;
      const bool ready = std::ranges::all_of(
          tasks_[i].after, [&](std::size_t before) { return states_[before] == State::kEnded; });
      if (ready) return i;
    }
    return tasks_.size();
  }

  const std::vector<Task>& tasks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;
  std::map<std::size_t, base::Error> errors_;  // by task
};

}  // namespace

base::Result<> run_tasks(const std::vector<Task>& tasks, int threads) {
  TaskGraph graph(tasks);
  {
    std::vector<std::jthread> helpers;
    const auto useful = std::min(static_cast<std::size_t>(std::max(threads, 1)), tasks.size());
    for (std::size_t i = 1; i < useful; ++i) helpers.emplace_back([&graph] { graph.work(); });
    graph.work();
  }
  return graph.result();
}

}  // namespace stream
