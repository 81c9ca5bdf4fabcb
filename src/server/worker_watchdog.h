// Interrupts calls that take too long.
//
// Threads: any; one thread of its own. Invariant: once a Watch has ended, its action neither runs
// nor will run, so the action may refer to what lives as long as the Watch.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "base/task_group.h"

namespace server {

class Watchdog {
 public:
  Watchdog();
  ~Watchdog();

  class Watch {
   public:
    // Runs `act` when `time` is over before the Watch ends, and every second from then on. `act` is
    // quick.
    Watch(Watchdog& dog, std::chrono::milliseconds time, std::function<void()> act);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();
    bool acted() const;

   private:
    Watchdog& dog_;
    std::uint64_t id_ = 0;
  };

 private:
  struct Entry {
    std::chrono::steady_clock::time_point at;
    std::function<void()> act;
    bool acted = false;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::uint64_t, Entry> entries_;
  std::uint64_t next_id_ = 0;
  bool stopping_ = false;
  base::TaskGroup thread_;
};

}  // namespace server
