#include "cli/quality_api.h"

#include <algorithm>

#include "base/logging.h"
#include "quality/arguments.h"
#include "quality/validator.h"

namespace cli {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr std::size_t kShownMax = 1000;
constexpr std::int64_t kPurgeUs =
    3600 * base::kUsPerSecond;  // how often old letters are looked for
constexpr const char* kHistory = "validation/";
constexpr int kTimeDigits = 20;

// What is kept of a validation: its numbers, not the rows that a complete result lists.
json without_rows(json validation) {
  for (json& one : validation["results"]) {
    for (const char* list : {"unexpected_list", "unexpected_index_list", "unexpected_rows"})
      one["result"].erase(list);
  }
  return validation;
}

std::string query_or(const server::RoomCall& call, const std::string& name,
                     const std::string& otherwise) {
  const auto it = call.query.find(name);
  return it == call.query.end() ? otherwise : it->second;
}

std::size_t limit_of(const server::RoomCall& call, std::size_t otherwise) {
  const std::string text = query_or(call, "limit", "");
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos)
    return otherwise;
  return std::min(kShownMax, static_cast<std::size_t>(std::stoul(text)));
}

// What a list of validations says of one.
json headline(const json& validation) {
  json line;
  for (const char* key : {"id", "time", "suite", "table", "version", "success", "statistics"})
    line[key] = validation.value(key, json());
  return line;
}

bool wanted(const server::RoomCall& call, const json& validation) {
  const std::string suite = query_or(call, "suite", "");
  const std::string table = query_or(call, "table", "");
  return (suite.empty() || validation.value("suite", "") == suite) &&
         (table.empty() || validation.value("table", "") == table);
}

// Newest first, until `each` returns false.
Result<> each_validation(const state::Store& store, const std::function<bool(const json&)>& each) {
  return store.scan_reverse(kHistory, [&](std::string_view, std::string_view value) {
    const json validation = json::parse(value, nullptr, false);
    return !validation.is_object() || each(validation);
  });
}

}  // namespace

bool QualityApi::answers(const server::RoomCall& call) {
  return !call.segments.empty() &&
         (call.segments[0] == "quality" || call.segments[0] == "dead-letters");
}

Result<json> QualityApi::answer(const server::RoomCall& call) {
  const std::string what = call.segments.size() > 1 ? call.segments[1] : "";
  if (call.segments[0] == "dead-letters") return dead_letters(what, call.body);
  if (what == "suites") return suites();
  if (what == "validate" && call.posts) return validate(call.body);
  if (what == "history" && call.segments.size() > 2) return one(call.segments[2]);
  if (what == "history") return history(call);
  if (what == "trends") return trends(call);
  if (what == "rows") return rows(call);
  if (what == "monitors" && call.segments.size() > 2 && call.posts)
    return monitors_.run(call.segments[2]);
  if (what == "monitors") return monitors_.list();
  if (what == "partners") return partners(call);
  return base::fail_with(
      Code::kNotFound, "there is no such part of quality",
      "the parts are suites, validate, history, trends, rows, monitors and partners");
}

void QualityApi::tick() {
  monitors_.tick();
  partners_.tick();
  if (clock_.now_us() - purged_us_ < kPurgeUs) return;
  purged_us_ = clock_.now_us();
  if (const auto done = purge_old(); !done)
    spdlog::warn("dead letters: old ones stay: {}", done.error().to_string());
}

// Dead letters of before the project's retention.
Result<> QualityApi::purge_old() {
  if (project_.letters_keep_us == 0 || !catalog_.table("dead_letters")) return {};
  const auto connection = TRY(engine_.connect());
  const base::TimestampUs before_us = clock_.now_us() - project_.letters_keep_us;
  const json done = TRY(
      letters_.purge(*connection, fmt::format("time < make_timestamptz({})", before_us), false));
  if (done["purged"] != 0)
    spdlog::info("dead letters: removed {} of before {}", done["purged"].dump(),
                 base::format_rfc3339(before_us));
  return {};
}

