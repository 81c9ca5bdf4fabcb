// From produce() to the consumer's hands: latencies through a Kafka door at a steady rate.
//
//   bench_log_latency BOOTSTRAP TOPIC RATE SECONDS
// One librdkafka producer (acks=all, linger 1 ms) and one consumer in this process; 100-byte
// messages that carry their time, sent in steps of a millisecond so that the pacing costs nothing.
// Prints "sent N seen N rate N p50 MS p99 MS".
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::size_t kMessageBytes = 100;
constexpr auto kWarmUp = std::chrono::seconds(1);
constexpr auto kGoodbye = std::chrono::seconds(5);  // for the last messages to arrive

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             SteadyClock::now().time_since_epoch())
      .count();
}

void stop(const std::string& text) {
  fmt::print(stderr, "{}\n", text);
  std::exit(1);
}

rd_kafka_t* client(rd_kafka_type_t type,
                   std::initializer_list<std::pair<const char*, const char*>> settings) {
  char error[512];
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) stop(error);
  }
  rd_kafka_t* const kafka = rd_kafka_new(type, conf, error, sizeof error);
  if (kafka == nullptr) stop(error);
  return kafka;
}

// Reads partition 0 from its end on until told to stop; the latencies in microseconds.
std::vector<std::int64_t> consume(rd_kafka_t* kafka, const std::atomic<bool>& running,
                                  std::atomic<std::int64_t>& seen) {
  std::vector<std::int64_t> latencies;
  while (running) {
    rd_kafka_message_t* const message = rd_kafka_consumer_poll(kafka, 50);
    if (message == nullptr) continue;
    std::int64_t sent_us = 0;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->len == kMessageBytes) {
      std::memcpy(&sent_us, message->payload, sizeof sent_us);
      if (sent_us != 0) {
        latencies.push_back(now_us() - sent_us);
        ++seen;
      }
    }
    rd_kafka_message_destroy(message);
  }
  return latencies;
}

void send(rd_kafka_t* kafka, const char* topic, std::int64_t sent_us) {
  char payload[kMessageBytes] = {};
  std::memcpy(payload, &sent_us, sizeof sent_us);
  const auto error = rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                       RD_KAFKA_V_VALUE(payload, kMessageBytes), RD_KAFKA_V_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) stop(rd_kafka_err2str(error));
}

// Sends `rate` messages a second; how many were sent.
std::int64_t produce(rd_kafka_t* kafka, const char* topic, double rate, double seconds) {
  const auto start = SteadyClock::now();
  std::int64_t sent = 0;
  while (true) {
    const double passed = std::chrono::duration<double>(SteadyClock::now() - start).count();
    if (passed >= seconds) break;
    for (const auto due = static_cast<std::int64_t>(passed * rate); sent < due; ++sent)
      send(kafka, topic, now_us());
    rd_kafka_poll(kafka, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (rd_kafka_flush(kafka, 30'000) != RD_KAFKA_RESP_ERR_NO_ERROR) stop("messages are left unsent");
  return sent;
}

void follow_end(rd_kafka_t* kafka, const char* topic) {
  rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_END;
  if (rd_kafka_assign(kafka, list) != RD_KAFKA_RESP_ERR_NO_ERROR) stop("the topic is not assigned");
  rd_kafka_topic_partition_list_destroy(list);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) stop("bench_log_latency BOOTSTRAP TOPIC RATE SECONDS");
  const double rate = std::atof(argv[3]);
  const double seconds = std::atof(argv[4]);
  rd_kafka_t* const producer =
      client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", argv[1]}, {"linger.ms", "1"}});
  rd_kafka_t* const consumer = client(
      RD_KAFKA_CONSUMER,
      {{"bootstrap.servers", argv[1]}, {"group.id", "latency"}, {"enable.auto.commit", "false"}});
  rd_kafka_poll_set_consumer(consumer);
  send(producer, argv[2], 0);  // makes the topic
  if (rd_kafka_flush(producer, 30'000) != RD_KAFKA_RESP_ERR_NO_ERROR) stop("no topic");
  follow_end(consumer, argv[2]);
  std::atomic<bool> running{true};
  std::atomic<std::int64_t> seen{0};
  std::vector<std::int64_t> latencies;
  std::jthread reader([&] { latencies = consume(consumer, running, seen); });
  std::this_thread::sleep_for(kWarmUp);
  const std::int64_t sent = produce(producer, argv[2], rate, seconds);
  const auto end = SteadyClock::now() + kGoodbye;
  while (seen < sent && SteadyClock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  running = false;
  reader.join();
  if (latencies.empty()) stop("no message arrived");
  std::ranges::sort(latencies);
  const auto at = [&](std::size_t percent) {
    return static_cast<double>(latencies[latencies.size() * percent / 100]) / 1000;
  };
  fmt::print("sent {} seen {} rate {:.0f} p50 {:.3f} p99 {:.3f}\n", sent, latencies.size(),
             static_cast<double>(sent) / seconds, at(50), at(99));
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  rd_kafka_destroy(producer);
  return 0;
}
