// The reading half; partition_write.cpp has the writing half.
#include "log/partition_log.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "log/compaction.h"

namespace eventlog {

void Waiter::wake() {
  {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

bool Waiter::wait_us(std::int64_t timeout_us) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::microseconds(timeout_us), [this] { return woken_; });
}

PartitionLog::PartitionLog(const PartitionServices& services, base::Path directory, std::string id,
                           std::string name, const TopicConfig& config,
                           RecoveredPartition recovered)
    : services_(services),
      directory_(std::move(directory)),
      id_(std::move(id)),
      name_(std::move(name)),
      config_(config),
      segments_(std::move(recovered.segments)),
      producers_(std::move(recovered.producers)),
      start_offset_(recovered.start_offset),
      end_offset_(recovered.end_offset),
      // What a crash left may be in the page cache alone.
      unsynced_(config.durability != Durability::kDisk),
      write_offset_(recovered.end_offset) {
  for (const auto& [producer_id, producer] : producers_) {
    if (producer.transaction_from != kNoOffset) {
      open_transactions_.insert(producer.transaction_from);
    }
  }
  count_transactions();
  if (segments_.empty() || segments_.back().segment->compacted()) return;
  active_ = segments_.back().segment;
  write_position_ = segments_.back().state.end_position;
  started_us_ = segments_.back().state.started_us;
}

Offset PartitionLog::start_offset() const {
  const std::shared_lock lock(mutex_);
  return start_offset_;
}

// With mutex_ held, or before anybody else can see this.
void PartitionLog::count_transactions() {
  const Offset end = end_offset_.load(std::memory_order_relaxed);
  stable_offset_.store(open_transactions_.empty() ? end : *open_transactions_.begin(),
                       std::memory_order_release);
}

std::unexpected<base::Error> PartitionLog::outside(Offset offset) const {
  return base::fail_with(base::Code::kInvalid,
                         fmt::format("offset {} of {} is outside of what is kept: {} to {}", offset,
                                     name_, start_offset(), end_offset()),
                         "start from the first kept offset or from the end");
}

// The place to look for `offset`; nullopt outside of [start, end).
std::optional<PartitionLog::Located> PartitionLog::locate(Offset offset) const {
  const std::shared_lock lock(mutex_);
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), offset,
      [](Offset o, const KeptSegment& kept) { return o < kept.segment->base_offset(); });
  if (after == segments_.begin()) return std::nullopt;
  const KeptSegment& kept = *std::prev(after);
  if (offset >= kept.state.end_offset) return std::nullopt;
  return Located{kept.segment, kept.state.position_of(offset), kept.state.end_position,
                 kept.state.end_offset};
}

base::Result<> PartitionLog::collect(Offset limit, std::size_t bytes_max,
                                     ReadResult& result) const {
  const Offset offset = result.next_offset;
  std::size_t bytes_left = std::max<std::size_t>(bytes_max, 1);
  while (bytes_left > 0 && result.next_offset < limit) {
    const auto place = locate(result.next_offset);
    if (!place) {
      if (result.batches.empty()) return outside(offset);  // retention was faster
      break;
    }
    const Offset before = result.next_offset;
    auto collected =
        place->segment->collect(place->position, place->limit, limit, bytes_left, result);
    if (!collected) {
      // What was found in front of the damage is served; the next read tells of it.
      if (!result.batches.empty()) break;
      const bool gone = collected.error().code == base::Code::kNotFound && offset < start_offset();
      return gone ? outside(offset) : std::unexpected(std::move(collected).error());
    }
    if (result.next_offset == before) {
      // The next batch is larger than what is left, or compaction took out the rest of the segment.
      if (!place->segment->compacted() ||
          TRY(place->segment->has_batch_at(place->position, place->limit, before))) {
        break;
      }
      result.next_offset = place->end_offset;
    }
  }
  return {};
}

