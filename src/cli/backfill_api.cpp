#include "cli/backfill_api.h"

#include <algorithm>

#include "batch/flags.h"
#include "batch/shadow.h"
#include "batch/versions.h"

namespace cli {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr std::size_t kVersionsShown = 1000;
constexpr std::size_t kSamplesMax = 1000;

std::string spill_of(const Project& project) {
  return (project.worker_folder() / "spill" / "backfill").string();
}

// Members of a body: kInvalid names one that is not understood or of another type.
Result<> check_body(const json& body, const json& known) {
  for (const auto& [key, value] : body.items()) {
    const bool fits = known.contains(key) && (known.at(key).type() == value.type() ||
                                              (known.at(key).is_number() && value.is_number()));
    if (fits) continue;
    std::vector<std::string> names;
    for (const auto& [name, one] : known.items()) names.push_back(name);
    return base::fail_with(Code::kInvalid, fmt::format("'{}' is not understood", key.substr(0, 64)),
                           fmt::format("the body may have {}", fmt::join(names, ", ")));
  }
  return {};
}

std::string query_or(const server::RoomCall& call, const std::string& name,
                     const std::string& otherwise) {
  const auto it = call.query.find(name);
  return it == call.query.end() ? otherwise : it->second;
}

std::string text_key(const std::string& table) { return "model-text/" + table; }
std::string shadow_key(const std::string& table, const std::string& hash) {
  return "shadow/" + table + "/" + hash;
}

}  // namespace

BackfillApi::BackfillApi(stream::Services services, batch::DailyModels& daily,
                         const batch::Capacity& capacity, const Project& project)
    : services_(services),
      daily_(daily),
      project_(project),
      jobs_(services, daily,
            {.memory = capacity.settings().of(batch::CapacityClass::kBackfill).memory,
             .spill = spill_of(project),
             .suites = project.suites,
             .begin_thread = [&capacity] {
               capacity.begin_thread(batch::CapacityClass::kBackfill);
             }}) {}

Result<std::vector<runs::Model>> BackfillApi::models() const {
  return runs::load_models(project_.folder);
}

Result<runs::Model> BackfillApi::model(const std::string& name) const {
  std::vector<std::string> names;
  for (runs::Model& one : TRY(models())) {
    if (one.table == name) return std::move(one);
    names.push_back(one.table);
  }
  return base::fail_with(Code::kNotFound, fmt::format("there is no model '{}'", name),
                         fmt::format("the models are {}", fmt::join(names, ", ")));
}

Result<json> BackfillApi::answer(const server::RoomCall& call) {
  const std::string& room = call.segments.front();
  if (room == "backfills") return backfill(call);
  if (room == "tables") return table(call);
  if (room == "flags") return flag(call);
  if (room == "reload") return reload();
  if (room == "models" && call.segments.size() == 3) {
    if (call.segments[2] == "run") return run_interval(call.segments[1], call.body);
    if (call.segments[2] == "shadow") return shadow(call.segments[1], call.body);
    if (call.segments[2] == "promote") return promote(call.segments[1], call.body);
    if (call.segments[2] == "rollback") return rollback(call.segments[1]);
  }
  return base::fail(Code::kNotFound, "there is no call '{}'", fmt::join(call.segments, "/"));
}

Result<json> BackfillApi::backfill(const server::RoomCall& call) {
  if (call.segments.size() == 2) return jobs_.show(call.segments[1]);
  if (call.segments.size() == 3) {
    const std::string& verb = call.segments[2];
    if (verb == "publish") return jobs_.publish(call.segments[1]);
    if (verb == "undo") return jobs_.undo(call.segments[1]);
    if (verb == "redo") return jobs_.redo(call.segments[1]);
    if (verb == "cancel") return jobs_.cancel(call.segments[1]);
    return base::fail_with(Code::kNotFound, fmt::format("'{}' cannot be done to a backfill", verb),
                           "publish, undo, redo or cancel it");
  }
  if (!call.posts) return jobs_.list();
  TRY(check_body(call.body, {{"model", ""},
                             {"from", ""},
                             {"to", ""},
                             {"expect", ""},
                             {"parallel", 1},
                             {"publish", true},
                             {"dry_run", true}}));
  // `true` and `false` are one type in JSON: booleans.
  const batch::JobRequest request{.model = call.body.value("model", ""),
                                  .from = call.body.value("from", ""),
                                  .to = call.body.value("to", ""),
                                  .expect = call.body.value("expect", ""),
                                  .parallel = call.body.value("parallel", 10),
                                  .publish = call.body.value("publish", false)};
  const std::vector<runs::Model> now = TRY(models());
  if (call.body.value("dry_run", false)) return jobs_.estimate(now, request);
  return jobs_.show(TRY(jobs_.begin(now, request)));
}

