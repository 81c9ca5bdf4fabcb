#include "log/committer.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>

#include "base/bug.h"

namespace eventlog {

Committer::Committer(std::size_t queued_bytes_max)
    : queued_bytes_max_(queued_bytes_max),
      appended_bytes_(
          base::counter("waybill_log_appended_bytes_total", "Bytes of batches appended")),
      appended_records_(base::counter("waybill_log_appended_records_total", "Records appended")),
      sync_seconds_(base::histogram("waybill_log_sync_seconds", "Time to sync one commit round")),
      queue_gauge_(base::gauge("waybill_log_commit_queue_bytes", "Bytes that wait for a commit")) {
  committing_.run("log-commit", [this](const std::stop_token& stop) { commit_rounds(stop); });
  answering_.run("log-answer", [this](const std::stop_token& stop) { give_answers(stop); });
}

void Committer::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  committing_.stop();
  answering_.stop();
}

void Committer::submit(std::shared_ptr<PartitionLog> partition, std::vector<std::byte> batch,
                       const BatchHeader& header, StoreDone done) {
  const std::size_t bytes = batch.size() + sizeof(Pending);
  std::optional<base::Error> refusal;
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) {
      refusal = {.code = base::Code::kUnavailable,
                 .message = "the event log is closing",
                 .mend = "try later"};
    } else if (queued_bytes_ > 0 && queued_bytes_ + bytes > queued_bytes_max_) {
      refusal = {
          .code = base::Code::kUnavailable,
          .message = fmt::format("the event log's queue is full: {} of {} bytes wait for the disk",
                                 queued_bytes_, queued_bytes_max_),
          .mend = "send it again in a moment, and slower"};
    } else {
      queued_bytes_ += bytes;
      queue_gauge_.Set(static_cast<double>(queued_bytes_));
      queue_.push_back({.partition = std::move(partition),
                        .batch = std::move(batch),
                        .header = header,
                        .done = std::move(done),
                        .result = {},
                        .bytes = bytes});
    }
  }
  if (refusal) return refuse({Refusal::kNotNow, *std::move(refusal)}, std::move(done));
  work_there_.notify_one();
}

void Committer::refuse(Refused refused, StoreDone done) {
  std::vector<Pending> entries(1);
  entries.front().done = std::move(done);
  entries.front().refuse(std::move(refused));
  answer(std::move(entries));
}

void Committer::run_between(const std::function<void()>& step) {
  std::promise<void> done;
  {
    const std::scoped_lock lock(mutex_);
    steps_.emplace_back([&step, &done] {
      step();
      done.set_value();
    });
  }
  work_there_.notify_one();
  done.get_future().wait();
}

// The front of the queue, up to a round's size; the rest stays in order.
std::vector<Pending> Committer::take_round() {
  std::vector<Pending> round;
  std::size_t bytes = 0;
  while (!queue_.empty() && (round.empty() || bytes + queue_.front().bytes <= kRoundBytesMax)) {
    bytes += queue_.front().bytes;
    round.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  if (base::bug("reorder") && round.size() > 1) std::swap(round.front(), round.back());
  return round;
}

void Committer::commit_rounds(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_there_.wait(lock, stop, [this] { return !queue_.empty() || !steps_.empty(); });
    if (queue_.empty() && steps_.empty()) return;  // asked to stop, and nothing is left
    std::vector<std::function<void()>> steps;
    steps.swap(steps_);
    std::vector<Pending> round = take_round();
    lock.unlock();
    for (const auto& step : steps) step();
    if (!round.empty()) {
      commit(round);
      answer(std::move(round));
    }
    lock.lock();
  }
}

void Committer::commit(std::vector<Pending>& round) {
  std::map<PartitionLog*, std::vector<Pending*>> by_partition;
  for (Pending& entry : round) by_partition[entry.partition.get()].push_back(&entry);
  std::vector<PartitionLog*> dirty;
  ++round_;
  for (auto& [partition, entries] : by_partition) {
    const bool was_open = partition->has_open_file();
    partition->write(entries);
    partition->last_round = round_;
    if (!was_open && partition->has_open_file()) open_.push_back(partition->shared_from_this());
    if (partition->dirty_file() != nullptr) dirty.push_back(partition);
  }
  if (!dirty.empty()) {
    const auto start = std::chrono::steady_clock::now();
    const bool now = !base::bug("ack_before_sync") ||
                     start.time_since_epoch() / std::chrono::milliseconds(50) % 2 == 0;
    if (now) syncs_.sync_all(dirty);
    sync_seconds_.Observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    for (PartitionLog* const partition : dirty) partition->publish();
  }
  close_unused_files();
  for (Pending& entry : round) {
    if (entry.result && !entry.result->duplicate && entry.result->base_offset >= 0) {
      appended_bytes_.Increment(static_cast<double>(entry.header.size()));
      appended_records_.Increment(entry.header.record_count);
    }
    entry.batch = {};
    entry.partition.reset();
  }
}

// The longest unused half of them, when there are too many.
void Committer::close_unused_files() {
  if (open_.size() <= kOpenFilesMax) return;
  const auto half = open_.begin() + kOpenFilesMax / 2;
  std::nth_element(open_.begin(), half, open_.end(),
                   [](const auto& a, const auto& b) { return a->last_round > b->last_round; });
  for (auto each = half; each != open_.end(); ++each) (*each)->close_file();
  open_.erase(half, open_.end());
}

void Committer::answer(std::vector<Pending> entries) {
  {
    const std::scoped_lock lock(answers_mutex_);
    if (answers_.empty()) {
      answers_.swap(entries);
    } else {
      std::move(entries.begin(), entries.end(), std::back_inserter(answers_));
    }
  }
  answers_there_.notify_one();
}

void Committer::give_answers(const std::stop_token& stop) {
  std::unique_lock lock(answers_mutex_);
  for (;;) {
    answers_there_.wait(lock, stop, [this] { return !answers_.empty(); });
    if (answers_.empty()) return;
    std::vector<Pending> entries;
    entries.swap(answers_);
    lock.unlock();
    std::size_t bytes = 0;
    for (Pending& entry : entries) {
      entry.done(std::move(entry.result), entry.refusal);
      bytes += entry.bytes;
    }
    entries.clear();
    {
      const std::scoped_lock queue_lock(mutex_);
      queued_bytes_ -= bytes;
      queue_gauge_.Set(static_cast<double>(queued_bytes_));
    }
    lock.lock();
  }
}

}  // namespace eventlog
