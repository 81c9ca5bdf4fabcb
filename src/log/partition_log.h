// One partition: its segments, what is durable of them, and who waits for more.
//
// Threads: reading and waiting from any; write(), dirty_file() and publish() from the committer's
// thread alone. Invariant: readers see exactly what was published, and only synced bytes are.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <vector>

#include "log/recovery.h"
#include "log/watch.h"

namespace eventlog {

class PartitionLog;

// A batch on its way through the committer.
struct Pending {
  std::shared_ptr<PartitionLog> partition;  // null when it was refused before
  std::vector<std::byte> batch;
  BatchHeader header;
  StoreDone done;
  base::Result<AppendResult> result;
  Refusal refusal = Refusal::kNone;
  std::size_t bytes = 0;  // that it holds of the queue's bound

  void refuse(Refused refused) {
    refusal = refused.refusal;
    result = std::unexpected(std::move(refused.error));
  }
};

// A sync has failed: says so and ends the process.
[[noreturn]] void stop_unsynced(const base::Path& path, const base::Error& error);

// Somebody who waits for one of several partitions.
class Waiter {
 public:
  void wake();
  bool wait_us(std::int64_t timeout_us);  // whether it was woken

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

class PartitionLog {
 public:
  PartitionLog(base::FileSystem& disk, const base::Clock& clock, base::Path directory,
               std::string name, const TopicConfig& config, RecoveredPartition recovered,
               WatchCaller& watches);

  // Reading.
  Offset start_offset() const;
  Offset end_offset() const { return end_offset_.load(std::memory_order_acquire); }
  // The first offset of the oldest open transaction, or the end.
  Offset stable_offset() const { return stable_offset_.load(std::memory_order_acquire); }
  base::Result<ReadResult> read(Offset offset, std::size_t bytes_max) const;
  base::Result<FetchResult> fetch(Offset offset, std::size_t bytes_max, Isolation isolation,
                                  bool at_least_one) const;
  base::Result<ListedOffset> list_offset_at(std::int64_t time_ms) const;
  base::Result<ListedOffset> list_greatest_time() const;
  base::Result<Offset> offset_at_time(base::TimestampUs time_us) const;
  std::optional<std::int32_t> last_sequence(std::int64_t producer_id) const;
  // Whether there is data at `offset` already; otherwise the waiter is woken when it comes.
  bool add_waiter(Offset offset, const std::shared_ptr<Waiter>& waiter) const;
  void remove_waiter(const std::shared_ptr<Waiter>& waiter) const;
  void add_watcher(const std::shared_ptr<Watcher>& watcher) const;
  void remove_watcher(const std::shared_ptr<Watcher>& watcher) const;

  // Keeping house.
  base::Result<int> enforce_retention(base::TimestampUs now_us);
  // Everything before `offset` (-1: the end) is gone, durably; the new start offset.
  base::Result<Offset> delete_records(Offset offset);
  // nullopt while nothing was ever written.
  std::optional<PartitionCheckpoint> checkpoint() const;

  // Writing. Each entry's result is set: what it becomes once the round is synced and published.
  void write(std::span<Pending* const> round, std::vector<std::byte>& buffer);
  base::File* dirty_file() const { return dirty_ ? file_.get() : nullptr; }
  const base::Path& directory() const { return directory_; }
  void publish();
  void set_config(const TopicConfig& config);
  // Refuses all writes from now on (the topic is deleted), waking whoever waits.
  void close();

 private:
  struct Located {
    std::shared_ptr<Segment> segment;
    std::uint64_t position = 0;
    std::uint64_t limit = 0;
  };
  // A batch that was written to the active segment and not published yet.
  struct Written {
    BatchHeader header;
    std::uint64_t position = 0;
    std::optional<AbortedRange> aborted = {};
  };
  // The part of a round that goes to one segment under one mark.
  struct Piece {
    std::vector<std::byte>& buffer;
    std::vector<Pending*> entries = {};
  };

  std::optional<Located> locate(Offset offset) const;
  std::unexpected<base::Error> outside(Offset offset) const;
  // Batches from `offset` on, before `limit`.
  base::Result<> collect(Offset limit, std::size_t bytes_max, ReadResult& result) const;
  std::vector<AbortedRange> aborted_in(Offset from, Offset to) const;
  base::Result<> remove_files(const std::vector<std::shared_ptr<Segment>>& dropped);

  std::expected<std::optional<AppendResult>, Refused> check_producer(
      const BatchHeader& header) const;
  std::expected<std::optional<AppendResult>, Refused> check_marker(const BatchHeader& header);
  Producer& changed_producer(std::int64_t id);
  base::Result<> place(Pending& entry, Piece& piece);
  base::Result<> make_room(std::size_t bytes, Piece& piece);
  void take_up(Pending& entry, Piece& piece);
  bool must_roll(std::size_t bytes) const;
  base::Result<> roll(std::size_t bytes);
  base::Result<> begin_segment(std::size_t bytes);
  base::Result<> flush(Piece& piece);
  void undo(Piece& piece, const base::Error& error);
  void enter_segment(const base::Path& path);
  void close_segment();
  void wake_all() const;
  void count_transactions();

  base::FileSystem& disk_;
  const base::Clock& clock_;
  const base::Path directory_;
  const std::string name_;  // "topic/partition"
  WatchCaller& watches_;

  mutable std::shared_mutex mutex_;  // over the next ones
  TopicConfig config_;               // changed by the committer's thread
  std::vector<KeptSegment> segments_;
  Producers producers_;
  std::set<Offset> open_transactions_;  // their first offsets
  mutable std::vector<std::shared_ptr<Waiter>> waiters_;
  mutable std::vector<std::shared_ptr<Watcher>> watchers_;
  Offset start_offset_ = 0;
  std::atomic<Offset> end_offset_{0};
  std::atomic<Offset> stable_offset_{0};

  // The committer's own: where the file is ahead of what is published.
  bool closed_ = false;
  bool dirty_ = false;
  bool allocated_ = false;
  std::shared_ptr<Segment> active_;
  std::unique_ptr<base::File> file_;  // of the active segment, once it is written to
  std::uint64_t capacity_ = 0;
  std::uint64_t write_position_ = 0;   // behind what was written
  std::uint64_t buffer_position_ = 0;  // behind what is in the piece
  Offset write_offset_ = 0;
  base::TimestampUs started_us_ = 0;
  std::vector<Written> written_;
  Producers changed_producers_;
};

}  // namespace eventlog
