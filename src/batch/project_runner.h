// Does the work of a project's tasks: models, SQL, suites, maintenance, HTTP calls, commands and
// sensors.
//
// Threads: any number of tasks at once.
#pragma once

#include <array>
#include <map>

#include "batch/model_run.h"
#include "batch/once.h"
#include "batch/task_log.h"
#include "batch/task_runner.h"
#include "lake/catalog.h"
#include "quality/suite.h"
#include "sql/database.h"

namespace batch {

struct ProjectWork {
  lake::Catalog& catalog;
  state::Store& store;
  const base::Clock& clock;
  std::array<sql::Database*, kBatchClasses> databases{};  // of each class, with its own threads
  std::map<std::string, quality::Suite> suites = {};
  base::Path folder;  // of the project
  std::string mark;   // of this project's commands
  // Runs a batch model once for this instance; what it did, for people.
  std::function<base::Result<std::string>(const TaskCall& call, const std::string& table)>
      run_model;
  std::function<bool(const std::string& table, base::TimestampUs until_us)> table_has;
};

class ProjectRunner final : public TaskRunner {
 public:
  explicit ProjectRunner(ProjectWork work) : work_(std::move(work)), once_(work_.store) {}
  TaskOutcome run(const TaskCall& call, std::stop_token stop) override;

 private:
  using Done = base::Result<std::string>;
  struct Scene {
    const TaskCall& call;
    TaskLog& log;
    std::stop_token stop;
  };
  TaskOutcome work(const Scene& scene, const ModelTask& task);
  TaskOutcome work(const Scene& scene, const SqlTask& task);
  TaskOutcome work(const Scene& scene, const ValidateTask& task);
  TaskOutcome work(const Scene& scene, const MaintainTask& task);
  TaskOutcome work(const Scene& scene, const HttpTask& task);
  TaskOutcome work(const Scene& scene, const ShellTask& task);
  TaskOutcome work(const Scene& scene, const SensorTask& task);
  Done ask(const Scene& scene, const SqlTask& task, const std::string& sql);
  Done write(const Scene& scene, const SqlTask& task, const std::string& sql);
  Done validate(const Scene& scene, const ValidateTask& task);
  Done maintain(const Scene& scene, const MaintainTask& task);
  base::Result<HttpTask> rendered(const Scene& scene, const HttpTask& task) const;
  base::Result<std::unique_ptr<sql::Connection>> connect(const Scene& scene);
  // Lets the connection read the tables that the text names, at their newest versions; the holds
  // keep their files.
  base::Result<std::vector<storage::Hold>> bind(sql::Connection& connection,
                                                const runs::Model& model);
  static TaskOutcome outcome(const Scene& scene, Done done);

  ProjectWork work_;
  Once once_;
};

}  // namespace batch
