#include "log/kafka_admin.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <thread>

#include "log/topic_words.h"

namespace eventlog {
namespace {

constexpr std::int64_t kConfigsKeptUs = 10 * base::kUsPerSecond;
constexpr std::size_t kTextMax = 512;
constexpr std::int32_t kMessageBytesMax = 16 << 20;  // of topics that Waybill creates

std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t in_ms(std::int64_t us) { return us < 0 ? -1 : us / base::kUsPerMs; }

std::map<std::string, std::string> settings_of(const TopicConfig& config) {
  const std::int32_t bytes = std::min(config.batch_bytes_max, kMessageBytesMax);
  return {
      {"cleanup.policy", std::string(word_of(config.cleanup))},
      {"retention.ms", std::to_string(in_ms(config.retention_us))},
      {"retention.bytes", std::to_string(config.retention_bytes)},
      {"segment.bytes", std::to_string(std::max<std::int64_t>(config.segment_bytes_max, 1 << 20))},
      {"segment.ms", std::to_string(in_ms(config.segment_age_max_us))},
      {"delete.retention.ms", std::to_string(in_ms(config.tombstone_retention_us))},
      {"max.message.bytes", std::to_string(bytes)},
      {"message.timestamp.type", config.append_time ? "LogAppendTime" : "CreateTime"}};
}

void take_setting(const std::string& name, const std::string& value, TopicConfig& config) {
  std::int64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  const std::int64_t us =
      number < 0 || number > INT64_MAX / base::kUsPerMs ? -1 : number * base::kUsPerMs;
  if (name == "cleanup.policy") {
    const bool compact = value.find("compact") != std::string::npos;
    const bool drop = value.find("delete") != std::string::npos;
    config.cleanup = !compact ? Cleanup::kDelete
                     : drop   ? Cleanup::kCompactAndDelete
                              : Cleanup::kCompact;
  } else if (name == "retention.ms") {
    config.retention_us = us;
  } else if (name == "retention.bytes") {
    config.retention_bytes = number;
  } else if (name == "segment.bytes") {
    config.segment_bytes_max = number;
  } else if (name == "segment.ms") {
    config.segment_age_max_us = us;
  } else if (name == "delete.retention.ms") {
    config.tombstone_retention_us = us;
  } else if (name == "max.message.bytes") {
    config.batch_bytes_max = static_cast<std::int32_t>(std::min<std::int64_t>(number, INT32_MAX));
  } else if (name == "message.timestamp.type") {
    config.append_time = value == "LogAppendTime";
  }
}

base::Result<> check_topics(const rd_kafka_topic_result_t* const* results, std::size_t count,
                            const std::string& what) {
  for (std::size_t i = 0; i < count; ++i) {
    TRY(kafka_check(rd_kafka_topic_result_error(results[i]), what,
                    rd_kafka_topic_result_error_string(results[i])));
  }
  return {};
}

using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using DeleteTopic = std::unique_ptr<rd_kafka_DeleteTopic_t, Destroy<rd_kafka_DeleteTopic_destroy>>;
using NewPartitions =
    std::unique_ptr<rd_kafka_NewPartitions_t, Destroy<rd_kafka_NewPartitions_destroy>>;
using DeleteRecords =
    std::unique_ptr<rd_kafka_DeleteRecords_t, Destroy<rd_kafka_DeleteRecords_destroy>>;
using ConfigResource =
    std::unique_ptr<rd_kafka_ConfigResource_t, Destroy<rd_kafka_ConfigResource_destroy>>;
using AlterOffsets = std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t,
                                     Destroy<rd_kafka_AlterConsumerGroupOffsets_destroy>>;
using ListOffsets = std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t,
                                    Destroy<rd_kafka_ListConsumerGroupOffsets_destroy>>;

}  // namespace

base::Result<std::unique_ptr<KafkaAdmin>> KafkaAdmin::open(const KafkaUrl& url) {
  std::unique_ptr<KafkaAdmin> admin(new KafkaAdmin(url));
  admin->all_ = TRY(
      make_handle(RD_KAFKA_CONSUMER, TRY(make_conf(url, {{"isolation.level", "read_uncommitted"},
                                                         {"group.id", "waybill-admin"}}))));
  admin->committed_ = TRY(make_handle(
      RD_KAFKA_CONSUMER,
      TRY(make_conf(url, {{"isolation.level", "read_committed"}, {"group.id", "waybill-admin"}}))));
  const rd_kafka_metadata_t* metadata = nullptr;
  TRY(kafka_check(rd_kafka_metadata(admin->all_.get(), 0, nullptr, &metadata, kAdminTimeoutMs),
                  fmt::format("cannot reach Kafka at {}", url.brokers)));
  rd_kafka_metadata_destroy(metadata);
  return admin;
}

base::Result<> KafkaAdmin::create_topic(const TopicConfig& config,
                                        const std::map<std::string, std::string>& more) {
  const std::string what = "cannot create the topic " + config.name;
  std::array<char, kTextMax> text{};
  const NewTopic topic(rd_kafka_NewTopic_new(config.name.c_str(), config.partitions,
                                             url_.replication, text.data(), text.size()));
  if (!topic) return kafka_fail(RD_KAFKA_RESP_ERR__INVALID_ARG, what, text.data());
  auto settings = settings_of(config);
  for (const auto& [name, value] : more) settings[name] = value;
  for (const auto& [name, value] : settings)
    TRY(kafka_check(rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str()), what));
  rd_kafka_NewTopic_t* list[] = {topic.get()};
  const KafkaEvent event = TRY(ask_admin(all_.get(), what, [&](const auto* options, auto* queue) {
    rd_kafka_CreateTopics(all_.get(), list, 1, options, queue);
  }));
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  TRY(check_topics(results, count, what));
  return wait_for_topic(config.name, config.partitions);
}

