// One keep-alive HTTP connection of the load client: a bounded queue of requests, sent in order by
// a thread of its own, each until it is acknowledged.
//
// Threads: push() and close() from one thread; the loads' numbers are in LoadLedger, from any.
#pragma once

#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sources/load_client.h"

namespace sources {

struct LoadRequest {
  std::string topic;
  std::string body;  // NDJSON
  std::string ids;   // JSON strings with commas between, for the acknowledgement log; may be empty
  std::int64_t records = 0;
  std::int64_t producer = 0;
  std::int64_t sequence = 0;
};

// What all connections have in common.
class LoadLedger {
 public:
  explicit LoadLedger(std::int64_t give_up_us) : give_up_us_(give_up_us) {}
  ~LoadLedger();
  LoadLedger(const LoadLedger&) = delete;
  LoadLedger& operator=(const LoadLedger&) = delete;
  base::Result<> open_ack_log(const base::Path& file);

  void acknowledged(const LoadRequest& request, double ms);
  void retried();
  void failed(base::Error error);  // ends the load
  bool ended() const;
  std::optional<base::Error> error() const;
  LoadReport report() const;
  std::int64_t give_up_us() const { return give_up_us_; }

 private:
  const std::int64_t give_up_us_;
  mutable std::mutex mutex_;
  LoadReport report_;  // under mutex_, as are:
  std::vector<float> latencies_ms_;
  std::optional<base::Error> error_;
  std::FILE* ack_log_ = nullptr;
};

class LoadConnection {
 public:
  LoadConnection(std::string url, LoadLedger& ledger);
  ~LoadConnection();

  // Waits for room in the queue (backpressure); false when the load has ended.
  bool push(LoadRequest request);
  // Sends what is queued, or stops trying after `wait_us`; returns the records that stayed behind.
  std::int64_t close(std::int64_t wait_us);

 private:
  void run();
  bool send(void* curl, const LoadRequest& request);  // until acknowledged

  std::string url_;
  LoadLedger& ledger_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<LoadRequest> queue_;  // the front is being sent
  bool closing_ = false;
  bool abandoned_ = false;
  std::jthread thread_;
};

}  // namespace sources