base::Result<Offset> PartitionLog::offset_at_time(base::TimestampUs time_us) const {
  // Records carry milliseconds: the first one that is not before the time.
  std::int64_t time_ms = time_us / base::kUsPerMs;
  if (time_us > 0 && time_us % base::kUsPerMs != 0) ++time_ms;
  for (;;) {
    std::optional<Located> place;
    {
      const std::shared_lock lock(mutex_);
      const auto kept = std::find_if(
          segments_.begin(), segments_.end(),
          [time_ms](const KeptSegment& k) { return k.state.max_timestamp_ms >= time_ms; });
      if (kept == segments_.end()) return end_offset();
      place = {kept->segment, kept->state.position_of_time(time_ms), kept->state.end_position};
    }
    auto found = place->segment->first_at_time(place->position, place->limit, time_ms);
    if (found) return found->value_or(end_offset());
    const bool gone = place->segment->base_offset() < start_offset();  // retention was faster
    if (!gone) return std::unexpected(std::move(found).error());
  }
}

std::optional<std::int32_t> PartitionLog::last_sequence(std::int64_t producer_id) const {
  const std::shared_lock lock(mutex_);
  const auto found = producers_.find(producer_id);
  if (found == producers_.end() || found->second.batches.empty()) return std::nullopt;
  return found->second.batches.back().last_sequence;
}

bool PartitionLog::add_waiter(Offset offset, const std::shared_ptr<Waiter>& waiter) const {
  const std::unique_lock lock(mutex_);
  if (stable_offset() > offset) return true;
  waiters_.push_back(waiter);
  return false;
}

void PartitionLog::remove_waiter(const std::shared_ptr<Waiter>& waiter) const {
  const std::unique_lock lock(mutex_);
  std::erase(waiters_, waiter);
}

void PartitionLog::add_watcher(const std::shared_ptr<Watcher>& watcher) const {
  const std::unique_lock lock(mutex_);
  watchers_.push_back(watcher);
}

void PartitionLog::remove_watcher(const std::shared_ptr<Watcher>& watcher) const {
  const std::unique_lock lock(mutex_);
  std::erase(watchers_, watcher);
}

void PartitionLog::wake_all() const {
  std::vector<std::shared_ptr<Waiter>> waiters;
  {
    const std::unique_lock lock(mutex_);
    waiters.swap(waiters_);
    services_.watches.changed(watchers_);
  }
  for (const auto& waiter : waiters) waiter->wake();
}

base::Result<int> PartitionLog::enforce_retention(base::TimestampUs now_us) {
  const std::scoped_lock house(house_mutex_);
  std::vector<std::shared_ptr<Segment>> dropped;
  {
    const std::unique_lock lock(mutex_);
    expire(producers_, now_us);
    std::uint64_t bytes = 0;
    for (const KeptSegment& kept : segments_) bytes += kept.state.end_position;
    while (segments_.size() > 1 && config_.cleanup != Cleanup::kCompact) {
      const SegmentState& oldest = segments_.front().state;
      const bool too_old =
          config_.retention_us >= 0 && oldest.last_append_us < now_us - config_.retention_us;
      const bool too_much = config_.retention_bytes >= 0 &&
                            bytes > static_cast<std::uint64_t>(config_.retention_bytes);
      if (!too_old && !too_much) break;
      bytes -= oldest.end_position;
      dropped.push_back(segments_.front().segment);
      segments_.erase(segments_.begin());
      start_offset_ = std::max(start_offset_, segments_.front().segment->base_offset());
    }
  }
  const auto count = static_cast<int>(dropped.size());
  TRY(drop(std::move(dropped)));
  TRY(compact(now_us));
  return count;
}

// The closed segments, when compaction is due: a third of their bytes is new, or something that was
// kept for a time may go.
std::vector<KeptSegment> PartitionLog::compactable(base::TimestampUs now_us) const {
  const Offset stable = stable_offset();
  std::vector<KeptSegment> closed;
  std::uint64_t old_bytes = 0;
  std::uint64_t new_bytes = 0;
  const std::shared_lock lock(mutex_);
  if (config_.cleanup == Cleanup::kDelete) return {};
  for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
    const KeptSegment& kept = segments_[i];
    if (kept.state.end_offset > stable) break;
    (kept.segment->compacted() ? old_bytes : new_bytes) += kept.state.end_position;
    closed.push_back(kept);
  }
  const bool enough = new_bytes > 0 && new_bytes * 2 >= old_bytes;
  return enough || now_us >= compact_again_us_ ? closed : std::vector<KeptSegment>{};
}

