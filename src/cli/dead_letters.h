// Dead letters on their way back: repaired, redriven into their topic, never twice in silence, and
// purged.
//
// Threads: any; one redrive runs at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/project.h"
#include "lake/catalog.h"
#include "log/event_log.h"
#include "server/platform.h"
#include "state/store.h"

namespace cli {

struct RedriveOptions {
  std::string where = "true";     // over the letters
  std::string repair;             // SQL over a letter that gives its new text; empty: as it was
  std::size_t limit = 1'000'000;  // letters that are sent
  std::int64_t attempts_max = 1;  // a letter that was sent so often is left alone
  double per_second = 0;          // 0: as fast as the log takes them
  bool dry_run = false;
};

class DeadLetters {
 public:
  DeadLetters(eventlog::EventLog& log, lake::Catalog& catalog, sql::Database& serving,
              state::Store& store, const Project& project, const base::Clock& clock)
      : log_(log),
        catalog_(catalog),
        serving_(serving),
        store_(store),
        project_(project),
        clock_(clock) {}

  // Members of a body or query: ids, model, reason, since, until (times).
  static base::Result<std::string> where(const nlohmann::json& filter);
  // {redriven, skipped: how many were sent before, in_doubt: ids whose sending a crash cut off,
  // examples of a dry run}. Before a letter is sent, the attempt is written down.
  base::Result<nlohmann::json> redrive(const RedriveOptions& options);
  // Ends a redrive that waits for its rate.
  void stop() { stopping_ = true; }
  // {purged}: removes letters for good. `connection` may write to the lake.
  base::Result<nlohmann::json> purge(sql::Connection& connection, const std::string& where,
                                     bool dry_run);

 private:
  struct Letter;
  // What becomes of a redrive.
  struct Sending {
    std::vector<std::string> ids;
    std::vector<std::string> in_doubt;
    nlohmann::json examples = nlohmann::json::array();
    std::int64_t sent = 0;
    std::int64_t skipped = 0;
    std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  };
  base::Result<std::vector<std::string>> ids(const RedriveOptions& options) const;
  base::Result<> choose(const RedriveOptions& options, Sending& sending) const;
  base::Result<std::vector<Letter>> read(const RedriveOptions& options,
                                         const std::string& page) const;
  base::Result<> send_page(const RedriveOptions& options, const std::string& page,
                           Sending& sending);
  base::Result<> send(const Letter& letter, std::int64_t attempt);
  base::Result<> wait(std::chrono::steady_clock::time_point began, std::int64_t sent,
                      double per_second) const;

  eventlog::EventLog& log_;
  lake::Catalog& catalog_;
  sql::Database& serving_;
  state::Store& store_;
  const Project& project_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace cli