// The window in hours: the project's, where the call does not say.
Result<json> QualityApi::partners(const server::RoomCall& call) {
  const std::string hours = query_or(call, "hours", "");
  if (hours.empty())
    return partners_.report(query_or(call, "topic", ""), project_.partners.window_us);
  const bool number =
      hours.size() < 6 && hours.find_first_not_of("0123456789") == std::string::npos;
  const std::int64_t count = number ? std::stol(hours) : 0;
  if (count < 1 || count > Partners::kWindowDaysMax * 24)
    return base::fail_with(Code::kInvalid, "'hours' is no number of hours",
                           fmt::format("write 1 to {}", Partners::kWindowDaysMax * 24));
  return partners_.report(query_or(call, "topic", ""), count * 3600 * base::kUsPerSecond);
}

Result<const quality::Suite*> QualityApi::suite(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& [file, one] : project_.suites) {
    if (file == name || file == name + ".json" || one.name == name) return &one;
    names.push_back(file);
  }
  return base::fail_with(Code::kNotFound, fmt::format("there is no suite '{}'", name.substr(0, 64)),
                         quality::nearest_of(name, names, "the suites"));
}

Result<json> QualityApi::suites() const {
  json list = json::array();
  for (const auto& [file, one] : project_.suites) {
    json models = json::array();
    for (const runs::Model& model : project_.models) {
      if (model.quality == file) models.push_back(model.table);
    }
    json expectations = json::array();
    for (const quality::Expectation& expectation : one.declared.expectations) {
      json entry = expectation.config;
      entry["severity"] = quality::severity_name(expectation.severity);
      expectations.push_back(std::move(entry));
    }
    list.push_back({{"file", file},
                    {"name", one.name},
                    {"rules", one.rules.size()},
                    {"models", models},
                    {"expectations", expectations}});
  }
  return list;
}

Result<json> QualityApi::validate(const json& body) {
  const quality::Suite& chosen = *TRY(suite(body.value("suite", "")));
  const std::string table = body.value("table", "");
  const auto snapshot = TRY(TRY(catalog_.table(table))->snapshot());
  const auto connection = TRY(engine_.connect());
  quality::ValidateOptions options;
  options.now_us = clock_.now_us();
  options.format =
      TRY(quality::ResultFormat::from(body.value("result_format", json("SUMMARY")), {}));
  const quality::Rows rows =
      TRY(quality::describe_rows(*connection, fmt::format("({})", snapshot->scan_sql())));
  json validation = TRY(quality::validate(*connection, rows, chosen.declared, options));
  const std::string name = fmt::format("-{}-{}", chosen.name, table);
  const std::string id = fmt::format("{:0{}}{}", options.now_us, kTimeDigits, name);
  validation.update({{"id", id},
                     {"time", base::format_rfc3339(options.now_us)},
                     {"suite", chosen.name},
                     {"table", table},
                     {"version", snapshot->version()}});
  state::WriteSet changes;
  changes.put(kHistory + id, without_rows(validation).dump());
  std::size_t kept = 0;
  TRY(store_.scan_reverse(kHistory, [&](std::string_view key, std::string_view) {
    if (key.substr(std::min(key.size(), std::string_view(kHistory).size() + kTimeDigits)) == name &&
        ++kept >= kHistoryMax)
      changes.remove(std::string(key));
    return true;
  }));
  TRY(store_.apply(changes));
  return validation;
}

Result<json> QualityApi::history(const server::RoomCall& call) const {
  json list = json::array();
  const std::size_t limit = limit_of(call, 100);
  TRY(each_validation(store_, [&](const json& validation) {
    if (wanted(call, validation)) list.push_back(headline(validation));
    return list.size() < limit;
  }));
  return list;
}

Result<json> QualityApi::one(const std::string& id) const {
  const auto text = TRY(store_.get(kHistory + id));
  if (!text)
    return base::fail_with(Code::kNotFound,
                           fmt::format("there is no validation '{}'", id.substr(0, 64)),
                           "see GET /v1/quality/history");
  return json::parse(*text);
}