base::Result<> PartitionLog::compact(base::TimestampUs now_us) {
  TopicConfig config;
  {
    const std::shared_lock lock(mutex_);
    config = config_;
  }
  std::vector<KeptSegment> closed = compactable(now_us);
  if (closed.empty()) return {};
  Compaction compaction(services_.disk, directory_, id_, config, now_us);
  std::vector<std::shared_ptr<Segment>> dropped;
  // Also those whose end is in the active segment.
  Compaction::Known known{.aborted = aborted_in(0, end_offset())};
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [id, producer] : producers_) {
      if (!producer.batches.empty()) known.last_batches.insert(producer.batches.back().last_offset);
    }
  }
  TRY(compaction.run(closed, std::move(known), [&](const Compaction::Replaced& replaced) {
    replace(replaced.before, replaced.after);
    for (const auto& segment : replaced.before) {
      if (segment->path() != replaced.after.segment->path()) dropped.push_back(segment);
    }
  }));
  compact_again_us_ =
      compaction.look_again_us().value_or(std::numeric_limits<base::TimestampUs>::max());
  closed.clear();
  return drop(std::move(dropped));
}

void PartitionLog::replace(const std::vector<std::shared_ptr<Segment>>& before,
                           const KeptSegment& after) {
  const std::unique_lock lock(mutex_);
  const auto first = std::find_if(segments_.begin(), segments_.end(), [&](const KeptSegment& kept) {
    return kept.segment == before.front();
  });
  CHECK(first != segments_.end(), "a segment was dropped while it was compacted");
  const auto last = first + static_cast<std::ptrdiff_t>(before.size());
  *first = after;
  segments_.erase(first + 1, last);
}

base::Result<> PartitionLog::drop(std::vector<std::shared_ptr<Segment>> segments) {
  // Oldest first and one by one, so that a crash in between leaves no gap.
  for (const auto& segment : segments) {
    TRY(services_.keeper.drop(segment));
    TRY(services_.disk.sync_directory(directory_));
  }
  return {};
}

base::Result<Offset> PartitionLog::delete_records(Offset offset) {
  const Offset end = end_offset();
  const Offset to = offset == -1 ? end : offset;
  if (to < 0 || to > end) return outside(offset);
  if (to <= start_offset()) return start_offset();
  const std::scoped_lock house(house_mutex_);
  TRY(base::write_file_durably(services_.disk, directory_ / kStartFile, std::to_string(to) + "\n"));
  std::vector<std::shared_ptr<Segment>> dropped;
  {
    const std::unique_lock lock(mutex_);
    start_offset_ = std::max(start_offset_, to);
    while (segments_.size() > 1 && segments_[1].segment->base_offset() <= start_offset_) {
      dropped.push_back(segments_.front().segment);
      segments_.erase(segments_.begin());
    }
  }
  TRY(drop(std::move(dropped)));
  return to;
}

std::optional<PartitionCheckpoint> PartitionLog::checkpoint() const {
  std::optional<PartitionCheckpoint> found;
  std::shared_ptr<Segment> unsynced;
  {
    const std::shared_lock lock(mutex_);
    if (segments_.empty() || closing_unsynced_ > 0) return std::nullopt;
    found = {segments_.back().segment->base_offset(), segments_.back().state, producers_};
    if (config_.durability != Durability::kDisk) unsynced = segments_.back().segment;
  }
  if (!unsynced) return found;
  auto file = services_.disk.open(unsynced->path(), false);
  if (!file) return std::nullopt;
  if (auto synced = (*file)->sync(); !synced) stop_unsynced(unsynced->path(), synced.error());
  return found;
}

}  // namespace eventlog