Result<json> BackfillApi::table(const server::RoomCall& call) {
  const std::string& name = call.segments.at(1);
  const auto table = TRY(services_.catalog.table(name));
  const std::vector<const state::Store*> stores{&services_.store};
  if (call.segments.at(2) == "versions")
    return batch::list_versions(*table, name, stores, kVersionsShown);
  const std::string from = query_or(call, "from", "");
  const std::string to = query_or(call, "to", "");
  if (from.empty() || to.empty())
    return base::fail_with(Code::kInvalid, "'from' or 'to' is missing",
                           "name two versions: from=v3&to=v4, or numbers of the table's versions");
  const lake::Version first = TRY(batch::resolve_version(*table, name, stores, from));
  const lake::Version second = TRY(batch::resolve_version(*table, name, stores, to));
  const auto known = model(name);
  const auto database = TRY(sql::Database::open(
      {.memory_limit = project_.memory, .threads = 2, .temporary_directory = spill_of(project_)}));
  const auto connection = TRY(database->connect());
  const std::size_t samples = std::min<std::size_t>(
      std::strtoul(query_or(call, "samples", "5").c_str(), nullptr, 10), kSamplesMax);
  json diff = TRY(batch::diff_versions(*table, *connection, first, second,
                                       known ? known->key : std::vector<std::string>{}, samples));
  diff["table"] = name;
  return diff;
}

Result<json> BackfillApi::run_interval(const std::string& name, const json& body) {
  TRY(check_body(body, {{"from", ""}, {"to", ""}}));
  const std::string from = body.value("from", "");
  const std::string to = body.value("to", from);
  if (from.empty() != to.empty())
    return base::fail_with(
        Code::kInvalid, fmt::format("'{}' is empty or missing", from.empty() ? "from" : "to"),
        "name both, 'from' alone for one partition, or none for the whole table");
  const auto known = std::ranges::find(project_.models, name, &runs::Model::table);
  if (known != project_.models.end() && known->mode == runs::Mode::kStreaming)
    return std::unexpected(
        base::Error{.code = Code::kInvalid,
                    .message = fmt::format("{} is a streaming model: its pipeline runs it", name),
                    .mend = fmt::format("'waybill models rewind {}' writes its past anew", name)}
            .at(known->file, 1));
  if (from.empty()) return runs::to_json(TRY(daily_.run(name)));
  return runs::to_json(TRY(daily_.run(name, batch::DataInterval{from, to})));
}

Result<json> BackfillApi::flag(const server::RoomCall& call) {
  if (call.posts) {
    TRY(check_body(call.body, {{"percent", 1}}));
    if (!call.body.contains("percent"))
      return base::fail_with(Code::kInvalid, "'percent' is missing", R"(send {"percent": 25})");
    const std::scoped_lock lock(files_mutex_);
    return batch::to_json(TRY(batch::set_percent(project_.folder, call.segments.at(1),
                                                 call.body.at("percent").get<double>())));
  }
  json all = json::array();
  for (const batch::Flag& one : TRY(batch::load_flags(project_.folder)))
    all.push_back(batch::to_json(one));
  return all;
}

Result<json> BackfillApi::shadow(const std::string& name, const json& body) {
  TRY(check_body(body, {{"candidate", ""},
                        {"file", ""},
                        {"from", ""},
                        {"to", ""},
                        {"tolerance", 0.0},
                        {"samples", 1}}));
  batch::ShadowRequest request{
      .old_model = TRY(model(name)),
      .candidate =
          TRY(runs::parse_model(body.value("candidate", ""), body.value("file", "candidate.sql"))),
      .from = body.value("from", ""),
      .to = body.value("to", ""),
      .tolerance = body.value("tolerance", 0.0),
      .samples = std::min<std::size_t>(body.value("samples", std::size_t{3}), kSamplesMax)};
  const json verdict = TRY(batch::run_shadow(
      services_.catalog, {.memory = project_.memory, .spill = spill_of(project_)}, request));
  state::WriteSet changes;
  changes.put(shadow_key(name, request.candidate.fingerprint()),
              json{{"halted", verdict.at("halted")},
                   {"old_hash", verdict.at("old_hash")},
                   {"beyond_noise", verdict.at("beyond_noise")},
                   {"tolerance", verdict.at("tolerance")},
                   {"at_us", services_.clock.now_us()}}
                  .dump());
  TRY(services_.store.apply(changes));
  return verdict;
}

