#include "stream/position.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace stream {
namespace {

using nlohmann::json;

constexpr std::string_view kPositions = "pipeline/";

json offsets_json(const Offsets& offsets) {
  json list = json::array();
  for (const auto& [source, to] : offsets)
    list.push_back({{"topic", source.topic}, {"partition", source.partition}, {"to", to}});
  return list;
}

Offsets offsets_from(const json& list, const std::string& topic) {
  Offsets offsets;
  for (const json& p : list) offsets[{p.value("topic", topic), p.at("partition")}] = p.at("to");
  return offsets;
}

Position position_from(const std::string& pipeline, std::string_view text) {
  const json saved = json::parse(text);
  Position position;
  position.epoch = saved.at("epoch");
  position.offsets = offsets_from(saved.at("offsets"), pipeline);
  if (saved.contains("unfinished"))
    position.unfinished = saved["unfinished"].get<std::set<std::string>>();
  return position;
}

std::unexpected<base::Error> cut_off(const std::string& other) {
  return base::fail_with(
      base::Code::kInvalid,
      fmt::format("an epoch of {} was cut off, and its topics are apart now", other),
      "start the project once as it was, so that the epoch is finished");
}

}  // namespace

std::string plan_key(const std::string& pipeline) { return "plan/" + pipeline; }
std::string position_key(const std::string& pipeline) { return "pipeline/" + pipeline; }

std::string to_text(const EpochPlan& plan) {
  json intervals = json::array();
  for (const runs::Interval& i : plan.intervals) {
    intervals.push_back({{"topic", i.source.topic},
                         {"partition", i.source.partition},
                         {"from", i.from},
                         {"to", i.to}});
  }
  json text{{"epoch", plan.number}, {"now_us", plan.now_us}, {"intervals", intervals}};
  if (!plan.versions.empty()) text["versions"] = plan.versions;
  if (!plan.model.empty()) text["model"] = plan.model;
  return text.dump();
}

std::string to_text(const Position& position) {
  json text{{"epoch", position.epoch}, {"offsets", offsets_json(position.offsets)}};
  if (!position.unfinished.empty()) text["unfinished"] = position.unfinished;
  return text.dump();
}

base::Result<std::optional<EpochPlan>> read_plan(const state::Store& store,
                                                 const std::string& pipeline) {
  const auto saved = TRY(store.get(plan_key(pipeline)));
  if (!saved) return std::nullopt;
  const json text = json::parse(*saved);
  EpochPlan plan;
  plan.number = text.at("epoch");
  plan.now_us = text.at("now_us");
  for (const json& i : text.at("intervals"))
    plan.intervals.push_back(
        {{i.value("topic", pipeline), i.at("partition")}, i.at("from"), i.at("to")});
  if (text.contains("versions")) plan.versions = text["versions"].get<decltype(plan.versions)>();
  plan.model = text.value("model", "");
  return plan;
}

std::string pace_key(const std::string& table) { return "model/" + table; }

std::string to_text(const Pace& pace) {
  return json{{"paused", pace.paused}, {"anew", pace.anew},
              {"ran_us", pace.ran_us}, {"offsets", offsets_json(pace.offsets)},
              {"held", pace.held},     {"consented", offsets_json(pace.consented)}}
      .dump();
}

base::Result<std::optional<Pace>> read_pace(const state::Store& store, const std::string& table) {
  const auto saved = TRY(store.get(pace_key(table)));
  if (!saved) return std::nullopt;
  const json text = json::parse(*saved);
  return Pace{
      .paused = text.at("paused"),
      .anew = text.at("anew"),
      .ran_us = text.at("ran_us"),
      .offsets = offsets_from(text.at("offsets"), ""),
      .held = text.value("held", ""),
      .consented = text.contains("consented") ? offsets_from(text["consented"], "") : Offsets{}};
}

base::Result<std::optional<Position>> read_position(const state::Store& store,
                                                    const std::string& pipeline) {
  const auto saved = TRY(store.get(position_key(pipeline)));
  if (!saved) return std::nullopt;
  return position_from(pipeline, *saved);
}

base::Result<std::optional<Adopted>> adopt(const state::Store& store, const std::string& pipeline,
                                           const std::vector<std::string>& topics) {
  const auto is_mine = [&](const eventlog::TopicPartition& source) {
    return std::ranges::find(topics, source.topic) != topics.end();
  };
  const auto all_mine = [&](const EpochPlan& plan) {
    return std::ranges::all_of(plan.intervals,
                               [&](const runs::Interval& i) { return is_mine(i.source); });
  };
  std::map<std::string, Position> others;
  TRY(store.scan(std::string(kPositions), [&](std::string_view key, std::string_view value) {
    const std::string other(key.substr(kPositions.size()));
    if (other != pipeline) others[other] = position_from(other, value);
    return true;
  }));
  Adopted adopted;
  bool any = false;
  for (auto& [other, position] : others) {
    Position rest{.epoch = position.epoch, .offsets = {}, .unfinished = position.unfinished};
    for (const auto& [source, to] : position.offsets)
      (is_mine(source) ? adopted.position : rest).offsets[source] = to;
    if (rest.offsets.size() == position.offsets.size()) continue;
    any = true;
    adopted.position.epoch = std::max(adopted.position.epoch, position.epoch);
    if (const auto plan = TRY(read_plan(store, other)); plan && plan->number > position.epoch) {
      if (!all_mine(*plan)) return cut_off(other);
      adopted.position.unfinished.insert(other);
      adopted.position.epoch = std::max(adopted.position.epoch, plan->number);
    }
    // What that one had itself taken over and not run again yet.
    for (const std::string& earlier : position.unfinished) {
      const auto plan = TRY(read_plan(store, earlier));
      if (!plan) continue;
      const bool none_mine = std::ranges::none_of(
          plan->intervals, [&](const runs::Interval& i) { return is_mine(i.source); });
      if (none_mine && !rest.offsets.empty()) continue;
      if (!all_mine(*plan)) return cut_off(other);
      rest.unfinished.erase(earlier);
      adopted.position.unfinished.insert(earlier);
    }
    if (rest.offsets.empty()) {
      adopted.changes.remove(position_key(other));
    } else {
      adopted.changes.put(position_key(other), to_text(rest));
    }
  }
  if (!any) return std::nullopt;
  adopted.changes.put(position_key(pipeline), to_text(adopted.position));
  return adopted;
}

}  // namespace stream
