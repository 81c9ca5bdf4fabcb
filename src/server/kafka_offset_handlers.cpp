// What consumer groups have committed.
#include <map>

#include "log/groups.h"
#include "server/kafka_coordinator_error.h"
#include "server/kafka_handlers.h"
#include "server/kafka_offsets.h"

namespace server {
namespace {

using eventlog::CoordinatorError;
using kafka::ErrorCode;
using Errors = std::vector<CoordinatorError>;

void put(auto& partitions, std::int32_t index, const eventlog::FetchedOffset& fetched) {
  auto& row = partitions.emplace_back();
  row.partition_index = index;
  row.error_code = kafka_error(fetched.error);
  row.committed_offset = -1;
  if (!fetched.committed) return;
  row.committed_offset = fetched.committed->offset;
  row.committed_leader_epoch = fetched.committed->leader_epoch;
  row.metadata = fetched.committed->metadata;
}

// The topics that are asked for, or with null all that have offsets.
template <class Topic, class Asked>
std::vector<Topic> fetch(KafkaBroker& broker, const std::string& group,
                         const std::optional<Asked>& asked, bool require_stable) {
  std::vector<Topic> topics;
  const eventlog::GroupCoordinator& groups = broker.groups();
  if (!asked) {
    for (const auto& [at, fetched] : groups.fetch_all(group, require_stable)) {
      if (topics.empty() || topics.back().name != at.topic) topics.emplace_back().name = at.topic;
      put(topics.back().partitions, at.partition, fetched);
    }
    return topics;
  }
  for (const auto& topic : *asked) {
    Topic& row = topics.emplace_back();
    row.name = topic.name;
    for (const std::int32_t index : topic.partition_indexes)
      put(row.partitions, index, groups.fetch(group, {topic.name, index}, require_stable));
  }
  return topics;
}

}  // namespace

KafkaAnswer<kafka::OffsetCommitResponse> handle(KafkaBroker& broker, const KafkaCall& /*call*/,
                                                kafka::OffsetCommitRequest request) {
  kafka::OffsetCommitResponse response;
  eventlog::OffsetsToCommit offsets;
  name_offsets(broker, request.topics, offsets, response.topics);
  const eventlog::MemberCall who{.group_id = std::move(request.group_id),
                                 .generation_id = request.generation_id_or_member_epoch,
                                 .member_id = std::move(request.member_id),
                                 .group_instance_id = std::move(request.group_instance_id)};
  const auto start = [&](std::function<void(Errors)> done) {
    broker.groups().commit(who, std::move(offsets), std::move(done));
  };
  const Errors errors = co_await await_callback<Errors>(start);
  fill_errors(errors, response.topics);
  co_return response;
}

KafkaAnswer<kafka::OffsetFetchResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                               kafka::OffsetFetchRequest request) {
  kafka::OffsetFetchResponse response;
  if (call.version < 8) {
    response.topics = fetch<kafka::OffsetFetchResponse::OffsetFetchResponseTopic>(
        broker, request.group_id, request.topics, request.require_stable);
    co_return response;
  }
  for (const auto& group : request.groups) {
    auto& row = response.groups.emplace_back();
    row.group_id = group.group_id;
    row.topics = fetch<kafka::OffsetFetchResponse::OffsetFetchResponseTopics>(
        broker, group.group_id, group.topics, request.require_stable);
  }
  co_return response;
}

KafkaAnswer<kafka::OffsetDeleteResponse> handle(KafkaBroker& broker, const KafkaCall& /*call*/,
                                                kafka::OffsetDeleteRequest request) {
  struct Deleted {
    CoordinatorError whole = CoordinatorError::kNone;
    Errors errors = {};
  };
  kafka::OffsetDeleteResponse response;
  std::vector<eventlog::TopicPartition> partitions;
  const KnownTopics known(broker);
  for (const auto& topic : request.topics) {
    auto& row = response.topics.emplace_back();
    row.name = topic.name;
    for (const auto& partition : topic.partitions) {
      const bool there = known.has({topic.name, partition.partition_index});
      if (there) partitions.push_back({topic.name, partition.partition_index});
      row.partitions.push_back(
          {.partition_index = partition.partition_index,
           .error_code = there ? ErrorCode::kNone : ErrorCode::kUnknownTopicOrPartition});
    }
  }
  const auto start = [&](std::function<void(Deleted)> done) {
    broker.groups().delete_offsets(request.group_id, std::move(partitions),
                                   [done = std::move(done)](CoordinatorError whole, Errors errors) {
                                     done({whole, std::move(errors)});
                                   });
  };
  const Deleted deleted = co_await await_callback<Deleted>(start);
  response.error_code = kafka_error(deleted.whole);
  if (deleted.whole != CoordinatorError::kNone) {
    response.topics.clear();
  } else {
    fill_errors(deleted.errors, response.topics);
  }
  co_return response;
}

}  // namespace server
