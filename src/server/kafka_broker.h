// What the Kafka handlers work on: the log, the coordinators, and who this broker is.
//
// One node (id 1), which leads every partition, coordinates every group and transaction, and is the
// controller. Threads: any.
#pragma once

#include <boost/asio.hpp>
#include <memory>
#include <string>

#include "base/clock.h"
#include "log/embedded_log.h"
#include "server/asio_await.h"
#include "server/kafka_call.h"
#include "server/kafka_options.h"
#include "server/worker_pool.h"

namespace eventlog {
class GroupCoordinator;
class TransactionCoordinator;
}  // namespace eventlog

namespace server {

struct KafkaParts {
  eventlog::EmbeddedLog& log;
  const base::Clock& clock;
  eventlog::GroupCoordinator& groups;
  eventlog::TransactionCoordinator& transactions;
};

class KafkaBroker {
 public:
  // Reads the cluster's id from the log's folder, or makes one there.
  static base::Result<std::unique_ptr<KafkaBroker>> open(const KafkaParts& parts,
                                                         KafkaOptions options);

  eventlog::EmbeddedLog& log() { return parts_.log; }
  eventlog::GroupCoordinator& groups() { return parts_.groups; }
  eventlog::TransactionCoordinator& transactions() { return parts_.transactions; }
  const base::Clock& clock() const { return parts_.clock; }
  const KafkaOptions& options() const { return options_; }
  const std::string& cluster_id() const { return cluster_id_; }
  const std::string& host() const { return host_; }
  std::int32_t port() const { return port_; }
  // As a client that names no settings gets it.
  eventlog::TopicConfig new_topic(const std::string& name) const;
  // Whether others live on this topic: clients may write and read it, not delete or grow it.
  bool keeps(const std::string& topic) const { return options_.kept_topics.contains(topic); }
  // Once, before the first request.
  void advertise(std::string host, std::uint16_t port);

  // Runs `work`, which may wait for the disk, on a worker thread.
  template <class T>
  asio::awaitable<T> blocking(std::function<T()> work) {
    const auto start = [this, work = std::move(work)](std::function<void(T)> done) {
      if (!workers_.submit([work, done] { done(work()); })) done(work());
    };
    T value = co_await await_callback<T>(start);
    co_return value;
  }
  // Runs what was accepted, then ends the worker threads.
  void stop() { workers_.stop(); }

 private:
  KafkaBroker(const KafkaParts& parts, KafkaOptions options);

  const KafkaParts parts_;
  const KafkaOptions options_;
  std::string cluster_id_;
  std::string host_;
  std::int32_t port_ = 0;
  WorkerPool workers_;
};

}  // namespace server
