#include "server/kafka_apis.h"

#include <algorithm>
#include <array>

#include "server/kafka_first_error.h"
#include "server/kafka_handlers.h"

namespace server {
namespace {

template <class Request>
bool is_silent(const Request& request) {
  if constexpr (std::is_same_v<Request, kafka::ProduceRequest>)
    return request.acks == 0;
  else
    return false;
}

template <class Request>
asio::awaitable<base::Result<KafkaReply>> answer(KafkaBroker& broker, const KafkaCall& call,
                                                 std::span<const std::byte> body) {
  auto request = CO_TRY(kafka::decode<Request>(body, call.version));
  KafkaReply reply;
  reply.silent = is_silent(request);
  auto response = co_await handle(broker, call, std::move(request));
  reply.error = KafkaFirstError::of(response);
  if (!reply.silent)
    reply.frame = kafka::encode_response(response, call.version, call.correlation_id);
  co_return reply;
}

template <class Request>
constexpr KafkaApi api(std::int16_t version_min, std::int16_t version_max, bool pipelined = false) {
  return {Request::kCall, version_min, version_max, pipelined, &answer<Request>};
}

// Clients switch features off when a range does not begin where they expect it: compression where
// Produce does not begin at 0, groups and LZ4 where FindCoordinator does not, idempotence and
// transactions where InitProducerId does not.
constexpr std::array kApis = {
    api<kafka::ProduceRequest>(0, 9, true),
    api<kafka::FetchRequest>(4, 12),
    api<kafka::ListOffsetsRequest>(1, 7),
    api<kafka::MetadataRequest>(0, 9),
    api<kafka::ApiVersionsRequest>(0, 3),
    api<kafka::CreateTopicsRequest>(0, 5),
    api<kafka::DeleteTopicsRequest>(0, 5),
    api<kafka::DeleteRecordsRequest>(0, 2),
    api<kafka::OffsetForLeaderEpochRequest>(2, 4),
    api<kafka::DescribeConfigsRequest>(0, 4),
    api<kafka::AlterConfigsRequest>(0, 2),
    api<kafka::CreatePartitionsRequest>(0, 3),
    api<kafka::IncrementalAlterConfigsRequest>(0, 1),
    api<kafka::DescribeClusterRequest>(0, 1),
    api<kafka::FindCoordinatorRequest>(0, 3),
    api<kafka::JoinGroupRequest>(0, 9),
    api<kafka::SyncGroupRequest>(0, 5),
    api<kafka::HeartbeatRequest>(0, 4),
    api<kafka::LeaveGroupRequest>(0, 5),
    api<kafka::DescribeGroupsRequest>(0, 5),
    api<kafka::ListGroupsRequest>(0, 5),
    api<kafka::DeleteGroupsRequest>(0, 2),
    api<kafka::OffsetCommitRequest>(1, 8),
    api<kafka::OffsetFetchRequest>(1, 8),
    api<kafka::OffsetDeleteRequest>(0, 0),
    api<kafka::InitProducerIdRequest>(0, 4),
    api<kafka::AddPartitionsToTxnRequest>(0, 3),
    api<kafka::AddOffsetsToTxnRequest>(0, 3),
    api<kafka::TxnOffsetCommitRequest>(0, 3),
    api<kafka::EndTxnRequest>(0, 3),
    api<kafka::DescribeTransactionsRequest>(0, 0),
    api<kafka::ListTransactionsRequest>(0, 1),
};

}  // namespace

std::span<const KafkaApi> kafka_apis() { return kApis; }

const KafkaApi* find_kafka_api(std::int16_t api_key) {
  const auto* found = std::find_if(kApis.begin(), kApis.end(), [api_key](const KafkaApi& api) {
    return api.shape.api_key == api_key;
  });
  return found == kApis.end() ? nullptr : found;
}

}  // namespace server
