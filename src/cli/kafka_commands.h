// The commands that speak Kafka: topics, groups, produce, consume.
//
// Each prints its answer to stdout, and to stderr what it counted; an error is what the caller
// prints, with exit status 1.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/kafka_cluster.h"

namespace cli {

struct TopicFlags {
  std::vector<std::string> topics;
  int partitions = -1;                // -1: the cluster's default; of alter: as it is
  int replication = -1;               // -1: the cluster's default
  std::vector<std::string> settings;  // name=value
  std::vector<std::string> reset;
  std::string time;  // of offsets; RFC 3339
  bool internal = false;
  bool json = false;
};
base::Result<> topics_list(const KafkaTarget& target, const TopicFlags& flags);
base::Result<> topics_create(const KafkaTarget& target, const TopicFlags& flags);
base::Result<> topics_delete(const KafkaTarget& target, const TopicFlags& flags);
base::Result<> topics_describe(const KafkaTarget& target, const TopicFlags& flags);
base::Result<> topics_alter(const KafkaTarget& target, const TopicFlags& flags);
base::Result<> topics_offsets(const KafkaTarget& target, const TopicFlags& flags);

struct GroupFlags {
  std::vector<std::string> groups;
  std::string topic;  // of reset; empty: all that the group has committed
  int partition = -1;
  bool to_earliest = false;
  bool to_latest = false;
  std::string to_time;
  std::int64_t to_offset = -1;
  bool dry_run = false;
  bool json = false;
};
base::Result<> groups_list(const KafkaTarget& target, const GroupFlags& flags);
base::Result<> groups_describe(const KafkaTarget& target, const GroupFlags& flags);
base::Result<> groups_delete(const KafkaTarget& target, const GroupFlags& flags);
base::Result<> groups_reset(const KafkaTarget& target, const GroupFlags& flags);

struct ProduceFlags {
  std::string topic;
  std::string key_separator;
  std::vector<std::string> headers;  // name=value
  std::string format = "text";
  std::int32_t partition = -1;
  std::string compression = "none";
  std::string acks = "all";
};
// Reads stdin to its end; an error when one record was not acknowledged.
base::Result<> produce(const KafkaTarget& target, const ProduceFlags& flags);

struct ConsumeFlags {
  std::string topic;
  std::string from;  // beginning, end, an offset or a time; empty: beginning, or the group's place
  std::string group;
  std::string format = "text";
  std::int32_t partition = -1;  // -1: all
  std::int64_t count = -1;      // -1: no limit
  bool follow = false;          // waits for more at the end
};
base::Result<> consume(const KafkaTarget& target, const ConsumeFlags& flags);

// Puts the commands into the program's list; `run` is set to the one that was called. Lives, as
// does `project`, until that has run.
class KafkaArguments {
 public:
  void add_to(CLI::App& app, const std::string& project, std::function<base::Result<>()>& run);

 private:
  using Run = std::function<base::Result<>()>;
  void add_topics(CLI::App& app, const std::string& project, Run& run);
  void add_groups(CLI::App& app, const std::string& project, Run& run);

  KafkaTarget target_;
  TopicFlags topics_;
  GroupFlags groups_;
  ProduceFlags produce_;
  ConsumeFlags consume_;
};

}  // namespace cli
