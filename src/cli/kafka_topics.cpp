#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/kafka_commands.h"
#include "cli/print.h"

namespace cli {
namespace {

using eventlog::TopicPartition;
using nlohmann::json;

void print(const std::string& text) { std::cout << text << std::flush; }
void print(const json& answer) { print(answer.dump(2) + "\n"); }

base::Result<Settings> parse_settings(const std::vector<std::string>& texts) {
  Settings settings;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is no setting", text),
                             "write --config name=value, for example retention.ms=86400000");
    }
    settings[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return settings;
}

json partition_json(const PartitionSummary& one) {
  return {{"partition", one.partition},       {"leader", one.leader},
          {"replicas", one.replicas},         {"in_sync", one.in_sync},
          {"start_offset", one.start_offset}, {"end_offset", one.end_offset}};
}

}  // namespace

base::Result<> topics_list(const KafkaTarget& target, const TopicFlags& flags) {
  const auto cluster = TRY(KafkaCluster::connect(target));
  json answer = json::array();
  std::vector<std::vector<std::string>> rows;
  for (const TopicSummary& topic : TRY(cluster->topics(flags.internal))) {
    rows.push_back({topic.name, std::to_string(topic.partitions), std::to_string(topic.replicas),
                    std::to_string(topic.records)});
    answer.push_back({{"topic", topic.name},
                      {"partitions", topic.partitions},
                      {"replicas", topic.replicas},
                      {"records", topic.records}});
  }
  if (flags.json)
    print(answer);
  else
    print(table({"topic", "partitions", "replicas", "records"}, rows));
  return {};
}

base::Result<> topics_create(const KafkaTarget& target, const TopicFlags& flags) {
  const Settings settings = TRY(parse_settings(flags.settings));
  const auto cluster = TRY(KafkaCluster::connect(target));
  for (const std::string& topic : flags.topics) {
    TRY(cluster->create_topic(topic, flags.partitions, flags.replication, settings));
    print(fmt::format("created {}\n", topic));
  }
  return {};
}

base::Result<> topics_delete(const KafkaTarget& target, const TopicFlags& flags) {
  const auto cluster = TRY(KafkaCluster::connect(target));
  for (const std::string& topic : flags.topics) {
    TRY(cluster->delete_topic(topic));
    print(fmt::format("deleted {}\n", topic));
  }
  return {};
}

base::Result<> topics_describe(const KafkaTarget& target, const TopicFlags& flags) {
  const auto cluster = TRY(KafkaCluster::connect(target));
  json answer = json::array();
  std::string text;
  for (const std::string& topic : flags.topics) {
    json one{{"topic", topic}, {"partitions", json::array()}, {"settings", json::array()}};
    std::vector<std::vector<std::string>> partitions;
    for (const PartitionSummary& p : TRY(cluster->partitions(topic))) {
      partitions.push_back({std::to_string(p.partition), std::to_string(p.leader),
                            fmt::format("{}/{}", p.in_sync, p.replicas),
                            std::to_string(p.start_offset), std::to_string(p.end_offset)});
      one["partitions"].push_back(partition_json(p));
    }
    std::vector<std::vector<std::string>> settings;
    for (const TopicSetting& s : TRY(cluster->settings(topic))) {
      settings.push_back({s.name, s.value, s.source});
      one["settings"].push_back(
          {{"name", s.name}, {"value", s.value}, {"source", s.source}, {"read_only", s.read_only}});
    }
    text += fmt::format("{}{}\n\n{}\n{}", text.empty() ? "" : "\n", topic,
                        table({"partition", "leader", "in sync", "start", "end"}, partitions),
                        table({"setting", "value", "source"}, settings));
    answer.push_back(std::move(one));
  }
  if (flags.json)
    print(answer);
  else
    print(text);
  return {};
}

base::Result<> topics_alter(const KafkaTarget& target, const TopicFlags& flags) {
  const Settings settings = TRY(parse_settings(flags.settings));
  if (flags.partitions < 0 && settings.empty() && flags.reset.empty()) {
    return base::fail_with(base::Code::kInvalid, "nothing is named to be changed",
                           "use --partitions N, --config name=value or --reset name");
  }
  const auto cluster = TRY(KafkaCluster::connect(target));
  for (const std::string& topic : flags.topics) {
    if (flags.partitions >= 0) TRY(cluster->add_partitions(topic, flags.partitions));
    if (!settings.empty() || !flags.reset.empty())
      TRY(cluster->alter_topic(topic, settings, flags.reset));
    print(fmt::format("changed {}\n", topic));
  }
  return {};
}

base::Result<> topics_offsets(const KafkaTarget& target, const TopicFlags& flags) {
  const std::int64_t time_us = flags.time.empty() ? -1 : TRY(base::parse_timestamp(flags.time));
  const auto cluster = TRY(KafkaCluster::connect(target));
  json answer = json::array();
  std::vector<std::vector<std::string>> rows;
  for (const std::string& topic : flags.topics) {
    const auto partitions = TRY(cluster->partitions(topic));
    std::vector<TopicPartition> all;
    for (const PartitionSummary& p : partitions) all.push_back({topic, p.partition});
    std::map<TopicPartition, eventlog::Offset> at;
    if (!flags.time.empty()) at = TRY(cluster->at_time(all, time_us / base::kUsPerMs));
    for (const PartitionSummary& p : partitions) {
      json one{{"topic", topic},
               {"partition", p.partition},
               {"start_offset", p.start_offset},
               {"end_offset", p.end_offset}};
      std::vector<std::string> row = {topic, std::to_string(p.partition),
                                      std::to_string(p.start_offset), std::to_string(p.end_offset),
                                      std::to_string(p.end_offset - p.start_offset)};
      if (!flags.time.empty()) {
        one["at_time"] = at.at({topic, p.partition});
        row.push_back(std::to_string(at.at({topic, p.partition})));
      }
      answer.push_back(std::move(one));
      rows.push_back(std::move(row));
    }
  }
  std::vector<std::string> header = {"topic", "partition", "start", "end", "records"};
  if (!flags.time.empty()) header.emplace_back("at time");
  if (flags.json)
    print(answer);
  else
    print(table(header, rows));
  return {};
}

}  // namespace cli
