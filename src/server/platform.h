// What the listeners serve: the one border between server/ and the platform that `waybill up` wires
// together (cli/platform.cpp).
//
// Threads: any; calls may block on disk, so listeners make them off the network thread, except
// fleet() and metrics.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "log/event_log.h"
#include "ops/fleet.h"
#include "schema/topic_schema.h"
#include "sql/database.h"

namespace server {

// One client's SQL session over the lake: reading only. Its statements do not outlive it.
class SqlSession {
 public:
  virtual ~SqlSession() = default;
  virtual base::Result<std::unique_ptr<sql::Result>> query(const std::string& sql) = 0;
  // One statement, whose rows come while they are taken. Any number may be open at a time; they end
  // before the session.
  virtual base::Result<std::unique_ptr<sql::RowStream>> stream(const std::string& sql) = 0;
  virtual base::Result<std::unique_ptr<sql::Statement>> prepare(const std::string& sql) = 0;
  virtual base::Result<std::vector<sql::Connection::Part>> split(const std::string& sql) = 0;
  virtual void interrupt() = 0;  // from another thread
  // The tables that the last statement read, with their versions: "silver.scans@12, gold.hubs@3".
  virtual std::string sources() const = 0;
  // PostgreSQL's names for the columns of the statement that was prepared or run last, "" where
  // DuckDB's are the same.
  virtual std::vector<std::string> names(std::size_t columns) const = 0;
};

struct SqlRequest {
  std::string sql;
  std::size_t limit = 1000;
};

// One reading statement whose first rows are wanted as the JSON text of docs/http-api.md.
class JsonQuery {
 public:
  virtual ~JsonQuery() = default;
  virtual base::Result<std::string> run() = 0;
  virtual void interrupt() = 0;  // from another thread; again until run() has ended
};

struct DeadLetterFilter {
  std::vector<std::string> ids;
  std::string model;
  std::string reason;  // part of the reason
  std::size_t limit = 100;
};

enum class ModelCommand : std::uint8_t { kPause, kResume, kRewind };

// A call that a room of the platform answers by itself; the routes are in http_router.cpp.
struct RoomCall {
  bool posts = false;
  std::vector<std::string> segments;  // of the path behind /v1/
  std::map<std::string, std::string> query;
  nlohmann::json body;  // an object
};

class Platform {
 public:
  virtual ~Platform() = default;
  virtual eventlog::EventLog& log() = 0;
  virtual const std::vector<schema::TopicSchema>& topics() const = 0;
  virtual ops::Fleet* fleet() = 0;  // null when the project has none
  virtual base::Result<std::unique_ptr<JsonQuery>> json_query(SqlRequest request) = 0;

  virtual std::vector<std::string> lookups() const = 0;
  // The row as a JSON object; nullopt when there is none; kNotFound for an unknown look-up.
  virtual base::Result<std::optional<nlohmann::json>> lookup(const std::string& name,
                                                             const std::string& id) = 0;

  // Shapes as in docs/http-api.md.
  virtual nlohmann::json status() = 0;
  virtual base::Result<nlohmann::json> runs(std::size_t limit, const std::string& model) = 0;
  virtual base::Result<nlohmann::json> audit() = 0;
  virtual base::Result<nlohmann::json> dead_letters(const DeadLetterFilter& filter) = 0;
  virtual base::Result<nlohmann::json> redrive(const DeadLetterFilter& filter) = 0;
  virtual base::Result<nlohmann::json> run_model(const std::string& name) = 0;
  // The plan of a streaming model, its state and what bounds it. kNotFound names the models.
  virtual base::Result<nlohmann::json> explain_model(const std::string& name) = 0;
  // The same afterwards.
  virtual base::Result<nlohmann::json> steer_model(const std::string& name,
                                                   ModelCommand command) = 0;
  // Every pipeline with its running plan, and what each model did.
  virtual base::Result<nlohmann::json> streams() = 0;
  virtual nlohmann::json alerts() = 0;
  virtual nlohmann::json queries() = 0;
  virtual base::Result<> kill_query(std::int64_t id) = 0;
  virtual base::Result<nlohmann::json> dashboards() = 0;
  virtual base::Result<nlohmann::json> dashboard(const std::string& name) = 0;
  virtual base::Result<nlohmann::json> room_call(const RoomCall& call) = 0;
};

}  // namespace server
