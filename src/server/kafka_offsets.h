// Offsets in requests that commit them: those of partitions that exist go to a coordinator, and its
// errors come back to their places.
//
// Threads: values of one request.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "log/groups.h"
#include "server/kafka_broker.h"
#include "server/kafka_coordinator_error.h"

namespace server {

// Looks each topic up once.
class KnownTopics {
 public:
  explicit KnownTopics(KafkaBroker& broker) : broker_(broker) {}
  bool has(const eventlog::TopicPartition& at) const {
    auto found = partitions_.find(at.topic);
    if (found == partitions_.end()) {
      const auto info = broker_.log().topic(at.topic);
      found = partitions_.emplace(at.topic, info ? info->config.partitions : 0).first;
    }
    return at.partition >= 0 && at.partition < found->second;
  }

 private:
  KafkaBroker& broker_;
  mutable std::map<std::string, int> partitions_;
};

// Lists the offsets of a request and makes a row for each; those of unknown partitions get their
// error and are left out of the list.
template <class Asked, class Answered>
void name_offsets(KafkaBroker& broker, std::vector<Asked>& asked,
                  eventlog::OffsetsToCommit& offsets, std::vector<Answered>& answered) {
  using protocol::kafka::ErrorCode;
  const KnownTopics known(broker);
  for (Asked& topic : asked) {
    Answered& row = answered.emplace_back();
    row.name = topic.name;
    for (auto& partition : topic.partitions) {
      const eventlog::TopicPartition at{topic.name, partition.partition_index};
      const bool there = known.has(at);
      row.partitions.push_back(
          {.partition_index = at.partition,
           .error_code = there ? ErrorCode::kNone : ErrorCode::kUnknownTopicOrPartition});
      if (!there) continue;
      offsets.push_back({at,
                         {.offset = partition.committed_offset,
                          .leader_epoch = partition.committed_leader_epoch,
                          .metadata = partition.committed_metadata.value_or("")}});
    }
  }
}

// The errors, in order, into the rows that have none yet.
template <class Answered>
void fill_errors(const std::vector<eventlog::CoordinatorError>& errors,
                 std::vector<Answered>& answered) {
  std::size_t next = 0;
  for (Answered& topic : answered) {
    for (auto& partition : topic.partitions) {
      if (partition.error_code != protocol::kafka::ErrorCode::kNone) continue;
      if (next < errors.size()) partition.error_code = kafka_error(errors[next++]);
    }
  }
}

}  // namespace server
