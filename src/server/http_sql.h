// POST /v1/sql: one reading statement, its first rows as JSON.
//
// Threads: the session's.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "server/platform.h"

namespace server {

inline constexpr std::size_t kSqlRowsMax = 100'000;

struct SqlRequest {
  std::string sql;
  std::size_t limit = 1000;
};

// kInvalid with the mend unless it is {"sql":"…","limit":n}.
base::Result<SqlRequest> parse_sql_request(const std::string& body);

base::Result<nlohmann::json> run_sql(SqlSession& session, const SqlRequest& request);

}  // namespace server
