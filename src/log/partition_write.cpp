// The writing half of a partition: batches to the active segment, rolling, taking back what failed.
#include "base/check.h"
#include "base/logging.h"
#include "log/partition_log.h"

namespace eventlog {
namespace {

constexpr std::uint64_t kFirstReserveBytes = 64UL << 10;
constexpr std::uint64_t kReserveGrowth = 4;
constexpr std::int64_t kPrepareSegmentBytesMin = 1L << 20;  // smaller ones are made when needed

void sync_or_stop(base::File& file, const base::Path& path) {
  if (auto synced = file.sync(); !synced) stop_unsynced(path, synced.error());
}

// A write that failed is refused, not half kept; the caller may send it again.
base::Error refusal(base::Error error, const std::string& name) {
  if (error.mend.empty()) error.mend = "check the disk of the event log, then send it again";
  return {.code = base::Code::kUnavailable,
          .message = fmt::format("nothing was appended to {}: {}", name, error.message),
          .mend = std::move(error.mend)};
}

}  // namespace

void stop_unsynced(const base::Path& path, const base::Error& error) {
  base::stop_process(
      fmt::format("the event log could not be synced and stops, so that nothing acknowledged "
                  "is lost: {}: {}. Mend: check the disk, then start again",
                  path.string(), error.to_string()));
}

std::expected<std::optional<AppendResult>, Refused> PartitionLog::check_producer(
    const BatchHeader& header) const {
  if (header.producer_id < 0) return std::optional<AppendResult>{};
  if (const auto changed = changed_producers_.find(header.producer_id);
      changed != changed_producers_.end()) {
    return changed->second.check(header);
  }
  const std::shared_lock lock(mutex_);
  const auto known = producers_.find(header.producer_id);
  return known != producers_.end() ? known->second.check(header) : Producer{}.check(header);
}

// A marker is written only where a transaction is open; it fences older epochs in any case.
std::expected<std::optional<AppendResult>, Refused> PartitionLog::check_marker(
    const BatchHeader& header) {
  Producer& producer = changed_producer(header.producer_id);
  if (auto raised = producer.raise_epoch(header.producer_id, header.producer_epoch); !raised) {
    return std::unexpected(std::move(raised).error());
  }
  if (producer.transaction_from != kNoOffset) return std::optional<AppendResult>{};
  producer.last_us = services_.clock.now_us();
  return std::optional(AppendResult{.base_offset = -1, .last_offset = -1});
}

// The producer as it will be when this round is published.
Producer& PartitionLog::changed_producer(std::int64_t id) {
  const auto [changed, is_new] = changed_producers_.try_emplace(id);
  if (is_new) {
    const std::shared_lock lock(mutex_);
    if (const auto before = producers_.find(id); before != producers_.end()) {
      changed->second = before->second;
    }
  }
  return changed->second;
}

void PartitionLog::write(std::span<Pending* const> round) {
  std::optional<base::Error> refused;
  for (Pending* const entry : round) {
    if (closed_) {
      entry->refuse({Refusal::kUnknownPartition,
                     {.code = base::Code::kNotFound,
                      .message = fmt::format("topic of {} was deleted", name_),
                      .mend = "create it, or look at the list of topics"}});
    } else if (refused) {
      entry->refuse({Refusal::kNotNow, *refused});
    } else if (auto placed = place(*entry); !placed) {
      refused = std::move(placed).error();
      undo(*refused);
      entry->refuse({Refusal::kNotNow, *refused});
    }
  }
  if (auto flushed = flush(); !flushed) undo(flushed.error());
  if (!dirty_) publish();
}

// Puts one batch into the piece, beginning a new segment first where it must. An error is the
// disk's; an entry that is wrong in itself gets its own result.
base::Result<> PartitionLog::place(Pending& entry) {
  auto known =
      entry.header.is_control() ? check_marker(entry.header) : check_producer(entry.header);
  if (!known) {
    entry.refuse(std::move(known).error());
    return {};
  }
  if (known->has_value()) {
    entry.result = **known;
    piece_.entries.push_back(&entry);
    return {};
  }
  TRY(make_room(entry.batch.size() + kMarkSize));
  take_up(entry);
  return {};
}

base::Result<> PartitionLog::make_room(std::uint64_t bytes) {
  base::Result<> made;
  if (active_ == nullptr || must_roll(bytes)) {
    TRY(flush());
    made = roll(bytes);
  } else {
    made = open_active(bytes);
  }
  if (!made) return std::unexpected(refusal(std::move(made).error(), name_));
  return {};
}

void PartitionLog::take_up(Pending& entry) {
  if (piece_.parts.empty()) piece_.parts.emplace_back(piece_.mark);
  entry.header.base_offset = write_offset_;
  set_base_offset(entry.batch, write_offset_);
  write_offset_ = entry.header.last_offset() + 1;
  Written& written =
      written_.emplace_back(Written{entry.header, write_position_ + kMarkSize + piece_.bytes});
  piece_.parts.emplace_back(entry.batch);
  piece_.bytes += entry.batch.size();
  piece_.seal = seal_with(piece_.seal, entry.batch);
  if (entry.header.producer_id >= 0) {
    const Offset began =
        changed_producer(entry.header.producer_id).record(entry.header, services_.clock.now_us());
    if (entry.header.is_control() && !marker_commits(entry.batch).value_or(true)) {
      written.aborted = AbortedRange{.producer_id = entry.header.producer_id,
                                     .first_offset = began,
                                     .last_offset = entry.header.last_offset()};
    }
  }
  const bool stamped = (entry.header.attributes & kAppendTimeBit) != 0;
  entry.result = AppendResult{.base_offset = entry.header.base_offset,
                              .last_offset = entry.header.last_offset(),
                              .append_time_ms = stamped ? entry.header.max_timestamp_ms : -1};
  piece_.entries.push_back(&entry);
}

bool PartitionLog::must_roll(std::uint64_t bytes) const {
  const std::uint64_t position =
      write_position_ + (piece_.bytes > 0 ? kMarkSize + piece_.bytes : 0);
  if (position == 0) return false;  // never an empty one
  return position + bytes > static_cast<std::uint64_t>(config_.segment_bytes_max) ||
         services_.clock.now_us() - started_us_ > config_.segment_age_max_us;
}

base::Result<> PartitionLog::open_active(std::uint64_t bytes) {
  if (!file_) {
    file_ = TRY(services_.disk.open(active_->path(), false));
    capacity_ = TRY(file_->size());
  }
  return reserve(write_position_ + kMarkSize + piece_.bytes + bytes);
}

// Makes the file that long, in steps that grow: a small partition takes little of the disk.
base::Result<> PartitionLog::reserve(std::uint64_t bytes) {
  if (bytes <= capacity_) return {};
  const std::uint64_t step = std::max(kFirstReserveBytes, capacity_ * kReserveGrowth);
  const auto full = static_cast<std::uint64_t>(config_.segment_bytes_max);
  const std::uint64_t capacity = std::max(bytes, std::min(step, full));
  auto reserved = file_->allocate(capacity);
  if (!reserved) {
    services_.keeper.free_space();
    reserved = file_->allocate(capacity);
  }
  if (reserved) capacity_ = capacity;
  return reserved;
}

// Makes what the active segment holds durable and visible, closes it, and begins the next one.
base::Result<> PartitionLog::roll(std::uint64_t bytes) {
  if (active_ != nullptr) {
    TRY(open_active(0));
    if (waits_for_sync()) sync_or_stop(*file_, active_->path());
    publish();
  }
  const SegmentName name{.base_offset = write_offset_};
  const base::Path path = directory_ / name.with(".log");
  auto active_file = std::move(file_);
  const std::uint64_t active_capacity = capacity_;
  const auto back_to_active = [&](base::Error error) {
    static_cast<void>(services_.disk.remove(path));
    file_ = std::move(active_file);
    capacity_ = active_capacity;
    return std::unexpected(std::move(error));
  };
  auto prepared = Next::kThere;
  if (next_.compare_exchange_strong(prepared, Next::kNone)) {
    TRY(services_.disk.rename(directory_ / kNextFile, path));
  }
  auto file = services_.disk.open(path, true);
  if (!file) return back_to_active(std::move(file).error());
  file_ = *std::move(file);
  const auto size = file_->size();
  if (!size) return back_to_active(size.error());
  capacity_ = *size;
  if (auto reserved = reserve(bytes); !reserved) {
    return back_to_active(std::move(reserved).error());
  }
  if (active_ != nullptr) close_active();
  enter_segment(name);
  return {};
}

// The file in file_ becomes the active segment; its name is made durable first.
void PartitionLog::enter_segment(const SegmentName& name) {
  if (auto synced = services_.disk.sync_directory(directory_); !synced) {
    stop_unsynced(directory_, synced.error());
  }
  active_ = std::make_shared<Segment>(services_.disk, directory_, name,
                                      salt_of(id_, name.base_offset), 0);
  write_position_ = 0;
  started_us_ = services_.clock.now_us();
  auto failed = Next::kFailed;
  next_.compare_exchange_strong(failed, Next::kNone);
  const std::unique_lock lock(mutex_);
  segments_.push_back(
      {active_,
       {.end_offset = write_offset_, .started_us = started_us_, .last_append_us = started_us_}});
}

void PartitionLog::close_active() {
  SegmentState state;
  {
    const std::unique_lock lock(mutex_);
    SegmentState& kept = segments_.back().state;
    kept.open.clear();  // what recovery found open at that time may have ended
    for (const auto& [id, producer] : producers_) {
      if (open_transactions_.empty()) break;
      if (producer.transaction_from != kNoOffset) {
        kept.open.emplace_back(id, producer.transaction_from);
      }
    }
    kept.index.shrink_to_fit();
    state = kept;
  }
  const bool sync = !waits_for_sync();
  if (sync) ++closing_unsynced_;
  services_.keeper.close(active_, std::move(state), sync, [self = shared_from_this(), sync] {
    if (sync) --self->closing_unsynced_;
  });
}

void PartitionLog::prepare_next() {
  const auto bytes = config_.segment_bytes_max;
  auto none = Next::kNone;
  if (bytes < kPrepareSegmentBytesMin || write_position_ < static_cast<std::uint64_t>(bytes) / 2 ||
      !next_.compare_exchange_strong(none, Next::kAskedFor)) {
    return;
  }
  services_.keeper.prepare(directory_ / kNextFile, static_cast<std::uint64_t>(bytes),
                           [self = shared_from_this()](bool made) {
                             self->next_ = made ? Next::kThere : Next::kFailed;
                           });
}

base::Result<> PartitionLog::flush() {
  if (piece_.bytes > 0) {
    store_mark(piece_.mark,
               {.first_offset = written_.front().header.base_offset,
                .bytes = static_cast<std::uint32_t>(piece_.bytes),
                .position = write_position_,
                .seal = piece_.seal,
                .after_sync = !unsynced_},
               active_->salt());
    if (auto stored = file_->write_pieces_at(write_position_, piece_.parts); !stored) {
      return std::unexpected(refusal(std::move(stored).error(), name_));
    }
    write_position_ += kMarkSize + piece_.bytes;
    dirty_ = waits_for_sync();
    unsynced_ = unsynced_ || !dirty_;
  }
  piece_.parts.clear();
  piece_.entries.clear();
  piece_.bytes = 0;
  piece_.seal = 0;
  return {};
}

// Takes back a piece that was not written whole: the file ends where it did, and every entry of the
// piece gets the error (a duplicate of one of them too).
void PartitionLog::undo(const base::Error& error) {
  for (Pending* const entry : piece_.entries) entry->refuse({Refusal::kNotNow, error});
  const bool wrote = piece_.bytes > 0;
  piece_.entries.clear();
  piece_.parts.clear();
  piece_.bytes = 0;
  piece_.seal = 0;
  changed_producers_.clear();
  if (!wrote) return;
  write_offset_ = written_.front().header.base_offset;
  written_.clear();
  capacity_ = write_position_;
  if (auto cut = file_->truncate(write_position_); !cut) {
    base::stop_process(fmt::format("the event log could not take back a failed write and stops: {}",
                                   cut.error().to_string()));
  }
  sync_or_stop(*file_, active_->path());  // or a power cut might bring it back
}

void PartitionLog::publish() {
  if (dirty_ && closing_unsynced_ == 0) unsynced_ = false;
  dirty_ = false;
  if (written_.empty() && changed_producers_.empty()) return;
  std::vector<std::shared_ptr<Waiter>> waiters;
  {
    const std::unique_lock lock(mutex_);
    if (!written_.empty()) {
      SegmentState& state = segments_.back().state;
      for (const Written& batch : written_) {
        state.add(batch.header, batch.position);
        if (batch.aborted) state.aborted.push_back(*batch.aborted);
      }
      state.last_append_us = services_.clock.now_us();
      end_offset_.store(state.end_offset, std::memory_order_release);
    }
    for (auto& [id, changed] : changed_producers_) {
      Producer& producer = producers_[id];
      open_transactions_.erase(producer.transaction_from);
      if (changed.transaction_from != kNoOffset) {
        open_transactions_.insert(changed.transaction_from);
      }
      producer = std::move(changed);
    }
    count_transactions();
    if (!written_.empty()) {
      waiters.swap(waiters_);
      services_.watches.changed(watchers_);
    }
  }
  written_.clear();
  changed_producers_.clear();
  for (const auto& waiter : waiters) waiter->wake();
  prepare_next();
}

void PartitionLog::set_config(const TopicConfig& config) {
  const bool becomes_durable = config.durability == Durability::kDisk && !waits_for_sync();
  if (becomes_durable && active_ != nullptr) {
    auto file = services_.disk.open(active_->path(), false);
    if (!file) stop_unsynced(active_->path(), file.error());
    sync_or_stop(**file, active_->path());
    unsynced_ = false;
  }
  const std::unique_lock lock(mutex_);
  config_ = config;
}

void PartitionLog::close() {
  closed_ = true;
  file_.reset();
  wake_all();
}

}  // namespace eventlog