// Of each expectation: its verdict and its number over time, oldest first.
Result<json> QualityApi::trends(const server::RoomCall& call) const {
  std::map<std::string, json> lines;
  std::size_t seen = 0;
  const std::size_t limit = limit_of(call, 100);
  TRY(each_validation(store_, [&](const json& validation) {
    if (!wanted(call, validation)) return true;
    for (const json& one : validation["results"]) {
      const json& config = one["expectation_config"];
      json& line = lines[fmt::format("{}/{}/{}{}", validation.value("suite", ""),
                                     validation.value("table", ""), config["type"].dump(),
                                     config["kwargs"].dump())];
      if (line.is_null())
        line = {{"suite", validation["suite"]},
                {"table", validation["table"]},
                {"type", config["type"]},
                {"kwargs", config["kwargs"]},
                {"points", json::array()}};
      const json& result = one["result"];
      line["points"].insert(line["points"].begin(),
                            json{{"time", validation["time"]},
                                 {"success", one["success"]},
                                 {"unexpected_percent", result.value("unexpected_percent", json())},
                                 {"observed_value", result.value("observed_value", json())}});
    }
    return ++seen < limit;
  }));
  json list = json::array();
  for (auto& [key, line] : lines) list.push_back(std::move(line));
  return list;
}

// The rows of a table that break one expectation of a suite, as they stand now.
Result<json> QualityApi::rows(const server::RoomCall& call) {
  const quality::Suite& chosen = *TRY(suite(query_or(call, "suite", "")));
  const std::string index = query_or(call, "expectation", "");
  const std::size_t at = index.empty() || index.size() > 5 ||
                                 index.find_first_not_of("0123456789") != std::string::npos
                             ? 0
                             : std::stoul(index);
  if (at == 0 || at > chosen.declared.expectations.size())
    return base::fail_with(Code::kInvalid, "'expectation' is not the number of one",
                           fmt::format("write 1 to {}", chosen.declared.expectations.size()));
  const auto snapshot = TRY(TRY(catalog_.table(query_or(call, "table", "")))->snapshot());
  const auto connection = TRY(engine_.connect());
  quality::SuiteFile only = chosen.declared;
  only.expectations = {chosen.declared.expectations[at - 1]};
  quality::ValidateOptions options;
  options.now_us = clock_.now_us();
  options.format.include_rows = true;
  options.format.partial_count = limit_of(call, 100);
  const quality::Rows all =
      TRY(quality::describe_rows(*connection, fmt::format("({})", snapshot->scan_sql())));
  return TRY(quality::validate(*connection, all, only, options))["results"][0];
}

Result<json> QualityApi::dead_letters(const std::string& verb, const json& body) {
  if (verb != "redrives" && verb != "purge")
    return base::fail_with(Code::kNotFound, "there is no such call for dead letters",
                           "POST /v1/dead-letters/redrives or /v1/dead-letters/purge");
  static const std::vector<std::string> kKnown = {"ids",        "model",   "reason", "since",
                                                  "until",      "repair",  "limit",  "attempts_max",
                                                  "per_second", "dry_run", "all"};
  for (const auto& [key, value] : body.items()) {
    if (std::ranges::find(kKnown, key) == kKnown.end())
      return base::fail_with(Code::kInvalid,
                             fmt::format("'{}' is not understood", key.substr(0, 64)),
                             quality::nearest_of(key, kKnown, "the members"));
  }
  try {
    const std::string where = TRY(DeadLetters::where(body));
    if (where == "true" && !body.value("all", false))
      return base::fail_with(Code::kInvalid, "nothing says which dead letters",
                             "name ids, model, reason, since or until, or write \"all\": true");
    if (verb == "purge") {
      const auto connection = TRY(engine_.connect());
      return letters_.purge(*connection, where, body.value("dry_run", false));
    }
    return letters_.redrive(
        {.where = where,
         .repair = body.value("repair", ""),
         .limit = std::min<std::size_t>(body.value("limit", 1'000'000UL), 1'000'000UL),
         .attempts_max = body.value("attempts_max", std::int64_t{1}),
         .per_second = body.value("per_second", 0.0),
         .dry_run = body.value("dry_run", false)});
  } catch (const json::exception& e) {
    return base::fail_with(Code::kInvalid,
                           fmt::format("a member is of the wrong kind: {}", e.what()),
                           "see docs/http-api.md");
  }
}

}  // namespace cli
