#include "log/transactions.h"

#include <algorithm>

#include "base/bug.h"
#include "base/logging.h"
#include "log/embedded_log.h"
#include "log/journal.h"
#include "log/offset_store.h"
#include "log/transaction_entry.h"

namespace eventlog {
namespace {

constexpr std::int64_t kExpireEveryMs = 60'000;

TransactionDescription description_of(const Transaction& transaction) {
  return {.transactional_id = transaction.id,
          .state = std::string(state_name(transaction.state)),
          .timeout_ms = transaction.timeout_ms,
          .start_us = transaction.start_us,
          .producer_id = transaction.producer_id,
          .producer_epoch = transaction.epoch,
          .partitions = {transaction.partitions.begin(), transaction.partitions.end()}};
}

// Holds back an answer that comes while the caller still has its lock.
class AnswerLater {
 public:
  explicit AnswerLater(CommitDone done) : state_(std::make_shared<State>()) {
    state_->done = std::move(done);
  }
  CommitDone done() const {
    return [state = state_](std::vector<CoordinatorError> errors) {
      {
        const std::scoped_lock lock(state->mutex);
        if (state->held) {
          state->early = std::move(errors);
          return;
        }
      }
      state->done(std::move(errors));
    };
  }
  void let_go() {
    {
      const std::scoped_lock lock(state_->mutex);
      state_->held = false;
      if (!state_->early) return;
    }
    state_->done(*std::move(state_->early));
  }

