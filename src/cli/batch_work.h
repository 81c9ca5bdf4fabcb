// The project's batch work: its share of the machine, DAGs with their scheduler and what their
// tasks do; also its HTTP calls (docs/http-api.md).
//
// Threads: any, but open() and run().
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "batch/capacity.h"
#include "batch/daily.h"
#include "batch/project_runner.h"
#include "batch/scheduler.h"
#include "cli/project.h"
#include "server/platform.h"

namespace cli {

class BatchWork {
 public:
  // Only the databases, which the rest of batch is opened with.
  static base::Result<std::unique_ptr<BatchWork>> open(const Project& project,
                                                       const base::Path& spill);

  batch::Capacity& capacity() { return *capacity_; }
  // `services.database` is the daily class's. `settled`: streams have taken in what there is.
  base::Result<> start_with(stream::Services services, batch::DailyModels& daily,
                            std::function<bool()> settled);
  // As a unit's prepare and run.
  base::Result<> restore();
  void run(std::stop_token stop) { scheduler_->run(stop); }
  batch::Scheduler& scheduler() { return *scheduler_; }

  // Paths dags/…. kNotFound for one that is not in the list of http_router.cpp.
  base::Result<nlohmann::json> answer(const server::RoomCall& call);

 private:
  explicit BatchWork(const Project& project) : project_(project) {}
  base::Result<std::vector<batch::Dag>> dags();
  bool table_has(const std::string& table, base::TimestampUs until_us);
  base::Result<base::TimestampUs> reaches(const std::string& table);
  base::Result<bool> has_inputs(const batch::Dag& dag);
  base::Result<std::string> run_model(const batch::TaskCall& call, const std::string& table);
  base::Result<nlohmann::json> change(const std::vector<std::string>& path,
                                      const nlohmann::json& body);

  const Project& project_;
  std::unique_ptr<batch::Capacity> capacity_;
  std::optional<stream::Services> services_;
  batch::DailyModels* daily_ = nullptr;
  std::function<bool()> settled_;
  std::vector<runs::Model> models_;  // of mode daily
  std::unique_ptr<batch::ProjectRunner> runner_;
  std::unique_ptr<batch::Scheduler> scheduler_;
  struct Reach {
    base::TimestampUs asked_us = 0;
    base::TimestampUs until_us = 0;
  };
  std::mutex reaches_mutex_;
  std::map<std::string, Reach> reaches_;  // what tables reach, asked not long ago
  std::map<std::string, base::TimestampUs> inputs_asked_us_;
};

}  // namespace cli
