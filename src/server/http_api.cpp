#include "server/http_api.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/json_nesting.h"
#include "base/logging.h"
#include "base/metrics.h"
#include "server/http_sql.h"

namespace server {
namespace {

constexpr std::size_t kRowsMax = 10'000;
constexpr std::size_t kBodyNestingMax = 200;
constexpr std::size_t kFleetRowsMax = 100'000;

Response from(const base::Result<nlohmann::json>& result) {
  return result ? json_response(*result) : problem(result.error());
}

// "W,S,E,N" in degrees.
base::Result<ops::Box> parse_box(const std::string& text) {
  ops::Box box;
  double* const parts[] = {&box.west, &box.south, &box.east, &box.north};
  const char* at = text.c_str();
  for (double* part : parts) {
    char* end = nullptr;
    *part = std::strtod(at, &end);
    const bool last = part == &box.north;
    if (end == at || !std::isfinite(*part) || *end != (last ? '\0' : ',')) {
      return base::fail_with(base::Code::kInvalid, fmt::format("bbox={} is not four numbers", text),
                             "write west,south,east,north in degrees: bbox=5.9,47.3,15.1,55.1");
    }
    at = end + 1;
  }
  return box;
}

nlohmann::json fleet_entry(const ops::Fleet::Entry& entry,
                           const std::vector<std::string>& statuses) {
  const ops::TruckState& state = entry.state;
  nlohmann::json json = {{"id", entry.id},
                         {"lat", ops::mercator_lat(state.y)},
                         {"lon", ops::mercator_lon(state.x)},
                         {"speed_kmh", state.speed_dkmh / 10.0},
                         {"heading", nullptr},
                         {"status", statuses.at(state.status)},
                         {"event_time", base::format_rfc3339(state.event_time_us)}};
  if (state.heading_half != 255) json["heading"] = state.heading_half * 2;
  return json;
}

}  // namespace

void Api::answer(Call call, const Request& request, Done done) {
  switch (call) {
    case Call::kIngest:
      return ingest_.take(request, std::move(done));
    case Call::kHealth:
      return done({.content_type = "text/plain; charset=utf-8", .body = "ok\n"});
    case Call::kMetrics:
      return done({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                   .body = base::metrics_text()});
    case Call::kPage:
      return done(files_.get(request));
    case Call::kUnknown:
      return done(unknown(request));
    case Call::kFleetFeed: {
      Response response = problem(426, "the feed is a WebSocket",
                                  "open it with new WebSocket(…), or use GET /v1/fleet");
      response.headers.emplace_back("Upgrade", "websocket");
      return done(std::move(response));
    }
    case Call::kTopics:
    case Call::kLookups:
    case Call::kSql:
    case Call::kStatus:
    case Call::kRuns:
    case Call::kAudit:
    case Call::kDeadLetters:
    case Call::kRedrive:
    case Call::kExplainModel:
    case Call::kPauseModel:
    case Call::kResumeModel:
    case Call::kRewindModel:
    case Call::kStreams:
    case Call::kRunModel:
    case Call::kAlerts:
    case Call::kQueries:
    case Call::kKillQuery:
    case Call::kDashboards:
    case Call::kDashboard:
    case Call::kFleet:
    case Call::kLookup:
    case Call::kRoomCall:
      break;
  }
  const auto work = [this, call, &request, done] {
    Response response;
    try {
      response = run(call, request);
    } catch (const std::exception& error) {
      spdlog::error("http: {} failed: {}", request.path, error.what());
      response =
          problem(500, fmt::format("the call failed: {}", error.what()), "report this as a bug");
    }
    done(std::move(response));
  };
  const bool slow = call == Call::kSql || call == Call::kRunModel || call == Call::kRewindModel ||
                    call == Call::kAudit || call == Call::kRedrive || call == Call::kRoomCall;
  if (!(slow ? slow_workers_ : workers_).submit(work))
    done(too_many_requests("too many requests are waiting"));
}

Response Api::kill_query(const Request& request) {
  const std::string& text = request.captured.at(0);
  std::int64_t id = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, id);
  if (read.ec != std::errc{} || read.ptr != end)
    return problem(400, fmt::format("'{}' is no id of a query", text), "GET /v1/queries has them");
  if (auto killed = platform_.kill_query(id); !killed) return problem(killed.error());
  return json_response({{"killed", id}});
}

