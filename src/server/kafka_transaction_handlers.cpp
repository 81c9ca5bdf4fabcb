// Producer ids and transactions.
#include <algorithm>
#include <array>
#include <future>

#include "log/transactions.h"
#include "server/kafka_handlers.h"
#include "server/kafka_offsets.h"

namespace server {
namespace {

using eventlog::CoordinatorError;
using eventlog::TransactionDone;
using kafka::ErrorCode;

constexpr std::array<std::string_view, 6> kStates = {
    "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"};

// Clients before PRODUCER_FENCED know of it by another name.
ErrorCode fenced_since(std::int16_t version, const KafkaCall& call, CoordinatorError error) {
  if (error == CoordinatorError::kProducerFenced && call.version < version)
    return ErrorCode::kInvalidProducerEpoch;
  return kafka_error(error);
}

eventlog::ProducerCall producer_of(const auto& request) {
  return {.transactional_id = request.transactional_id,
          .producer_id = request.producer_id,
          .producer_epoch = request.producer_epoch};
}

void put_errors(const kafka::AddPartitionsToTxnRequest& request, ErrorCode error,
                kafka::AddPartitionsToTxnResponse& response) {
  for (const auto& topic : request.topics) {
    auto& row = response.results_by_topic.emplace_back();
    row.name = topic.name;
    for (const std::int32_t index : topic.partitions)
      row.results_by_partition.push_back({.partition_index = index, .partition_error_code = error});
  }
}

}  // namespace

KafkaAnswer<kafka::InitProducerIdResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                  kafka::InitProducerIdRequest request) {
  using eventlog::InitAnswer;
  const eventlog::InitCall init{.transactional_id = std::move(request.transactional_id),
                                .transaction_timeout_ms = request.transaction_timeout_ms,
                                .producer_id = request.producer_id,
                                .producer_epoch = request.producer_epoch};
  const std::function<InitAnswer()> work = [&broker, &init] {
    std::promise<InitAnswer> promise;
    auto answered = promise.get_future();
    broker.transactions().init_producer_id(
        init, [&promise](InitAnswer answer) { promise.set_value(answer); });
    return answered.get();
  };
  const InitAnswer answer = co_await broker.blocking<InitAnswer>(work);
  kafka::InitProducerIdResponse response;
  response.error_code = fenced_since(4, call, answer.error);
  response.producer_id = answer.producer_id;
  response.producer_epoch = answer.producer_epoch;
  co_return response;
}

KafkaAnswer<kafka::AddPartitionsToTxnResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                      kafka::AddPartitionsToTxnRequest request) {
  kafka::AddPartitionsToTxnResponse response;
  std::vector<eventlog::TopicPartition> partitions;
  const KnownTopics known(broker);
  bool all_known = true;
  for (const auto& topic : request.topics) {
    for (const std::int32_t index : topic.partitions) {
      partitions.push_back({topic.name, index});
      all_known = all_known && known.has(partitions.back());
    }
  }
  if (!all_known) {
    put_errors(request, ErrorCode::kOperationNotAttempted, response);
    for (auto& topic : response.results_by_topic) {
      for (auto& partition : topic.results_by_partition) {
        if (!known.has({topic.name, partition.partition_index}))
          partition.partition_error_code = ErrorCode::kUnknownTopicOrPartition;
      }
    }
    co_return response;
  }
  const auto start = [&](TransactionDone done) {
    broker.transactions().add_partitions(producer_of(request), partitions, std::move(done));
  };
  const CoordinatorError error = co_await await_callback<CoordinatorError>(start);
  put_errors(request, fenced_since(2, call, error), response);
  co_return response;
}

KafkaAnswer<kafka::AddOffsetsToTxnResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                   kafka::AddOffsetsToTxnRequest request) {
  const auto start = [&](TransactionDone done) {
    broker.transactions().add_offsets(producer_of(request), request.group_id, std::move(done));
  };
  const CoordinatorError error = co_await await_callback<CoordinatorError>(start);
  kafka::AddOffsetsToTxnResponse response;
  response.error_code = fenced_since(2, call, error);
  co_return response;
}

