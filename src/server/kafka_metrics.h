// What the Kafka listener counts.
//
// Threads: any.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "protocol/kafka/error_code.h"

namespace server {

class KafkaMetrics {
 public:
  KafkaMetrics();
  // waybill_kafka_requests_total{api,error} and waybill_kafka_request_seconds{api}.
  void count(std::int16_t api_key, std::string_view api, protocol::kafka::ErrorCode error,
             double seconds);

  prometheus::Counter& bytes_in;
  prometheus::Counter& bytes_out;
  prometheus::Gauge& connections;

 private:
  struct OfCall {
    prometheus::Counter* requests = nullptr;
    prometheus::Histogram* seconds = nullptr;
  };

  std::mutex mutex_;
  std::map<std::pair<std::int16_t, protocol::kafka::ErrorCode>, OfCall> calls_;
};

}  // namespace server