Response Api::run(Call call, const Request& request) {
  switch (call) {
    case Call::kTopics:
      return topics();
    case Call::kLookups:
      return json_response(platform_.lookups());
    case Call::kLookup:
      return lookup(request);
    case Call::kSql:
      return sql(request);
    case Call::kStatus:
      return json_response(platform_.status());
    case Call::kRuns: {
      const auto limit = request.count_or("limit", 100, kRowsMax);
      if (!limit) return problem(limit.error());
      return from(platform_.runs(*limit, request.query_or("model", "")));
    }
    case Call::kAudit:
      return from(platform_.audit());
    case Call::kDeadLetters:
      return dead_letters(request);
    case Call::kRedrive:
      return redrive(request);
    case Call::kExplainModel:
      return from(platform_.explain_model(request.captured.at(0)));
    case Call::kPauseModel:
      return from(platform_.steer_model(request.captured.at(0), ModelCommand::kPause));
    case Call::kResumeModel:
      return from(platform_.steer_model(request.captured.at(0), ModelCommand::kResume));
    case Call::kRewindModel:
      return from(platform_.steer_model(request.captured.at(0), ModelCommand::kRewind));
    case Call::kStreams:
      return from(platform_.streams());
    case Call::kRunModel:
      // With a body it is a run of an interval.
      if (!request.body.empty()) return room_call(request);
      return from(platform_.run_model(request.captured.at(0)));
    case Call::kAlerts:
      return json_response(platform_.alerts());
    case Call::kQueries:
      return json_response(platform_.queries());
    case Call::kKillQuery:
      return kill_query(request);
    case Call::kDashboards:
      return from(platform_.dashboards());
    case Call::kDashboard:
      return dashboard(request);
    case Call::kFleet:
      return fleet(request);
    case Call::kRoomCall:
      return room_call(request);
    case Call::kIngest:
    case Call::kHealth:
    case Call::kMetrics:
    case Call::kPage:
    case Call::kUnknown:
    case Call::kFleetFeed:
      break;
  }
  return unknown(request);
}

Response Api::unknown(const Request& request) {
  std::vector<std::string> known;
  for (const Route& route : routes()) {
    known.push_back(
        fmt::format("{} {}", route.method == Method::kPost ? "POST" : "GET", route.pattern));
  }
  return problem(404, fmt::format("there is no call '{}'", request.path),
                 fmt::format("use one of: {}", fmt::join(known, ", ")));
}

Response Api::topics() {
  nlohmann::json out = nlohmann::json::array();
  for (const schema::TopicSchema& topic : platform_.topics()) {
    const auto info = platform_.log().topic(topic.topic.name);
    if (!info) return problem(info.error());
    nlohmann::json partitions = nlohmann::json::array();
    for (std::size_t p = 0; p < info->end_offsets.size(); ++p) {
      partitions.push_back({{"partition", p},
                            {"start_offset", info->start_offsets[p]},
                            {"end_offset", info->end_offsets[p]}});
    }
    nlohmann::json fields = nlohmann::json::array();
    for (const columns::Field& field : topic.fields.fields) {
      fields.push_back({{"name", field.name},
                        {"type", columns::type_name(field.type)},
                        {"nullable", field.nullable}});
    }
    out.push_back({{"topic", topic.topic.name},
                   {"partitions", std::move(partitions)},
                   {"schema", std::move(fields)}});
  }
  return json_response(out);
}

Response Api::lookup(const Request& request) {
  const std::string& name = request.captured.at(0);
  const std::string& id = request.captured.at(1);
  const auto row = platform_.lookup(name, id);
  if (!row) {
    if (row.error().code != base::Code::kNotFound) return problem(row.error());
    return problem(404, fmt::format("there is no call and no look-up '{}'", name),
                   fmt::format("look up one of: {}", fmt::join(platform_.lookups(), ", ")));
  }
  if (!*row)
    return problem(404, fmt::format("there is no '{}' among the {}", id, name), "check the id");
  return json_response(**row);
}

