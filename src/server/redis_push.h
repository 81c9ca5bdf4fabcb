// Served rows passed on to a real Redis: after each committed epoch the rows that it changed, and a
// whole look-up when it is not known what Redis holds of it.
//
// Keys are those of the Redis door, "<look-up>:<id>"; a row is a string of JSON, or a hash of its
// fields that are not null; rows with a `ttl` expire by themselves. Within its database all keys
// "<look-up>:*" are Waybill's: others are deleted. The key "waybill:served:<look-up>" is written in
// one transaction with every batch of changes, and after all rows of a look-up that is sent whole:
// when Redis does not have the mark that was written last (restarted without its data, an older
// copy, somebody else's hand), the look-up is sent anew.
//
// What waits is a set of keys, bounded by kPendingMax for each look-up (beyond that the look-up is
// sent whole); their rows are read when they are sent, so that Redis never gets an older row after
// a newer one. Threads: one of its own; the rest from any.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/metrics.h"
#include "base/task_group.h"
#include "server/redis_remote.h"
#include "server/served_state.h"

namespace server {

struct RedisPushOptions {
  RedisUrl url;
  bool hashes = false;  // rows as hashes instead of JSON text
};

class RedisPush final : public ServedWatcher {
 public:
  static constexpr std::size_t kPendingMax = 1'000'000;  // keys of one look-up

  // Whether this process has the work that changes a look-up's rows.
  using Owns = std::function<bool(const std::string& lookup)>;
  // Told when passing on fails (with what to do) and, with nullptr, when it works again.
  using Tell = std::function<void(const base::Error* problem)>;

  // The state outlives it; nobody has changed it yet.
  RedisPush(ServedState& state, RedisPushOptions options, Owns owns, Tell tell);
  ~RedisPush() override { stop(); }

  void start();
  void stop();

  void replaced(const std::string& lookup) override;
  void changed(const std::string& lookup, std::vector<std::string> ids) override;

 private:
  // What waits of one look-up; under the mutex.
  struct Pending {
    bool known = false;  // its rows have been given at least once
    bool whole = false;  // all rows wait
    std::unordered_set<std::string> ids = {};
    std::int64_t since_us = 0;  // of the oldest change that waits; 0: nothing waits
  };
  // What the sending thread knows of one look-up in Redis.
  struct Sent {
    std::string mark = {};       // the last one that was acknowledged; empty: nothing is known
    std::string under_way = {};  // the one whose answer is not there
    std::int64_t since_us = 0;   // of the changes that are being sent
  };

  void run(const std::stop_token& stop);
  void wait(const std::stop_token& stop, std::int64_t us);
  base::Result<> connect();
  base::Result<> round(const std::stop_token& stop);
  base::Result<> check_mark(const std::string& lookup);
  base::Result<> send(const std::string& lookup, const Pending& changes,
                      const std::stop_token& stop);
  base::Result<> send_changes(const std::string& lookup, const Pending& changes,
                              const std::stop_token& stop);
  base::Result<> send_whole(const std::string& lookup, const std::stop_token& stop);
  base::Result<> delete_others(const std::string& lookup, const std::stop_token& stop);
  // Rows from `ids` on, as many as one transaction takes; how many. 0: Redis did not have the mark
  // of the batch before.
  base::Result<std::size_t> send_batch(const std::string& lookup, std::span<const std::string> ids);
  std::size_t add_row(const std::string& lookup, const std::string& id);
  Pending take(const std::string& lookup);
  void give_back(const std::string& lookup, Pending pending);
  void wake();
  std::string new_mark();
  void show_lag(const std::string& lookup);

  ServedState& state_;
  const RedisPushOptions options_;
  const Owns owns_;
  const Tell tell_;
  const std::string instance_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool fresh_ = false;  // something has changed since the last round began
  std::map<std::string, Pending> pending_;

  // Of the sending thread alone.
  std::unique_ptr<RedisRemote> remote_;
  std::map<std::string, Sent> sent_;
  std::int64_t marks_ = 0;

  prometheus::Gauge& connected_;
  prometheus::Counter& rows_;
  prometheus::Counter& resyncs_;
  base::TaskGroup threads_;
};

}  // namespace server
