#include "server/http_sql.h"

#include <chrono>

namespace server {
namespace {

base::Result<std::unique_ptr<sql::Result>> query_limited(SqlSession& session,
                                                         const sql::Connection::Part& part,
                                                         std::size_t rows_max) {
  if (part.kind == sql::StatementKind::kSelect) {
    std::string inner = part.sql;
    while (!inner.empty() && (inner.back() == ';' || inner.back() == ' ' || inner.back() == '\n'))
      inner.pop_back();
    // The line break keeps a trailing comment from swallowing the bracket.
    auto limited = session.query(fmt::format("SELECT * FROM ({}\n) LIMIT {}", inner, rows_max));
    if (limited || limited.error().code != base::Code::kInvalid) return limited;
  }
  // As it was written, so that an error names the user's own text.
  return session.query(part.sql);
}

}  // namespace

namespace {

class SessionQuery final : public JsonQuery {
 public:
  SessionQuery(std::unique_ptr<SqlSession> session, SqlRequest request)
      : session_(std::move(session)), request_(std::move(request)) {}
  base::Result<std::string> run() override {
    const auto result = TRY(run_sql(*session_, request_));
    return result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  void interrupt() override { session_->interrupt(); }

 private:
  const std::unique_ptr<SqlSession> session_;
  const SqlRequest request_;
};

}  // namespace

std::unique_ptr<JsonQuery> json_query_on(std::unique_ptr<SqlSession> session, SqlRequest request) {
  return std::make_unique<SessionQuery>(std::move(session), std::move(request));
}

base::Result<SqlRequest> parse_sql_request(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  constexpr auto kMend = R"(send {"sql":"SELECT …","limit":1000})";
  if (!json.is_object() || !json.contains("sql") || !json["sql"].is_string()) {
    return base::fail_with(base::Code::kInvalid, "the body is not a JSON object with a text 'sql'",
                           kMend);
  }
  SqlRequest request{.sql = json["sql"].get<std::string>()};
  if (json.contains("limit")) {
    const auto& limit = json["limit"];
    if (!limit.is_number_unsigned() || limit.get<std::uint64_t>() < 1 ||
        limit.get<std::uint64_t>() > kSqlRowsMax) {
      return base::fail_with(base::Code::kInvalid,
                             fmt::format("'limit' is not a number from 1 to {}", kSqlRowsMax),
                             kMend);
    }
    request.limit = limit.get<std::size_t>();
  }
  return request;
}

base::Result<nlohmann::json> run_sql(SqlSession& session, const SqlRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  const auto parts = TRY(session.split(request.sql));
  if (parts.size() != 1) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("{} statements came in one request", parts.size()),
                           "send exactly one statement");
  }
  const auto result = TRY(query_limited(session, parts.front(), request.limit + 1));
  nlohmann::json columns = nlohmann::json::array();
  for (const sql::ColumnInfo& column : result->columns()) {
    columns.push_back({{"name", column.name}, {"type", column.type}});
  }
  const std::size_t count = std::min(result->rows(), request.limit);
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t r = 0; r < count; ++r) {
    nlohmann::json row = nlohmann::json::array();
    for (std::size_t c = 0; c < result->columns().size(); ++c) row.push_back(result->json(c, r));
    rows.push_back(std::move(row));
  }
  const auto elapsed = std::chrono::steady_clock::now() - start;
  return nlohmann::json{{"columns", std::move(columns)},
                        {"rows", std::move(rows)},
                        {"truncated", result->rows() > request.limit},
                        {"versions", session.sources()},
                        {"elapsed_ms", std::chrono::duration<double, std::milli>(elapsed).count()}};
}

}  // namespace server
