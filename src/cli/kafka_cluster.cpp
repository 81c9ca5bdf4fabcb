#include "cli/kafka_cluster.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/project.h"

namespace cli {
namespace {

using eventlog::Destroy;
using eventlog::KafkaEvent;
using eventlog::Offset;
using eventlog::TopicPartition;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using Resource =
    std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;
using DeleteGroup = std::unique_ptr<rd_kafka_DeleteGroup_t, Destroy<rd_kafka_DeleteGroup_destroy>>;

constexpr std::size_t kTextMax = 512;
constexpr const char* kStartMend =
    "start 'waybill up', or name another Kafka with --url kafka://host:port";

base::Result<Metadata> metadata_of(rd_kafka_t* client, const std::string& topic) {
  const eventlog::KafkaTopic handle(
      topic.empty() ? nullptr : rd_kafka_topic_new(client, topic.c_str(), nullptr));
  const std::string what = topic.empty() ? "cannot list topics" : "topic " + topic;
  const rd_kafka_metadata_t* raw = nullptr;
  TRY(eventlog::kafka_check(rd_kafka_metadata(client, topic.empty() ? 1 : 0, handle.get(), &raw,
                                              eventlog::kAdminTimeoutMs),
                            what));
  Metadata metadata(raw);
  if (!topic.empty()) {
    if (metadata->topic_cnt != 1)
      return eventlog::kafka_fail(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, what);
    TRY(eventlog::kafka_check(metadata->topics[0].err, what));
  }
  return metadata;
}

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

std::string source_text(rd_kafka_ConfigSource_t source) {
  switch (source) {
    case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG:
      return "topic";
    case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_CONFIG:
    case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER_CONFIG:
    case RD_KAFKA_CONFIG_SOURCE_STATIC_BROKER_CONFIG:
      return "broker";
    default:
      return "default";
  }
}

GroupSummary summary_of(const rd_kafka_ConsumerGroupDescription_t* group) {
  GroupSummary summary{
      .name = text_of(rd_kafka_ConsumerGroupDescription_group_id(group)),
      .state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(group)),
      .assignor = text_of(rd_kafka_ConsumerGroupDescription_partition_assignor(group)),
      .members = {}};
  for (std::size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(group); ++i) {
    const auto* one = rd_kafka_ConsumerGroupDescription_member(group, i);
    GroupMember member{.id = text_of(rd_kafka_MemberDescription_consumer_id(one)),
                       .client_id = text_of(rd_kafka_MemberDescription_client_id(one)),
                       .host = text_of(rd_kafka_MemberDescription_host(one)),
                       .partitions = {}};
    const auto* assignment = rd_kafka_MemberDescription_assignment(one);
    const auto* list =
        assignment == nullptr ? nullptr : rd_kafka_MemberAssignment_partitions(assignment);
    for (int p = 0; list != nullptr && p < list->cnt; ++p)
      member.partitions.push_back({list->elems[p].topic, list->elems[p].partition});
    summary.members.push_back(std::move(member));
  }
  return summary;
}

}  // namespace

base::Error for_command(base::Error error) {
  if (error.mend.find("'log:'") != std::string::npos) error.mend = kStartMend;
  return error;
}

namespace {

base::Result<eventlog::KafkaUrl> find_url(const KafkaTarget& target) {
  if (!target.url.empty()) return eventlog::parse_kafka_url(target.url);
  const Project project = TRY(load_project(target.project));
  if (!project.log.empty()) return eventlog::parse_kafka_url(project.log);
  const auto text = base::read_file(base::posix_file_system(), project.data / "waybill.json");
  const auto run = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  if (!run.is_object() || ::kill(run.value("pid", 0), 0) != 0) {
    return base::fail_with(
        base::Code::kUnavailable,
        fmt::format("no Waybill runs for the project {}", target.project.string()), kStartMend);
  }
  const std::string address = run.value("kafka", std::string());
  if (address.empty()) {
    return base::fail_with(
        base::Code::kUnavailable, "the running Waybill has no listener for Kafka clients",
        "set 'kafka: 127.0.0.1:9092' in waybill.yaml, or name a Kafka with --url");
  }
  return eventlog::parse_kafka_url(eventlog::is_kafka_url(address) ? address
                                                                   : "kafka://" + address);
}

}  // namespace

base::Result<eventlog::KafkaUrl> find_kafka(const KafkaTarget& target) {
  auto url = TRY(find_url(target));
  // The answer to the command says what went wrong; connections that come back are no news.
  url.settings.try_emplace("log_level", "2");
  return url;
}

base::Result<std::unique_ptr<KafkaCluster>> KafkaCluster::connect(const KafkaTarget& target) {
  const eventlog::KafkaUrl url = TRY(find_kafka(target));
  std::unique_ptr<KafkaCluster> cluster(new KafkaCluster());
  cluster->handle_ = TRY(eventlog::make_handle(
      RD_KAFKA_CONSUMER, TRY(eventlog::make_conf(url, {{"group.id", "waybill-admin"}}))));
  cluster->admin_ = TRY(eventlog::KafkaAdmin::open(url));
  return cluster;
}

