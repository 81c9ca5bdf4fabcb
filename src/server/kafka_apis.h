// The calls that the broker takes: one list, in kafka_apis.cpp.
//
// Threads: any; the list never changes.
#pragma once

#include <span>

#include "base/result.h"
#include "protocol/kafka/codec.h"
#include "server/kafka_broker.h"
#include "server/kafka_call.h"

namespace server {

struct KafkaReply {
  protocol::kafka::EncodedFrame frame = {};
  protocol::kafka::ErrorCode error = protocol::kafka::ErrorCode::kNone;  // the first in the answer
  bool silent = false;  // nothing is sent (produce with acks=0)
};

struct KafkaApi {
  protocol::kafka::CallShape shape;
  std::int16_t version_min = 0;  // advertised and taken
  std::int16_t version_max = 0;
  // Whether requests of one connection run side by side: they only touch the log, in order, before
  // they wait. All others run alone.
  bool pipelined = false;
  // Decodes, handles, encodes. An error when the body is no request: the connection ends.
  asio::awaitable<base::Result<KafkaReply>> (*answer)(KafkaBroker& broker, const KafkaCall& call,
                                                      std::span<const std::byte> body) = nullptr;
};

std::span<const KafkaApi> kafka_apis();
// nullptr for a key that is not in the list.
const KafkaApi* find_kafka_api(std::int16_t api_key);

}  // namespace server
