// Places in a partition: offsets by time, ends of epochs, deletion up to an offset.
//
// The leader's epoch is always 0: there is one node, and it leads from the beginning.
#include "server/kafka_errors.h"
#include "server/kafka_handlers.h"

namespace server {
namespace {

constexpr std::int32_t kLeaderEpoch = 0;
constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;
constexpr std::int64_t kGreatestTime = -3;

struct Ends {
  eventlog::Offset start = 0;
  eventlog::Offset end = 0;
  eventlog::Offset stable = 0;
};

base::Result<Ends> ends_of(const eventlog::TopicInfo& info, std::int32_t partition) {
  const auto index = static_cast<std::size_t>(partition);
  if (partition < 0 || index >= info.end_offsets.size())
    return base::fail(base::Code::kNotFound, "there is no partition {}", partition);
  return Ends{info.start_offsets[index], info.end_offsets[index], info.stable_offsets[index]};
}

base::Result<eventlog::ListedOffset> find_offset(
    KafkaBroker& broker, const eventlog::TopicInfo& info,
    const kafka::ListOffsetsRequest::ListOffsetsPartition& asked, bool committed) {
  const Ends ends = TRY(ends_of(info, asked.partition_index));
  const eventlog::TopicPartition partition{info.config.name, asked.partition_index};
  if (asked.timestamp == kEarliest) return eventlog::ListedOffset{.offset = ends.start};
  if (asked.timestamp == kLatest)
    return eventlog::ListedOffset{.offset = committed ? ends.stable : ends.end};
  if (asked.timestamp == kGreatestTime) return broker.log().list_greatest_time(partition);
  if (asked.timestamp < 0) {
    return base::fail_with(base::Code::kUnsupported,
                           fmt::format("there is no special time {}", asked.timestamp),
                           "ask for -1 (end), -2 (start), -3 (greatest) or a time");
  }
  auto found = broker.log().list_offset_at(partition, asked.timestamp);
  // What is not stable yet is not there for those who read what is committed.
  if (found && committed && found->offset >= ends.stable) return eventlog::ListedOffset{};
  return found;
}

kafka::ErrorCode check_epoch(std::int32_t epoch) {
  if (epoch > kLeaderEpoch) return kafka::ErrorCode::kUnknownLeaderEpoch;
  return kafka::ErrorCode::kNone;
}

kafka::ListOffsetsResponse list_offsets(KafkaBroker& broker,
                                        const kafka::ListOffsetsRequest& request) {
  const bool committed = request.isolation_level == 1;
  kafka::ListOffsetsResponse response;
  for (const auto& topic : request.topics) {
    const auto info = broker.log().topic(topic.name);
    auto& answers = response.topics.emplace_back();
    answers.name = topic.name;
    for (const auto& asked : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = asked.partition_index;
      if (!info) {
        answer.error_code = kafka_error(info.error().code);
        continue;
      }
      answer.error_code = check_epoch(asked.current_leader_epoch);
      if (answer.error_code != kafka::ErrorCode::kNone) continue;
      const auto found = find_offset(broker, *info, asked, committed);
      if (!found) {
        answer.error_code = kafka_error(found.error().code);
        continue;
      }
      answer.offset = found->offset;
      answer.timestamp = found->timestamp_ms;
      if (found->offset >= 0) answer.leader_epoch = kLeaderEpoch;
    }
  }
  return response;
}

bool asks_for_time(const kafka::ListOffsetsRequest& request) {
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.timestamp != kLatest && partition.timestamp != kEarliest) return true;
    }
  }
  return false;
}

kafka::ErrorCode delete_before(KafkaBroker& broker, const eventlog::TopicPartition& partition,
                               std::int64_t offset, std::int64_t& low_watermark) {
  low_watermark = -1;
  if (broker.keeps(partition.topic)) return kafka::ErrorCode::kPolicyViolation;
  const auto start = broker.log().delete_records(partition, offset);
  if (!start) return kafka_offset_error(start.error().code);
  low_watermark = *start;
  return kafka::ErrorCode::kNone;
}

}  // namespace

KafkaAnswer<kafka::ListOffsetsResponse> handle(KafkaBroker& broker, const KafkaCall&,
                                               kafka::ListOffsetsRequest request) {
  if (!asks_for_time(request)) co_return list_offsets(broker, request);
  const std::function<kafka::ListOffsetsResponse()> work = [&broker, &request] {
    return list_offsets(broker, request);  // a search by time reads from the disk
  };
  auto response = co_await broker.blocking<kafka::ListOffsetsResponse>(work);
  co_return response;
}

KafkaAnswer<kafka::OffsetForLeaderEpochResponse> handle(
    KafkaBroker& broker, const KafkaCall&, kafka::OffsetForLeaderEpochRequest request) {
  kafka::OffsetForLeaderEpochResponse response;
  for (const auto& topic : request.topics) {
    const auto info = broker.log().topic(topic.topic);
    auto& answers = response.topics.emplace_back();
    answers.topic = topic.topic;
    for (const auto& asked : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition = asked.partition;
      const auto ends = info ? ends_of(*info, asked.partition) : std::unexpected(info.error());
      answer.error_code =
          ends ? check_epoch(asked.current_leader_epoch) : kafka_error(ends.error().code);
      if (answer.error_code != kafka::ErrorCode::kNone || asked.leader_epoch != kLeaderEpoch)
        continue;
      answer.leader_epoch = kLeaderEpoch;
      answer.end_offset = ends->end;
    }
  }
  co_return response;
}

KafkaAnswer<kafka::DeleteRecordsResponse> handle(KafkaBroker& broker, const KafkaCall&,
                                                 kafka::DeleteRecordsRequest request) {
  const std::function<kafka::DeleteRecordsResponse()> work = [&broker, &request] {
    kafka::DeleteRecordsResponse response;
    for (const auto& topic : request.topics) {
      auto& answers = response.topics.emplace_back();
      answers.name = topic.name;
      for (const auto& asked : topic.partitions) {
        auto& answer = answers.partitions.emplace_back();
        answer.partition_index = asked.partition_index;
        answer.error_code = delete_before(broker, {topic.name, asked.partition_index}, asked.offset,
                                          answer.low_watermark);
      }
    }
    return response;
  };
  auto response = co_await broker.blocking<kafka::DeleteRecordsResponse>(work);
  co_return response;
}

}  // namespace server
