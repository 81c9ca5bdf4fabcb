#include "server/sql_queries.h"

#include "sql/database.h"

namespace server {
namespace {

std::string rows_of(const std::vector<RunningQuery>& queries) {
  // The first row gives the columns their types and is left out.
  std::string rows = "(0::BIGINT, 0::INTEGER, '', '', '', '', 0::BIGINT, 0::BIGINT, '')";
  for (const auto& query : queries) {
    const auto& origin = query.origin;
    rows += fmt::format(", ({}, {}, {}, {}, {}, {}, {}, {}, {})", origin.session, origin.process_id,
                        sql::quote_text(origin.workload), sql::quote_text(origin.user),
                        sql::quote_text(origin.client), sql::quote_text(query.state),
                        query.running_ms, query.resident_bytes, sql::quote_text(query.sql));
  }
  return rows;
}

}  // namespace

nlohmann::json queries_as_json(const std::vector<RunningQuery>& queries) {
  auto rows = nlohmann::json::array();
  for (const auto& query : queries) {
    const auto& origin = query.origin;
    rows.push_back({{"id", origin.session},
                    {"pid", origin.process_id},
                    {"workload", origin.workload},
                    {"user", origin.user},
                    {"client", origin.client},
                    {"state", query.state},
                    {"running_ms", query.running_ms},
                    {"memory_bytes", query.resident_bytes},
                    {"sql", query.sql}});
  }
  return rows;
}

base::Result<LakeView> QueryViews::view(const std::string& table, lake::Version known, Need need) {
  if (table != kQueriesTable) return lake_.view(table, known, need);
  return LakeView{.version = ++looks_,
                  .sql = fmt::format(
                      "SELECT * FROM (VALUES {}) AS q(id, pid, workload, \"user\", client, state, "
                      "running_ms, memory_bytes, sql) WHERE id > 0",
                      rows_of(running_()))};
}

}  // namespace server