base::Result<std::vector<TopicSummary>> KafkaCluster::topics(bool internal) {
  const Metadata metadata = TRY(metadata_of(handle_.get(), ""));
  std::vector<TopicSummary> summaries;
  std::vector<TopicPartition> all;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata->topics[i];
    if (!internal && std::string_view(topic.topic).starts_with("__")) continue;
    summaries.push_back(
        {.name = topic.topic,
         .partitions = topic.partition_cnt,
         .replicas = topic.partition_cnt == 0 ? 0 : topic.partitions[0].replica_cnt});
    for (int p = 0; p < topic.partition_cnt; ++p) all.push_back({topic.topic, p});
  }
  const auto begin = TRY(beginnings(all));
  const auto end = TRY(ends(all));
  for (TopicSummary& summary : summaries) {
    for (int p = 0; p < summary.partitions; ++p)
      summary.records += end.at({summary.name, p}) - begin.at({summary.name, p});
  }
  std::ranges::sort(summaries, {}, &TopicSummary::name);
  return summaries;
}

base::Result<std::vector<PartitionSummary>> KafkaCluster::partitions(const std::string& topic) {
  const Metadata metadata = TRY(metadata_of(handle_.get(), topic));
  const rd_kafka_metadata_topic_t& one = metadata->topics[0];
  std::vector<TopicPartition> all;
  std::vector<PartitionSummary> summaries;
  for (int i = 0; i < one.partition_cnt; ++i) {
    const rd_kafka_metadata_partition_t& partition = one.partitions[i];
    all.push_back({topic, partition.id});
    summaries.push_back({.partition = partition.id,
                         .leader = partition.leader,
                         .replicas = partition.replica_cnt,
                         .in_sync = partition.isr_cnt});
  }
  const auto begin = TRY(beginnings(all));
  const auto end = TRY(ends(all));
  for (PartitionSummary& summary : summaries) {
    summary.start_offset = begin.at({topic, summary.partition});
    summary.end_offset = end.at({topic, summary.partition});
  }
  std::ranges::sort(summaries, {}, &PartitionSummary::partition);
  return summaries;
}

base::Result<std::vector<TopicSetting>> KafkaCluster::settings(const std::string& topic) {
  const std::string what = "cannot read the settings of " + topic;
  const Resource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  rd_kafka_ConfigResource_t* list[] = {resource.get()};
  const KafkaEvent event =
      TRY(eventlog::ask_admin(handle_.get(), what, [&](const auto* options, auto* queue) {
        rd_kafka_DescribeConfigs(handle_.get(), list, 1, options, queue);
      }));
  std::size_t count = 0;
  const auto* const* results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  if (count != 1) return base::fail(base::Code::kUnavailable, "{}: no answer", what);
  TRY(eventlog::kafka_check(rd_kafka_ConfigResource_error(results[0]), what,
                            rd_kafka_ConfigResource_error_string(results[0])));
  std::vector<TopicSetting> settings;
  const auto* const* entries = rd_kafka_ConfigResource_configs(results[0], &count);
  for (std::size_t i = 0; i < count; ++i) {
    settings.push_back({.name = rd_kafka_ConfigEntry_name(entries[i]),
                        .value = text_of(rd_kafka_ConfigEntry_value(entries[i])),
                        .source = source_text(rd_kafka_ConfigEntry_source(entries[i])),
                        .read_only = rd_kafka_ConfigEntry_is_read_only(entries[i]) != 0});
  }
  std::ranges::sort(settings, {}, &TopicSetting::name);
  return settings;
}

base::Result<> KafkaCluster::create_topic(const std::string& topic, int partitions, int replication,
                                          const Settings& settings) {
  const std::string what = "cannot create the topic " + topic;
  std::array<char, kTextMax> text{};
  const NewTopic one(
      rd_kafka_NewTopic_new(topic.c_str(), partitions, replication, text.data(), text.size()));
  if (!one) return eventlog::kafka_fail(RD_KAFKA_RESP_ERR__INVALID_ARG, what, text.data());
  for (const auto& [name, value] : settings) {
    TRY(eventlog::kafka_check(rd_kafka_NewTopic_set_config(one.get(), name.c_str(), value.c_str()),
                              what));
  }
  rd_kafka_NewTopic_t* list[] = {one.get()};
  const KafkaEvent event =
      TRY(eventlog::ask_admin(handle_.get(), what, [&](const auto* options, auto* queue) {
        rd_kafka_CreateTopics(handle_.get(), list, 1, options, queue);
      }));
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    TRY(eventlog::kafka_check(rd_kafka_topic_result_error(results[i]), what,
                              rd_kafka_topic_result_error_string(results[i])));
  }
  return {};
}

