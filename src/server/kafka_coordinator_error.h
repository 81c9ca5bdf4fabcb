// The coordinators' errors as Kafka's codes.
//
// Threads: values.
#pragma once

#include "log/coordinator_error.h"
#include "protocol/kafka/error_code.h"

namespace server {

// The numbers are the protocol's on both sides.
inline protocol::kafka::ErrorCode kafka_error(eventlog::CoordinatorError error) {
  return static_cast<protocol::kafka::ErrorCode>(error);
}

}  // namespace server
