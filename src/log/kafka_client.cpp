#include "log/kafka_client.h"

#include <array>

#include "base/logging.h"

namespace eventlog {
namespace {

constexpr std::size_t kErrorTextMax = 512;

void log_line(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  static_cast<void>(client);
  // librdkafka repeats each connection that it cannot make; the calls that suffer from it say so.
  if (level <= 3) {
    spdlog::warn("kafka: {}: {}", facility, text);
  } else {
    spdlog::debug("kafka: {}: {}", facility, text);
  }
}

const char* mend_of(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return "see that a Kafka listens at the address of 'log:' in waybill.yaml";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return "set sasl.username and sasl.password in the address of 'log:'";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "give Waybill's user the rights on its topics and groups";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return "raise the topic's max.message.bytes";
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return "another worker has taken this work over";
    default:
      return "";
  }
}

}  // namespace

base::Code code_of(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND:
      return base::Code::kNotFound;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return base::Code::kAlreadyExists;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
      return base::Code::kConflict;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return base::Code::kLimit;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
      return base::Code::kCorrupt;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return base::Code::kInvalid;
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      return base::Code::kUnsupported;
    default:
      return base::Code::kUnavailable;
  }
}

std::unexpected<base::Error> kafka_fail(rd_kafka_resp_err_t error, const std::string& what,
                                        const char* detail) {
  return base::fail_with(
      code_of(error),
      fmt::format("{}: Kafka says {}", what, detail != nullptr ? detail : rd_kafka_err2str(error)),
      mend_of(error));
}

base::Result<KafkaConf> make_conf(const KafkaUrl& url,
                                  const std::map<std::string, std::string>& settings) {
  KafkaConf conf(rd_kafka_conf_new());
  std::map<std::string, std::string> all = url.settings;
  all["bootstrap.servers"] = url.brokers;
  all.try_emplace("client.id", "waybill");
  all.try_emplace("socket.nagle.disable", "true");
  all.try_emplace("reconnect.backoff.max.ms", "1000");
  all.try_emplace("topic.metadata.refresh.interval.ms", "60000");
  for (const auto& [key, value] : settings) all[key] = value;
  std::array<char, kErrorTextMax> text{};
  for (const auto& [key, value] : all) {
    if (rd_kafka_conf_set(conf.get(), key.c_str(), value.c_str(), text.data(), text.size()) ==
        RD_KAFKA_CONF_OK)
      continue;
    return base::fail_with(
        base::Code::kInvalid,
        fmt::format("the setting '{}' of the Kafka log is refused: {}", key, text.data()),
        "the settings in the address of 'log:' are those of librdkafka");
  }
  rd_kafka_conf_set_log_cb(conf.get(), log_line);
  return conf;
}

base::Result<KafkaHandle> make_handle(rd_kafka_type_t type, KafkaConf conf) {
  std::array<char, kErrorTextMax> text{};
  rd_kafka_t* handle = rd_kafka_new(type, conf.get(), text.data(), text.size());
  if (handle == nullptr) {
    return base::fail(base::Code::kInvalid, "cannot make a client of Kafka: {}", text.data());
  }
  static_cast<void>(conf.release());  // the handle's now
  return KafkaHandle(handle);
}

base::Result<KafkaEvent> ask_admin(
    rd_kafka_t* client, const std::string& what,
    const std::function<void(const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>& send) {
  const KafkaQueue queue(rd_kafka_queue_new(client));
  const AdminOptions options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_ANY));
  std::array<char, kErrorTextMax> text{};
  TRY(kafka_check(rd_kafka_AdminOptions_set_request_timeout(options.get(), kAdminTimeoutMs,
                                                            text.data(), text.size()),
                  what, text.data()));
  send(options.get(), queue.get());
  KafkaEvent event(rd_kafka_queue_poll(queue.get(), 2 * kAdminTimeoutMs));
  if (!event) return kafka_fail(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
  TRY(kafka_check(rd_kafka_event_error(event.get()), what,
                  rd_kafka_event_error_string(event.get())));
  return event;
}

base::Result<std::map<TopicPartition, Offset>> query_offsets(
    rd_kafka_t* client, const std::vector<std::pair<TopicPartition, std::int64_t>>& times) {
  std::map<TopicPartition, Offset> offsets;
  if (times.empty()) return offsets;
  const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(times.size())));
  for (const auto& [partition, time] : times) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
        ->offset = time;
  }
  const std::string what = fmt::format("offsets of {}", times.front().first.topic);
  TRY(kafka_check(rd_kafka_offsets_for_times(client, list.get(), kAdminTimeoutMs), what));
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    TRY(kafka_check(one.err, fmt::format("offsets of {}/{}", one.topic, one.partition)));
    offsets[{one.topic, one.partition}] = one.offset;
  }
  return offsets;
}

}  // namespace eventlog
