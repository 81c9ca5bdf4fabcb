// The event log on a real Kafka: the same interface as the embedded log, on librdkafka.
//
// Differences that a user of EventLog may meet: offsets have gaps (transactions, compaction);
// read() rebuilds batches, which may start and end elsewhere than those that were appended;
// durability is what the topic's replication gives (acks=all), not a setting of the topic;
// retention is Kafka's own work; a topic has no id. Threads: any.
#pragma once

#include <memory>
#include <string>

#include "log/event_log.h"
#include "log/kafka_url.h"

namespace eventlog {

// Connects; kUnavailable when no Kafka answers at the address.
base::Result<std::unique_ptr<EventLog>> open_kafka_log(const KafkaUrl& url);

}  // namespace eventlog
