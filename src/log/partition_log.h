// One partition: its segments, what is durable of them, and who waits for more.
//
// Threads: reading and waiting from any; "Writing" from the committer's thread alone; keeping house
// from one thread at a time. Invariant: readers see exactly what was published, and where the
// topic's durability is disk only synced bytes are.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <vector>

#include "log/recovery.h"
#include "log/segment_keeper.h"
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

// What partitions share.
struct PartitionServices {
  base::FileSystem& disk;
  const base::Clock& clock;
  WatchCaller& watches;
  SegmentKeeper& keeper;
};

class PartitionLog : public std::enable_shared_from_this<PartitionLog> {
 public:
  // `id` is "<topic id>/<number>", `name` "<topic>/<number>".
  PartitionLog(const PartitionServices& services, base::Path directory, std::string id,
               std::string name, const TopicConfig& config, RecoveredPartition recovered);

  // Reading.
  Offset start_offset() const;
  Offset end_offset() const { return end_offset_.load(std::memory_order_acquire); }
  // The first offset of the oldest open transaction, or the end.
  Offset stable_offset() const { return stable_offset_.load(std::memory_order_acquire); }
  base::Result<ReadResult> read(Offset offset, std::size_t bytes_max) const;
  base::Result<FetchResult> fetch(Offset offset, std::size_t bytes_max, Isolation isolation,
                                  bool at_least_one) const;
  base::Result<Offset> offset_at_time(base::TimestampUs time_us) const;
  base::Result<ListedOffset> list_offset_at(std::int64_t time_ms) const;
  base::Result<ListedOffset> list_greatest_time() const;
  std::optional<std::int32_t> last_sequence(std::int64_t producer_id) const;
  // Whether there is committed data at `offset` already; otherwise the waiter is woken when it
  // comes.
  bool add_waiter(Offset offset, const std::shared_ptr<Waiter>& waiter) const;
  void remove_waiter(const std::shared_ptr<Waiter>& waiter) const;
  void add_watcher(const std::shared_ptr<Watcher>& watcher) const;
  void remove_watcher(const std::shared_ptr<Watcher>& watcher) const;

  // Keeping house; one thread at a time gets in.
  base::Result<int> enforce_retention(base::TimestampUs now_us);
  // Everything before `offset` (-1: the end) is gone, durably; the new start offset.
  base::Result<Offset> delete_records(Offset offset);
  // nullopt while nothing was ever written, or what was is not synced yet. Syncs where commits do
  // not.
  std::optional<PartitionCheckpoint> checkpoint() const;

  // Writing. Each entry's result is set: what it becomes once the round is synced and published.
  void write(std::span<Pending* const> round);
  // To be synced before publish(); null when the topic does not wait for it.
  base::File* dirty_file() const { return dirty_ ? file_.get() : nullptr; }
  const base::Path& directory() const { return directory_; }
  void publish();
  bool has_open_file() const { return file_ != nullptr; }
  void close_file() { file_.reset(); }
  std::uint64_t last_round = 0;  // the committer's: when it was written to
  // The keeper has nothing under way when durability becomes disk.
  void set_config(const TopicConfig& config);
  // Refuses all writes from now on (the topic is deleted), waking whoever waits.
  void close();

 private:
  struct Located {
    std::shared_ptr<Segment> segment;
    std::uint64_t position = 0;
    std::uint64_t limit = 0;
    Offset end_offset = 0;
  };
  // A batch that was written to the active segment and not published yet.
  struct Written {
    BatchHeader header;
    std::uint64_t position = 0;
    std::optional<AbortedRange> aborted = {};
  };
  // The part of a round that goes to one segment under one mark.
  struct Piece {
    std::array<std::byte, kMarkSize> mark = {};
    std::vector<std::span<const std::byte>> parts = {};  // the mark first
    std::uint64_t bytes = 0;
    std::uint32_t seal = 0;
    std::vector<Pending*> entries = {};
  };

  std::optional<Located> locate(Offset offset) const;
  std::unexpected<base::Error> outside(Offset offset) const;
  // Batches from `offset` on, before `limit`.
  base::Result<> collect(Offset limit, std::size_t bytes_max, ReadResult& result) const;
  std::vector<AbortedRange> aborted_in(Offset from, Offset to) const;
  base::Result<> drop(std::vector<std::shared_ptr<Segment>> segments);
  base::Result<> compact(base::TimestampUs now_us);
  std::vector<KeptSegment> compactable(base::TimestampUs now_us) const;
  void replace(const std::vector<std::shared_ptr<Segment>>& before, const KeptSegment& after);
  void wake_all() const;
  void count_transactions();

  std::expected<std::optional<AppendResult>, Refused> check_producer(
      const BatchHeader& header) const;
  std::expected<std::optional<AppendResult>, Refused> check_marker(const BatchHeader& header);
  Producer& changed_producer(std::int64_t id);
  base::Result<> place(Pending& entry);
  base::Result<> make_room(std::uint64_t bytes);
  void take_up(Pending& entry);
  bool must_roll(std::uint64_t bytes) const;
  base::Result<> roll(std::uint64_t bytes);
  base::Result<> open_active(std::uint64_t bytes);
  base::Result<> reserve(std::uint64_t bytes);
  void enter_segment(const SegmentName& name);
  void close_active();
  void prepare_next();
  base::Result<> flush();
  void undo(const base::Error& error);
  bool waits_for_sync() const { return config_.durability == Durability::kDisk; }

  const PartitionServices services_;
  const base::Path directory_;
  const std::string id_;
  const std::string name_;

  std::mutex house_mutex_;  // over the next one, and held while segments are dropped or replaced
  base::TimestampUs compact_again_us_ = std::numeric_limits<base::TimestampUs>::max();

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
  std::atomic<int> closing_unsynced_{0};  // closed segments that the keeper has yet to sync

  enum class Next : std::uint8_t { kNone, kAskedFor, kThere, kFailed };
  std::atomic<Next> next_{Next::kNone};  // the file for the segment after the active one

  // The committer's own: where the file is ahead of what is published.
  bool closed_ = false;
  bool dirty_ = false;
  bool unsynced_ = false;  // bytes of earlier rounds may not be on disk
  std::shared_ptr<Segment> active_;
  std::unique_ptr<base::File> file_;  // of the active segment, while it is written to
  std::uint64_t capacity_ = 0;        // reserved in it
  std::uint64_t write_position_ = 0;  // behind what was written
  Offset write_offset_ = 0;
  base::TimestampUs started_us_ = 0;
  Piece piece_;
  std::vector<Written> written_;
  Producers changed_producers_;
};

}  // namespace eventlog
