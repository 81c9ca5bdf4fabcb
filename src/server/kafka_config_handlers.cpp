// Settings of topics, shown and changed; settings of the broker, shown.
#include <algorithm>
#include <set>

#include "server/kafka_configs.h"
#include "server/kafka_errors.h"
#include "server/kafka_handlers.h"

namespace server {
namespace {

using kafka::ErrorCode;

constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kBrokerResource = 4;

// ConfigSource
constexpr std::int8_t kOfTopic = 1;
constexpr std::int8_t kStaticOfBroker = 4;
constexpr std::int8_t kDefault = 5;

struct Refused {
  ErrorCode error;
  std::string message;
};
using Checked = std::expected<void, Refused>;

std::unexpected<Refused> refuse(ErrorCode error, std::string message) {
  return std::unexpected(Refused{error, std::move(message)});
}

std::vector<KafkaBrokerSetting> broker_settings(const KafkaBroker& broker) {
  const KafkaOptions& options = broker.options();
  const eventlog::TopicConfig topic = broker.new_topic("");
  std::vector<KafkaBrokerSetting> settings = {
      {"advertised.listeners", fmt::format("PLAINTEXT://{}:{}", broker.host(), broker.port())},
      {"auto.create.topics.enable", options.auto_create_topics ? "true" : "false",
       KafkaConfigType::kBoolean},
      {"broker.id", std::to_string(kKafkaNodeId), KafkaConfigType::kInt},
      {"connections.max.idle.ms", std::to_string(options.idle_timeout.count()),
       KafkaConfigType::kLong},
      {"default.replication.factor", "1", KafkaConfigType::kInt},
      {"delete.topic.enable", "true", KafkaConfigType::kBoolean},
      {"inter.broker.protocol.version", "3.0-IV1"},
      {"log.dirs", ""},
      {"max.connections", std::to_string(options.connections_max), KafkaConfigType::kInt},
      {"node.id", std::to_string(kKafkaNodeId), KafkaConfigType::kInt},
      {"num.partitions", std::to_string(options.default_partitions), KafkaConfigType::kInt},
      {"offsets.topic.num.partitions", "1", KafkaConfigType::kInt},
      {"offsets.topic.replication.factor", "1", KafkaConfigType::kInt},
      {"socket.request.max.bytes", std::to_string(options.request_bytes_max),
       KafkaConfigType::kInt},
      {"transaction.state.log.min.isr", "1", KafkaConfigType::kInt},
      {"transaction.state.log.replication.factor", "1", KafkaConfigType::kInt},
  };
  std::erase_if(settings, [](const auto& setting) { return setting.value.empty(); });
  for (const KafkaTopicSetting& setting : kafka_topic_settings()) {
    if (!setting.broker_name.empty())
      settings.push_back({std::string(setting.broker_name), setting.get(topic), setting.type});
  }
  return settings;
}

bool is_this_broker(const std::string& name) {
  return name.empty() || name == std::to_string(kKafkaNodeId);
}

class Describer {
 public:
  Describer(KafkaBroker& broker, const kafka::DescribeConfigsRequest& request)
      : broker_(broker), request_(request) {}

  kafka::DescribeConfigsResponse describe() const {
    kafka::DescribeConfigsResponse response;
    for (const auto& resource : request_.resources) {
      auto& result = response.results.emplace_back();
      result.error_message.reset();
      result.resource_type = resource.resource_type;
      result.resource_name = resource.resource_name;
      const auto described = describe(resource, result);
      if (described) continue;
      result.error_code = described.error().error;
      result.error_message = described.error().message;
    }
    return response;
  }

 private:
  using Resource = kafka::DescribeConfigsRequest::DescribeConfigsResource;
  using Result = kafka::DescribeConfigsResponse::DescribeConfigsResult;

