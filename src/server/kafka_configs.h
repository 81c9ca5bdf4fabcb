// The settings of topics and of the broker by Kafka's names, and what they are here.
//
// Threads: values.
// Settings that Kafka has and that mean nothing here (how often to flush, how dense an index is)
// are taken with any valid value and shown as what holds. Those that would promise what is not kept
// (more replicas in sync, tiered storage) are refused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "log/event_log.h"

namespace server {

// The protocol's numbers of ConfigType.
enum class KafkaConfigType : std::int8_t {
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kLong = 5,
  kDouble = 6,
  kList = 7,
};

struct KafkaTopicSetting {
  std::string_view name;
  KafkaConfigType type = KafkaConfigType::kString;
  std::string_view broker_name;  // of the broker's default for it; empty: there is none
  std::string_view text;         // what it means, in one sentence
  std::string (*get)(const eventlog::TopicConfig& config) = nullptr;
  // kInvalid for a value that cannot be.
  base::Result<> (*set)(eventlog::TopicConfig& config, const std::string& value) = nullptr;
};
std::span<const KafkaTopicSetting> kafka_topic_settings();
// nullptr for a name that is not in the list.
const KafkaTopicSetting* find_kafka_topic_setting(std::string_view name);
// kInvalid for an unknown name or a value that cannot be.
base::Result<> set_kafka_topic_setting(eventlog::TopicConfig& config, const std::string& name,
                                       const std::string& value);

struct KafkaBrokerSetting {
  std::string name;
  std::string value;
  KafkaConfigType type = KafkaConfigType::kString;
};

}  // namespace server
