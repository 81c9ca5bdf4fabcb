// The queries that run now, as rows: the table waybill_queries.
//
// Threads: any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/lake_views.h"

namespace server {

// Who asks.
struct QueryOrigin {
  std::int64_t session = 0;
  std::string workload = "default";
  std::string client = {};  // "psql", "http"
  std::string user = {};
  std::int32_t process_id = 0;  // as pg_backend_pid() has it; 0: no PostgreSQL session
};

struct RunningQuery {
  QueryOrigin origin;
  std::string sql;
  std::string state;  // "running", "waiting" for a slot, "idle": its rows wait to be taken
  std::int64_t running_ms = 0;
  std::uint64_t resident_bytes = 0;
};
nlohmann::json queries_as_json(const std::vector<RunningQuery>& queries);

inline constexpr std::string_view kQueriesTable = "waybill_queries";

// The lake's views and this one, which no list of tables has, and whose every look is a new
// version.
class QueryViews final : public LakeViews {
 public:
  QueryViews(LakeViews& lake, std::function<std::vector<RunningQuery>()> running)
      : lake_(lake), running_(std::move(running)) {}

  base::Result<std::vector<std::string>> names() override { return lake_.names(); }
  base::Result<LakeView> view(const std::string& table, lake::Version known, Need need) override;
  base::Result<LakeView> view_at(const std::string& table, TablePin pin) override {
    return lake_.view_at(table, pin);
  }

 private:
  LakeViews& lake_;
  const std::function<std::vector<RunningQuery>()> running_;
  std::atomic<lake::Version> looks_{0};
};

}  // namespace server
