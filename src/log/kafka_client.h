// librdkafka's handles, errors and admin answers as values of this house; what the kafka_* files of
// this room share. No other room includes it.
//
// Threads: any, as librdkafka's own.
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/event_log.h"
#include "log/kafka_url.h"

namespace eventlog {

inline constexpr int kAdminTimeoutMs = 15'000;

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* handle) const {
    destroy(handle);
  }
};

using KafkaHandle = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using KafkaConf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using KafkaTopic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                      Destroy<rd_kafka_topic_partition_list_destroy>>;
using AdminOptions =
    std::unique_ptr<rd_kafka_AdminOptions_t, Destroy<rd_kafka_AdminOptions_destroy>>;

base::Code code_of(rd_kafka_resp_err_t error);
// "what: Kafka says …", with a mend where one is known.
std::unexpected<base::Error> kafka_fail(rd_kafka_resp_err_t error, const std::string& what,
                                        const char* detail = nullptr);
inline base::Result<> kafka_check(rd_kafka_resp_err_t error, const std::string& what,
                                  const char* detail = nullptr) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return kafka_fail(error, what, detail);
}

// A configuration for one handle: the URL's settings, then these.
base::Result<KafkaConf> make_conf(const KafkaUrl& url,
                                  const std::map<std::string, std::string>& settings);
// Takes the configuration over.
base::Result<KafkaHandle> make_handle(rd_kafka_type_t type, KafkaConf conf);

// Sends one admin request and waits for its answer: `send` gets the options and the queue.
base::Result<KafkaEvent> ask_admin(
    rd_kafka_t* client, const std::string& what,
    const std::function<void(const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>& send);

// Offsets by time (ms since 1970, or RD_KAFKA_OFFSET_BEGINNING, RD_KAFKA_OFFSET_END) of some
// partitions in one request per broker; -1 where no record is that new.
base::Result<std::map<TopicPartition, Offset>> query_offsets(
    rd_kafka_t* client, const std::vector<std::pair<TopicPartition, std::int64_t>>& times);

}  // namespace eventlog
