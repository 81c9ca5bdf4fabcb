// What the commands ask of and tell a Kafka, as values: the running Waybill's own, or any by URL.
//
// Threads: one at a time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "log/kafka_admin.h"

namespace cli {

// How the commands find their Kafka.
struct KafkaTarget {
  base::Path project = ".";
  std::string url;  // kafka://host:port; empty: the running Waybill of the project, or its Kafka
};
// kUnavailable when no Waybill runs there.
base::Result<eventlog::KafkaUrl> find_kafka(const KafkaTarget& target);

struct TopicSummary {
  std::string name;
  int partitions = 0;
  int replicas = 0;
  std::int64_t records = 0;  // between the first and the last offset
};
struct PartitionSummary {
  int partition = 0;
  int leader = -1;
  int replicas = 0;
  int in_sync = 0;
  std::int64_t start_offset = 0;
  std::int64_t end_offset = 0;
};
struct TopicSetting {
  std::string name;
  std::string value;
  std::string source;  // "topic", "default", "broker"
  bool read_only = false;
};
using Settings = std::map<std::string, std::string>;

struct GroupMember {
  std::string id;
  std::string client_id;
  std::string host;
  std::vector<eventlog::TopicPartition> partitions;
};
struct GroupSummary {
  std::string name;
  std::string state;
  std::string assignor;
  std::vector<GroupMember> members;
};

class KafkaCluster {
 public:
  static base::Result<std::unique_ptr<KafkaCluster>> connect(const KafkaTarget& target);

  base::Result<std::vector<TopicSummary>> topics(bool internal);
  base::Result<std::vector<PartitionSummary>> partitions(const std::string& topic);  // kNotFound
  base::Result<std::vector<TopicSetting>> settings(const std::string& topic);
  base::Result<> create_topic(const std::string& topic, int partitions, int replication,
                              const Settings& settings);
  base::Result<> delete_topic(const std::string& topic) { return admin_->delete_topic(topic); }
  base::Result<> add_partitions(const std::string& topic, int partitions) {
    return admin_->add_partitions(topic, partitions);
  }
  // `reset` names settings that become the cluster's default again.
  base::Result<> alter_topic(const std::string& topic, const Settings& set,
                             const std::vector<std::string>& reset);

  base::Result<std::vector<GroupSummary>> groups();
  base::Result<GroupSummary> group(const std::string& name);
  base::Result<> delete_group(const std::string& name);
  base::Result<std::map<eventlog::TopicPartition, eventlog::Offset>> committed(
      const std::string& group) {
    return admin_->committed_offsets(group);
  }
  base::Result<> commit(const std::string& group,
                        const std::map<eventlog::TopicPartition, eventlog::Offset>& offsets) {
    return admin_->commit_offsets(group, offsets);
  }

  // Each at the beginning, at the end, or at a time: the end where no record is that new.
  base::Result<std::map<eventlog::TopicPartition, eventlog::Offset>> beginnings(
      const std::vector<eventlog::TopicPartition>& partitions);
  base::Result<std::map<eventlog::TopicPartition, eventlog::Offset>> ends(
      const std::vector<eventlog::TopicPartition>& partitions);
  base::Result<std::map<eventlog::TopicPartition, eventlog::Offset>> at_time(
      const std::vector<eventlog::TopicPartition>& partitions, std::int64_t time_ms);

 private:
  KafkaCluster() = default;
  base::Result<std::map<eventlog::TopicPartition, eventlog::Offset>> offsets(
      const std::vector<eventlog::TopicPartition>& partitions, std::int64_t time);

  eventlog::KafkaHandle handle_;
  std::unique_ptr<eventlog::KafkaAdmin> admin_;
};

// The mend of an error that a command meets names the command's own ways.
base::Error for_command(base::Error error);

}  // namespace cli