  Checked describe(const Resource& resource, Result& result) const {
    if (resource.resource_type == kTopicResource) return describe_topic(resource, result);
    if (resource.resource_type != kBrokerResource) {
      return refuse(ErrorCode::kInvalidRequest,
                    fmt::format("resources of type {} have no settings; ask for a topic (2) or a "
                                "broker (4)",
                                resource.resource_type));
    }
    if (!is_this_broker(resource.resource_name)) {
      return refuse(ErrorCode::kInvalidRequest, fmt::format("the only node is {}", kKafkaNodeId));
    }
    for (const KafkaBrokerSetting& setting : broker_settings(broker_)) {
      if (!wanted(resource, setting.name)) continue;
      auto& config = result.configs.emplace_back();
      config.name = setting.name;
      config.value = setting.value;
      config.read_only = true;
      config.config_source = kStaticOfBroker;
      config.config_type = static_cast<std::int8_t>(setting.type);
      config.documentation.reset();
      if (request_.include_synonyms)
        config.synonyms.push_back({setting.name, setting.value, kStaticOfBroker});
    }
    return {};
  }

  Checked describe_topic(const Resource& resource, Result& result) const {
    const auto info = broker_.log().topic(resource.resource_name);
    if (!info) return refuse(kafka_error(info.error().code), info.error().to_string());
    const eventlog::TopicConfig defaults = broker_.new_topic(resource.resource_name);
    for (const KafkaTopicSetting& setting : kafka_topic_settings()) {
      if (!wanted(resource, setting.name)) continue;
      const std::string value = setting.get(info->config);
      const std::string default_value = setting.get(defaults);
      auto& config = result.configs.emplace_back();
      config.name = setting.name;
      config.value = value;
      config.is_default = value == default_value;
      config.config_source = config.is_default ? kDefault : kOfTopic;
      config.config_type = static_cast<std::int8_t>(setting.type);
      config.documentation.reset();
      if (request_.include_documentation) config.documentation = std::string(setting.text);
      if (!request_.include_synonyms) continue;
      if (!config.is_default) config.synonyms.push_back({config.name, value, kOfTopic});
      if (!setting.broker_name.empty())
        config.synonyms.push_back({std::string(setting.broker_name), default_value, kDefault});
    }
    return {};
  }

  static bool wanted(const Resource& resource, std::string_view name) {
    if (!resource.configuration_keys) return true;
    const auto& keys = *resource.configuration_keys;
    return std::find(keys.begin(), keys.end(), name) != keys.end();
  }

