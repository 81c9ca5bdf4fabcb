// `waybill simulate`: the simulated fleet as a load on the HTTP door of any Waybill.
//
// A truck's events always go over the same connection, in order, one request at a time per
// connection; every connection and topic is a producer with a sequence, so that a repeated request
// never doubles. Threads: one caller; run_simulate() makes a thread per connection and ends them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"

namespace sources {

struct LoadOptions {
  std::string to = "http://127.0.0.1:8080";
  std::uint32_t trucks = 1000;
  double events_per_second = 0;  // 0: as fast as they are acknowledged
  std::int64_t duration_us = 0;  // 0: until stopped
  std::uint64_t seed = 7;
  int connections = 4;
  int records_per_request = 500;
  std::int64_t history_us = 0;            // scans and orders from before the start, sent first
  std::int64_t give_up_us = 120'000'000;  // after this long without an acknowledgement
  base::Path truth_file = {};             // injected faults, one JSON object a line
  base::Path ack_log = {};                // one JSON object per acknowledged request
};

struct LoadReport {
  std::int64_t acknowledged = 0;  // events
  std::map<std::string, std::int64_t> by_topic;
  std::int64_t requests = 0;
  std::int64_t retries = 0;
  std::int64_t unacknowledged = 0;  // events that were made but not acknowledged when it ended
  double seconds = 0;
  double p50_ms = 0;  // of a request, from its first try to its acknowledgement
  double p99_ms = 0;
  double events_per_second() const {
    return seconds > 0 ? static_cast<double>(acknowledged) / seconds : 0;
  }
  // "acknowledged N events in S s: E events/s, request p50 … ms p99 … ms, R retries"
  std::string to_string() const;
};

// "10000/s", "10000", "max" as events per second; max is 0.
base::Result<double> parse_rate(const std::string& text);

// Runs until the duration is over or `stop`, then waits for what is on its way. `progress` is
// called about once a second. kInvalid when the server refuses a request (a 4xx other than 408 and
// 429); kUnavailable when it did not acknowledge anything for `give_up_us`.
base::Result<LoadReport> run_simulate(const LoadOptions& options, const base::Clock& clock,
                                      std::stop_token stop = {},
                                      const std::function<void(const LoadReport&)>& progress = {});

}  // namespace sources
