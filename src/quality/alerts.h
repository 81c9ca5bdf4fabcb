// Alerts: what a person should know now. One per dedup key; raising it again keeps its beginning.
// Kept in a file, they and what they count towards outlive a restart.
//
// Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"

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
  // A model's error rate is an alert when at least this many rows were seen and the lower end of
  // Wilson's interval for the share of bad ones (95 %, one side) is above kErrorShareMax.
  static constexpr double kErrorShareMax = 0.05;
  static constexpr std::int64_t kErrorRowsMin = 50;
  static constexpr double kErrorDeviations = 1.645;
  // So many rows decide, however narrowly.
  static constexpr std::int64_t kErrorRowsMax = 10'000;

  // Takes in the file, when there is one, and writes it with every change from now on. kCorrupt
  // when it cannot be read: it is left alone.
  base::Result<> keep_in(const base::Path& file);

  void raise(const std::string& id, const std::string& severity, const std::string& summary,
             base::TimestampUs now_us);
  void resolve(const std::string& id, base::TimestampUs now_us);
  // Counts a batch of a model's rows; raises `id` when surely more than 5 % of the rows since the
  // last decision are bad (batches add up until there are 50 rows), resolves it when the share is
  // not above 5 %.
  void watch_error_rate(const std::string& id, const std::string& model, std::int64_t bad,
                        std::int64_t total, base::TimestampUs now_us);
  std::vector<Alert> list() const;  // newest first

 private:
  struct Window {
    std::int64_t bad = 0;
    std::int64_t total = 0;
  };
  void save();  // under the mutex

  mutable std::mutex mutex_;
  base::Path file_;  // empty: not kept
  std::map<std::string, Alert> alerts_;
  std::map<std::string, Window> windows_;
};

}  // namespace quality