base::Result<> KafkaCluster::alter_topic(const std::string& topic, const Settings& set,
                                         const std::vector<std::string>& reset) {
  const std::string what = "cannot change the topic " + topic;
  // The call replaces all of a topic's own settings, so the ones that stay are sent again.
  Settings all;
  for (const TopicSetting& setting : TRY(settings(topic)))
    if (setting.source == "topic") all[setting.name] = setting.value;
  for (const auto& [name, value] : set) all[name] = value;
  for (const std::string& name : reset) all.erase(name);
  const Resource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  for (const auto& [name, value] : all) {
    TRY(eventlog::kafka_check(
        rd_kafka_ConfigResource_set_config(resource.get(), name.c_str(), value.c_str()), what));
  }
  rd_kafka_ConfigResource_t* list[] = {resource.get()};
  const KafkaEvent event =
      TRY(eventlog::ask_admin(handle_.get(), what, [&](const auto* options, auto* queue) {
        rd_kafka_AlterConfigs(handle_.get(), list, 1, options, queue);
      }));
  std::size_t count = 0;
  const auto* const* results = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    TRY(eventlog::kafka_check(rd_kafka_ConfigResource_error(results[i]), what,
                              rd_kafka_ConfigResource_error_string(results[i])));
  }
  return {};
}

base::Result<std::vector<GroupSummary>> KafkaCluster::groups() {
  const KafkaEvent event = TRY(eventlog::ask_admin(
      handle_.get(), "cannot list groups", [&](const auto* options, auto* queue) {
        rd_kafka_ListConsumerGroups(handle_.get(), options, queue);
      }));
  std::size_t count = 0;
  const auto* const* list = rd_kafka_ListConsumerGroups_result_valid(
      rd_kafka_event_ListConsumerGroups_result(event.get()), &count);
  std::vector<GroupSummary> groups;
  for (std::size_t i = 0; i < count; ++i) {
    groups.push_back(
        {.name = rd_kafka_ConsumerGroupListing_group_id(list[i]),
         .state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupListing_state(list[i])),
         .assignor = {},
         .members = {}});
  }
  std::ranges::sort(groups, {}, &GroupSummary::name);
  return groups;
}

base::Result<GroupSummary> KafkaCluster::group(const std::string& name) {
  const std::string what = "cannot describe the group " + name;
  const char* names[] = {name.c_str()};
  const KafkaEvent event =
      TRY(eventlog::ask_admin(handle_.get(), what, [&](const auto* options, auto* queue) {
        rd_kafka_DescribeConsumerGroups(handle_.get(), names, 1, options, queue);
      }));
  std::size_t count = 0;
  const auto* const* list = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
  if (count != 1) return base::fail(base::Code::kUnavailable, "{}: no answer", what);
  if (const auto* error = rd_kafka_ConsumerGroupDescription_error(list[0]))
    return eventlog::kafka_fail(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
  return summary_of(list[0]);
}

base::Result<> KafkaCluster::delete_group(const std::string& name) {
  const std::string what = "cannot delete the group " + name;
  const DeleteGroup one(rd_kafka_DeleteGroup_new(name.c_str()));
  rd_kafka_DeleteGroup_t* list[] = {one.get()};
  const KafkaEvent event =
      TRY(eventlog::ask_admin(handle_.get(), what, [&](const auto* options, auto* queue) {
        rd_kafka_DeleteGroups(handle_.get(), list, 1, options, queue);
      }));
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    if (const auto* error = rd_kafka_group_result_error(results[i]))
      return eventlog::kafka_fail(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
  }
  return {};
}

base::Result<std::map<TopicPartition, Offset>> KafkaCluster::offsets(
    const std::vector<TopicPartition>& partitions, std::int64_t time) {
  std::vector<std::pair<TopicPartition, std::int64_t>> times;
  for (const TopicPartition& partition : partitions) times.emplace_back(partition, time);
  return eventlog::query_offsets(handle_.get(), times);
}

base::Result<std::map<TopicPartition, Offset>> KafkaCluster::beginnings(
    const std::vector<TopicPartition>& partitions) {
  return offsets(partitions, RD_KAFKA_OFFSET_BEGINNING);
}

base::Result<std::map<TopicPartition, Offset>> KafkaCluster::ends(
    const std::vector<TopicPartition>& partitions) {
  return offsets(partitions, RD_KAFKA_OFFSET_END);
}

base::Result<std::map<TopicPartition, Offset>> KafkaCluster::at_time(
    const std::vector<TopicPartition>& partitions, std::int64_t time_ms) {
  auto found = TRY(offsets(partitions, std::max<std::int64_t>(time_ms, 0)));
  for (const auto& [partition, end] : TRY(ends(partitions)))
    if (found.at(partition) < 0) found[partition] = end;
  return found;
}

}  // namespace cli
