// All calls that the codec knows.
//
// Threads: values.
#pragma once

#include <array>

#include "protocol/kafka/messages_cluster.h"
#include "protocol/kafka/messages_configs.h"
#include "protocol/kafka/messages_groups.h"
#include "protocol/kafka/messages_offsets.h"
#include "protocol/kafka/messages_positions.h"
#include "protocol/kafka/messages_records.h"
#include "protocol/kafka/messages_topics.h"
#include "protocol/kafka/messages_transactions.h"

// X(Name) for each call, in the order of the keys: its messages are NameRequest and NameResponse.
#define WAYBILL_KAFKA_CALLS(X) \
  X(Produce)                   \
  X(Fetch)                     \
  X(ListOffsets)               \
  X(Metadata)                  \
  X(OffsetCommit)              \
  X(OffsetFetch)               \
  X(FindCoordinator)           \
  X(JoinGroup)                 \
  X(Heartbeat)                 \
  X(LeaveGroup)                \
  X(SyncGroup)                 \
  X(DescribeGroups)            \
  X(ListGroups)                \
  X(SaslHandshake)             \
  X(ApiVersions)               \
  X(CreateTopics)              \
  X(DeleteTopics)              \
  X(DeleteRecords)             \
  X(InitProducerId)            \
  X(OffsetForLeaderEpoch)      \
  X(AddPartitionsToTxn)        \
  X(AddOffsetsToTxn)           \
  X(EndTxn)                    \
  X(TxnOffsetCommit)           \
  X(DescribeConfigs)           \
  X(AlterConfigs)              \
  X(CreatePartitions)          \
  X(DeleteGroups)              \
  X(IncrementalAlterConfigs)   \
  X(OffsetDelete)              \
  X(DescribeCluster)           \
  X(DescribeProducers)         \
  X(DescribeTransactions)      \
  X(ListTransactions)

namespace protocol::kafka {

#define WAYBILL_KAFKA_SHAPE(Name) Name##Request::kCall,
inline constexpr std::array kCalls = {WAYBILL_KAFKA_CALLS(WAYBILL_KAFKA_SHAPE)};
#undef WAYBILL_KAFKA_SHAPE

// nullptr with a key that is not in the list.
constexpr const CallShape* call_shape(std::int16_t api_key) {
  for (const CallShape& call : kCalls) {
    if (call.api_key == api_key) return &call;
  }
  return nullptr;
}

}  // namespace protocol::kafka
