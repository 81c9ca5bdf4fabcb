// What a client asks first: which calls there are, which broker, which topics.
#include <algorithm>

#include "base/logging.h"
#include "server/kafka_apis.h"
#include "server/kafka_errors.h"
#include "server/kafka_handlers.h"

namespace server {
namespace {

// Bits by the protocol's numbers of operations: a client may do everything.
constexpr std::int32_t kTopicOperations = 0b1101'1111'1000;
constexpr std::int32_t kClusterOperations = 0b1'1111'1010'0000;

kafka::MetadataResponse::MetadataResponseTopic describe(const eventlog::TopicInfo& info,
                                                        bool with_operations) {
  kafka::MetadataResponse::MetadataResponseTopic topic;
  topic.name = info.config.name;
  topic.is_internal = is_internal_topic(info.config.name);
  topic.partitions.resize(static_cast<std::size_t>(info.config.partitions));
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    auto& partition = topic.partitions[i];
    partition.partition_index = static_cast<std::int32_t>(i);
    partition.leader_id = kKafkaNodeId;
    partition.leader_epoch = 0;
    partition.replica_nodes = {kKafkaNodeId};
    partition.isr_nodes = {kKafkaNodeId};
  }
  if (with_operations) topic.topic_authorized_operations = kTopicOperations;
  return topic;
}

kafka::MetadataResponse::MetadataResponseTopic failed(const std::string& name,
                                                      kafka::ErrorCode error) {
  kafka::MetadataResponse::MetadataResponseTopic topic;
  topic.error_code = error;
  topic.name = name;
  topic.is_internal = is_internal_topic(name);
  return topic;
}

asio::awaitable<base::Result<eventlog::TopicInfo>> create(KafkaBroker& broker,
                                                          const std::string& name) {
  const std::function<base::Result<>()> work = [&broker, &name] {
    return broker.log().create_topic(broker.new_topic(name));
  };
  const auto made = co_await broker.blocking<base::Result<>>(work);
  if (!made && made.error().code != base::Code::kAlreadyExists)
    co_return std::unexpected(made.error());
  if (made) spdlog::info("kafka: topic {} was made as a client asked for it", name);
  co_return broker.log().topic(name);
}

asio::awaitable<kafka::MetadataResponse::MetadataResponseTopic> find(
    KafkaBroker& broker, const kafka::MetadataRequest& request, const std::string& name) {
  if (!is_kafka_topic_name(name)) co_return failed(name, kafka::ErrorCode::kInvalidTopicException);
  base::Result<eventlog::TopicInfo> info = broker.log().topic(name);
  const bool may_create = broker.options().auto_create_topics && request.allow_auto_topic_creation;
  if (!info && info.error().code == base::Code::kNotFound && may_create)
    info = co_await create(broker, name);
  if (!info) co_return failed(name, kafka_error(info.error().code));
  co_return describe(*info, request.include_topic_authorized_operations);
}

}  // namespace

KafkaAnswer<kafka::ApiVersionsResponse> handle(KafkaBroker&, const KafkaCall& call,
                                               kafka::ApiVersionsRequest request) {
  if (!request.client_software_name.empty()) {
    spdlog::debug("kafka: {}: {} {} as '{}'", call.session.peer, request.client_software_name,
                  request.client_software_version, call.client_id);
  }
  kafka::ApiVersionsResponse response;
  for (const KafkaApi& api : kafka_apis()) {
    response.api_keys.push_back({.api_key = api.shape.api_key,
                                 .min_version = api.version_min,
                                 .max_version = api.version_max});
  }
  co_return response;
}

KafkaAnswer<kafka::MetadataResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                            kafka::MetadataRequest request) {
  kafka::MetadataResponse response;
  response.brokers.push_back(
      {.node_id = kKafkaNodeId, .host = broker.host(), .port = broker.port()});
  response.cluster_id = broker.cluster_id();
  response.controller_id = kKafkaNodeId;
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  // All topics: null, or in version 0, which has no null, none.
  const bool all = !request.topics || (call.version == 0 && request.topics->empty());
  if (all) {
    for (const eventlog::TopicInfo& info : broker.log().topics())
      response.topics.push_back(describe(info, request.include_topic_authorized_operations));
    co_return response;
  }
  for (const auto& asked : *request.topics) {
    const std::string name = asked.name.value_or("");
    auto topic = co_await find(broker, request, name);
    response.topics.push_back(std::move(topic));
  }
  co_return response;
}

KafkaAnswer<kafka::DescribeClusterResponse> handle(KafkaBroker& broker, const KafkaCall&,
                                                   kafka::DescribeClusterRequest request) {
  constexpr std::int8_t kBrokers = 1;
  kafka::DescribeClusterResponse response;
  response.cluster_id = broker.cluster_id();
  if (request.endpoint_type != kBrokers) {
    response.error_code = kafka::ErrorCode::kUnsupportedEndpointType;
    response.error_message = "there are no controllers apart from brokers; ask for brokers";
    co_return response;
  }
  response.controller_id = kKafkaNodeId;
  response.brokers.push_back(
      {.broker_id = kKafkaNodeId, .host = broker.host(), .port = broker.port()});
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  co_return response;
}

}  // namespace server
