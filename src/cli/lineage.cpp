#include "cli/lineage.h"

#include <curl/curl.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <thread>

#include "base/logging.h"
#include "base/uuid.h"

namespace cli {
namespace {

using base::Result;
using nlohmann::json;

constexpr const char* kTold = "lineage/told";
constexpr std::string_view kQueue = "lineage/out/";
constexpr std::size_t kSendAtOnce = 200;
constexpr long kTimeoutMs = 10'000;
constexpr int kTellEveryMs = 5'000;
constexpr std::size_t kValidationsRead = 200;

// A number in a record's text, so that records that were told need not be parsed.
std::int64_t number_in(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return 0;
  return std::strtoll(std::string(text.substr(at + name.size(), 20)).c_str(), nullptr, 10);
}

std::string key_of(std::string_view text) {
  const auto word = [&](std::string_view name) {
    const std::size_t at = text.find(name);
    if (at == std::string_view::npos) return std::string_view();
    const std::size_t from = at + name.size();
    return text.substr(from, text.find('"', from) - from);
  };
  return fmt::format("{}|{}", word("\"model\":\""), word("\"mode\":\""));
}

Result<> write_line(const base::Path& path, const std::string& event) {
  if (path.empty()) return {};
  std::ofstream file(path, std::ios::app);
  file << event << '\n';
  if (file.flush()) return {};
  return base::fail_with(base::Code::kIo, fmt::format("cannot write {}", path.string()),
                         "see whether its folder is there");
}

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) { return size * count; }

}  // namespace

// Runs of one model and mode that are told as one.
struct Lineage::Runs {
  std::vector<json> records;  // newest first
  std::int64_t newest = 0;

  std::int64_t sum(const char* name) const {
    std::int64_t all = 0;
    for (const json& one : records) all += one.value(name, std::int64_t{0});
    return all;
  }
  // From the first offset that they took in to the last, by source and partition.
  json intervals() const {
    std::map<std::pair<std::string, int>, std::pair<std::int64_t, std::int64_t>> all;
    for (const json& record : records) {
      for (const json& one : record.value("interval", json::array())) {
        const std::pair key{one.value("source", ""), one.value("partition", 0)};
        const auto from = one.value("from", std::int64_t{0});
        const auto to = one.value("to", std::int64_t{0});
        const auto [it, fresh] = all.try_emplace(key, from, to);
        it->second = {std::min(it->second.first, from), std::max(it->second.second, to)};
      }
    }
    json list = json::array();
    for (const auto& [place, range] : all)
      list.push_back({{"source", place.first},
                      {"partition", place.second},
                      {"from", range.first},
                      {"to", range.second}});
    return list;
  }
};

Lineage::Lineage(const Project& project, lake::Catalog& catalog, sql::Database& engine,
                 std::function<std::vector<const state::Store*>()> stores, state::Store& store,
                 quality::Alerts& alerts, const base::Clock& clock)
    : project_(project),
      catalog_(catalog),
      engine_(engine),
      stores_(std::move(stores)),
      store_(store),
      alerts_(alerts),
      clock_(clock),
      tables_space_(
          project.lake
              ? fmt::format("s3://{}/{}", project.lake->location.bucket,
                            project.lake->location.prefix)
              : "file://" +
                    std::filesystem::absolute(project.data / "lake").lexically_normal().string()) {}

Result<> Lineage::open() {
  if (project_.lineage.url.empty() && project_.lineage.file.empty()) return {};
  if (TRY(store_.get(kTold))) return {};
  json told = json::object();
  for (const auto& [key, runs] : TRY(found(told)))
    told[key] = {{"epoch", runs.newest}, {"at_us", clock_.now_us()}};
  state::WriteSet changes;
  changes.put(kTold, told.dump());
  return store_.apply(changes);
}

Result<std::map<std::string, Lineage::Runs>> Lineage::found(const json& told) const {
  std::map<std::string, Runs> all;
  for (const state::Store* store : stores_()) {
    TRY(store->scan_reverse("run/", [&](std::string_view, std::string_view text) {
      const std::string key = key_of(text);
      const std::int64_t epoch = number_in(text, "\"epoch\":");
      const auto known = told.find(key);
      if (known != told.end() && epoch <= (*known)["epoch"].get<std::int64_t>()) return true;
      json record = json::parse(text, nullptr, false);
      if (!record.is_object()) return true;
      Runs& runs = all[key];
      runs.newest = std::max(runs.newest, epoch);
      runs.records.push_back(std::move(record));
      return true;
    }));
  }
  return all;
}

std::string Lineage::log_space() const {
  if (!project_.log.empty()) return project_.log;
  return "kafka://" + (project_.kafka.empty() ? project_.name : project_.kafka);
}

runs::LineageDataset Lineage::table(const std::string& name) const {
  runs::LineageDataset dataset{.space = tables_space_, .name = name};
  const auto found = catalog_.table(name);
  if (!found) return dataset;
  const auto snapshot = (*found)->snapshot(false);
  if (!snapshot) return dataset;
  dataset.schema = (*snapshot)->metadata().schema;
  dataset.version = (*snapshot)->version();
  return dataset;
}

