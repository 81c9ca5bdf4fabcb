#include "server/kafka_lag.h"

#include <algorithm>

#include "base/metrics.h"

namespace server {

void KafkaLag::measure() {
  std::map<Key, double> lags;
  std::map<std::string, std::vector<eventlog::Offset>> ends;  // by topic; empty: there is none
  for (const std::string& group : log_.groups()) {
    const auto offsets = log_.committed_offsets(group);
    if (!offsets) continue;
    for (const auto& [partition, offset] : *offsets) {
      auto [it, is_new] = ends.try_emplace(partition.topic);
      if (is_new) {
        if (auto info = log_.topic(partition.topic)) it->second = std::move(info->end_offsets);
      }
      const auto index = static_cast<std::size_t>(partition.partition);
      if (partition.partition < 0 || index >= it->second.size()) continue;
      lags[{group, partition}] =
          static_cast<double>(std::max<eventlog::Offset>(it->second[index] - offset, 0));
    }
  }
  for (auto& [key, gauge] : gauges_) {
    if (!lags.contains(key)) gauge->Set(0);
  }
  for (const auto& [key, lag] : lags) {
    auto it = gauges_.find(key);
    if (it == gauges_.end()) {
      if (gauges_.size() >= kLagsMax) continue;
      const auto& [group, partition] = key;
      it = gauges_
               .emplace(key, &base::gauge("waybill_consumer_lag_records",
                                          "Records that a consumer group has not committed yet",
                                          {{"group", group},
                                           {"topic", partition.topic},
                                           {"partition", std::to_string(partition.partition)}}))
               .first;
    }
    it->second->Set(lag);
  }
}

}  // namespace server
