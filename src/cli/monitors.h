// The project's monitors at work (quality/monitor.h): measured when they are due, their series kept
// in the state store under monitor/NAME, an alert for each measure whose newest day is out of the
// ordinary until a later one is not.
//
// Threads: any; one measures at a time.
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/project.h"
#include "lake/catalog.h"
#include "quality/alerts.h"
#include "quality/monitor.h"
#include "state/store.h"

namespace cli {

class Monitors {
 public:
  // Days of a series that are kept at most.
  static constexpr std::size_t kPointsMax = 400;

  // `store` keeps the series; `batch` tells of backfills.
  Monitors(lake::Catalog& catalog, sql::Database& engine, state::Store& store,
           const state::Store& batch, quality::Alerts& alerts, const Project& project,
           const base::Clock& clock)
      : catalog_(catalog),
        engine_(engine),
        store_(store),
        batch_(batch),
        alerts_(alerts),
        project_(project),
        clock_(clock) {}

  // Measures those that are due; what fails is kept with the monitor and raised as an alert.
  void tick();
  // Measures one now; kNotFound names the nearest.
  base::Result<nlohmann::json> run(const std::string& name);
  // [{monitor, file, table, every_seconds, measured_at, newest, error?, series}]
  base::Result<nlohmann::json> list() const;

 private:
  base::Result<nlohmann::json> measure(const quality::Monitor& monitor);
  base::Result<nlohmann::json> shown(const quality::Monitor& monitor) const;
  base::Result<nlohmann::json> saved(const std::string& name) const;
  base::Result<quality::DayRanges> backfilled(const std::string& table) const;
  void tell(const quality::Monitor& monitor, const quality::Measured& measured);
  void tell_silence(const quality::Monitor& monitor, const quality::Measured& measured);

  lake::Catalog& catalog_;
  sql::Database& engine_;
  state::Store& store_;
  const state::Store& batch_;
  quality::Alerts& alerts_;
  const Project& project_;
  const base::Clock& clock_;
  std::mutex measuring_;
};

}  // namespace cli