// A new topic or partition is known to all brokers, and led, a little later than it is made.
base::Result<> KafkaAdmin::wait_for_topic(const std::string& topic, int partitions) {
  base::Result<std::map<std::string, int>> found;
  for (int i = 0; i < 200; ++i) {
    found = partitions_of(topic);
    // Each client has a picture of its own of the cluster.
    const auto also = partitions_of(committed_.get(), topic);
    if (found && found->at(topic) >= partitions && also && also->at(topic) >= partitions) {
      std::vector<std::pair<TopicPartition, std::int64_t>> times;
      for (int p = 0; p < partitions; ++p) times.push_back({{topic, p}, RD_KAFKA_OFFSET_END});
      if (query_offsets(all_.get(), times) && query_offsets(committed_.get(), times)) return {};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return base::fail(base::Code::kUnavailable, "the topic {} was made, but has no leader yet",
                    topic);
}

base::Result<> KafkaAdmin::delete_topic(const std::string& topic) {
  const std::string what = "cannot delete the topic " + topic;
  const DeleteTopic one(rd_kafka_DeleteTopic_new(topic.c_str()));
  rd_kafka_DeleteTopic_t* list[] = {one.get()};
  const KafkaEvent event = TRY(ask_admin(all_.get(), what, [&](const auto* options, auto* queue) {
    rd_kafka_DeleteTopics(all_.get(), list, 1, options, queue);
  }));
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  const std::scoped_lock lock(mutex_);
  known_.erase(topic);
  return check_topics(results, count, what);
}

base::Result<> KafkaAdmin::alter_topic(const TopicConfig& config) {
  const std::string what = "cannot change the topic " + config.name;
  const ConfigResource resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, config.name.c_str()));
  for (const auto& [name, value] : settings_of(config)) {
    TRY(kafka_check(rd_kafka_ConfigResource_set_config(resource.get(), name.c_str(), value.c_str()),
                    what));
  }
  rd_kafka_ConfigResource_t* list[] = {resource.get()};
  const KafkaEvent event = TRY(ask_admin(all_.get(), what, [&](const auto* options, auto* queue) {
    rd_kafka_AlterConfigs(all_.get(), list, 1, options, queue);
  }));
  std::size_t count = 0;
  const auto* const* results = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(event.get()), &count);
  const std::scoped_lock lock(mutex_);
  known_.erase(config.name);
  for (std::size_t i = 0; i < count; ++i) {
    TRY(kafka_check(rd_kafka_ConfigResource_error(results[i]), what,
                    rd_kafka_ConfigResource_error_string(results[i])));
  }
  return {};
}

base::Result<> KafkaAdmin::add_partitions(const std::string& topic, int partitions) {
  const std::string what = fmt::format("cannot add partitions to {}", topic);
  std::array<char, kTextMax> text{};
  const NewPartitions one(rd_kafka_NewPartitions_new(
      topic.c_str(), static_cast<std::size_t>(partitions), text.data(), text.size()));
  if (!one) return kafka_fail(RD_KAFKA_RESP_ERR__INVALID_ARG, what, text.data());
  rd_kafka_NewPartitions_t* list[] = {one.get()};
  const KafkaEvent event = TRY(ask_admin(all_.get(), what, [&](const auto* options, auto* queue) {
    rd_kafka_CreatePartitions(all_.get(), list, 1, options, queue);
  }));
  std::size_t count = 0;
  const auto* const* results = rd_kafka_CreatePartitions_result_topics(
      rd_kafka_event_CreatePartitions_result(event.get()), &count);
  TRY(check_topics(results, count, what));
  return wait_for_topic(topic, partitions);
}

