// How far consumer groups are behind: waybill_consumer_lag_records{group,topic,partition}.
//
// Threads: one at a time.
#pragma once

#include <prometheus/gauge.h>

#include <map>
#include <string>
#include <utility>

#include "log/event_log.h"

namespace server {

// Of all groups together; those beyond it are not shown.
inline constexpr std::size_t kLagsMax = 20'000;

class KafkaLag {
 public:
  explicit KafkaLag(const eventlog::EventLog& log) : log_(log) {}
  // Sets the gauge of each partition that a group has committed offsets for, 0 where it has none
  // any more.
  void measure();

 private:
  using Key = std::pair<std::string, eventlog::TopicPartition>;  // group, partition

  const eventlog::EventLog& log_;
  std::map<Key, prometheus::Gauge*> gauges_;
};

}  // namespace server
