// Topics, their settings and offsets, and consumer groups of a real Kafka, by its admin calls.
//
// Threads: any. A topic's settings are asked again after some seconds; offsets always.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "log/kafka_client.h"

namespace eventlog {

class KafkaAdmin {
 public:
  static base::Result<std::unique_ptr<KafkaAdmin>> open(const KafkaUrl& url);

  base::Result<> create_topic(const TopicConfig& config,
                              const std::map<std::string, std::string>& more = {});
  base::Result<> delete_topic(const std::string& topic);
  base::Result<> alter_topic(const TopicConfig& config);
  base::Result<> add_partitions(const std::string& topic, int partitions);
  base::Result<Offset> delete_records(const TopicPartition& partition, Offset offset);
  base::Result<TopicInfo> topic(const std::string& topic);
  base::Result<std::vector<TopicInfo>> topics();
  base::Result<Offset> offset_at_time(const TopicPartition& partition, std::int64_t time_ms);
  // The next offset of each, and where the oldest open transaction begins (or the same).
  base::Result<std::map<TopicPartition, Offset>> ends(
      const std::vector<TopicPartition>& partitions);

  base::Result<> commit_offsets(const std::string& group,
                                const std::map<TopicPartition, Offset>& offsets);
  base::Result<std::map<TopicPartition, Offset>> committed_offsets(const std::string& group);
  base::Result<std::vector<std::string>> groups();
  base::Result<std::string> cluster_id();

 private:
  struct Known {
    TopicConfig config;
    std::int64_t asked_us = 0;
  };

  explicit KafkaAdmin(const KafkaUrl& url) : url_(url) {}
  // Partition counts by topic; one topic, or all with an empty name.
  base::Result<std::map<std::string, int>> partitions_of(const std::string& topic) {
    return partitions_of(all_.get(), topic);
  }
  static base::Result<std::map<std::string, int>> partitions_of(rd_kafka_t* client,
                                                                const std::string& topic);
  base::Result<std::map<std::string, TopicConfig>> configs_of(
      const std::map<std::string, int>& topics);
  base::Result<std::vector<TopicInfo>> describe(const std::map<std::string, int>& topics);
  base::Result<> wait_for_topic(const std::string& topic, int partitions);

  KafkaUrl url_;
  KafkaHandle all_;        // reads everything: its ends are the high watermarks
  KafkaHandle committed_;  // read_committed: its ends are the stable offsets
  std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace eventlog
