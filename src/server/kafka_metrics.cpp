#include "server/kafka_metrics.h"

#include "base/metrics.h"

namespace server {

KafkaMetrics::KafkaMetrics()
    : bytes_in(base::counter("waybill_kafka_bytes_in_total", "Bytes that Kafka clients sent")),
      bytes_out(base::counter("waybill_kafka_bytes_out_total", "Bytes sent to Kafka clients")),
      connections(base::gauge("waybill_kafka_connections", "Open Kafka connections")) {}

void KafkaMetrics::count(std::int16_t api_key, std::string_view api,
                         protocol::kafka::ErrorCode error, double seconds) {
  OfCall call;
  {
    const std::scoped_lock lock(mutex_);
    OfCall& kept = calls_[{api_key, error}];
    if (kept.requests == nullptr) {
      const std::string name(api);
      const std::string error_name(protocol::kafka::error_name(error));
      kept.requests = &base::counter("waybill_kafka_requests_total",
                                     "Kafka requests by call and first error of the answer",
                                     {{"api", name}, {"error", error_name}});
      kept.seconds =
          &base::histogram("waybill_kafka_request_seconds",
                           "From a Kafka request's last byte to its answer", {{"api", name}});
    }
    call = kept;
  }
  call.requests->Increment();
  call.seconds->Observe(seconds);
}

}  // namespace server