 private:
  struct State {
    std::mutex mutex;
    bool held = true;
    std::optional<std::vector<CoordinatorError>> early;
    CommitDone done;
  };
  std::shared_ptr<State> state_;
};

}  // namespace

TransactionCoordinator::TransactionCoordinator(const base::Clock& clock, EmbeddedLog& log,
                                               OffsetStore& offsets, GroupCoordinator& groups,
                                               TransactionOptions options)
    : clock_(clock),
      log_(log),
      offsets_(offsets),
      groups_(groups),
      options_(options),
      ticked_us_(clock.now_us()) {}

TransactionCoordinator::~TransactionCoordinator() { stop(); }

base::Result<std::unique_ptr<TransactionCoordinator>> TransactionCoordinator::open(
    base::FileSystem& disk, const base::Clock& clock, EmbeddedLog& log, OffsetStore& offsets,
    GroupCoordinator& groups, TransactionOptions options) {
  std::unique_ptr<TransactionCoordinator> opened(
      new TransactionCoordinator(clock, log, offsets, groups, options));
  opened->journal_ = TRY(Journal::open(
      disk, log.directory() / "transactions.log", "transactions",
      [raw = opened.get()](const nlohmann::json& change) { return raw->load(change); },
      [raw = opened.get()] { return raw->current(); }));
  TRY(disk.sync_directory(log.directory()));
  opened->recover();
  return opened;
}

base::Result<> TransactionCoordinator::load(const nlohmann::json& change) {
  if (change.contains("expired")) {
    entries_.erase(change.at("expired").get<std::string>());
    return {};
  }
  Transaction transaction = transaction_of(change);
  auto& entry = entries_[transaction.id];
  if (entry == nullptr) entry = std::make_unique<Entry>();
  entry->now = std::move(transaction);
  return {};
}

std::vector<nlohmann::json> TransactionCoordinator::current() const {
  const std::shared_lock lock(mutex_);
  std::vector<nlohmann::json> all;
  for (const auto& [id, entry] : entries_) {
    if (entry->now.epoch >= 0) all.push_back(json_of(entry->now));
  }
  return all;
}

void TransactionCoordinator::recover() {
  const std::scoped_lock lock(mutex_);
  for (auto& [id, entry] : entries_) {
    keep(*entry, entry->now);
    if (entry->now.state != TransactionState::kOngoing) continue;
    const std::int64_t open_ms = (ticked_us_ - entry->now.start_us) / base::kUsPerMs;
    entry->opened_ms = -std::clamp<std::int64_t>(open_ms, 0, entry->now.timeout_ms);
  }
  // Offsets are pending only in an open transaction; if its record is lost, so is its commit.
  for (const std::int64_t producer_id : offsets_.producers_with_pending()) {
    const auto owner = by_producer_.find(producer_id);
    if (owner != by_producer_.end() && active_.contains(owner->second)) continue;
    spdlog::warn("transactions: producer {} has offsets without a transaction, they are dropped",
                 producer_id);
    offsets_.end_pending(producer_id, false, [](const base::Result<>&) {});
  }
}

TransactionCoordinator::Entry* TransactionCoordinator::find(
    const std::string& transactional_id) const {
  const auto found = entries_.find(transactional_id);
  return found == entries_.end() ? nullptr : found->second.get();
}

void TransactionCoordinator::init_producer_id(const InitCall& call,
                                              std::function<void(InitAnswer)> done) {
  const auto refuse = [&](CoordinatorError error) { done({.error = error}); };
  if (call.transactional_id && call.transactional_id->empty())
    return refuse(CoordinatorError::kInvalidRequest);
  if (call.transactional_id &&
      (call.transaction_timeout_ms <= 0 || call.transaction_timeout_ms > options_.timeout_max_ms)) {
    return refuse(CoordinatorError::kInvalidTransactionTimeout);
  }
  bool needs_id = true;
  if (call.transactional_id) {
    const std::shared_lock lock(mutex_);
    const Entry* const entry = find(*call.transactional_id);
    needs_id = entry == nullptr || needs_producer_id(entry->now, call);
  }
  std::optional<std::int64_t> new_id;
  if (needs_id) {
    const auto made = log_.new_producer_id();
    if (!made) {
      spdlog::warn("transactions: no producer id: {}", made.error().to_string());
      return refuse(CoordinatorError::kCoordinatorNotAvailable);
    }
    new_id = *made;
  }
  if (!call.transactional_id) return done({.producer_id = *new_id, .producer_epoch = 0});
  CoordinatorError refused = CoordinatorError::kNone;
  {
    const std::scoped_lock lock(mutex_);
    const auto next = next_of(call, new_id);
    if (next) {
      Entry& entry = *find(*call.transactional_id);
      const InitAnswer answer =
          next->decided()
              ? InitAnswer{.error = CoordinatorError::kConcurrentTransactions}
              : InitAnswer{.producer_id = next->producer_id, .producer_epoch = next->epoch};
      store(entry, *next, [answer, done](CoordinatorError error) {
        done(error == CoordinatorError::kNone ? answer : InitAnswer{.error = error});
      });
      return;
    }
    refused = next.error();
  }
  refuse(refused);
}

// With mutex_ held. There is an entry for the id afterwards, unless the call is refused.
std::expected<Transaction, CoordinatorError> TransactionCoordinator::next_of(
    const InitCall& call, std::optional<std::int64_t> new_id) {
  if (stopped_) return std::unexpected(CoordinatorError::kCoordinatorNotAvailable);
  Entry* entry = find(*call.transactional_id);
  if (entry == nullptr) {
    if (entries_.size() >= options_.ids_max || !new_id)
      return std::unexpected(CoordinatorError::kCoordinatorNotAvailable);
    auto made = std::make_unique<Entry>();
    made->now.id = *call.transactional_id;
    entry = entries_.emplace(*call.transactional_id, std::move(made)).first->second.get();
  }
  if (entry->busy) return std::unexpected(CoordinatorError::kConcurrentTransactions);
  return initialised(entry->now, call, new_id, clock_.now_us());
}

struct TransactionCoordinator::Next {
  Entry& entry;
  Transaction state;
};

auto TransactionCoordinator::next_of(const ProducerCall& call, const Step& step) const
    -> std::expected<Next, CoordinatorError> {
  if (call.transactional_id.empty()) return std::unexpected(CoordinatorError::kInvalidRequest);
  if (stopped_) return std::unexpected(CoordinatorError::kCoordinatorNotAvailable);
  Entry* const entry = find(call.transactional_id);
  if (entry == nullptr) return std::unexpected(CoordinatorError::kInvalidProducerIdMapping);
  auto state = step(entry->now);
  if (!state) return std::unexpected(state.error());
  if (entry->busy) return std::unexpected(CoordinatorError::kConcurrentTransactions);
  return Next{*entry, *std::move(state)};
}

void TransactionCoordinator::change(const ProducerCall& call, const Step& step,
                                    TransactionDone done) {
  CoordinatorError answer = CoordinatorError::kNone;
  {
    const std::scoped_lock lock(mutex_);
    const auto next = next_of(call, step);
    if (!next) {
      answer = next.error();
    } else if (!next->entry.now.says_the_same(next->state)) {
      return store(next->entry, next->state, std::move(done));
    }
  }
  done(answer);
}

void TransactionCoordinator::add_partitions(const ProducerCall& call,
                                            const std::vector<TopicPartition>& partitions,
                                            TransactionDone done) {
  change(
      call,
      [&](const Transaction& now) {
        return with_partitions(now, call, partitions, clock_.now_us());
      },
      std::move(done));
}

void TransactionCoordinator::add_offsets(const ProducerCall& call, const std::string& group_id,
                                         TransactionDone done) {
  if (group_id.empty()) return done(CoordinatorError::kInvalidGroupId);
  change(
      call,
      [&](const Transaction& now) { return with_group(now, call, group_id, clock_.now_us()); },
      std::move(done));
}

void TransactionCoordinator::commit_offsets(const ProducerCall& call, const MemberCall& who,
                                            OffsetsToCommit offsets, CommitDone done) {
  const std::size_t count = offsets.size();
  AnswerLater answer(std::move(done));
  {
    const std::shared_lock lock(mutex_);
    const Entry* const entry = find(call.transactional_id);
    CoordinatorError error = CoordinatorError::kInvalidProducerIdMapping;
    if (stopped_) error = CoordinatorError::kCoordinatorNotAvailable;
    if (entry != nullptr && !stopped_) error = check_producer(entry->now, call);
    if (error == CoordinatorError::kNone) {
      const bool open = entry->now.state == TransactionState::kOngoing && !entry->ending &&
                        entry->now.groups.contains(who.group_id);
      if (!open) error = CoordinatorError::kInvalidTxnState;
    }
    if (error == CoordinatorError::kNone) {
      // The end of the transaction comes after it in the store's queue.
      groups_.commit_in_transaction(who, call.producer_id, std::move(offsets), answer.done());
    } else {
      answer.done()(std::vector(count, error));
    }
  }
  answer.let_go();
}

void TransactionCoordinator::end(const ProducerCall& call, bool commit, TransactionDone done) {
  CoordinatorError answer = CoordinatorError::kNone;
  {
    const std::scoped_lock lock(mutex_);
    const auto next = next_of(
        call, [&](const Transaction& now) { return ended(now, call, commit, clock_.now_us()); });
    if (!next) {
      answer = next.error();
    } else if (next->state.decided()) {
      // Heard when it is carried out: then the next transaction finds nothing in its way.
      next->entry.waiting.push_back(std::move(done));
      if (next->entry.now.decided()) return;
      return store(next->entry, next->state, nullptr);
    }
  }
  done(answer);
}

CoordinatorError TransactionCoordinator::write(std::int64_t producer_id,
                                               std::int16_t producer_epoch,
                                               const TopicPartition& partition,
                                               const std::function<void()>& enqueue) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_producer_.find(producer_id);
  if (found == by_producer_.end()) return CoordinatorError::kInvalidProducerIdMapping;
  const Transaction& now = found->second->now;
  if (base::bug("forgotten_epoch") && producer_epoch < now.epoch) {
    enqueue();
    return CoordinatorError::kNone;
  }
  if (now.epoch != producer_epoch) return CoordinatorError::kInvalidProducerEpoch;
  if (now.state != TransactionState::kOngoing || !now.partitions.contains(partition))
    return CoordinatorError::kInvalidTxnState;
  enqueue();
  return CoordinatorError::kNone;
}