  KafkaBroker& broker_;
  const kafka::DescribeConfigsRequest& request_;
};

// The topic's settings with everything that a client can set as it is by default.
eventlog::TopicConfig without_settings(const KafkaBroker& broker,
                                       const eventlog::TopicConfig& config) {
  eventlog::TopicConfig plain = broker.new_topic(config.name);
  plain.partitions = config.partitions;
  return plain;
}

Checked store(KafkaBroker& broker, const eventlog::TopicConfig& config, bool validate_only) {
  if (validate_only) return {};
  const auto altered = broker.log().alter_topic(config);
  if (altered) return {};
  const ErrorCode error = altered.error().code == base::Code::kInvalid
                              ? ErrorCode::kInvalidConfig
                              : kafka_error(altered.error().code);
  return refuse(error, altered.error().to_string());
}

template <class Resource>
std::expected<eventlog::TopicConfig, Refused> topic_of(KafkaBroker& broker,
                                                       const Resource& resource) {
  if (resource.resource_type == kBrokerResource) {
    return refuse(ErrorCode::kInvalidRequest,
                  "the broker's settings are the project's; change waybill.yaml");
  }
  if (resource.resource_type != kTopicResource) {
    return refuse(ErrorCode::kInvalidRequest,
                  fmt::format("resources of type {} have no settings that can be changed",
                              resource.resource_type));
  }
  std::set<std::string> names;
  for (const auto& setting : resource.configs) {
    if (!names.insert(setting.name).second)
      return refuse(ErrorCode::kInvalidRequest, fmt::format("{} is given twice", setting.name));
  }
  const auto info = broker.log().topic(resource.resource_name);
  if (!info) return refuse(kafka_error(info.error().code), info.error().to_string());
  return info->config;
}

Checked set(eventlog::TopicConfig& config, const std::string& name,
            const std::optional<std::string>& value) {
  if (!value) return refuse(ErrorCode::kInvalidConfig, fmt::format("{} has no value", name));
  const auto done = set_kafka_topic_setting(config, name, *value);
  if (!done) return refuse(ErrorCode::kInvalidConfig, done.error().to_string());
  return {};
}

Checked alter(KafkaBroker& broker, const kafka::AlterConfigsRequest::AlterConfigsResource& asked,
              bool validate_only) {
  const auto topic = topic_of(broker, asked);
  if (!topic) return std::unexpected(topic.error());
  eventlog::TopicConfig config = without_settings(broker, *topic);
  for (const auto& setting : asked.configs) {
    if (auto done = set(config, setting.name, setting.value); !done) return done;
  }
  return store(broker, config, validate_only);
}

std::string joined_without(const std::string& list, const std::string& words, bool append) {
  std::vector<std::string> kept;
  const auto each = [](const std::string& text, const auto& act) {
    for (std::size_t from = 0; from <= text.size();) {
      const std::size_t comma = std::min(text.find(',', from), text.size());
      if (comma > from) act(text.substr(from, comma - from));
      from = comma + 1;
    }
  };
  each(list, [&](std::string word) { kept.push_back(std::move(word)); });
  each(words, [&](const std::string& word) {
    std::erase(kept, word);
    if (append) kept.push_back(word);
  });
  return fmt::format("{}", fmt::join(kept, ","));
}

Checked alter_one(const KafkaBroker& broker, eventlog::TopicConfig& config,
                  const kafka::IncrementalAlterConfigsRequest::AlterableConfig& asked) {
  enum Operation : std::int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };
  const KafkaTopicSetting* setting = find_kafka_topic_setting(asked.name);
  if (setting == nullptr || asked.config_operation == kSet)
    return set(config, asked.name, asked.value);
  if (asked.config_operation == kDelete)
    return set(config, asked.name, setting->get(broker.new_topic("")));
  if (asked.config_operation != kAppend && asked.config_operation != kSubtract) {
    return refuse(ErrorCode::kInvalidRequest,
                  fmt::format("there is no operation {}", asked.config_operation));
  }
  if (setting->type != KafkaConfigType::kList) {
    return refuse(ErrorCode::kInvalidConfig,
                  fmt::format("{} is no list; set it instead", asked.name));
  }
  return set(config, asked.name,
             joined_without(setting->get(config), asked.value.value_or(""),
                            asked.config_operation == kAppend));
}

Checked alter(KafkaBroker& broker,
              const kafka::IncrementalAlterConfigsRequest::AlterConfigsResource& asked,
              bool validate_only) {
  const auto topic = topic_of(broker, asked);
  if (!topic) return std::unexpected(topic.error());
  eventlog::TopicConfig config = *topic;
  for (const auto& setting : asked.configs) {
    if (auto done = alter_one(broker, config, setting); !done) return done;
  }
  return store(broker, config, validate_only);
}

template <class Response, class Request>
Response alter_all(KafkaBroker& broker, const Request& request) {
  Response response;
  for (const auto& asked : request.resources) {
    auto& answer = response.responses.emplace_back();
    answer.error_message.reset();
    answer.resource_type = asked.resource_type;
    answer.resource_name = asked.resource_name;
    const Checked altered = alter(broker, asked, request.validate_only);
    if (altered) continue;
    answer.error_code = altered.error().error;
    answer.error_message = altered.error().message;
  }
  return response;
}

}  // namespace

KafkaAnswer<kafka::DescribeConfigsResponse> handle(KafkaBroker& broker, const KafkaCall&,
                                                   kafka::DescribeConfigsRequest request) {
  co_return Describer(broker, request).describe();
}

KafkaAnswer<kafka::AlterConfigsResponse> handle(KafkaBroker& broker, const KafkaCall&,
                                                kafka::AlterConfigsRequest request) {
  const std::function<kafka::AlterConfigsResponse()> work = [&broker, &request] {
    return alter_all<kafka::AlterConfigsResponse>(broker, request);
  };
  auto response = co_await broker.blocking<kafka::AlterConfigsResponse>(work);
  co_return response;
}

KafkaAnswer<kafka::IncrementalAlterConfigsResponse> handle(
    KafkaBroker& broker, const KafkaCall&, kafka::IncrementalAlterConfigsRequest request) {
  const std::function<kafka::IncrementalAlterConfigsResponse()> work = [&broker, &request] {
    return alter_all<kafka::IncrementalAlterConfigsResponse>(broker, request);
  };
  auto response = co_await broker.blocking<kafka::IncrementalAlterConfigsResponse>(work);
  co_return response;
}

}  // namespace server
