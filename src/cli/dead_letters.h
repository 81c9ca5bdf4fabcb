// Dead letters on their way back: repaired, redriven into their topic, never twice in silence, and
// purged.
//
// Threads: any; one redrive runs at a time.
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/project.h"
#include "lake/catalog.h"
#include "log/event_log.h"
#include "server/platform.h"
#include "state/store.h"

namespace cli {

struct RedriveOptions {
  std::string where = "true";  // over the letters
  std::string repair;          // SQL over a letter that gives its new text; empty: as it was
  std::size_t limit = 1'000'000;
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
  // {purged}: removes letters for good. `connection` may write to the lake.
  base::Result<nlohmann::json> purge(sql::Connection& connection, const std::string& where,
                                     bool dry_run);

 private:
  struct Letter;
  base::Result<std::vector<Letter>> read(const RedriveOptions& options);
  base::Result<> send(const Letter& letter);

  eventlog::EventLog& log_;
  lake::Catalog& catalog_;
  sql::Database& serving_;
  state::Store& store_;
  const Project& project_;
  const base::Clock& clock_;
  std::mutex mutex_;
};

}  // namespace cli
