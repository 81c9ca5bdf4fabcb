// Alerts: what a person should know now. One per dedup key; raising it again keeps its beginning.
//
// Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace quality {

struct Alert {
  std::string id;  // dedup key: "quality/silver.deliveries"
  std::string
      severity;  // "critical", "error", "warning", "info", as PagerDuty's Events API names them
  std::string summary;
  base::TimestampUs since_us = 0;
  std::optional<base::TimestampUs> resolved_us;
};

class Alerts {
 public:
  // At most this many are kept; the oldest resolved ones go first.
  static constexpr std::size_t kAlertsMax = 1000;
  // Above this share of bad rows, with at least this many rows seen, a model's error rate is an
  // alert.
  static constexpr double kErrorShareMax = 0.05;
  static constexpr std::int64_t kErrorRowsMin = 50;

  void raise(const std::string& id, const std::string& severity, const std::string& summary,
             base::TimestampUs now_us);
  void resolve(const std::string& id, base::TimestampUs now_us);
  // Counts a batch of a model's rows; raises `id` when more than 5 % of the rows since the last
  // decision are bad (batches add up until there are 50 rows), resolves it when they are not.
  void watch_error_rate(const std::string& id, const std::string& model, std::int64_t bad,
                        std::int64_t total, base::TimestampUs now_us);
  std::vector<Alert> list() const;  // newest first

 private:
  struct Window {
    std::int64_t bad = 0;
    std::int64_t total = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Alert> alerts_;
  std::map<std::string, Window> windows_;
};

}  // namespace quality