// Of the newest validation of the table that is kept.
json Lineage::assertions(const std::string& table) const {
  json found = json::array();
  std::size_t read = 0;
  static_cast<void>(store_.scan_reverse("validation/", [&](auto key, std::string_view text) {
    if (!key.ends_with("-" + table)) return ++read < kValidationsRead;
    const json validation = json::parse(text, nullptr, false);
    for (const json& one : validation.value("results", json::array())) {
      const json& config = one["expectation_config"];
      json assertion{{"assertion", config.value("type", "")},
                     {"success", one.value("success", false)}};
      if (const json kwargs = config.value("kwargs", json::object());
          kwargs.contains("column") && kwargs["column"].is_string())
        assertion["column"] = kwargs["column"];
      found.push_back(std::move(assertion));
    }
    return false;
  }));
  return found;
}

Result<runs::LineageRun> Lineage::lineage_of(const Runs& runs) const {
  const json& newest = runs.records.front();
  const json& oldest = runs.records.back();
  const std::string target = newest.value("model", "");
  runs::LineageRun run{.id = base::new_uuid(),
                       .job_space = project_.lineage.space,
                       .job = target,
                       .streaming = newest.value("mode", "") == "streaming",
                       .tables_space = tables_space_};
  run.started_us = TRY(base::parse_timestamp(oldest.value("started_at", "")));
  run.ended_us = TRY(base::parse_timestamp(newest.value("started_at", ""))) +
                 static_cast<std::int64_t>(newest.value("elapsed_ms", 0.0) * 1000);
  run.outputs.push_back(table(target));
  const std::int64_t made = runs.sum("made");
  run.outputs.front().rows = made != 0 ? made : runs.sum("out");
  for (const auto& [name, side] :
       {std::pair{"late", target + "_late"}, std::pair{"dead", std::string("dead_letters")}}) {
    if (runs.sum(name) == 0) continue;
    run.outputs.push_back(table(side));
    run.outputs.back().rows = runs.sum(name);
  }
  run.details = {{"mode", newest["mode"]},      {"model_version", newest["model_version"]},
                 {"runs", runs.records.size()}, {"first", oldest["run"]},
                 {"last", newest["run"]},       {"interval", runs.intervals()},
                 {"in", runs.sum("in")},        {"out", runs.sum("out")},
                 {"late", runs.sum("late")},    {"dead", runs.sum("dead")}};
  const auto model = std::ranges::find(project_.models, target, &runs::Model::table);
  if (model == project_.models.end()) {
    if (target.starts_with("bronze."))
      run.inputs.push_back(
          {.space = log_space(), .name = target.substr(7), .rows = runs.sum("in")});
    return run;
  }
  run.description = model->description;
  run.sql = model->sql;
  const auto connection = TRY(engine_.connect());
  for (const std::string& source : TRY(model_sources(*connection, *model))) {
    run.inputs.push_back(table(source));
    run.inputs.back().assertions = assertions(source);
  }
  if (run.inputs.size() == 1) run.inputs.front().rows = runs.sum("in");
  const auto tree = connection->parse(model->sql);
  if (!tree) return run;  // a pattern
  run.columns = runs::column_lineage(*tree, [&](const std::string& name) {
    std::vector<std::string> names;
    for (const columns::Field& field : table(name).schema.fields) names.push_back(field.name);
    return names;
  });
  return run;
}

Result<> Lineage::tell(bool all) {
  const auto text = TRY(store_.get(kTold));
  json told = text ? json::parse(*text, nullptr, false) : json::object();
  if (!told.is_object()) told = json::object();
  std::uint64_t next = 0;
  TRY(store_.scan_reverse(std::string(kQueue), [&](std::string_view key, auto) {
    next = state::number_of_key(key.substr(kQueue.size())) + 1;
    return false;
  }));
  next = std::max(next, told.value("next", std::uint64_t{0}));
  state::WriteSet changes;
  bool left_out = false;
  const base::TimestampUs now_us = clock_.now_us();
  for (const auto& [key, runs] : TRY(found(told))) {
    const json before = told.value(key, json::object());
    const bool streams = key.ends_with("|streaming");
    if (streams && !all && now_us - before.value("at_us", base::TimestampUs{0}) < kStreamUs)
      continue;
    told[key] = {{"epoch", runs.newest}, {"at_us", now_us}};
    // Epochs are one run; runs of batches are told one by one, the oldest first.
    std::vector<Runs> parts;
    if (streams) parts.push_back(runs);
    for (auto it = runs.records.rbegin(); it != runs.records.rend() && !streams; ++it)
      parts.push_back({.records = {*it}, .newest = 0});
    for (const Runs& part : parts) {
      const auto lineage = lineage_of(part);
      if (!lineage) {
        spdlog::warn("lineage of {}: {}", key, lineage.error().to_string());
        left_out = true;
        continue;
      }
      for (const json& event : runs::lineage_events(*lineage))
        changes.put(std::string(kQueue) + state::key_number(next++), event.dump());
    }
  }
  if (changes.empty() && !left_out) return {};
  told["next"] = next;
  changes.put(kTold, told.dump());
  return store_.apply(changes);
}

