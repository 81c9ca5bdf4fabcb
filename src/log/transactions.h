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

#include <functional>
#include <map>
#include <memory>
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
  // of them outlive it. The caller syncs the folder, in which the file may be new.
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
  // Returns when nothing is being written any more.
  void stop();

 private:
  struct Parts;
  explicit TransactionCoordinator(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace eventlog
