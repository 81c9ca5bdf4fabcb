// The one thread that writes: everything that waits becomes a round, one write and one sync per
// partition, then the answers.
//
// There is no timer: a round takes what came while the round before was syncing. Answers are given
// from a second thread, so that the next round does not wait for callbacks.
// Threads: submit() and run_between() from any. Invariant: each submitted entry's `done` is called
// exactly once, also when the committer ends.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "base/metrics.h"
#include "base/task_group.h"
#include "log/partition_log.h"
#include "log/sync_pool.h"

namespace eventlog {

inline constexpr std::size_t kRoundBytesMax = 16UL << 20;
inline constexpr int kSyncThreads = 3;             // beside the committer's own
inline constexpr std::size_t kOpenFilesMax = 512;  // the longest unused are closed first

class Committer {
 public:
  explicit Committer(std::size_t queued_bytes_max);
  ~Committer() { stop(); }

  // Takes a batch that was checked. kUnavailable through `done` when the bound is reached.
  void submit(std::shared_ptr<PartitionLog> partition, std::vector<std::byte> batch,
              const BatchHeader& header, StoreDone done);
  // Answers with an error, from the log's thread.
  void refuse(Refused refused, StoreDone done);
  // Runs `step` between two rounds and returns when it is done.
  void run_between(const std::function<void()>& step);
  // Writes what was submitted, answers, ends.
  void stop();

 private:
  void commit_rounds(const std::stop_token& stop);
  std::vector<Pending> take_round();
  void commit(std::vector<Pending>& round);
  void answer(std::vector<Pending> entries);
  void give_answers(const std::stop_token& stop);

  const std::size_t queued_bytes_max_;
  std::mutex mutex_;
  std::condition_variable_any work_there_;
  std::deque<Pending> queue_;
  std::vector<std::function<void()>> steps_;
  std::size_t queued_bytes_ = 0;
  bool stopping_ = false;

  std::mutex answers_mutex_;
  std::condition_variable_any answers_there_;
  std::vector<Pending> answers_;

  void close_unused_files();

  std::vector<std::shared_ptr<PartitionLog>> open_;  // the committer's: partitions with open files
  std::uint64_t round_ = 0;
  prometheus::Counter& appended_bytes_;
  prometheus::Counter& appended_records_;
  prometheus::Histogram& sync_seconds_;
  prometheus::Gauge& queue_gauge_;
  SyncPool syncs_{kSyncThreads};
  base::TaskGroup committing_;
  base::TaskGroup answering_;
};

}  // namespace eventlog