// kInvalid when the other side will never take it.
Result<> Lineage::post(const std::string& event) const {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
  if (!project_.lineage.token.empty())
    headers =
        curl_slist_append(headers, ("Authorization: Bearer " + project_.lineage.token).c_str());
  curl_easy_setopt(curl.get(), CURLOPT_URL, project_.lineage.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(event.size()));
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, event.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, ignore);
  const CURLcode code = curl_easy_perform(curl.get());
  curl_slist_free_all(headers);
  if (code != CURLE_OK)
    return base::fail_with(
        base::Code::kUnavailable,
        fmt::format("no answer from {}: {}", project_.lineage.url, curl_easy_strerror(code)),
        "events wait until it is back");
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status / 100 == 2) return {};
  const bool passing = status >= 500 || status == 408 || status == 429 || status == 401 ||
                       status == 403 || status == 404;
  return base::fail_with(
      passing ? base::Code::kUnavailable : base::Code::kInvalid,
      fmt::format("{} answered {}", project_.lineage.url, status),
      passing ? "mend 'openlineage' in waybill.yaml, or the other side" : "the event is left out");
}

// The other side knows a run by its id when it is sent again, a file does not: the file comes last.
Result<> Lineage::send() {
  std::vector<std::pair<std::string, std::string>> waiting;
  std::size_t count = 0;
  TRY(store_.scan(std::string(kQueue), [&](std::string_view key, std::string_view event) {
    if (++count <= kSendAtOnce) waiting.emplace_back(key, event);
    return count <= kQueueMax + kSendAtOnce;
  }));
  state::WriteSet changes;
  if (count > kQueueMax) {
    spdlog::warn("openlineage: {} events that nobody took are left out", waiting.size());
    for (const auto& [key, event] : waiting) changes.remove(key);
    return store_.apply(changes);
  }
  Result<> sent;
  for (const auto& [key, event] : waiting) {
    if (!project_.lineage.url.empty()) sent = post(event);
    if (!sent && sent.error().code == base::Code::kInvalid) {
      spdlog::warn("openlineage: {}", sent.error().to_string());
      sent = {};
    }
    if (sent) sent = write_line(project_.lineage.file, event);
    if (!sent) break;
    changes.remove(key);
  }
  TRY(store_.apply(changes));
  return sent;
}

void Lineage::run(std::stop_token stop) {
  if (project_.lineage.url.empty() && project_.lineage.file.empty()) return;
  while (!stop.stop_requested()) {
    const auto done = [&]() -> Result<> {
      TRY(open());
      TRY(tell());
      return send();
    }();
    if (done) {
      alerts_.resolve("openlineage", clock_.now_us());
    } else {
      alerts_.raise("openlineage", "warning", "openlineage: " + done.error().to_string(),
                    clock_.now_us());
    }
    for (int ms = 0; ms < kTellEveryMs && !stop.stop_requested(); ms += 50)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

Result<json> Lineage::graph() const {
  json nodes = json::array();
  json edges = json::array();
  const auto names_of = [&](const std::string& name) {
    std::vector<std::string> names;
    for (const columns::Field& field : table(name).schema.fields) names.push_back(field.name);
    return names;
  };
  for (const schema::TopicSchema& topic : project_.topics) {
    const std::string bronze = "bronze." + topic.topic.name;
    nodes.push_back(
        {{"id", "topic." + topic.topic.name}, {"kind", "topic"}, {"columns", json::array()}});
    nodes.push_back({{"id", bronze}, {"kind", "bronze"}, {"columns", names_of(bronze)}});
    edges.push_back(
        {{"from", "topic." + topic.topic.name}, {"to", bronze}, {"columns", json::array()}});
  }
  const auto connection = TRY(engine_.connect());
  for (const runs::Model& model : project_.models) {
    nodes.push_back({{"id", model.table},
                     {"kind", model.mode == runs::Mode::kDaily ? "batch" : "streaming"},
                     {"columns", names_of(model.table)}});
    runs::ColumnLineage lineage;
    if (const auto tree = connection->parse(model.sql))
      lineage = runs::column_lineage(*tree, names_of);
    const auto sources = model_sources(*connection, model);
    if (!sources) continue;
    for (const std::string& source : *sources) {
      json columns = json::array();
      for (const auto& [column, origins] : lineage.columns) {
        for (const runs::ColumnOrigin& one : origins)
          if (one.table == source) columns.push_back({{"from", one.column}, {"to", column}});
      }
      json filters = json::array();
      for (const runs::ColumnOrigin& one : lineage.rows)
        if (one.table == source) filters.push_back(one.column);
      edges.push_back({{"from", source},
                       {"to", model.table},
                       {"columns", std::move(columns)},
                       {"rows", std::move(filters)}});
    }
  }
  return json{{"nodes", std::move(nodes)}, {"edges", std::move(edges)}};
}

}  // namespace cli