base::Result<Offset> KafkaAdmin::delete_records(const TopicPartition& partition, Offset offset) {
  const std::string what =
      fmt::format("cannot delete records of {}/{}", partition.topic, partition.partition);
  const PartitionList before(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(before.get(), partition.topic.c_str(), partition.partition)
      ->offset = offset < 0 ? RD_KAFKA_OFFSET_END : offset;
  const DeleteRecords one(rd_kafka_DeleteRecords_new(before.get()));
  rd_kafka_DeleteRecords_t* list[] = {one.get()};
  const KafkaEvent event = TRY(ask_admin(all_.get(), what, [&](const auto* options, auto* queue) {
    rd_kafka_DeleteRecords(all_.get(), list, 1, options, queue);
  }));
  const rd_kafka_topic_partition_list_t* after =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()));
  if (after->cnt != 1) return base::fail(base::Code::kUnavailable, "{}: no answer", what);
  TRY(kafka_check(after->elems[0].err, what));
  return after->elems[0].offset;
}

base::Result<std::map<std::string, int>> KafkaAdmin::partitions_of(rd_kafka_t* client,
                                                                   const std::string& topic) {
  const std::string what = topic.empty() ? "cannot list topics" : "topic " + topic;
  const KafkaTopic handle(topic.empty() ? nullptr
                                        : rd_kafka_topic_new(client, topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  TRY(kafka_check(
      rd_kafka_metadata(client, topic.empty() ? 1 : 0, handle.get(), &metadata, kAdminTimeoutMs),
      what));
  const std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>> owned(
      metadata);
  std::map<std::string, int> found;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& one = metadata->topics[i];
    if (!topic.empty()) TRY(kafka_check(one.err, what));
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR || std::string_view(one.topic).starts_with("__"))
      continue;
    found[one.topic] = one.partition_cnt;
  }
  if (!topic.empty() && (!found.contains(topic) || found[topic] == 0))
    return kafka_fail(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, what);
  return found;
}

base::Result<std::map<std::string, TopicConfig>> KafkaAdmin::configs_of(
    const std::map<std::string, int>& topics) {
  std::map<std::string, TopicConfig> configs;
  std::vector<ConfigResource> resources;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, partitions] : topics) {
      const auto it = known_.find(name);
      if (it != known_.end() && steady_us() - it->second.asked_us < kConfigsKeptUs) {
        configs[name] = it->second.config;
      } else {
        resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
      }
      configs[name].name = name;
      configs[name].partitions = partitions;
    }
  }
  if (resources.empty()) return configs;
  std::vector<rd_kafka_ConfigResource_t*> list;
  for (const ConfigResource& one : resources) list.push_back(one.get());
  const std::string what = "cannot read the settings of topics";
  const KafkaEvent event = TRY(ask_admin(all_.get(), what, [&](const auto* options, auto* queue) {
    rd_kafka_DescribeConfigs(all_.get(), list.data(), list.size(), options, queue);
  }));
  std::size_t count = 0;
  const auto* const* results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < count; ++i) {
    if (rd_kafka_ConfigResource_error(results[i]) != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    TopicConfig& config = configs[rd_kafka_ConfigResource_name(results[i])];
    std::size_t entries = 0;
    const auto* const* list_of = rd_kafka_ConfigResource_configs(results[i], &entries);
    for (std::size_t e = 0; e < entries; ++e) {
      const char* value = rd_kafka_ConfigEntry_value(list_of[e]);
      if (value != nullptr) take_setting(rd_kafka_ConfigEntry_name(list_of[e]), value, config);
    }
    known_[config.name] = {.config = config, .asked_us = steady_us()};
  }
  return configs;
}

base::Result<std::vector<TopicInfo>> KafkaAdmin::describe(
    const std::map<std::string, int>& topics) {
  std::vector<std::pair<TopicPartition, std::int64_t>> begins;
  for (const auto& [name, partitions] : topics) {
    for (int p = 0; p < partitions; ++p) begins.push_back({{name, p}, RD_KAFKA_OFFSET_BEGINNING});
  }
  auto last = begins;
  for (auto& [partition, time] : last) time = RD_KAFKA_OFFSET_END;
  const auto starts = TRY(query_offsets(all_.get(), begins));
  const auto stable = TRY(query_offsets(committed_.get(), last));
  const auto finish = TRY(query_offsets(all_.get(), last));
  std::vector<TopicInfo> infos;
  for (auto& [name, config] : TRY(configs_of(topics))) {
    TopicInfo info;
    for (int p = 0; p < config.partitions; ++p) {
      info.start_offsets.push_back(starts.at({name, p}));
      info.end_offsets.push_back(finish.at({name, p}));
      info.stable_offsets.push_back(stable.at({name, p}));
    }
    info.config = std::move(config);
    infos.push_back(std::move(info));
  }
  return infos;
}

