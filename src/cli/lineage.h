// Tells an OpenLineage endpoint, or a file, of every run (docs/quality.md). The runs are those of
// the ledger: what was told is remembered with the events that wait to be sent, in one write, so
// that each run is told once, and sent until it is taken.
//
// Threads: run() has one; graph() from any.
#pragma once

#include <atomic>
#include <functional>
#include <nlohmann/json.hpp>
#include <stop_token>

#include "cli/project.h"
#include "lake/catalog.h"
#include "quality/alerts.h"
#include "runs/open_lineage.h"
#include "state/store.h"

namespace cli {

class Lineage {
 public:
  static constexpr std::size_t kQueueMax = 100'000;  // events that wait; the oldest go first
  // Epochs of a streaming model within so long are told as one run.
  static constexpr std::int64_t kStreamUs = 60 * base::kUsPerSecond;

  // `stores` hold the ledgers, `store` what is told.
  Lineage(const Project& project, lake::Catalog& catalog, sql::Database& engine,
          std::function<std::vector<const state::Store*>()> stores, state::Store& store,
          quality::Alerts& alerts, const base::Clock& clock);

  // Runs of before the first start are not told.
  base::Result<> open();
  // Tells and sends until it is stopped; returns at once where the project names no place.
  void run(std::stop_token stop);
  // Puts runs that are not told yet into the queue; with `all` streaming models do not wait.
  base::Result<> tell(bool all = false);
  // Sends what waits. kUnavailable: later.
  base::Result<> send();
  // {nodes: [{id, kind, columns}], edges: [{from, to, columns: [{from, to}]}]} of the project.
  base::Result<nlohmann::json> graph() const;

 private:
  struct Told {
    std::int64_t epoch = 0;
    base::TimestampUs at_us = 0;
  };
  struct Runs;
  base::Result<std::map<std::string, Runs>> found(const nlohmann::json& told) const;
  base::Result<runs::LineageRun> lineage_of(const Runs& runs) const;
  runs::LineageDataset table(const std::string& name) const;
  std::string log_space() const;
  nlohmann::json assertions(const std::string& table) const;
  base::Result<> post(const std::string& event) const;

  const Project& project_;
  lake::Catalog& catalog_;
  sql::Database& engine_;
  std::function<std::vector<const state::Store*>()> stores_;
  state::Store& store_;
  quality::Alerts& alerts_;
  const base::Clock& clock_;
  std::string tables_space_;  // where the lake is
};

}  // namespace cli
