// How the Kafka listener is set up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "log/event_log.h"

namespace server {

inline constexpr std::size_t kKafkaRequestBytesMax = 100UL << 20;
inline constexpr int kKafkaNodeId = 1;
inline constexpr int kKafkaPartitionsMax = 10'000;  // of one topic, asked for by a client
inline constexpr std::int32_t kKafkaBatchBytesMax = 1'048'588;  // of topics that clients make

struct KafkaOptions {
  std::string address = "127.0.0.1:9092";  // "host:port"; port 0 takes a free one
  std::string advertised_host = {};  // what clients are told to connect to; empty: the address's
  bool auto_create_topics = true;
  int default_partitions = 4;  // of topics that are made without a number
  // Of new topics; name and partitions are not looked at.
  eventlog::TopicConfig topic_defaults = {.name = {}, .batch_bytes_max = kKafkaBatchBytesMax};
  std::set<std::string> kept_topics = {};  // that clients can neither delete nor grow
  int io_threads = 1;
  int workers = 2;  // for calls that wait for the disk
  std::size_t connections_max = 10'000;
  std::size_t request_bytes_max = kKafkaRequestBytesMax;  // of one frame
  std::size_t requests_bytes_max = 128UL << 20;   // of all requests under way; then reading waits
  std::size_t connection_bytes_max = 32UL << 20;  // the same of one connection
  std::size_t pipelined_max = 64;                 // produce requests of one connection under way
  // A connection that exceeds one of these is closed.
  std::chrono::milliseconds idle_timeout{600'000};  // between requests
  std::chrono::milliseconds frame_timeout{30'000};  // of a frame that has begun, and a second more
                                                    // for each 64 KiB
  std::chrono::milliseconds write_timeout{60'000};  // the same for answers
  std::chrono::milliseconds stop_timeout{5'000};    // then unfinished answers are cut
};

}  // namespace server
