// Quality by HTTP (docs/http-api.md): suites, validations and their history, trends, failing rows,
// dead letters on their way back.
//
// Threads: any.
#pragma once

#include "cli/dead_letters.h"
#include "cli/monitors.h"
#include "cli/partners.h"
#include "cli/project.h"
#include "lake/catalog.h"
#include "server/platform.h"
#include "state/store.h"

namespace cli {

class QualityApi {
 public:
  // At most this many validations of a suite and table are kept.
  static constexpr std::size_t kHistoryMax = 500;

  QualityApi(eventlog::EventLog& log, lake::Catalog& catalog, sql::Database& engine,
             sql::Database& serving, state::Store& store, const state::Store& batch,
             quality::Alerts& alerts, const Project& project, const base::Clock& clock)
      : catalog_(catalog),
        engine_(engine),
        store_(store),
        project_(project),
        clock_(clock),
        letters_(log, catalog, serving, store, project, clock),
        monitors_(catalog, engine, store, batch, alerts, project, clock),
        partners_(catalog, engine, alerts, project, clock) {}

  DeadLetters& letters() { return letters_; }
  // What is to be done now and then: monitors that are due, partners' error rates, old dead
  // letters.
  void tick();
  // Whether a call is one of these.
  static bool answers(const server::RoomCall& call);
  base::Result<nlohmann::json> answer(const server::RoomCall& call);

 private:
  base::Result<> purge_old();
  base::Result<nlohmann::json> partners(const server::RoomCall& call);
  base::Result<nlohmann::json> suites() const;
  // Judges a table and keeps the result.
  base::Result<nlohmann::json> validate(const nlohmann::json& body);
  base::Result<nlohmann::json> history(const server::RoomCall& call) const;
  base::Result<nlohmann::json> one(const std::string& id) const;
  base::Result<nlohmann::json> trends(const server::RoomCall& call) const;
  base::Result<nlohmann::json> rows(const server::RoomCall& call);
  base::Result<nlohmann::json> dead_letters(const std::string& verb, const nlohmann::json& body);
  base::Result<const quality::Suite*> suite(const std::string& name) const;

  lake::Catalog& catalog_;
  sql::Database& engine_;
  state::Store& store_;
  const Project& project_;
  const base::Clock& clock_;
  DeadLetters letters_;
  Monitors monitors_;
  Partners partners_;
  base::TimestampUs purged_us_ = 0;
};

}  // namespace cli
