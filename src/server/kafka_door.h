// The Kafka door of a process: broker, coordinators and listener over one embedded log.
//
// Threads: open and stop from one thread. Invariant: after stop() (or the destructor) nothing of it
// touches the log.
#pragma once

#include <memory>
#include <string>

#include "base/task_group.h"
#include "log/groups.h"
#include "log/transactions.h"
#include "server/kafka_listener.h"

namespace server {

class KafkaDoor {
 public:
  // Listens when it returns. `disk` holds the log's folder. The log, the disk and the clock outlive
  // it. Errors as KafkaListener::start().
  static base::Result<std::unique_ptr<KafkaDoor>> open(
      eventlog::EmbeddedLog& log, const base::Clock& clock, KafkaOptions options,
      base::FileSystem& disk = base::posix_file_system());
  ~KafkaDoor();

  std::uint16_t port() const { return listener_->port(); }
  // Where clients are told to connect to: "127.0.0.1:9092".
  std::string address() const;
  // Tells clients another place, where something stands between.
  void advertise(std::string host, std::uint16_t port) {
    broker_->advertise(std::move(host), port);
  }
  void stop();

 private:
  KafkaDoor() = default;
  void keep_time(const std::stop_token& stop);
  void end_waits();

  std::unique_ptr<eventlog::GroupCoordinator> groups_;
  std::unique_ptr<eventlog::TransactionCoordinator> transactions_;
  std::unique_ptr<KafkaBroker> broker_;
  std::unique_ptr<KafkaListener> listener_;
  base::TaskGroup tasks_;
};

}  // namespace server
