// A broker on a real log in a folder of its own, and a client that sends what it is told to.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "log/record_batch.h"
#include "protocol/kafka/codec.h"
#include "server/kafka_door.h"

namespace server {

namespace kafka = protocol::kafka;

class KafkaTest : public testing::Test {
 public:
  // Starts the broker; once per test.
  void start(KafkaOptions options = {});
  ~KafkaTest() override;

  eventlog::EmbeddedLog& log() { return *log_; }
  std::uint16_t port() const { return door_->port(); }
  void make_topic(const std::string& name, int partitions = 1);
  eventlog::Offset end_of(const std::string& topic, int partition = 0);
  void stop();

 private:
  base::SystemClock clock_;
  base::Path folder_;
  std::unique_ptr<eventlog::EmbeddedLog> log_;
  std::unique_ptr<KafkaDoor> door_;
};

class KafkaClient {
 public:
  explicit KafkaClient(std::uint16_t port);
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;
  ~KafkaClient();

  void send_bytes(std::string_view bytes);
  void send_bytes(std::span<const std::byte> bytes) {
    send_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  // The next frame without its length; nullopt when the server closes or says nothing in time.
  std::optional<std::vector<std::byte>> receive(int timeout_ms = 10'000);
  // Whether the server closes the connection within the time, whatever else it sends.
  bool closed(int timeout_ms = 10'000);

  template <class Request>
  std::vector<std::byte> bytes_of(const Request& request, std::int16_t version,
                                  std::int32_t correlation_id) {
    const auto frame = kafka::encode_request(request, version, correlation_id, "test");
    std::vector<std::byte> bytes;
    for (const auto& chunk : frame.chunks()) bytes.insert(bytes.end(), chunk.begin(), chunk.end());
    return bytes;
  }
  template <class Request>
  void send(const Request& request, std::int16_t version, std::int32_t correlation_id = 1) {
    const auto bytes = bytes_of(request, version, correlation_id);
    send_bytes(std::span<const std::byte>(bytes));
  }
  // The next answer, which must be this one. Records point into last().
  template <class Response>
  Response take(std::int16_t version, std::int32_t correlation_id = 1, int timeout_ms = 10'000) {
    auto frame = receive(timeout_ms);
    CHECK(frame.has_value(), "no answer to {}", Response::kCall.name);
    last_ = std::move(*frame);
    const auto framed = kafka::decode_response_header(last_, Response::kCall, version);
    CHECK(framed.has_value(), "{}", framed.error().to_string());
    EXPECT_EQ(framed->correlation_id, correlation_id);
    auto response = kafka::decode<Response>(framed->body, version);
    CHECK(response.has_value(), "{}", response.error().to_string());
    return std::move(*response);
  }
  template <class Response, class Request>
  Response ask(const Request& request, std::int16_t version) {
    send(request, version);
    return take<Response>(version);
  }

 private:
  bool fill(int timeout_ms);
  int socket_;
  std::string buffer_;
  std::vector<std::byte> last_;
};

// One batch of these values.
std::vector<std::byte> batch_of(const std::vector<std::string>& values,
                                std::int64_t timestamp_ms = 1'000);
// Points into `batch`.
kafka::ProduceRequest produce_of(const std::string& topic, const std::vector<std::byte>& batch,
                                 std::int32_t partition = 0, std::int16_t acks = -1);
kafka::FetchRequest fetch_of(const std::string& topic, std::int64_t offset,
                             std::int32_t max_wait_ms = 0, std::int32_t partitions = 1);
// The values of the records, in order.
std::vector<std::string> values_of(const kafka::FetchResponse::PartitionData& partition);

}  // namespace server