Response Api::sql(const Request& request) {
  const auto query = parse_sql_request(request.body);
  if (!query) return problem(query.error());
  const auto running = platform_.json_query(*query);
  if (!running) return problem(running.error());
  const Watchdog::Watch watch(watchdog_, sql_timeout_, [&running] { (*running)->interrupt(); });
  auto result = (*running)->run();
  if (!result && watch.acted()) {
    const auto seconds = std::chrono::duration<double>(sql_timeout_).count();
    return problem(503, fmt::format("the query took longer than {} s and was ended", seconds),
                   "ask for less: fewer rows, a shorter time, or a gold table");
  }
  if (!result) return problem(result.error());
  return {.body = *std::move(result)};
}

Response Api::dead_letters(const Request& request) {
  const auto limit = request.count_or("limit", 100, kRowsMax);
  if (!limit) return problem(limit.error());
  return from(platform_.dead_letters({.ids = {},
                                      .model = request.query_or("model", ""),
                                      .reason = request.query_or("reason", ""),
                                      .limit = *limit}));
}

Response Api::redrive(const Request& request) {
  constexpr std::string_view kMend = R"(send {"ids":["…"]} or {"model":"…"})";
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (!body.is_object()) return problem(400, "the body is not a JSON object", std::string(kMend));
  DeadLetterFilter filter;
  filter.limit = SIZE_MAX;
  for (const auto& [key, value] : body.items()) {
    const bool ids =
        key == "ids" && value.is_array() &&
        std::all_of(value.begin(), value.end(), [](const auto& id) { return id.is_string(); });
    const bool text = (key == "model" || key == "reason") && value.is_string();
    if (!ids && !text)
      return problem(400, fmt::format("'{}' is not understood", key), std::string(kMend));
    if (ids) filter.ids = value.get<std::vector<std::string>>();
    if (key == "model") filter.model = value.get<std::string>();
    if (key == "reason") filter.reason = value.get<std::string>();
  }
  if (filter.ids.empty() && filter.model.empty()) {
    return problem(400, "the body does not say which dead letters", std::string(kMend));
  }
  return from(platform_.redrive(filter));
}

Response Api::room_call(const Request& request) {
  RoomCall call{.posts = request.method == Method::kPost,
                .segments = {request.segments.begin() + 1, request.segments.end()},
                .query = request.query,
                .body = nlohmann::json::object()};
  if (!request.body.empty()) {
    if (base::nests_deeper(request.body, kBodyNestingMax))
      return problem(400, fmt::format("the body is nested deeper than {} levels", kBodyNestingMax),
                     "send a flatter one");
    call.body = nlohmann::json::parse(request.body, nullptr, false);
    if (!call.body.is_object())
      return problem(400, "the body is not a JSON object", "send one, or no body");
  }
  return from(platform_.room_call(call));
}

Response Api::dashboard(const Request& request) {
  const std::string& name = request.captured.at(0);
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
      std::string::npos) {
    return problem(404, fmt::format("'{}' is not a dashboard's name", name),
                   "use letters, digits, '_' and '-'");
  }
  return from(platform_.dashboard(name));
}

Response Api::fleet(const Request& request) {
  ops::Fleet* const fleet = platform_.fleet();
  if (fleet == nullptr) {
    return problem(404, "this project has no live fleet",
                   "name its topic under 'fleet:' in waybill.yaml");
  }
  const auto limit = request.count_or("limit", 1000, kFleetRowsMax);
  if (!limit) return problem(limit.error());
  ops::Box box;
  if (const std::string text = request.query_or("bbox", ""); !text.empty()) {
    const auto parsed = parse_box(text);
    if (!parsed) return problem(parsed.error());
    box = *parsed;
  }
  nlohmann::json out = nlohmann::json::array();
  const auto entries = fleet->in_box(box, *limit);
  const auto statuses = fleet->statuses();  // after the entries: it only grows
  for (const ops::Fleet::Entry& entry : entries) out.push_back(fleet_entry(entry, statuses));
  return json_response(out);
}

}  // namespace server
