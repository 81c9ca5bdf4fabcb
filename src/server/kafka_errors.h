// Waybill's errors as Kafka's codes.
//
// Threads: values.
#pragma once

#include "base/result.h"
#include "log/embedded_log.h"
#include "protocol/kafka/error_code.h"

namespace server {

// For what concerns topics and partitions as a whole.
protocol::kafka::ErrorCode kafka_error(base::Code code);
protocol::kafka::ErrorCode kafka_error(eventlog::Refusal refusal);
// With what was wrong where it was about an offset.
protocol::kafka::ErrorCode kafka_offset_error(base::Code code);

// [a-zA-Z0-9._-], 1 to 249 characters, neither "." nor "..".
bool is_kafka_topic_name(std::string_view name);
inline bool is_internal_topic(std::string_view name) { return name.starts_with("__"); }

}  // namespace server
