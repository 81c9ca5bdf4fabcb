// One Kafka request on its way: what its handler may know of it and of the connection it came by.
//
// Threads: a KafkaSession and the calls of its connection live on one network thread.
#pragma once

#include <boost/asio.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "log/embedded_log.h"

namespace server {

namespace asio = boost::asio;

// The partitions that the last fetch of a connection waited for, still watched: a consumer asks for
// the same ones again and again.
class KafkaFetchWatch;

// What a connection knows beyond its requests.
struct KafkaSession {
  std::string peer = {};                 // "127.0.0.1:4711"
  bool gone = false;                     // the client has left, or the connection is being ended
  bool hurry = false;                    // a request waits behind the one that runs
  std::function<void()> on_change = {};  // called when one of these two becomes true
  std::shared_ptr<KafkaFetchWatch> fetch_watch = {};
};

// The bytes of a request, without their length.
struct KafkaFrame {
  std::unique_ptr<std::byte[]> bytes = {};
  std::size_t size = 0;

  std::span<const std::byte> span() const { return {bytes.get(), size}; }
  // Frees them; what points into them must not be used any more.
  void release() {
    bytes.reset();
    size = 0;
  }
};

struct KafkaCall {
  std::int16_t api_key = 0;
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  std::string client_id = {};  // empty when null
  KafkaSession& session;
  KafkaFrame& frame;
};

}  // namespace server
