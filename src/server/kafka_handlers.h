// The calls of the Kafka protocol: one overload of handle() per request, bound in kafka_apis.cpp.
//
// A handler answers everything it can tell by error codes; it never throws. The request's records
// point into call.frame. `broker` and `call` outlive the coroutine. Threads: the network thread of
// the connection; what waits for the disk goes through KafkaBroker::blocking or a callback.
// kafka_group_handlers.cpp and kafka_transaction_handlers.cpp hold those of the coordinators.
#pragma once

#include "protocol/kafka/messages.h"
#include "server/kafka_broker.h"
#include "server/kafka_call.h"

namespace server {

namespace kafka = protocol::kafka;

template <class Response>
using KafkaAnswer = asio::awaitable<Response>;

// kafka_metadata_handlers.cpp
KafkaAnswer<kafka::ApiVersionsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                               kafka::ApiVersionsRequest request);
KafkaAnswer<kafka::MetadataResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                            kafka::MetadataRequest request);
KafkaAnswer<kafka::DescribeClusterResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                   kafka::DescribeClusterRequest request);
// kafka_produce_handlers.cpp
KafkaAnswer<kafka::ProduceResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                           kafka::ProduceRequest request);
// kafka_fetch_handlers.cpp
KafkaAnswer<kafka::FetchResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                         kafka::FetchRequest request);
// kafka_position_handlers.cpp
KafkaAnswer<kafka::ListOffsetsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                               kafka::ListOffsetsRequest request);
KafkaAnswer<kafka::OffsetForLeaderEpochResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                        kafka::OffsetForLeaderEpochRequest request);
KafkaAnswer<kafka::DeleteRecordsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                 kafka::DeleteRecordsRequest request);
// kafka_topic_handlers.cpp
KafkaAnswer<kafka::CreateTopicsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                kafka::CreateTopicsRequest request);
KafkaAnswer<kafka::DeleteTopicsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                kafka::DeleteTopicsRequest request);
KafkaAnswer<kafka::CreatePartitionsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                    kafka::CreatePartitionsRequest request);
// kafka_config_handlers.cpp
KafkaAnswer<kafka::DescribeConfigsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                   kafka::DescribeConfigsRequest request);
KafkaAnswer<kafka::AlterConfigsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                kafka::AlterConfigsRequest request);
KafkaAnswer<kafka::IncrementalAlterConfigsResponse> handle(
    KafkaBroker& broker, const KafkaCall& call, kafka::IncrementalAlterConfigsRequest request);
// kafka_group_handlers.cpp
KafkaAnswer<kafka::FindCoordinatorResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                   kafka::FindCoordinatorRequest request);
KafkaAnswer<kafka::JoinGroupResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                             kafka::JoinGroupRequest request);
KafkaAnswer<kafka::SyncGroupResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                             kafka::SyncGroupRequest request);
KafkaAnswer<kafka::HeartbeatResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                             kafka::HeartbeatRequest request);
KafkaAnswer<kafka::LeaveGroupResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                              kafka::LeaveGroupRequest request);
KafkaAnswer<kafka::DescribeGroupsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                  kafka::DescribeGroupsRequest request);
KafkaAnswer<kafka::ListGroupsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                              kafka::ListGroupsRequest request);
KafkaAnswer<kafka::DeleteGroupsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                kafka::DeleteGroupsRequest request);
// kafka_offset_handlers.cpp
KafkaAnswer<kafka::OffsetCommitResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                kafka::OffsetCommitRequest request);
KafkaAnswer<kafka::OffsetFetchResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                               kafka::OffsetFetchRequest request);
KafkaAnswer<kafka::OffsetDeleteResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                kafka::OffsetDeleteRequest request);
// kafka_transaction_handlers.cpp
KafkaAnswer<kafka::InitProducerIdResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                  kafka::InitProducerIdRequest request);
KafkaAnswer<kafka::AddPartitionsToTxnResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                      kafka::AddPartitionsToTxnRequest request);
KafkaAnswer<kafka::AddOffsetsToTxnResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                   kafka::AddOffsetsToTxnRequest request);
KafkaAnswer<kafka::TxnOffsetCommitResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                   kafka::TxnOffsetCommitRequest request);
KafkaAnswer<kafka::EndTxnResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                          kafka::EndTxnRequest request);
KafkaAnswer<kafka::DescribeTransactionsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                        kafka::DescribeTransactionsRequest request);
KafkaAnswer<kafka::ListTransactionsResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                    kafka::ListTransactionsRequest request);

}  // namespace server
