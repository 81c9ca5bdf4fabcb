// Creating, growing and deleting topics.
#include <map>
#include <set>

#include "base/logging.h"
#include "server/kafka_configs.h"
#include "server/kafka_errors.h"
#include "server/kafka_handlers.h"

namespace server {
namespace {

using kafka::ErrorCode;

struct Refused {
  ErrorCode error;
  std::string message;
};
template <class T = void>
using Checked = std::expected<T, Refused>;

std::unexpected<Refused> refuse(ErrorCode error, std::string message) {
  return std::unexpected(Refused{error, std::move(message)});
}

Refused refused(const base::Error& error) { return {kafka_error(error.code), error.to_string()}; }

std::unexpected<Refused> kept(const std::string& topic, std::string_view what) {
  return refuse(ErrorCode::kPolicyViolation,
                fmt::format("topic {} belongs to the project: clients cannot {} it. Mend: change "
                            "the project's sources",
                            topic, what));
}

Checked<int> partitions_of(const kafka::CreateTopicsRequest::CreatableTopic& asked,
                           int default_partitions) {
  if (asked.assignments.empty()) {
    if (asked.replication_factor != -1 && asked.replication_factor != 1) {
      return refuse(ErrorCode::kInvalidReplicationFactor,
                    fmt::format("a replication factor of {} needs more than the one node here; ask "
                                "for 1 or -1",
                                asked.replication_factor));
    }
    const int count = asked.num_partitions == -1 ? default_partitions : asked.num_partitions;
    if (count >= 1 && count <= kKafkaPartitionsMax) return count;
    return refuse(
        ErrorCode::kInvalidPartitions,
        fmt::format("a topic has 1 to {} partitions, or -1 for the default", kKafkaPartitionsMax));
  }
  if (asked.num_partitions != -1 || asked.replication_factor != -1) {
    return refuse(ErrorCode::kInvalidRequest,
                  "with assignments, partitions and replication factor are -1");
  }
  std::set<std::int32_t> seen;
  for (const auto& assignment : asked.assignments) {
    if (assignment.broker_ids != std::vector<std::int32_t>{kKafkaNodeId}) {
      return refuse(ErrorCode::kInvalidReplicaAssignment,
                    fmt::format("the only node is {}; assign each partition to it", kKafkaNodeId));
    }
    seen.insert(assignment.partition_index);
  }
  const auto count = static_cast<std::int32_t>(asked.assignments.size());
  if (static_cast<std::int32_t>(seen.size()) != count || *seen.begin() != 0 ||
      *seen.rbegin() != count - 1 || count > kKafkaPartitionsMax) {
    return refuse(ErrorCode::kInvalidReplicaAssignment,
                  "assign partitions 0, 1, … without a gap, each once");
  }
  return count;
}

Checked<eventlog::TopicConfig> config_of(const KafkaBroker& broker,
                                         const kafka::CreateTopicsRequest::CreatableTopic& asked) {
  eventlog::TopicConfig config = broker.new_topic(asked.name);
  const auto partitions = partitions_of(asked, config.partitions);
  if (!partitions) return std::unexpected(partitions.error());
  config.partitions = *partitions;
  for (const auto& setting : asked.configs) {
    if (!setting.value)
      return refuse(ErrorCode::kInvalidConfig, fmt::format("{} has no value", setting.name));
    const auto set = set_kafka_topic_setting(config, setting.name, *setting.value);
    if (!set) return refuse(ErrorCode::kInvalidConfig, set.error().to_string());
  }
  return config;
}

Checked<eventlog::TopicConfig> create(KafkaBroker& broker, bool validate_only,
                                      const kafka::CreateTopicsRequest::CreatableTopic& asked) {
  if (!is_kafka_topic_name(asked.name)) {
    return refuse(ErrorCode::kInvalidTopicException,
                  "a topic's name has 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'");
  }
  if (broker.log().topic(asked.name)) {
    return refuse(ErrorCode::kTopicAlreadyExists,
                  fmt::format("topic '{}' already exists.", asked.name));
  }
  auto config = config_of(broker, asked);
  if (!config || validate_only) return config;
  if (const auto made = broker.log().create_topic(*config); !made)
    return std::unexpected(refused(made.error()));
  return config;
}

kafka::CreateTopicsResponse::CreatableTopicResult describe(
    const std::string& name, const Checked<eventlog::TopicConfig>& made,
    const eventlog::TopicConfig& defaults) {
  constexpr std::int8_t kOfTopic = 1;
  constexpr std::int8_t kDefault = 5;
  kafka::CreateTopicsResponse::CreatableTopicResult result;
  result.name = name;
  result.error_message.reset();
  if (!made) {
    result.error_code = made.error().error;
    result.error_message = made.error().message;
    return result;
  }
  result.num_partitions = made->partitions;
  result.replication_factor = 1;
  for (const KafkaTopicSetting& setting : kafka_topic_settings()) {
    const std::string value = setting.get(*made);
    result.configs->push_back(
        {.name = std::string(setting.name),
         .value = value,
         .config_source = value == setting.get(defaults) ? kDefault : kOfTopic});
  }
  return result;
}

kafka::CreateTopicsResponse create_all(KafkaBroker& broker,
                                       const kafka::CreateTopicsRequest& request) {
  std::map<std::string, int> times;
  for (const auto& asked : request.topics) ++times[asked.name];
  kafka::CreateTopicsResponse response;
  for (const auto& asked : request.topics) {
    if (times[asked.name] == 0) continue;  // answered already
    if (times[asked.name] > 1) {
      times[asked.name] = 0;
      const Checked<eventlog::TopicConfig> twice =
          refuse(ErrorCode::kInvalidRequest, "the request names this topic more than once");
      response.topics.push_back(describe(asked.name, twice, {}));
      continue;
    }
    const auto made = create(broker, request.validate_only, asked);
    response.topics.push_back(describe(asked.name, made, broker.new_topic(asked.name)));
  }
  return response;
}

Checked<> grow(KafkaBroker& broker, bool validate_only,
               const kafka::CreatePartitionsRequest::CreatePartitionsTopic& asked) {
  const auto info = broker.log().topic(asked.name);
  if (!info) return std::unexpected(refused(info.error()));
  if (broker.keeps(asked.name)) return kept(asked.name, "grow");
  const int now = info->config.partitions;
  if (asked.count <= now || asked.count > kKafkaPartitionsMax) {
    return refuse(ErrorCode::kInvalidPartitions,
                  fmt::format("topic '{}' has {} partitions; it can be given more, up to {}",
                              asked.name, now, kKafkaPartitionsMax));
  }
  if (asked.assignments && !asked.assignments->empty()) {
    bool fits = static_cast<int>(asked.assignments->size()) == asked.count - now;
    for (const auto& assignment : *asked.assignments)
      fits = fits && assignment.broker_ids == std::vector<std::int32_t>{kKafkaNodeId};
    if (!fits) {
      return refuse(ErrorCode::kInvalidReplicaAssignment,
                    fmt::format("assign each new partition to node {}", kKafkaNodeId));
    }
  }
  if (validate_only) return {};
  const auto grown = broker.log().add_partitions(asked.name, asked.count);
  if (!grown) return std::unexpected(refused(grown.error()));
  return {};
}

Checked<> remove(KafkaBroker& broker, const std::string& name) {
  if (broker.keeps(name)) return kept(name, "delete");
  const auto removed = broker.log().delete_topic(name);
  if (!removed) return std::unexpected(refused(removed.error()));
  spdlog::info("kafka: topic {} was deleted as a client asked for it", name);
  return {};
}

}  // namespace

KafkaAnswer<kafka::CreateTopicsResponse> handle(KafkaBroker& broker, const KafkaCall&,
                                                kafka::CreateTopicsRequest request) {
  const std::function<kafka::CreateTopicsResponse()> work = [&broker, &request] {
    return create_all(broker, request);
  };
  auto response = co_await broker.blocking<kafka::CreateTopicsResponse>(work);
  co_return response;
}

KafkaAnswer<kafka::DeleteTopicsResponse> handle(KafkaBroker& broker, const KafkaCall&,
                                                kafka::DeleteTopicsRequest request) {
  const std::function<kafka::DeleteTopicsResponse()> work = [&broker, &request] {
    kafka::DeleteTopicsResponse response;
    for (const std::string& name : request.topic_names) {
      auto& answer = response.responses.emplace_back();
      answer.name = name;
      const auto removed = remove(broker, name);
      if (removed) continue;
      answer.error_code = removed.error().error;
      answer.error_message = removed.error().message;
    }
    return response;
  };
  auto response = co_await broker.blocking<kafka::DeleteTopicsResponse>(work);
  co_return response;
}

KafkaAnswer<kafka::CreatePartitionsResponse> handle(KafkaBroker& broker, const KafkaCall&,
                                                    kafka::CreatePartitionsRequest request) {
  const std::function<kafka::CreatePartitionsResponse()> work = [&broker, &request] {
    kafka::CreatePartitionsResponse response;
    for (const auto& asked : request.topics) {
      auto& answer = response.results.emplace_back();
      answer.name = asked.name;
      const auto grown = grow(broker, request.validate_only, asked);
      if (grown) continue;
      answer.error_code = grown.error().error;
      answer.error_message = grown.error().message;
    }
    return response;
  };
  auto response = co_await broker.blocking<kafka::CreatePartitionsResponse>(work);
  co_return response;
}

}  // namespace server
