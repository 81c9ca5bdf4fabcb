// Monitors: what a table is like day by day, and whether its newest day is as days usually are.
// quality/NAME.yaml:
//
//   table: silver.deliveries
//   time: event_time              # whose day a row counts to (UTC)
//   nulls: [weight_kg]            # shares of missing values
//   means: [weight_kg]
//   drift: [weight_kg, mode]      # distributions: KS distance of numbers, PSI of other values
//   volume: true                  # rows of a day
//   freshness: 2 hours            # or true: only as days usually are
//   reference: 8 weeks            # the days that say what is usual
//   every: 15 minutes             # how often it is measured
//   settle: 1 hour                # a day is judged so long after its end
//   days: clock                   # or data: a day has ended when a later one has rows
//   false_alarms: 0.001           # of a usual day, for each measure
//   severity: warning
//
// Values and free functions on the caller's connection.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "quality/drift.h"
#include "sql/database.h"

namespace quality {

inline constexpr std::size_t kMonitoredColumnsMax = 100;
inline constexpr int kReferenceDaysMax = 400;

struct Monitor {
  std::string name;  // of the file, without its ending
  std::string file;
  std::string table;
  std::string time;
  std::vector<std::string> nulls;
  std::vector<std::string> means;
  std::vector<std::string> drift;
  bool volume = true;
  bool freshness = true;
  std::int64_t silence_us_max = 0;  // 0: no limit is set
  int reference_days = 56;
  std::int64_t every_us = 900 * base::kUsPerSecond;
  std::int64_t settle_us = 3600 * base::kUsPerSecond;
  bool by_clock = true;
  double false_alarms = 0.001;
  std::string severity = "warning";
};

// kInvalid with file, line and mend.
base::Result<Monitor> parse_monitor(const std::string& text, const std::string& file);
// All quality/*.yaml of a project, by name.
base::Result<std::map<std::string, Monitor>> load_monitors(const base::Path& project);
// kInvalid naming the first column of the monitor that the table does not have.
base::Result<> check_columns(const Monitor& monitor, const columns::Schema& schema);

struct DayPoint {
  std::int64_t day = 0;  // since 1970
  double value = 0;
  bool backfilled = false;
  Anomaly verdict;
};

// One measure over the days that have a value of it, oldest first.
struct Series {
  std::string measure;  // volume, silence_hours, null_share, mean, psi, ks
  std::string column;   // "" = of the table
  std::vector<DayPoint> points;

  std::string key() const { return column.empty() ? measure : measure + "/" + column; }
};

struct Measured {
  std::int64_t newest = 0;  // the last day that has ended
  std::vector<Series> series;
  std::optional<double> silent_hours;  // since the newest row, as of now
};

// Days from one to another, both included, that were written anew.
using DayRanges = std::vector<std::pair<std::int64_t, std::int64_t>>;

// Measures `rows` (what stands behind FROM), and judges each day by those before it. Rows that were
// written anew count with what they are now and are no anomaly. One scan finds counts and means,
// two more find distributions.
base::Result<Measured> measure(sql::Connection& connection, const std::string& rows,
                               const Monitor& monitor, const DayRanges& backfilled,
                               base::TimestampUs now_us);

// "silver.x: 120 rows on 2026-03-01, usually 890 to 1010 (…)"
std::string anomaly_text(const Monitor& monitor, const Series& series);
nlohmann::json to_json(const Series& series);

}  // namespace quality
