// Who sends bad rows: rows and dead letters of partner files, by file and by day, and an alert for
// a topic whose files are surely worse than the project allows.
//
// A row is bad when it does not fit its topic's schema or has a dead letter of any model. Threads:
// any.
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/project.h"
#include "lake/catalog.h"
#include "quality/alerts.h"

namespace cli {

class Partners {
 public:
  static constexpr std::size_t kFilesMax = 1000;  // of an answer, the newest
  static constexpr std::int64_t kWindowDaysMax = 400;

  Partners(lake::Catalog& catalog, sql::Database& engine, quality::Alerts& alerts,
           const Project& project, const base::Clock& clock)
      : catalog_(catalog), engine_(engine), alerts_(alerts), project_(project), clock_(clock) {}

  // Judges the topics that have drop folders, where something was written since the last time.
  void tick();
  // [{topic, rows, bad, share, alert, days: [{day, rows, bad}], files: [{file, rows, bad, share,
  // low, high, alert, first_at, last_at}]}] of records that came in the window; `topic` empty: all
  // with drop folders.
  base::Result<nlohmann::json> report(const std::string& topic, std::int64_t window_us);

 private:
  base::Result<nlohmann::json> report_of(const std::string& topic, std::int64_t window_us);
  base::Result<> judge(const std::string& topic);

  lake::Catalog& catalog_;
  sql::Database& engine_;
  quality::Alerts& alerts_;
  const Project& project_;
  const base::Clock& clock_;
  std::mutex mutex_;
  struct Seen {
    lake::Version bronze = -1;
    lake::Version letters = -1;
    base::TimestampUs at_us = 0;
  };
  std::map<std::string, Seen> seen_;  // by topic
};

}  // namespace cli
