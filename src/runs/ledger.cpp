#include "runs/ledger.h"

#include <algorithm>

namespace runs {
namespace {

constexpr std::size_t kRunsKept = 20'000;  // newest records; the sums are kept for ever

std::string sums_key(const std::string& model, const eventlog::TopicPartition& source) {
  return fmt::format("ledger/{}/{}/{}", model, source.topic, source.partition);
}

std::string clock_key(const Run& run) {
  return "run/" + state::key_number(static_cast<std::uint64_t>(run.started_us)) + "/" + run.model;
}

// Record keys by age: drops the oldest beyond kRunsKept, a few at a time.
base::Result<> trim(const state::Store& store, state::WriteSet& changes) {
  std::size_t count = 0;
  TRY(store.scan("run/", [&](auto, auto) { return ++count <= kRunsKept + 1000; }));
  if (count <= kRunsKept + 1000) return {};
  std::size_t dropped = 0;
  std::string until;
  TRY(store.scan("run/", [&](auto key, auto) {
    until = key;
    return ++dropped < 1000;
  }));
  changes.remove_range("run/", until);
  return {};
}

}  // namespace

bool Counts::balanced() const {
  std::int64_t sum = out + late + dead;
  for (const auto& [name, n] : filtered) sum += n;
  return in == sum;
}

Counts& Counts::operator+=(const Counts& other) {
  in += other.in;
  out += other.out;
  late += other.late;
  dead += other.dead;
  made += other.made;
  for (const auto& [name, n] : other.filtered) filtered[name] += n;
  return *this;
}

nlohmann::json to_json(const Counts& c) {
  nlohmann::json json{
      {"in", c.in}, {"out", c.out}, {"late", c.late}, {"dead", c.dead}, {"filtered", c.filtered}};
  if (c.made != 0) json["made"] = c.made;
  return json;
}

Counts counts_from_json(const nlohmann::json& j) {
  Counts c;
  c.in = j.at("in");
  c.out = j.at("out");
  c.late = j.at("late");
  c.dead = j.at("dead");
  c.made = j.value("made", std::int64_t{0});
  c.filtered = j.at("filtered").get<std::map<std::string, std::int64_t>>();
  return c;
}

Counts Run::total() const {
  Counts sum;
  for (const auto& [source, counts] : by_source) sum += counts;
  return sum;
}

nlohmann::json to_json(const Run& run) {
  nlohmann::json json = to_json(run.total());
  json["run"] = run.id;
  json["model"] = run.model;
  json["model_version"] = run.model_version;
  json["mode"] = run.mode;
  json["pipeline"] = run.pipeline;
  json["epoch"] = run.epoch;
  json["table_version"] = run.table_version;
  json["started_at"] = base::format_rfc3339(run.started_us);
  json["elapsed_ms"] = static_cast<double>(run.elapsed_us) / 1e3;
  json["state"] = "committed";
  json["interval"] = nlohmann::json::array();
  for (const Interval& input : run.inputs) {
    json["interval"].push_back({{"source", input.source.topic},
                                {"partition", input.source.partition},
                                {"from", input.from},
                                {"to", input.to}});
  }
  return json;
}

base::Result<> record_run(const state::Store& store, const Run& run, state::WriteSet& changes) {
  changes.put(clock_key(run), to_json(run).dump());
  for (const auto& [source, counts] : run.by_source) {
    const std::string key = sums_key(run.model, source);
    Counts sums;
    if (const auto old = TRY(store.get(key))) sums = counts_from_json(nlohmann::json::parse(*old));
    sums += counts;
    changes.put(key, to_json(sums).dump());
  }
  if (run.epoch % 512 == 0) TRY(trim(store, changes));
  return {};
}

base::Result<> record_beginning(const state::Store& store, const std::string& model,
                                const std::vector<std::string>& sources, state::WriteSet& changes) {
  const std::string key = "beginning/" + model;
  if (TRY(store.get(key))) return {};
  nlohmann::json given = nlohmann::json::array();
  const std::vector<LedgerLine> lines = TRY(ledger(store));
  for (const std::string& source : sources) {
    for (const auto& [place, rows] : given_by(source, lines))
      given.push_back({{"topic", place.topic}, {"partition", place.partition}, {"out", rows}});
  }
  changes.put(key, given.dump());
  return {};
}

base::Result<std::map<std::string, std::map<eventlog::TopicPartition, std::int64_t>>> beginnings(
    const state::Store& store) {
  std::map<std::string, std::map<eventlog::TopicPartition, std::int64_t>> result;
  TRY(store.scan("beginning/", [&](std::string_view key, std::string_view value) {
    for (const auto& entry : nlohmann::json::parse(value)) {
      result[std::string(key.substr(10))][{entry.at("topic"), entry.at("partition")}] +=
          entry.at("out").get<std::int64_t>();
    }
    return true;
  }));
  return result;
}

base::Result<std::vector<nlohmann::json>> list_runs(const state::Store& store, std::size_t limit,
                                                    const std::string& model) {
  std::vector<nlohmann::json> runs;
  TRY(store.scan_reverse("run/", [&](auto key, auto value) {
    if (model.empty() || key.ends_with("/" + model)) runs.push_back(nlohmann::json::parse(value));
    return runs.size() < limit;
  }));
  return runs;
}

base::Result<std::vector<LedgerLine>> ledger(const state::Store& store) {
  std::vector<LedgerLine> lines;
  TRY(store.scan("ledger/", [&](std::string_view key, std::string_view value) {
    const std::size_t model_end = key.find('/', 7);
    const std::size_t topic_end = key.rfind('/');
    LedgerLine line;
    line.model = key.substr(7, model_end - 7);
    line.source.topic = key.substr(model_end + 1, topic_end - model_end - 1);
    line.source.partition = std::stoi(std::string(key.substr(topic_end + 1)));
    line.counts = counts_from_json(nlohmann::json::parse(value));
    lines.push_back(std::move(line));
    return true;
  }));
  return lines;
}

std::map<eventlog::TopicPartition, std::int64_t> given_by(const std::string& model,
                                                          const std::vector<LedgerLine>& lines) {
  std::map<eventlog::TopicPartition, std::int64_t> kept;
  for (const LedgerLine& line : lines) {
    if (line.model != model) continue;
    if (line.source.topic == model) return {{line.source, line.counts.made}};
    kept[line.source] += line.counts.out;
  }
  return kept;
}

}  // namespace runs
