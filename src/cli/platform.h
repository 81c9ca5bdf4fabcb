// The platform: every room of one project wired together. What `waybill up` runs and what the
// listeners serve.
//
// open() recovers what is on disk; start() begins the background work; stop() ends it in the order
// in which data flows, so that nothing taken in is left half done. Threads: open, start and stop
// from one thread, the rest from any.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "batch/daily.h"
#include "cli/backfill_api.h"
#include "cli/batch_work.h"
#include "cli/lineage.h"
#include "cli/project.h"
#include "cli/quality_api.h"
#include "cli/units.h"
#include "lake/catalog.h"
#include "log/embedded_log.h"
#include "runs/audit.h"
#include "schema/registry.h"
#include "server/http_listener.h"
#include "server/platform.h"
#include "server/postgres_listener.h"
#include "server/redis_listener.h"
#include "server/served_state.h"
#include "server/sql_session.h"
#include "server/sql_workers.h"
#include "server/sql_writes.h"
#include "sources/file_source.h"
#include "storage/object_store.h"
#include "stream/pipeline.h"

namespace cli {

// The unit of work that is a pipeline.
std::string unit_of(const std::string& pipeline);

class Platform final : public server::Platform {
 public:
  static base::Result<std::unique_ptr<Platform>> open(Project project);
  ~Platform() override;

  // `address` is where other workers' people find this one.
  base::Result<> start(const std::string& address);
  // Ends calls that wait on purpose, before the listeners stop.
  void stop_waiting();
  void stop();

  eventlog::EventLog& log() override { return *log_; }
  // Null when the log is elsewhere.
  eventlog::EmbeddedLog* embedded_log() { return embedded_log_; }
  const std::vector<schema::TopicSchema>& topics() const override { return project_.topics; }
  ops::Fleet* fleet() override { return fleet_.get(); }
  base::Result<std::unique_ptr<server::JsonQuery>> json_query(server::SqlRequest request) override;
  // Null with several workers: they have a registry of their own somewhere.
  schema::Registry* registry() { return registry_.get(); }
  // Engines for the PostgreSQL listener.
  server::PostgresListener::OpenEngine open_engine();
  std::vector<std::string> lookups() const override;
  base::Result<std::optional<nlohmann::json>> lookup(const std::string& name,
                                                     const std::string& id) override;
  nlohmann::json status() override;
  base::Result<nlohmann::json> runs(std::size_t limit, const std::string& model) override;
  base::Result<nlohmann::json> audit() override;
  base::Result<nlohmann::json> dead_letters(const server::DeadLetterFilter& filter) override;
  base::Result<nlohmann::json> redrive(const server::DeadLetterFilter& filter) override;
  base::Result<nlohmann::json> run_model(const std::string& name) override;
  base::Result<nlohmann::json> explain_model(const std::string& name) override;
  base::Result<nlohmann::json> steer_model(const std::string& name,
                                           server::ModelCommand command) override;
  base::Result<nlohmann::json> streams() override;
  nlohmann::json alerts() override;
  nlohmann::json queries() override;
  base::Result<> kill_query(std::int64_t id) override;
  base::Result<nlohmann::json> dashboards() override;
  base::Result<nlohmann::json> dashboard(const std::string& name) override;
  base::Result<nlohmann::json> room_call(const server::RoomCall& call) override;

  const Project& project() const { return project_; }
  server::RedisWorld redis_world() const { return {*served_, fleet_.get(), clock_}; }

 private:
  explicit Platform(Project project) : project_(std::move(project)) {}
  base::Result<> open_stores();
  std::string lake_folder() const;
  base::Result<> open_topics();
  base::Result<> make_looked_up();
  base::Result<> open_pipelines();
  base::Result<> open_batch();
  base::Result<> open_serving();
  base::Result<> check_lookup(const std::string& name, const server::Lookup& lookup) const;
  stream::Services services(const std::string& unit);
  stream::PipelineOptions pipeline_options() const {
    return {.epoch_us = project_.epoch_us, .parallelism = project_.parallelism};
  }
  base::Result<> add_pipeline(const stream::Component& component);
  void open_push();
  base::Result<> add_sources();
  nlohmann::json pipeline_status(const stream::Pipeline& pipeline, base::TimestampUs now_us) const;
  base::Result<std::optional<nlohmann::json>> lookup_in_lake(const runs::Model& model,
                                                             const std::string& id);
  base::Result<std::shared_ptr<stream::Pipeline>> pipeline_of(const std::string& model);
  std::vector<std::shared_ptr<stream::Pipeline>> pipelines() const;
  base::Result<> learn_schemas();
  void run_pipeline(std::size_t index, std::stop_token stop);
  base::Result<> remake_pipeline(std::size_t index);
  base::Result<bool> pipelines_rest() const;
  base::Result<runs::AuditInput> audit_input_now();
  bool settled() const;
  void follow_fleet(std::stop_token stop);
  void maintain(std::stop_token stop);
  base::Result<> maintain_once();
  base::Result<runs::AuditInput> audit_input();
  std::string dead_letter_where(const server::DeadLetterFilter& filter) const;

  Project project_;
  std::vector<stream::Component> components_;
  base::SystemClock clock_;
  base::TimestampUs started_us_ = 0;
  base::TimestampUs logs_cleaned_us_ = 0;
  quality::Alerts alerts_;
  std::unique_ptr<eventlog::EventLog> log_;
  eventlog::EmbeddedLog* embedded_log_ = nullptr;  // what log_ is, when it is that
  std::shared_ptr<schema::Registry> registry_;     // with the embedded log
  std::unique_ptr<Units> units_;
  std::unique_ptr<storage::ObjectStore> objects_;
  std::unique_ptr<sql::Database> engine_;   // pipelines
  std::unique_ptr<sql::Database> serving_;  // clients' SQL, locked
  std::unique_ptr<lake::Catalog> catalog_;
  mutable std::mutex pipelines_mutex_;
  std::vector<std::shared_ptr<stream::Pipeline>> pipelines_;  // by component
  std::unique_ptr<BatchWork> batch_;
  std::unique_ptr<batch::DailyModels> daily_;
  std::unique_ptr<BackfillApi> backfills_;
  std::unique_ptr<QualityApi> quality_;
  std::unique_ptr<Lineage> lineage_;
  std::unique_ptr<server::LakeViews> views_;
  std::unique_ptr<server::LakeSql> lake_sql_;        // questions of Waybill's own
  std::unique_ptr<server::SqlWrites> sql_writes_;    // changes by clients
  std::unique_ptr<server::SqlWorkers> sql_workers_;  // clients' questions
  std::unique_ptr<ops::Fleet> fleet_;
  std::unique_ptr<sources::FileSource> files_;
  std::mutex lookup_mutex_;
  std::unique_ptr<sql::Connection> lookup_connection_;
  std::unique_ptr<server::ServedState> served_;
  std::unique_ptr<server::RedisPush> push_;  // null: rows are served from here only
  base::TaskGroup tasks_;
};

}  // namespace cli
