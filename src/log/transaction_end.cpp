// How states become durable, and how what was decided reaches partitions and groups.
#include "base/logging.h"
#include "log/embedded_log.h"
#include "log/journal.h"
#include "log/offset_store.h"
#include "log/transaction_entry.h"

namespace eventlog {
namespace {
constexpr std::int64_t kRetryMs = 200;
}  // namespace

void TransactionCoordinator::run(Later& later) {
  for (const auto& each : later) each();
  later.clear();
}

// The last thing that a callback does: the coordinator may be gone after it.
void TransactionCoordinator::end_call() {
  const std::scoped_lock lock(mutex_);
  if (--calls_ == 0) calls_over_.notify_all();
}

// Makes `next` the state of now.
void TransactionCoordinator::keep(Entry& entry, Transaction next) {
  if (entry.now.producer_id != next.producer_id) by_producer_.erase(entry.now.producer_id);
  by_producer_[next.producer_id] = &entry;
  const bool opens =
      next.state == TransactionState::kOngoing && entry.now.state != TransactionState::kOngoing;
  if (opens) entry.opened_ms = now_ms_;
  entry.now = std::move(next);
  if (entry.now.state == TransactionState::kOngoing || entry.now.decided()) {
    active_.insert(&entry);
  } else {
    active_.erase(&entry);
  }
}

// With mutex_ held. Makes `next` durable, then current; then calls `done`, if there is one, or
// carries out what was decided.
void TransactionCoordinator::store(Entry& entry, Transaction next, TransactionDone done) {
  entry.busy = true;
  entry.ending = next.decided();
  ++calls_;
  const nlohmann::json json = json_of(next);
  journal_->append(json,
                   [this, &entry, next = std::move(next), done = std::move(done)](
                       const base::Result<>& written) { stored(entry, next, written, done); });
}

void TransactionCoordinator::stored(Entry& entry, const Transaction& next,
                                    const base::Result<>& written, const TransactionDone& done) {
  Later later;
  {
    const std::scoped_lock lock(mutex_);
    entry.busy = false;
    entry.ending = false;
    if (written) {
      keep(entry, next);
      if (next.decided()) carry_out(entry, later);
    } else {
      spdlog::warn("transactions: {} stays {}: {}", entry.now.id, state_name(entry.now.state),
                   written.error().to_string());
      answer_waiting(entry, CoordinatorError::kCoordinatorNotAvailable, later);
    }
  }
  if (done) done(written ? CoordinatorError::kNone : CoordinatorError::kCoordinatorNotAvailable);
  run(later);
  end_call();
}

// With mutex_ held.
void TransactionCoordinator::carry_out(Entry& entry, Later& later) {
  const Transaction& now = entry.now;
  entry.failed = false;
  entry.left = static_cast<int>(now.partitions.size()) + (now.groups.empty() ? 0 : 1);
  if (entry.left == 0) return complete(entry, later);
  entry.carrying = true;
  calls_ += entry.left;
  const bool commit = now.commits();
  for (const TopicPartition& at : now.partitions) {
    later.push_back([this, &entry, at, id = now.producer_id, epoch = now.epoch, commit] {
      log_.end_transaction(
          at, id, epoch, commit, [this, &entry](const base::Result<AppendResult>& marked) {
            carried_out(entry, marked ? base::Result<>{} : std::unexpected(marked.error()));
          });
    });
  }
  if (now.groups.empty()) return;
  later.push_back([this, &entry, id = now.producer_id, commit] {
    offsets_.end_pending(
        id, commit, [this, &entry](const base::Result<>& ended) { carried_out(entry, ended); });
  });
}

void TransactionCoordinator::carried_out(Entry& entry, const base::Result<>& done) {
  Later later;
  {
    const std::scoped_lock lock(mutex_);
    // A topic that was deleted meanwhile has no readers.
    if (!done && done.error().code != base::Code::kNotFound) {
      spdlog::warn("transactions: {} is not ended everywhere yet: {}", entry.now.id,
                   done.error().to_string());
      entry.failed = true;
    }
    if (--entry.left == 0) {
      entry.carrying = false;
      if (entry.failed) {
        // It is decided, which is what the producer asked for; the rest is tried again.
        entry.retry_ms = now_ms_ + kRetryMs;
        answer_waiting(entry, CoordinatorError::kNone, later);
      } else {
        complete(entry, later);
      }
    }
  }
  run(later);
  end_call();
}

// With mutex_ held. It counts at once: every later record stands behind it in the file, and
// without it the same end is carried out again, which changes nothing.
void TransactionCoordinator::complete(Entry& entry, Later& later) {
  Transaction next = completed(entry.now, clock_.now_us());
  ++calls_;
  journal_->append(json_of(next), [this](const base::Result<>& written) {
    if (!written) spdlog::warn("transactions: {}", written.error().to_string());
    end_call();
  });
  keep(entry, std::move(next));
  answer_waiting(entry, CoordinatorError::kNone, later);
}

void TransactionCoordinator::answer_waiting(Entry& entry, CoordinatorError error, Later& later) {
  for (TransactionDone& done : entry.waiting)
    later.push_back([done = std::move(done), error] { done(error); });
  entry.waiting.clear();
}

// With mutex_ held. Ids that nobody has used for long.
void TransactionCoordinator::expire(base::TimestampUs now_us) {
  const base::TimestampUs oldest_us = now_us - options_.id_expiration_us;
  std::erase_if(entries_, [&](const auto& named) {
    Entry& entry = *named.second;
    if (entry.busy || entry.carrying || active_.contains(&entry)) return false;
    if (entry.now.epoch >= 0 && entry.now.updated_us > oldest_us) return false;
    if (entry.now.epoch >= 0) {
      ++calls_;
      journal_->append({{"expired", entry.now.id}}, [this](const base::Result<>& written) {
        if (!written) spdlog::warn("transactions: {}", written.error().to_string());
        end_call();
      });
    }
    by_producer_.erase(entry.now.producer_id);
    return true;
  });
}

void TransactionCoordinator::stop() {
  if (journal_ == nullptr) return;
  Later later;
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    for (auto& [id, entry] : entries_)
      answer_waiting(*entry, CoordinatorError::kCoordinatorNotAvailable, later);
  }
  run(later);
  {
    std::unique_lock lock(mutex_);
    calls_over_.wait(lock, [this] { return calls_ == 0; });
  }
  journal_->stop();
}

}  // namespace eventlog