std::vector<TransactionDescription> TransactionCoordinator::list() const {
  const std::shared_lock lock(mutex_);
  std::vector<TransactionDescription> all;
  for (const auto& [id, entry] : entries_) {
    if (entry->now.epoch >= 0) all.push_back(description_of(entry->now));
  }
  return all;
}

std::optional<TransactionDescription> TransactionCoordinator::describe(
    const std::string& transactional_id) const {
  const std::shared_lock lock(mutex_);
  const Entry* const entry = find(transactional_id);
  if (entry == nullptr || entry->now.epoch < 0) return std::nullopt;
  return description_of(entry->now);
}

void TransactionCoordinator::tick() {
  Later later;
  {
    const std::scoped_lock lock(mutex_);
    const base::TimestampUs now_us = clock_.now_us();
    const std::int64_t passed_ms = (now_us - ticked_us_) / base::kUsPerMs;
    now_ms_ += std::clamp<std::int64_t>(passed_ms, 0, kTickMaxMs);
    ticked_us_ = passed_ms < 0 ? now_us : ticked_us_ + passed_ms * base::kUsPerMs;
    if (stopped_) return;
    const std::set<Entry*> active = active_;
    for (Entry* const entry : active) {
      if (entry->busy || entry->carrying) continue;
      if (entry->now.decided()) {
        if (entry->retry_ms <= now_ms_) carry_out(*entry, later);
      } else if (entry->opened_ms + entry->now.timeout_ms <= now_ms_) {
        spdlog::info("transactions: {} was open for {} ms, it is aborted", entry->now.id,
                     entry->now.timeout_ms);
        store(*entry, timed_out(entry->now, now_us), nullptr);
      }
    }
    if (expired_ms_ + kExpireEveryMs <= now_ms_) {
      expired_ms_ = now_ms_;
      expire(now_us);
    }
  }
  run(later);
}

}  // namespace eventlog
