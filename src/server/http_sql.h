// POST /v1/sql: one reading statement, its first rows as JSON.
//
// Threads: the session's.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "server/platform.h"

namespace server {

inline constexpr std::size_t kSqlRowsMax = 100'000;

// kInvalid with the mend unless it is {"sql":"…","limit":n}.
base::Result<SqlRequest> parse_sql_request(const std::string& body);

base::Result<nlohmann::json> run_sql(SqlSession& session, const SqlRequest& request);

// The query on a session of this process.
std::unique_ptr<JsonQuery> json_query_on(std::unique_ptr<SqlSession> session, SqlRequest request);

}  // namespace server
