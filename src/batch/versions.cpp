#include "batch/versions.h"

#include <algorithm>
#include <set>

#include "batch/model_run.h"
#include "lake/actions.h"
#include "runs/ledger.h"

namespace batch {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr std::size_t kRunsRead = 20'000;

json or_null(const json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() ? json() : *it;
}

json number_of(const json& text) {
  if (!text.is_string()) return text;
  return json::parse(text.get<std::string>(), nullptr, false);
}

}  // namespace

Result<json> list_versions(lake::Table& table, const std::string& name,
                           const std::vector<const state::Store*>& stores, std::size_t limit) {
  std::map<std::string, json> runs;
  for (const state::Store* store : stores) {
    for (json& run : TRY(runs::list_runs(*store, kRunsRead, name))) {
      std::string id = run.at("run");
      runs.emplace(std::move(id), std::move(run));
    }
  }
  json versions = json::array();
  for (const lake::HistoryEntry& entry : TRY(table.history(limit))) {
    json said = json::object();
    if (entry.commit_info.is_object() && entry.commit_info.contains("userMetadata")) {
      const json& text = entry.commit_info.at("userMetadata");
      if (text.is_string()) said = json::parse(text.get<std::string>(), nullptr, false);
      if (!said.is_object()) said = json::object();
    }
    json one{{"version", entry.version},
             {"time", base::format_rfc3339(entry.timestamp_us)},
             {"operation", entry.operation},
             {"run", or_null(said, "run")},
             {"mode", or_null(said, "mode")},
             {"model_version", number_of(or_null(said, "model_version"))},
             {"model_hash", or_null(said, "model_hash")},
             {"inputs", or_null(said, "inputs")},
             {"flags", or_null(said, "flags")},
             {"backfill", or_null(said, "backfill")}};
    const auto run = one["run"].is_string() ? runs.find(one["run"].get<std::string>()) : runs.end();
    if (run != runs.end()) {
      if (one["model_version"].is_null()) one["model_version"] = run->second.at("model_version");
      if (one["mode"].is_null()) one["mode"] = run->second.at("mode");
      if (one["inputs"].is_null()) one["inputs"] = run->second.at("interval");
    }
    versions.push_back(std::move(one));
  }
  return versions;
}

Result<lake::Version> resolve_version(lake::Table& table, const std::string& name,
                                      const std::vector<const state::Store*>& stores,
                                      const std::string& text) {
  const bool of_model = text.size() > 1 && text.front() == 'v';
  const std::string digits = of_model ? text.substr(1) : text;
  const bool number = !digits.empty() && digits.size() < 19 &&
                      digits.find_first_not_of("0123456789") == std::string::npos;
  if (!number) {
    const auto time_us = base::parse_timestamp(text);
    if (!time_us)
      return base::fail_with(Code::kInvalid, fmt::format("\"{}\" is no version and no time", text),
                             "write v3 for what version 3 of the model wrote, a version of the "
                             "table, or a time such as 2026-01-31T08:00:00Z");
    return TRY(table.snapshot_as_of(*time_us))->version();
  }
  if (!of_model) return std::stoll(digits);
  std::set<std::string> known;
  for (const json& one : TRY(list_versions(table, name, stores, SIZE_MAX))) {
    if (!one.at("model_version").is_number()) continue;
    const auto version = one.at("model_version").get<std::int64_t>();
    if (version == std::stoll(digits)) return one.at("version").get<lake::Version>();
    known.insert(fmt::format("v{}", version));
  }
  return base::fail_with(
      Code::kNotFound,
      fmt::format("version {} of the model of {} wrote none that is kept", digits, name),
      known.empty() ? std::string("'waybill versions' shows what there is")
                    : fmt::format("there are {}", fmt::join(known, ", ")));
}

Result<json> diff_versions(lake::Table& table, sql::Connection& connection, lake::Version from,
                           lake::Version to, const std::vector<std::string>& key,
                           std::size_t samples) {
  const auto before = TRY(table.snapshot_at(from));
  const auto after = TRY(table.snapshot_at(to));
  std::set<std::string> old_keys;
  for (const lake::AddFile& file : before->files()) old_keys.insert(lake::file_key(file));
  std::vector<lake::AddFile> added;
  std::int64_t shared_rows = 0;
  for (const lake::AddFile& file : after->files()) {
    if (old_keys.erase(lake::file_key(file)) > 0) {
      shared_rows += std::max<std::int64_t>(file.rows(), 0);
    } else {
      added.push_back(file);
    }
  }
  std::vector<lake::AddFile> removed;
  for (const lake::AddFile& file : before->files())
    if (old_keys.contains(lake::file_key(file))) removed.push_back(file);
  Diff diff = TRY(diff_rows(connection, {.old_rows = rows_of(*before, removed),
                                         .new_rows = rows_of(*after, added),
                                         .old_schema = before->metadata().schema,
                                         .new_schema = after->metadata().schema,
                                         .key = key,
                                         .expect = {},
                                         .samples = samples}));
  diff.same += shared_rows;
  diff.old_rows += shared_rows;
  diff.new_rows += shared_rows;
  json shown = to_json(diff);
  shown["from"] = from;
  shown["to"] = to;
  shown.erase("unexpected");
  shown.erase("totals");  // of the files that differ alone
  return shown;
}

}  // namespace batch
