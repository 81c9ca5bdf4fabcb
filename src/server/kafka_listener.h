// The Kafka listener: any Kafka client on one port.
//
// Clients are trusted, so it listens on loopback addresses only.
//
// Threads: start and stop from one thread. The network runs on `io_threads` threads of its own,
// each with its connections. Invariant: after stop() (or the destructor) no handler is under way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "server/kafka_broker.h"

namespace server {

class KafkaListener {
 public:
  // Listens when it returns, and has told the broker its address. kInvalid for an address that is
  // not loopback, kUnavailable when the port is taken. The broker outlives the listener.
  // `end_waits` is called while it stops: it makes the coordinators answer whoever waits for
  // others.
  static base::Result<std::unique_ptr<KafkaListener>> start(KafkaBroker& broker,
                                                            std::function<void()> end_waits = {});
  ~KafkaListener();

  std::uint16_t port() const;
  // Takes no more requests, answers those under way, ends the connections.
  void stop();

 private:
  class Impl;
  explicit KafkaListener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