KafkaAnswer<kafka::TxnOffsetCommitResponse> handle(KafkaBroker& broker, const KafkaCall& /*call*/,
                                                   kafka::TxnOffsetCommitRequest request) {
  using Errors = std::vector<CoordinatorError>;
  kafka::TxnOffsetCommitResponse response;
  eventlog::OffsetsToCommit offsets;
  name_offsets(broker, request.topics, offsets, response.topics);
  const eventlog::MemberCall who{.group_id = std::move(request.group_id),
                                 .generation_id = request.generation_id,
                                 .member_id = std::move(request.member_id),
                                 .group_instance_id = std::move(request.group_instance_id)};
  const auto start = [&](std::function<void(Errors)> done) {
    broker.transactions().commit_offsets(producer_of(request), who, std::move(offsets),
                                         std::move(done));
  };
  const Errors errors = co_await await_callback<Errors>(start);
  fill_errors(errors, response.topics);
  co_return response;
}

KafkaAnswer<kafka::EndTxnResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                          kafka::EndTxnRequest request) {
  const auto start = [&](TransactionDone done) {
    broker.transactions().end(producer_of(request), request.committed, std::move(done));
  };
  const CoordinatorError error = co_await await_callback<CoordinatorError>(start);
  kafka::EndTxnResponse response;
  response.error_code = fenced_since(2, call, error);
  co_return response;
}

KafkaAnswer<kafka::DescribeTransactionsResponse> handle(
    KafkaBroker& broker, const KafkaCall& /*call*/, kafka::DescribeTransactionsRequest request) {
  kafka::DescribeTransactionsResponse response;
  for (const std::string& id : request.transactional_ids) {
    auto& row = response.transaction_states.emplace_back();
    row.transactional_id = id;
    const auto described = broker.transactions().describe(id);
    if (!described) {
      row.error_code = kafka_error(CoordinatorError::kTransactionalIdNotFound);
      continue;
    }
    row.transaction_state = described->state;
    row.transaction_timeout_ms = described->timeout_ms;
    row.transaction_start_time_ms =
        described->start_us < 0 ? -1 : described->start_us / base::kUsPerMs;
    row.producer_id = described->producer_id;
    row.producer_epoch = described->producer_epoch;
    for (const auto& at : described->partitions) {
      if (row.topics.empty() || row.topics.back().topic != at.topic)
        row.topics.emplace_back().topic = at.topic;
      row.topics.back().partitions.push_back(at.partition);
    }
  }
  co_return response;
}

KafkaAnswer<kafka::ListTransactionsResponse> handle(KafkaBroker& broker, const KafkaCall& /*call*/,
                                                    kafka::ListTransactionsRequest request) {
  kafka::ListTransactionsResponse response;
  for (const std::string& state : request.state_filters) {
    if (std::ranges::find(kStates, state) == kStates.end())
      response.unknown_state_filters.push_back(state);
  }
  const auto passes = [](const auto& filter, const auto& value) {
    return filter.empty() || std::ranges::find(filter, value) != filter.end();
  };
  for (const auto& each : broker.transactions().list()) {
    const std::int64_t open_ms =
        each.start_us < 0 ? -1 : (broker.clock().now_us() - each.start_us) / base::kUsPerMs;
    if (!passes(request.state_filters, each.state)) continue;
    if (!passes(request.producer_id_filters, each.producer_id)) continue;
    if (request.duration_filter >= 0 && open_ms <= request.duration_filter) continue;
    response.transaction_states.push_back({.transactional_id = each.transactional_id,
                                           .producer_id = each.producer_id,
                                           .transaction_state = each.state});
  }
  co_return response;
}

}  // namespace server
