// Where a real Kafka is: kafka://host:9092[,host2:9092][?setting=value&…].
//
// Settings are librdkafka's own (security.protocol, sasl.mechanisms, sasl.username …) and
// `replication` (of the topics that Waybill creates; without it the cluster's default). A value
// `env:NAME` is read from the environment, so that no secret stands in a project.
// Threads: values.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace eventlog {

struct KafkaUrl {
  std::string brokers;
  std::map<std::string, std::string> settings = {};
  int replication = -1;
};

inline bool is_kafka_url(std::string_view text) { return text.starts_with("kafka://"); }
// kInvalid with the mend.
base::Result<KafkaUrl> parse_kafka_url(std::string_view text);

}  // namespace eventlog
