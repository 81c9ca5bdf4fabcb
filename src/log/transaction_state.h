// One transactional id: whose it is, what its open transaction touches, and what each call makes of
// it (KIP-98, KIP-360, KIP-588).
//
// Pure functions from a state to the next one or to a refusal; the coordinator makes the next one
// durable before it counts. Threads: values.
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "log/transactions.h"

namespace eventlog {

enum class TransactionState : std::uint8_t {
  kEmpty,
  kOngoing,
  kPrepareCommit,  // decided, not carried out everywhere yet
  kPrepareAbort,
  kCompleteCommit,
  kCompleteAbort,
};
std::string_view state_name(TransactionState state);

struct Transaction {
  std::string id = {};
  std::int64_t producer_id = -1;
  std::int64_t last_producer_id = -1;  // before the epochs of that one ran out
  std::int16_t epoch = -1;             // -1: nobody has it yet
  std::int16_t last_epoch = -1;        // whose holder may go on with `epoch`; -1: nobody
  std::int32_t timeout_ms = 0;
  TransactionState state = TransactionState::kEmpty;
  std::set<TopicPartition> partitions = {};
  std::set<std::string> groups = {};
  base::TimestampUs start_us = -1;
  base::TimestampUs updated_us = 0;

  bool decided() const {
    return state == TransactionState::kPrepareCommit || state == TransactionState::kPrepareAbort;
  }
  bool commits() const { return state == TransactionState::kPrepareCommit; }
  // Nothing to write: only the time differs.
  bool says_the_same(const Transaction& other) const {
    return state == other.state && partitions == other.partitions && groups == other.groups;
  }
};

using Transition = std::expected<Transaction, CoordinatorError>;

// Whether the next producer needs an id of its own, which is then passed to initialised().
bool needs_producer_id(const Transaction& now, const InitCall& call);
// With an open transaction the next state aborts that, under an epoch that fences its producer; the
// caller asks again then. kConcurrentTransactions while one is being carried out.
Transition initialised(const Transaction& now, const InitCall& call,
                       std::optional<std::int64_t> new_producer_id, base::TimestampUs now_us);
// kNone when the caller is this id's producer of now.
CoordinatorError check_producer(const Transaction& now, const ProducerCall& call);
Transition with_partitions(const Transaction& now, const ProducerCall& call,
                           const std::vector<TopicPartition>& partitions, base::TimestampUs now_us);
Transition with_group(const Transaction& now, const ProducerCall& call, const std::string& group,
                      base::TimestampUs now_us);
// A transaction that was ended the same way already is answered as it stands.
Transition ended(const Transaction& now, const ProducerCall& call, bool commit,
                 base::TimestampUs now_us);
// Too long open: aborted, its producer fenced, who may go on by asking for a new epoch.
Transaction timed_out(const Transaction& now, base::TimestampUs now_us);
// Carried out everywhere.
Transaction completed(const Transaction& now, base::TimestampUs now_us);

nlohmann::json json_of(const Transaction& transaction);
// May throw nlohmann's exceptions.
Transaction transaction_of(const nlohmann::json& json);

}  // namespace eventlog
