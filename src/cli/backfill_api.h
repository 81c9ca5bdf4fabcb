// Backfills, table versions, shadow runs, promotions and flags as HTTP calls (docs/http-api.md).
//
// Threads: any.
#pragma once

#include <mutex>

#include "batch/backfill.h"
#include "batch/capacity.h"
#include "cli/project.h"
#include "server/platform.h"

namespace cli {

class BackfillApi {
 public:
  // `capacity` outlives it.
  BackfillApi(stream::Services services, batch::DailyModels& daily, const batch::Capacity& capacity,
              const Project& project);

  batch::Backfills& jobs() { return jobs_; }
  // kNotFound for a path that is not one of the list in http_router.cpp.
  base::Result<nlohmann::json> answer(const server::RoomCall& call);

 private:
  base::Result<nlohmann::json> backfill(const server::RoomCall& call);
  base::Result<nlohmann::json> table(const server::RoomCall& call);
  base::Result<nlohmann::json> flag(const server::RoomCall& call);
  base::Result<nlohmann::json> run_interval(const std::string& name, const nlohmann::json& body);
  base::Result<nlohmann::json> shadow(const std::string& name, const nlohmann::json& body);
  base::Result<nlohmann::json> promote(const std::string& name, const nlohmann::json& body);
  base::Result<nlohmann::json> rollback(const std::string& name);
  base::Result<nlohmann::json> reload();
  base::Result<nlohmann::json> changed(const runs::Model& to, const runs::Model& from);
  base::Result<std::vector<runs::Model>> models() const;  // as their files stand now
  base::Result<runs::Model> model(const std::string& name) const;

  stream::Services services_;
  batch::DailyModels& daily_;
  const Project& project_;
  batch::Backfills jobs_;
  std::mutex files_mutex_;  // of models' files
};

}  // namespace cli
