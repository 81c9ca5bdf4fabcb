// Transactions over partitions and offsets of groups (KIP-98, KIP-360, KIP-447; the flow in which
// the client adds each partition before it writes).
//
// DIR/transactions.log holds the newest state of each transactional id, one sealed line per round
// (log/journal.h). The record that prepares a commit is the decision: what is prepared is carried
// out, after a restart too. Fields are named as in the Kafka protocol.
// Threads: any. A `done` is called exactly once, from any thread, also before its call returns, and
// never with a lock held. Invariant: a partition or group is durable in the open transaction before
// add_*() answers; a transaction's end is durable before end() answers.
#pragma once

#include <condition_variable>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "log/coordinator_error.h"
#include "log/groups.h"

namespace eventlog {

class EmbeddedLog;
class Journal;
class OffsetStore;
struct Transaction;

struct TransactionOptions {
  std::int32_t timeout_max_ms = 900'000;
  std::int64_t id_expiration_us = 7 * base::kUsPerDay;
  std::size_t ids_max = 1'000'000;
};

struct InitCall {
  std::optional<std::string> transactional_id = {};  // none: idempotent alone
  std::int32_t transaction_timeout_ms = 0;
  std::int64_t producer_id = -1;  // both are given by a producer that wants to go on (KIP-360)
  std::int16_t producer_epoch = -1;
};
struct InitAnswer {
  CoordinatorError error = CoordinatorError::kNone;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
};

struct ProducerCall {
  std::string transactional_id = {};
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
};

struct TransactionDescription {
  std::string transactional_id = {};
  std::string state = {};  // "Empty" "Ongoing" "PrepareCommit" "PrepareAbort" "CompleteCommit"
                           // "CompleteAbort"
  std::int32_t timeout_ms = 0;
  base::TimestampUs start_us = -1;  // of the open transaction
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::vector<TopicPartition> partitions = {};
};

using TransactionDone = std::function<void(CoordinatorError)>;

class TransactionCoordinator {
 public:
  // Reads DIR/transactions.log; what is prepared in it is carried out from the first tick on. All
  // of them outlive it.
  static base::Result<std::unique_ptr<TransactionCoordinator>> open(
      base::FileSystem& disk, const base::Clock& clock, EmbeddedLog& log, OffsetStore& offsets,
      GroupCoordinator& groups, TransactionOptions options = {});
  ~TransactionCoordinator();

  // May wait for the disk (a new producer id): not for a network thread.
  void init_producer_id(const InitCall& call, std::function<void(InitAnswer)> done);
  void add_partitions(const ProducerCall& call, const std::vector<TopicPartition>& partitions,
                      TransactionDone done);
  void add_offsets(const ProducerCall& call, const std::string& group_id, TransactionDone done);
  void commit_offsets(const ProducerCall& call, const MemberCall& who, OffsetsToCommit offsets,
                      CommitDone done);
  void end(const ProducerCall& call, bool commit, TransactionDone done);

  // May this producer write a transactional batch to the partition now? If so `enqueue` is called,
  // which hands the batch to the log; the transaction cannot end between the two. `enqueue` must
  // neither wait nor call the coordinator. Cheap: a shared lock and two look-ups.
  CoordinatorError write(std::int64_t producer_id, std::int16_t producer_epoch,
                         const TopicPartition& partition,
                         const std::function<void()>& enqueue) const;

  std::vector<TransactionDescription> list() const;
  std::optional<TransactionDescription> describe(const std::string& transactional_id) const;

  // Aborts what has taken too long, tries again what could not be written. To be called about every
  // 50 ms, from one thread.
  void tick();
  // Answers whoever waits; returns when nothing is being written any more.
  void stop();

 private:
  struct Entry;
  using Entries = std::map<std::string, std::unique_ptr<Entry>, std::less<>>;
  // What is to be done once the lock is let go of.
  using Later = std::vector<std::function<void()>>;

  TransactionCoordinator(const base::Clock& clock, EmbeddedLog& log, OffsetStore& offsets,
                         GroupCoordinator& groups, TransactionOptions options);
  base::Result<> load(const nlohmann::json& change);
  std::vector<nlohmann::json> current() const;
  void recover();
  // With mutex_ held: find(); the rest as well where they take `later`.
  Entry* find(const std::string& transactional_id) const;
  void store(Entry& entry, Transaction next, TransactionDone done);
  void stored(Entry& entry, const Transaction& next, const base::Result<>& written,
              const TransactionDone& done);
  using Step = std::function<std::expected<Transaction, CoordinatorError>(const Transaction&)>;
  // With mutex_ held: what the call makes of its transaction, or why it is refused.
  struct Next;
  std::expected<Next, CoordinatorError> next_of(const ProducerCall& call, const Step& step) const;
  void change(const ProducerCall& call, const Step& step, TransactionDone done);
  std::expected<Transaction, CoordinatorError> next_of(const InitCall& call,
                                                       std::optional<std::int64_t> new_id);
  void carry_out(Entry& entry, Later& later);
  void carried_out(Entry& entry, const base::Result<>& done);
  void complete(Entry& entry, Later& later);
  void answer_waiting(Entry& entry, CoordinatorError error, Later& later);
  void expire(base::TimestampUs now_us);
  void keep(Entry& entry, Transaction next);
  void run(Later& later);
  void end_call();

  const base::Clock& clock_;
  EmbeddedLog& log_;
  OffsetStore& offsets_;
  GroupCoordinator& groups_;
  const TransactionOptions options_;
  mutable std::shared_mutex mutex_;
  Entries entries_;
  std::unordered_map<std::int64_t, Entry*> by_producer_;
  std::set<Entry*> active_;  // open ones and those that are being carried out
  base::TimestampUs ticked_us_;
  std::int64_t now_ms_ = 0;  // of this coordinator's own time, as in the groups
  std::int64_t expired_ms_ = 0;
  bool stopped_ = false;
  int calls_ = 0;  // of the log and the store that have not called back
  std::condition_variable_any calls_over_;
  std::unique_ptr<Journal> journal_;
};

}  // namespace eventlog
