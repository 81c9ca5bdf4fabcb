// A project folder, read and checked: waybill.yaml, sources, models, suites.
//
// Threads: values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/yaml.h"
#include "batch/capacity.h"
#include "batch/dag.h"
#include "cli/lake_place.h"
#include "ops/fleet.h"
#include "quality/monitor.h"
#include "quality/suite.h"
#include "runs/model.h"
#include "schema/topic_schema.h"
#include "server/postgres_access.h"
#include "server/redis_push.h"
#include "server/sql_workloads.h"
#include "sources/simulated_source.h"
#include "sql/database.h"
#include "stream/components.h"

namespace cli {

// What partners may send, and what is kept of it.
struct PartnerSettings {
  double errors = 0.05;                      // the share of bad rows above which there is an alert
  std::int64_t window_us = base::kUsPerDay;  // of rows that count
};

// Where runs are told of.
struct LineageSettings {
  std::string url;    // of an OpenLineage endpoint; empty: none
  base::Path file;    // one event a line; empty: none
  std::string space;  // of the jobs: the project's name
  std::string token;  // of the endpoint
};

struct Project {
  base::Path folder;
  std::string name;
  std::string log;           // kafka://…; empty: the embedded log in the data folder
  std::string worker = "1";  // of several on one Kafka: their names
  std::int64_t session_us = 10 * base::kUsPerSecond;  // until a silent worker's work moves on
  base::Path data;                              // log/, lake/, state/ and what sources remember
  std::optional<storage::S3StoreOptions> lake;  // on S3; else in the data folder
  std::string http = "127.0.0.1:8080";
  std::string postgres = "127.0.0.1:5433";
  server::PostgresAccess access;
  server::Workloads workloads = server::default_workloads();
  std::string redis;     // where look-ups are answered to Redis clients; empty: nowhere
  std::string kafka;     // where the embedded log speaks Kafka; empty: nowhere
  std::string registry;  // where the schema registry answers; empty: nowhere
  std::int64_t epoch_us = base::kUsPerSecond;
  int parallelism = 1;  // models of one epoch side by side
  std::string memory = "2GB";
  std::optional<ops::FleetSpec> fleet;
  std::map<std::string, server::Lookup> lookups;  // by name
  std::optional<server::RedisPushOptions> serve;  // the Redis that gets their rows as well
  std::optional<sources::SimulateOptions> simulate;
  batch::CapacitySettings capacity;
  std::map<std::string, int> pools;  // of tasks: their slots
  std::vector<schema::TopicSchema> topics;
  std::vector<runs::Model> models;
  std::map<std::string, quality::Suite> suites;
  std::map<std::string, quality::Monitor> monitors;  // by name
  PartnerSettings partners;
  LineageSettings lineage;
  std::int64_t letters_keep_us = 90 * base::kUsPerDay;  // of dead letters; 0: for ever
  std::vector<batch::Dag> dags;

  // What this process alone writes; with workers the rest of `data` is shared.
  base::Path worker_folder() const { return log.empty() ? data : data / "workers" / worker; }
};

// kInvalid with file, line and mend for the first thing that is wrong; kNotFound when the folder
// has no waybill.yaml.
base::Result<Project> load_project(const base::Path& folder);

// Everything that can be known without running: models bind against their sources' columns,
// streaming models can stream, look-ups and suites name what exists. All problems, not only the
// first.
std::vector<base::Error> check_project(const Project& project);

// The tables that a model of any mode reads.
base::Result<std::vector<std::string>> model_sources(sql::Connection& connection,
                                                     const runs::Model& model);
// The pipelines: topics with the streaming models that read them, directly or through others.
base::Result<std::vector<stream::Component>> project_components(const Project& project);

}  // namespace cli
