#include "server/http_router.h"

#include <optional>

namespace server {
namespace {

constexpr Route kRoutes[] = {
    {Method::kGet, "/healthz", Call::kHealth},
    {Method::kGet, "/metrics", Call::kMetrics},
    {Method::kPost, "/v1/topics/{topic}/records", Call::kIngest},
    {Method::kGet, "/v1/topics", Call::kTopics},
    {Method::kGet, "/v1/lookups", Call::kLookups},
    {Method::kPost, "/v1/sql", Call::kSql},
    {Method::kGet, "/v1/status", Call::kStatus},
    {Method::kGet, "/v1/runs", Call::kRuns},
    {Method::kGet, "/v1/audit", Call::kAudit},
    {Method::kGet, "/v1/dead-letters", Call::kDeadLetters},
    {Method::kPost, "/v1/dead-letters/redrive", Call::kRedrive},
    {Method::kPost, "/v1/models/{name}/run", Call::kRunModel},
    {Method::kGet, "/v1/models/{name}/plan", Call::kExplainModel},
    {Method::kPost, "/v1/models/{name}/pause", Call::kPauseModel},
    {Method::kPost, "/v1/models/{name}/resume", Call::kResumeModel},
    {Method::kPost, "/v1/models/{name}/rewind", Call::kRewindModel},
    {Method::kGet, "/v1/streams", Call::kStreams},
    {Method::kGet, "/v1/alerts", Call::kAlerts},
    {Method::kGet, "/v1/queries", Call::kQueries},
    {Method::kPost, "/v1/queries/{id}/kill", Call::kKillQuery},
    {Method::kGet, "/v1/dashboards", Call::kDashboards},
    {Method::kGet, "/v1/dashboards/{name}", Call::kDashboard},
    {Method::kGet, "/v1/fleet", Call::kFleet},
    {Method::kGet, "/v1/fleet/feed", Call::kFleetFeed},
    {Method::kGet, "/v1/dags", Call::kRoomCall},
    {Method::kGet, "/v1/dags/{dag}", Call::kRoomCall},
    {Method::kPost, "/v1/dags/{dag}/{verb}", Call::kRoomCall},
    {Method::kGet, "/v1/dags/{dag}/runs", Call::kRoomCall},
    {Method::kGet, "/v1/dags/{dag}/runs/{run}", Call::kRoomCall},
    {Method::kPost, "/v1/dags/{dag}/runs/{run}/{verb}", Call::kRoomCall},
    {Method::kGet, "/v1/dags/{dag}/runs/{run}/tasks/{task}/log", Call::kRoomCall},
    {Method::kGet, "/v1/backfills", Call::kRoomCall},
    {Method::kPost, "/v1/backfills", Call::kRoomCall},
    {Method::kGet, "/v1/backfills/{id}", Call::kRoomCall},
    {Method::kPost, "/v1/backfills/{id}/{verb}", Call::kRoomCall},
    {Method::kGet, "/v1/tables/{table}/versions", Call::kRoomCall},
    {Method::kGet, "/v1/tables/{table}/diff", Call::kRoomCall},
    {Method::kPost, "/v1/models/{name}/shadow", Call::kRoomCall},
    {Method::kPost, "/v1/models/{name}/promote", Call::kRoomCall},
    {Method::kPost, "/v1/models/{name}/rollback", Call::kRoomCall},
    {Method::kGet, "/v1/flags", Call::kRoomCall},
    {Method::kPost, "/v1/flags/{name}", Call::kRoomCall},
    {Method::kPost, "/v1/reload", Call::kRoomCall},
    {Method::kGet, "/v1/quality/suites", Call::kRoomCall},
    {Method::kPost, "/v1/quality/validate", Call::kRoomCall},
    {Method::kGet, "/v1/quality/history", Call::kRoomCall},
    {Method::kGet, "/v1/quality/history/{id}", Call::kRoomCall},
    {Method::kGet, "/v1/quality/trends", Call::kRoomCall},
    {Method::kGet, "/v1/quality/rows", Call::kRoomCall},
    {Method::kGet, "/v1/quality/partners", Call::kRoomCall},
    {Method::kGet, "/v1/quality/monitors", Call::kRoomCall},
    {Method::kPost, "/v1/quality/monitors/{name}/run", Call::kRoomCall},
    {Method::kGet, "/v1/lineage", Call::kRoomCall},
    {Method::kGet, "/v1/schemas", Call::kRoomCall},
    {Method::kGet, "/v1/schemas/{subject}", Call::kRoomCall},
    {Method::kGet, "/v1/schemas/{subject}/compare", Call::kRoomCall},
    {Method::kPost, "/v1/dead-letters/redrives", Call::kRoomCall},
    {Method::kPost, "/v1/dead-letters/purge", Call::kRoomCall},
    {Method::kGet, "/v1/{lookup}/{id}", Call::kLookup},
};
constexpr Route kPageRoute{Method::kGet, "page", Call::kPage};
constexpr Route kUnknownRoute{Method::kGet, "unknown", Call::kUnknown};

// What the {…} parts match, or nullopt.
std::optional<std::vector<std::string>> fit(std::string_view pattern,
                                            const std::vector<std::string>& segments) {
  std::vector<std::string> captured;
  std::size_t at = 0;
  while (!pattern.empty()) {
    pattern.remove_prefix(1);  // the '/'
    const std::size_t end = std::min(pattern.find('/'), pattern.size());
    const std::string_view part = pattern.substr(0, end);
    pattern.remove_prefix(end);
    if (at == segments.size() || segments[at].empty()) return std::nullopt;
    if (part.starts_with('{')) {
      captured.push_back(segments[at]);
    } else if (part != segments[at]) {
      return std::nullopt;
    }
    ++at;
  }
  if (at != segments.size()) return std::nullopt;
  return captured;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Match match(Method method, const std::vector<std::string>& segments) {
  bool path_known = false;
  for (const Route& route : kRoutes) {
    auto captured = fit(route.pattern, segments);
    if (!captured) continue;
    if (route.method == method) return {.route = &route, .captured = std::move(*captured)};
    // A look-up's pattern fits almost anything; it does not make a path known to POST.
    path_known = path_known || route.call != Call::kLookup;
  }
  if (path_known) return {};
  if (!segments.empty() && segments.front() == "v1")
    return {.route = &kUnknownRoute, .captured = {}};
  if (method != Method::kGet) return {};
  return {.route = &kPageRoute, .captured = {}};
}

}  // namespace server