base::Result<TopicInfo> KafkaAdmin::topic(const std::string& topic) {
  auto infos = TRY(describe(TRY(partitions_of(topic))));
  return std::move(infos.front());
}

base::Result<std::vector<TopicInfo>> KafkaAdmin::topics() {
  return describe(TRY(partitions_of("")));
}

base::Result<Offset> KafkaAdmin::offset_at_time(const TopicPartition& partition,
                                                std::int64_t time_ms) {
  const auto found =
      TRY(query_offsets(all_.get(), {{partition, std::max<std::int64_t>(time_ms, 0)}}));
  if (found.begin()->second >= 0) return found.begin()->second;
  return TRY(query_offsets(all_.get(), {{partition, RD_KAFKA_OFFSET_END}})).begin()->second;
}

base::Result<std::map<TopicPartition, Offset>> KafkaAdmin::ends(
    const std::vector<TopicPartition>& partitions) {
  std::vector<std::pair<TopicPartition, std::int64_t>> times;
  for (const TopicPartition& one : partitions) times.push_back({one, RD_KAFKA_OFFSET_END});
  return query_offsets(committed_.get(), times);
}

base::Result<> KafkaAdmin::commit_offsets(const std::string& group,
                                          const std::map<TopicPartition, Offset>& offsets) {
  const std::string what = "cannot commit offsets of the group " + group;
  const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
        ->offset = offset;
  }
  const AlterOffsets one(rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), list.get()));
  rd_kafka_AlterConsumerGroupOffsets_t* requests[] = {one.get()};
  const KafkaEvent event = TRY(ask_admin(all_.get(), what, [&](const auto* options, auto* queue) {
    rd_kafka_AlterConsumerGroupOffsets(all_.get(), requests, 1, options, queue);
  }));
  std::size_t count = 0;
  const auto* const* results = rd_kafka_AlterConsumerGroupOffsets_result_groups(
      rd_kafka_event_AlterConsumerGroupOffsets_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    if (const auto* error = rd_kafka_group_result_error(results[i]))
      return kafka_fail(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
    const auto* partitions = rd_kafka_group_result_partitions(results[i]);
    for (int p = 0; p < partitions->cnt; ++p) TRY(kafka_check(partitions->elems[p].err, what));
  }
  return {};
}

base::Result<std::map<TopicPartition, Offset>> KafkaAdmin::committed_offsets(
    const std::string& group) {
  const std::string what = "cannot read offsets of the group " + group;
  const ListOffsets one(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
  rd_kafka_ListConsumerGroupOffsets_t* requests[] = {one.get()};
  const KafkaEvent event = TRY(ask_admin(all_.get(), what, [&](const auto* options, auto* queue) {
    rd_kafka_ListConsumerGroupOffsets(all_.get(), requests, 1, options, queue);
  }));
  std::size_t count = 0;
  const auto* const* results = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
  std::map<TopicPartition, Offset> offsets;
  for (std::size_t i = 0; i < count; ++i) {
    if (const auto* error = rd_kafka_group_result_error(results[i]);
        error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
      return kafka_fail(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
    const auto* partitions = rd_kafka_group_result_partitions(results[i]);
    for (int p = 0; partitions != nullptr && p < partitions->cnt; ++p) {
      const rd_kafka_topic_partition_t& at = partitions->elems[p];
      TRY(kafka_check(at.err, what));
      if (at.offset >= 0) offsets[{at.topic, at.partition}] = at.offset;
    }
  }
  return offsets;
}

base::Result<std::vector<std::string>> KafkaAdmin::groups() {
  const KafkaEvent event =
      TRY(ask_admin(all_.get(), "cannot list groups", [&](const auto* options, auto* queue) {
        rd_kafka_ListConsumerGroups(all_.get(), options, queue);
      }));
  std::size_t count = 0;
  const auto* const* list = rd_kafka_ListConsumerGroups_result_valid(
      rd_kafka_event_ListConsumerGroups_result(event.get()), &count);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i)
    names.emplace_back(rd_kafka_ConsumerGroupListing_group_id(list[i]));
  std::ranges::sort(names);
  return names;
}

base::Result<std::string> KafkaAdmin::cluster_id() {
  char* id = rd_kafka_clusterid(all_.get(), kAdminTimeoutMs);
  if (id == nullptr)
    return base::fail(base::Code::kUnavailable, "Kafka at {} does not say which cluster it is",
                      url_.brokers);
  std::string text(id);
  rd_kafka_mem_free(all_.get(), id);
  return text;
}

}  // namespace eventlog
