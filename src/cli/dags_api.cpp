// The HTTP calls about DAGs: paths dags/….
#include <charconv>

#include "cli/batch_work.h"

namespace cli {
namespace {

using base::Result;
using nlohmann::json;

constexpr std::size_t kListMax = 1000;

Result<std::size_t> number(const std::string& text, const std::string& what, std::size_t otherwise,
                           std::size_t most) {
  if (text.empty()) return otherwise;
  std::size_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || value < 1 || value > most)
    return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is no {}", text, what),
                           fmt::format("write a number from 1 to {}", most));
  return value;
}

std::string query_or(const server::RoomCall& call, const std::string& name) {
  const auto it = call.query.find(name);
  return it == call.query.end() ? "" : it->second;
}

// A text of the body; "" when it is not there.
Result<std::string> text(const json& body, const std::string& name) {
  const auto it = body.find(name);
  if (it == body.end() || it->is_null()) return std::string();
  if (!it->is_string())
    return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is no text", name),
                           "send it as a JSON string");
  return it->get<std::string>();
}

Result<> only(const json& body, const std::vector<std::string>& known) {
  for (const auto& [name, value] : body.items()) {
    if (std::ranges::find(known, name) == known.end())
      return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is not understood", name),
                             fmt::format("send {}", fmt::join(known, ", ")));
  }
  return {};
}

Result<std::map<std::string, std::string>> parameters(const json& body) {
  std::map<std::string, std::string> all;
  const auto it = body.find("parameters");
  if (it == body.end()) return all;
  if (!it->is_object())
    return base::fail_with(base::Code::kInvalid, "'parameters' is no object",
                           R"(send {"parameters": {"name": "value"}})");
  for (const auto& [name, value] : it->items())
    all[name] = value.is_string() ? value.get<std::string>() : value.dump();
  return all;
}

Result<base::TimestampUs> time(const json& body, const std::string& name) {
  const std::string given = TRY(text(body, name));
  auto us = base::parse_timestamp(given);
  if (!us) return std::unexpected(std::move(us).error().in(name));
  return us;
}

Result<json> start_run(batch::Scheduler& scheduler, const std::string& dag, const json& body) {
  TRY(only(body, {"parameters", "id", "start", "end"}));
  batch::TriggerRequest request{.parameters = TRY(parameters(body)), .id = TRY(text(body, "id"))};
  if (body.contains("start") || body.contains("end"))
    request.interval = {.start_us = TRY(time(body, "start")), .end_us = TRY(time(body, "end"))};
  return scheduler.run_view(dag, TRY(scheduler.trigger(dag, request)));
}

Result<json> start_backfill(batch::Scheduler& scheduler, const std::string& dag, const json& body) {
  TRY(only(body, {"parameters", "from", "to", "parallel"}));
  const batch::BackfillRequest request{
      .from_us = TRY(time(body, "from")),
      .to_us = TRY(time(body, "to")),
      .parallel =
          body.value("parallel", json(1)).is_number_integer() ? body.value("parallel", 1) : 0,
      .parameters = TRY(parameters(body))};
  return json{{"runs", TRY(scheduler.backfill(dag, request))}};
}

Result<json> clear_tasks(batch::Scheduler& scheduler, const std::string& dag,
                         const std::string& run, const json& body) {
  TRY(only(body, {"task", "downstream"}));
  const json downstream = body.value("downstream", json(true));
  const auto cleared = TRY(scheduler.clear(dag, run, TRY(text(body, "task")),
                                           !downstream.is_boolean() || downstream.get<bool>()));
  return json{{"cleared", cleared}};
}

Result<json> mark_task(batch::Scheduler& scheduler, const std::string& dag, const std::string& run,
                       const json& body) {
  TRY(only(body, {"task", "state"}));
  const std::string state = TRY(text(body, "state"));
  const auto known = batch::state_named(state);
  TRY(scheduler.mark(dag, run, TRY(text(body, "task")),
                     known.value_or(batch::TaskState::kWaiting)));
  return scheduler.run_view(dag, run);
}

std::unexpected<base::Error> unknown() {
  return base::fail_with(base::Code::kNotFound, "there is no such call about DAGs",
                         "docs/http-api.md lists them");
}

}  // namespace

Result<json> BatchWork::change(const std::vector<std::string>& path, const json& body) {
  const std::string& dag = path.at(0);
  const std::string& verb = path.back();
  if (path.size() == 2 && verb == "run") return start_run(*scheduler_, dag, body);
  if (path.size() == 2 && verb == "backfill") return start_backfill(*scheduler_, dag, body);
  if (path.size() == 2 && (verb == "pause" || verb == "resume")) {
    TRY(scheduler_->pause(dag, verb == "pause"));
    return scheduler_->show(dag);
  }
  if (path.size() == 4 && verb == "clear") return clear_tasks(*scheduler_, dag, path[2], body);
  if (path.size() == 4 && verb == "mark") return mark_task(*scheduler_, dag, path[2], body);
  return unknown();
}

Result<json> BatchWork::answer(const server::RoomCall& call) {
  const std::vector<std::string> path(call.segments.begin() + 1, call.segments.end());
  if (call.posts) return path.empty() ? unknown() : change(path, call.body);
  if (path.empty()) return scheduler_->list();
  const std::size_t limit = TRY(number(query_or(call, "limit"), "limit", 20, kListMax));
  if (path.size() == 1 && path[0] == "next") return scheduler_->next(query_or(call, "dag"), limit);
  if (path.size() == 1) return scheduler_->show(path[0]);
  if (path.size() == 2) return scheduler_->runs(path[0], limit);
  if (path.size() == 3) return scheduler_->run_view(path[0], path[2]);
  if (path.size() == 6) {
    const std::size_t attempt = TRY(number(query_or(call, "attempt"), "attempt", 0, 1'000'000));
    return json{
        {"log", TRY(scheduler_->log(path[0], path[2], path[4], static_cast<int>(attempt)))}};
  }
  return unknown();
}

}  // namespace cli