// The candidate's text becomes the model's file; the old text is kept for the way back.
Result<json> BackfillApi::promote(const std::string& name, const json& body) {
  TRY(check_body(body, {{"candidate", ""}, {"file", ""}, {"force", true}}));
  const std::scoped_lock lock(files_mutex_);
  const runs::Model old_model = TRY(model(name));
  const runs::Model next =
      TRY(runs::parse_model(body.value("candidate", ""), body.value("file", "candidate.sql")));
  if (next.table != name)
    return base::fail_with(Code::kInvalid,
                           fmt::format("the candidate writes {}, not {}", next.table, name),
                           "give it the same 'table:'");
  if (next.version == old_model.version && next.fingerprint() != old_model.fingerprint())
    return base::fail_with(
        Code::kInvalid, fmt::format("the candidate is version {}, as the model is", next.version),
        fmt::format("write 'version: {}', so that tables tell who wrote them",
                    old_model.version + 1));
  const auto seen = TRY(services_.store.get(shadow_key(name, next.fingerprint())));
  const json verdict = seen ? json::parse(*seen) : json();
  const bool good = verdict.is_object() && !verdict.at("halted").get<bool>() &&
                    verdict.at("old_hash") == old_model.fingerprint();
  if (!good && !body.value("force", false))
    return base::fail_with(
        Code::kConflict,
        verdict.is_null() ? std::string("the candidate was not run in the shadow of this version")
                          : fmt::format("the shadow run found {:.4f} % of the rows to differ, more "
                                        "than the tolerance",
                                        verdict.at("beyond_noise").get<double>() * 100),
        fmt::format("run 'waybill shadow {} --candidate …' with a tolerance that fits, or promote "
                    "with --force",
                    name));
  const auto kept = TRY(services_.store.get(text_key(name)));
  json texts = kept ? json::parse(*kept) : json::array();
  texts.push_back({{"text", old_model.text}, {"at_us", services_.clock.now_us()}});
  state::WriteSet changes;
  changes.put(text_key(name), texts.dump());
  TRY(services_.store.apply(changes));
  TRY(base::write_file_durably(base::posix_file_system(), old_model.file, next.text));
  return changed(next, old_model);
}

Result<json> BackfillApi::rollback(const std::string& name) {
  const std::scoped_lock lock(files_mutex_);
  const runs::Model now = TRY(model(name));
  const auto kept = TRY(services_.store.get(text_key(name)));
  json texts = kept ? json::parse(*kept) : json::array();
  if (texts.empty())
    return base::fail_with(Code::kNotFound,
                           fmt::format("no earlier version of {} was promoted away", name),
                           "put the file back by hand, or promote an older text");
  const std::string text = texts.back().at("text");
  const runs::Model before = TRY(runs::parse_model(text, now.file));
  TRY(base::write_file_durably(base::posix_file_system(), now.file, text));
  texts.erase(texts.size() - 1);
  state::WriteSet changes;
  changes.put(text_key(name), texts.dump());
  TRY(services_.store.apply(changes));
  return changed(before, now);
}

// Batch models at once; streaming ones hold state of their text and wait for a start.
// The answer of a call that gave a model another text.
Result<json> BackfillApi::changed(const runs::Model& to, const runs::Model& from) {
  json answer = TRY(reload());
  answer["model"] = to.table;
  answer["version"] = to.version;
  answer["hash"] = to.fingerprint();
  answer["was"] = from.version;
  return answer;
}

Result<json> BackfillApi::reload() {
  std::vector<runs::Model> daily;
  json taken = json::array();
  json waiting = json::array();
  const std::vector<runs::Model> running = daily_.models();
  for (runs::Model& one : TRY(models())) {
    if (one.mode == runs::Mode::kDaily) {
      const auto same = std::ranges::find(running, one.table, &runs::Model::table);
      if (same == running.end() || same->fingerprint() != one.fingerprint())
        taken.push_back(one.table);
      daily.push_back(std::move(one));
      continue;
    }
    const auto same = std::ranges::find(project_.models, one.table, &runs::Model::table);
    if (same == project_.models.end() || same->fingerprint() != one.fingerprint())
      waiting.push_back(one.table);
  }
  daily_.set_models(std::move(daily));
  return json{{"taken", taken}, {"waiting_for_a_start", waiting}};
}

}  // namespace cli
