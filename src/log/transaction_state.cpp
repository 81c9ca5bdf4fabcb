#include "log/transaction_state.h"

#include <algorithm>
#include <array>
#include <limits>

namespace eventlog {
namespace {

// The last epoch is kept for fencing.
constexpr std::int16_t kEpochExhausted = std::numeric_limits<std::int16_t>::max() - 1;

constexpr std::array kStates = {
    TransactionState::kEmpty,          TransactionState::kOngoing,
    TransactionState::kPrepareCommit,  TransactionState::kPrepareAbort,
    TransactionState::kCompleteCommit, TransactionState::kCompleteAbort};

std::unexpected<CoordinatorError> refuse(CoordinatorError error) { return std::unexpected(error); }

Transaction emptied(Transaction next, const InitCall& call, base::TimestampUs now_us) {
  next.state = TransactionState::kEmpty;
  next.partitions.clear();
  next.groups.clear();
  next.timeout_ms = call.transaction_timeout_ms;
  next.start_us = -1;
  next.updated_us = now_us;
  return next;
}

Transaction fenced(Transaction next, base::TimestampUs now_us) {
  if (next.epoch < std::numeric_limits<std::int16_t>::max()) ++next.epoch;
  next.state = TransactionState::kPrepareAbort;
  next.updated_us = now_us;
  return next;
}

Transition open(const Transaction& now, base::TimestampUs now_us) {
  if (now.decided()) return refuse(CoordinatorError::kConcurrentTransactions);
  Transaction next = now;
  if (now.state != TransactionState::kOngoing) {
    next.state = TransactionState::kOngoing;
    next.partitions.clear();
    next.groups.clear();
    next.start_us = now_us;
  }
  next.updated_us = now_us;
  return next;
}

}  // namespace

std::string_view state_name(TransactionState state) {
  switch (state) {
    case TransactionState::kEmpty:
      return "Empty";
    case TransactionState::kOngoing:
      return "Ongoing";
    case TransactionState::kPrepareCommit:
      return "PrepareCommit";
    case TransactionState::kPrepareAbort:
      return "PrepareAbort";
    case TransactionState::kCompleteCommit:
      return "CompleteCommit";
    case TransactionState::kCompleteAbort:
      return "CompleteAbort";
  }
  return {};
}

bool needs_producer_id(const Transaction& now, const InitCall& call) {
  if (now.producer_id < 0) return true;
  return now.epoch >= kEpochExhausted && !now.decided() &&
         now.state != TransactionState::kOngoing &&
         (call.producer_epoch < 0 || call.producer_epoch == now.epoch);
}

Transition initialised(const Transaction& now, const InitCall& call,
                       std::optional<std::int64_t> new_producer_id, base::TimestampUs now_us) {
  const bool goes_on = call.producer_id >= 0 && call.producer_epoch >= 0 && now.epoch >= 0;
  const bool of_this_id = call.producer_id == now.producer_id;
  // It asked for the id that replaces an exhausted one and has not heard the answer.
  const bool replaced = call.producer_id == now.last_producer_id &&
                        call.producer_epoch >= kEpochExhausted && now.epoch == 0;
  const bool current = of_this_id && call.producer_epoch == now.epoch;
  const bool bumped = (of_this_id && call.producer_epoch == now.last_epoch) || replaced;
  // Who has begun to work under the new epoch has heard the answer.
  if (goes_on && !current && (!bumped || now.state == TransactionState::kOngoing))
    return refuse(CoordinatorError::kProducerFenced);
  if (now.decided()) return refuse(CoordinatorError::kConcurrentTransactions);
  if (now.state == TransactionState::kOngoing) {
    Transaction next = fenced(now, now_us);
    // Who goes on may ask again; anybody else is fenced for good.
    next.last_epoch = goes_on ? now.epoch : std::int16_t{-1};
    return next;
  }
  Transaction next = emptied(now, call, now_us);
  // The bump was made when it asked before, or when its transaction was aborted.
  if (goes_on && !current) return next;
  if (needs_producer_id(now, call)) {
    if (!new_producer_id) return refuse(CoordinatorError::kConcurrentTransactions);
    next.last_producer_id = goes_on ? now.producer_id : std::int64_t{-1};
    next.producer_id = *new_producer_id;
    next.epoch = 0;
    next.last_epoch = goes_on ? now.epoch : std::int16_t{-1};
    return next;
  }
  next.epoch = static_cast<std::int16_t>(now.epoch + 1);
  next.last_epoch = goes_on ? now.epoch : std::int16_t{-1};
  return next;
}

CoordinatorError check_producer(const Transaction& now, const ProducerCall& call) {
  if (now.epoch < 0 || call.producer_id != now.producer_id)
    return CoordinatorError::kInvalidProducerIdMapping;
  if (call.producer_epoch != now.epoch) return CoordinatorError::kProducerFenced;
  return CoordinatorError::kNone;
}

Transition with_partitions(const Transaction& now, const ProducerCall& call,
                           const std::vector<TopicPartition>& partitions,
                           base::TimestampUs now_us) {
  if (const auto error = check_producer(now, call); error != CoordinatorError::kNone)
    return refuse(error);
  Transition next = open(now, now_us);
  if (next) next->partitions.insert(partitions.begin(), partitions.end());
  return next;
}

Transition with_group(const Transaction& now, const ProducerCall& call, const std::string& group,
                      base::TimestampUs now_us) {
  if (const auto error = check_producer(now, call); error != CoordinatorError::kNone)
    return refuse(error);
  Transition next = open(now, now_us);
  if (next) next->groups.insert(group);
  return next;
}

Transition ended(const Transaction& now, const ProducerCall& call, bool commit,
                 base::TimestampUs now_us) {
  if (const auto error = check_producer(now, call); error != CoordinatorError::kNone)
    return refuse(error);
  switch (now.state) {
    case TransactionState::kEmpty:
      break;
    case TransactionState::kOngoing: {
      Transaction next = now;
      next.state = commit ? TransactionState::kPrepareCommit : TransactionState::kPrepareAbort;
      next.updated_us = now_us;
      return next;
    }
    case TransactionState::kPrepareCommit:
    case TransactionState::kCompleteCommit:
      if (commit) return now;
      break;
    case TransactionState::kPrepareAbort:
    case TransactionState::kCompleteAbort:
      if (!commit) return now;
      break;
  }
  return refuse(CoordinatorError::kInvalidTxnState);
}

Transaction timed_out(const Transaction& now, base::TimestampUs now_us) {
  Transaction next = fenced(now, now_us);
  next.last_epoch = now.epoch;
  return next;
}

Transaction completed(const Transaction& now, base::TimestampUs now_us) {
  Transaction next = now;
  next.state = now.commits() ? TransactionState::kCompleteCommit : TransactionState::kCompleteAbort;
  next.partitions.clear();
  next.groups.clear();
  next.start_us = -1;
  next.updated_us = now_us;
  return next;
}

nlohmann::json json_of(const Transaction& transaction) {
  nlohmann::json partitions = nlohmann::json::array();
  for (const auto& at : transaction.partitions)
    partitions.push_back(nlohmann::json::array({at.topic, at.partition}));
  return {{"id", transaction.id},
          {"producer", transaction.producer_id},
          {"last_producer", transaction.last_producer_id},
          {"epoch", transaction.epoch},
          {"last_epoch", transaction.last_epoch},
          {"timeout_ms", transaction.timeout_ms},
          {"state", std::string(state_name(transaction.state))},
          {"partitions", std::move(partitions)},
          {"groups", transaction.groups},
          {"start_us", transaction.start_us},
          {"updated_us", transaction.updated_us}};
}

Transaction transaction_of(const nlohmann::json& json) {
  Transaction transaction{.id = json.at("id").get<std::string>(),
                          .producer_id = json.at("producer").get<std::int64_t>(),
                          .last_producer_id = json.at("last_producer").get<std::int64_t>(),
                          .epoch = json.at("epoch").get<std::int16_t>(),
                          .last_epoch = json.at("last_epoch").get<std::int16_t>(),
                          .timeout_ms = json.at("timeout_ms").get<std::int32_t>(),
                          .state = TransactionState::kEmpty,
                          .partitions = {},
                          .groups = json.at("groups").get<std::set<std::string>>(),
                          .start_us = json.at("start_us").get<std::int64_t>(),
                          .updated_us = json.at("updated_us").get<std::int64_t>()};
  const auto name = json.at("state").get<std::string>();
  for (const TransactionState state : kStates) {
    if (state_name(state) == name) transaction.state = state;
  }
  for (const auto& at : json.at("partitions"))
    transaction.partitions.insert({at.at(0).get<std::string>(), at.at(1).get<Partition>()});
  return transaction;
}

}  // namespace eventlog
