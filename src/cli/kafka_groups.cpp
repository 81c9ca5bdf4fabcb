#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/kafka_commands.h"
#include "cli/print.h"

namespace cli {
namespace {

using eventlog::Offset;
using eventlog::TopicPartition;
using nlohmann::json;
using Offsets = std::map<TopicPartition, Offset>;

void print(const std::string& text) { std::cout << text << std::flush; }
void print(const json& answer) { print(answer.dump(2) + "\n"); }

// One partition of a group, as committed and as held by a member.
struct Position {
  TopicPartition partition;
  std::optional<Offset> committed;
  Offset end = 0;
  std::string member;

  Offset lag() const { return committed ? std::max<Offset>(end - *committed, 0) : end; }
};

base::Result<std::vector<Position>> positions_of(KafkaCluster& cluster, const GroupSummary& group) {
  const Offsets committed = TRY(cluster.committed(group.name));
  std::map<TopicPartition, Position> positions;
  for (const auto& [partition, offset] : committed)
    positions[partition] = {.partition = partition, .committed = offset, .member = {}};
  for (const GroupMember& member : group.members) {
    for (const TopicPartition& partition : member.partitions) {
      positions[partition].partition = partition;
      positions[partition].member = member.id;
    }
  }
  std::vector<TopicPartition> all;
  for (const auto& [partition, position] : positions) all.push_back(partition);
  const Offsets ends = TRY(cluster.ends(all));
  const Offsets begins = TRY(cluster.beginnings(all));
  std::vector<Position> list;
  for (auto& [partition, position] : positions) {
    position.end = ends.at(partition);
    // Without a committed offset the whole partition is still to be read.
    if (!position.committed) position.end -= begins.at(partition);
    list.push_back(std::move(position));
  }
  return list;
}

json group_json(const GroupSummary& group, const std::vector<Position>& positions) {
  json answer{{"group", group.name},
              {"state", group.state},
              {"assignor", group.assignor},
              {"members", json::array()},
              {"partitions", json::array()}};
  for (const GroupMember& member : group.members) {
    answer["members"].push_back(
        {{"member", member.id}, {"client", member.client_id}, {"host", member.host}});
  }
  for (const Position& one : positions) {
    answer["partitions"].push_back({{"topic", one.partition.topic},
                                    {"partition", one.partition.partition},
                                    {"committed", one.committed ? json(*one.committed) : json()},
                                    {"lag", one.lag()},
                                    {"member", one.member.empty() ? json() : json(one.member)}});
  }
  return answer;
}

std::string group_text(const GroupSummary& group, const std::vector<Position>& positions) {
  std::string text = fmt::format("{}: {}, {} member{}{}\n", group.name, group.state,
                                 group.members.size(), group.members.size() == 1 ? "" : "s",
                                 group.assignor.empty() ? "" : ", " + group.assignor);
  std::vector<std::vector<std::string>> rows;
  Offset lag = 0;
  for (const Position& one : positions) {
    rows.push_back({one.partition.topic, std::to_string(one.partition.partition),
                    one.committed ? std::to_string(*one.committed) : "-",
                    std::to_string(one.committed ? one.end : one.lag()), std::to_string(one.lag()),
                    one.member});
    lag += one.lag();
  }
  if (!rows.empty())
    text += "\n" + table({"topic", "partition", "committed", "end", "lag", "member"}, rows);
  return text + fmt::format("\nlag in all: {}\n", lag);
}

// What reset is about: the named topic's partitions, or all that the group has committed.
base::Result<std::vector<TopicPartition>> partitions_to_reset(KafkaCluster& cluster,
                                                              const GroupFlags& flags,
                                                              const Offsets& committed) {
  std::vector<TopicPartition> all;
  if (flags.topic.empty()) {
    for (const auto& [partition, offset] : committed) all.push_back(partition);
  } else {
    for (const PartitionSummary& one : TRY(cluster.partitions(flags.topic)))
      all.push_back({flags.topic, one.partition});
  }
  if (flags.partition >= 0)
    std::erase_if(all, [&](const auto& one) { return one.partition != flags.partition; });
  if (all.empty()) {
    return base::fail_with(base::Code::kNotFound, "the group has nothing that could be reset there",
                           "name a topic with --topic, and one of its partitions with --partition");
  }
  return all;
}

base::Result<Offsets> reset_to(KafkaCluster& cluster, const GroupFlags& flags,
                               const std::vector<TopicPartition>& partitions) {
  if (flags.to_earliest) return cluster.beginnings(partitions);
  if (flags.to_latest) return cluster.ends(partitions);
  if (!flags.to_time.empty()) {
    const auto time_us = TRY(base::parse_timestamp(flags.to_time));
    return cluster.at_time(partitions, time_us / base::kUsPerMs);
  }
  const Offsets begins = TRY(cluster.beginnings(partitions));
  const Offsets ends = TRY(cluster.ends(partitions));
  Offsets offsets;
  for (const TopicPartition& one : partitions)
    offsets[one] = std::clamp(flags.to_offset, begins.at(one), ends.at(one));
  return offsets;
}

}  // namespace

base::Result<> groups_list(const KafkaTarget& target, const GroupFlags& flags) {
  const auto cluster = TRY(KafkaCluster::connect(target));
  json answer = json::array();
  std::vector<std::vector<std::string>> rows;
  for (const GroupSummary& group : TRY(cluster->groups())) {
    rows.push_back({group.name, group.state});
    answer.push_back({{"group", group.name}, {"state", group.state}});
  }
  if (flags.json)
    print(answer);
  else
    print(table({"group", "state"}, rows));
  return {};
}

base::Result<> groups_describe(const KafkaTarget& target, const GroupFlags& flags) {
  const auto cluster = TRY(KafkaCluster::connect(target));
  json answer = json::array();
  std::string text;
  for (const std::string& name : flags.groups) {
    const GroupSummary group = TRY(cluster->group(name));
    const auto positions = TRY(positions_of(*cluster, group));
    if (group.state == "Dead" && positions.empty()) {
      return base::fail_with(base::Code::kNotFound, fmt::format("there is no group {}", name),
                             "see 'waybill groups list'");
    }
    answer.push_back(group_json(group, positions));
    text += (text.empty() ? "" : "\n") + group_text(group, positions);
  }
  if (flags.json)
    print(answer);
  else
    print(text);
  return {};
}

base::Result<> groups_delete(const KafkaTarget& target, const GroupFlags& flags) {
  const auto cluster = TRY(KafkaCluster::connect(target));
  for (const std::string& group : flags.groups) {
    TRY(cluster->delete_group(group));
    print(fmt::format("deleted {}\n", group));
  }
  return {};
}

base::Result<> groups_reset(const KafkaTarget& target, const GroupFlags& flags) {
  const int ways = int{flags.to_earliest} + int{flags.to_latest} + int{!flags.to_time.empty()} +
                   int{flags.to_offset >= 0};
  if (ways != 1) {
    return base::fail_with(
        base::Code::kInvalid, "a reset goes to exactly one place",
        "use one of --to-earliest, --to-latest, --to-time TIME and --to-offset N");
  }
  const auto cluster = TRY(KafkaCluster::connect(target));
  const std::string& name = flags.groups.at(0);
  const GroupSummary group = TRY(cluster->group(name));
  if (!group.members.empty()) {
    return base::fail_with(base::Code::kConflict,
                           fmt::format("the group {} has {} members", name, group.members.size()),
                           "stop its consumers first: they would go on from where they are");
  }
  const Offsets before = TRY(cluster->committed(name));
  const auto partitions = TRY(partitions_to_reset(*cluster, flags, before));
  const Offsets after = TRY(reset_to(*cluster, flags, partitions));
  if (!flags.dry_run) TRY(cluster->commit(name, after));
  json answer = json::array();
  std::vector<std::vector<std::string>> rows;
  for (const auto& [partition, offset] : after) {
    const auto old = before.find(partition);
    rows.push_back({partition.topic, std::to_string(partition.partition),
                    old == before.end() ? "-" : std::to_string(old->second),
                    std::to_string(offset)});
    answer.push_back({{"topic", partition.topic},
                      {"partition", partition.partition},
                      {"before", old == before.end() ? json() : json(old->second)},
                      {"after", offset}});
  }
  if (flags.json)
    print(answer);
  else
    print(table({"topic", "partition", "before", flags.dry_run ? "would be" : "after"}, rows));
  return {};
}

}  // namespace cli
