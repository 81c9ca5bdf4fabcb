// The writing half of a partition: batches to the active segment, rolling, taking back what failed.
#include "base/check.h"
#include "base/logging.h"
#include "log/partition_log.h"

namespace eventlog {
namespace {

void sync_or_stop(base::File& file, const base::Path& path) {
  if (auto synced = file.sync(); !synced) stop_unsynced(path, synced.error());
}

}  // namespace

void stop_unsynced(const base::Path& path, const base::Error& error) {
  base::stop_process(
      fmt::format("the event log could not be synced and stops, so that nothing acknowledged "
                  "is lost: {}: {}. Mend: check the disk, then start again",
                  path.string(), error.to_string()));
}

namespace {

// A write that failed is refused, not half kept; the caller may send it again.
base::Error refusal(base::Error error, const std::string& name) {
  if (error.mend.empty()) error.mend = "check the disk of the event log, then send it again";
  return {.code = base::Code::kUnavailable,
          .message = fmt::format("nothing was appended to {}: {}", name, error.message),
          .mend = std::move(error.mend)};
}

}  // namespace

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
  producer.last_us = clock_.now_us();
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

void PartitionLog::write(std::span<Pending* const> round, std::vector<std::byte>& buffer) {
  Piece piece{.buffer = buffer};
  buffer.clear();
  buffer_position_ = write_position_;
  std::optional<base::Error> refused;
  for (Pending* const entry : round) {
    if (closed_) {
      entry->refuse({Refusal::kUnknownPartition,
                     {.code = base::Code::kNotFound,
                      .message = fmt::format("topic of {} was deleted", name_),
                      .mend = "create it, or look at the list of topics"}});
    } else if (refused) {
      entry->refuse({Refusal::kNotNow, *refused});
    } else if (auto placed = place(*entry, piece); !placed) {
      refused = std::move(placed).error();
      undo(piece, *refused);
      entry->refuse({Refusal::kNotNow, *refused});
    }
  }
  if (auto flushed = flush(piece); !flushed) undo(piece, flushed.error());
  if (!dirty_) publish();  // what changed without a write
}

// Puts one batch into the piece, beginning a new segment first where it must. An error is the
// disk's; an entry that is wrong in itself gets its own result.
base::Result<> PartitionLog::place(Pending& entry, Piece& piece) {
  auto known =
      entry.header.is_control() ? check_marker(entry.header) : check_producer(entry.header);
  if (!known) {
    entry.refuse(std::move(known).error());
    return {};
  }
  piece.entries.push_back(&entry);
  if (known->has_value()) {
    entry.result = **known;
    return {};
  }
  piece.entries.pop_back();
  TRY(make_room(entry.batch.size() + kMarkSize, piece));
  if (piece.buffer.empty()) {
    piece.buffer.resize(kMarkSize);
    buffer_position_ = write_position_ + kMarkSize;
  }
  take_up(entry, piece);
  return {};
}

base::Result<> PartitionLog::make_room(std::size_t bytes, Piece& piece) {
  if (must_roll(bytes)) {
    TRY(flush(piece));
    if (auto rolled = roll(bytes); !rolled) {
      return std::unexpected(refusal(std::move(rolled).error(), name_));
    }
  } else if (!file_ || !allocated_) {
    if (auto begun = begin_segment(bytes); !begun) {
      return std::unexpected(refusal(std::move(begun).error(), name_));
    }
  }
  return {};
}

void PartitionLog::take_up(Pending& entry, Piece& piece) {
  entry.header.base_offset = write_offset_;
  set_base_offset(entry.batch, write_offset_);
  write_offset_ = entry.header.last_offset() + 1;
  piece.buffer.insert(piece.buffer.end(), entry.batch.begin(), entry.batch.end());
  Written& written = written_.emplace_back(Written{entry.header, buffer_position_});
  buffer_position_ += entry.batch.size();
  if (entry.header.producer_id >= 0) {
    const Offset began =
        changed_producer(entry.header.producer_id).record(entry.header, clock_.now_us());
    if (entry.header.is_control() && !marker_commits(entry.batch).value_or(true)) {
      written.aborted = AbortedRange{.producer_id = entry.header.producer_id,
                                     .first_offset = began,
                                     .last_offset = entry.header.last_offset()};
    }
  }
  entry.result = AppendResult{.base_offset = entry.header.base_offset,
                              .last_offset = entry.header.last_offset(),
                              .append_time_ms = (entry.header.attributes & kAppendTimeBit) != 0
                                                    ? entry.header.max_timestamp_ms
                                                    : -1};
  piece.entries.push_back(&entry);
}

bool PartitionLog::must_roll(std::size_t bytes) const {
  if (buffer_position_ == 0) return false;  // never an empty one
  return buffer_position_ + bytes > static_cast<std::uint64_t>(config_.segment_bytes_max) ||
         clock_.now_us() - started_us_ > config_.segment_age_max_us;
}

// Opens the active segment for writing, or creates it, and reserves its space.
base::Result<> PartitionLog::begin_segment(std::size_t bytes) {
  const bool exists = active_ != nullptr;
  const base::Path path =
      exists ? active_->path() : directory_ / segment_file_name(write_offset_, ".log");
  if (!file_) {
    file_ = TRY(disk_.open(path, !exists));
    capacity_ = static_cast<std::uint64_t>(config_.segment_bytes_max);
  }
  capacity_ = std::max(capacity_, write_position_ + bytes);
  if (auto reserved = file_->allocate(capacity_); !reserved) {
    if (!exists) {
      file_.reset();
      static_cast<void>(disk_.remove(path));
    }
    return reserved;
  }
  allocated_ = true;
  if (!exists) enter_segment(path);
  return {};
}

// The new file in file_ becomes the active segment: its name and size are made durable first.
void PartitionLog::enter_segment(const base::Path& path) {
  sync_or_stop(*file_, path);
  if (auto synced = disk_.sync_directory(directory_); !synced)
    stop_unsynced(directory_, synced.error());
  active_ = std::make_shared<Segment>(disk_, path, write_offset_, 0);
  write_position_ = 0;
  buffer_position_ = 0;
  started_us_ = clock_.now_us();
  const std::unique_lock lock(mutex_);
  segments_.push_back(
      {active_,
       {.end_offset = write_offset_, .started_us = started_us_, .last_append_us = started_us_}});
}

// The active segment is full: makes what it holds durable and visible, and begins the next one.
base::Result<> PartitionLog::roll(std::size_t bytes) {
  if (!file_) file_ = TRY(disk_.open(active_->path(), false));
  const base::Path path = directory_ / segment_file_name(write_offset_, ".log");
  auto file = TRY(disk_.open(path, true));
  const auto capacity =
      std::max(static_cast<std::uint64_t>(config_.segment_bytes_max), std::uint64_t{bytes});
  if (auto reserved = file->allocate(capacity); !reserved) {
    static_cast<void>(disk_.remove(path));
    return reserved;
  }
  sync_or_stop(*file_, active_->path());
  publish();
  close_segment();
  file_ = std::move(file);
  capacity_ = capacity;
  allocated_ = true;
  enter_segment(path);
  return {};
}

// Derived or unneeded bytes only: a failure here costs space or time at the next start, no data.
void PartitionLog::close_segment() {
  const SegmentState state = checkpoint()->state;
  auto cut = file_->truncate(state.end_position);
  if (cut) {
    cut =
        save_index(disk_, directory_ / segment_file_name(active_->base_offset(), ".index"), state);
  }
  if (!cut) spdlog::warn("log: closing a segment: {}", cut.error().to_string());
}

base::Result<> PartitionLog::flush(Piece& piece) {
  if (!piece.buffer.empty()) {
    store_mark(std::span(piece.buffer).first<kMarkSize>(),
               {.first_offset = written_.front().header.base_offset,
                .bytes = static_cast<std::uint32_t>(piece.buffer.size() - kMarkSize),
                .position = write_position_});
    if (auto stored = file_->write_at(write_position_, piece.buffer); !stored) {
      return std::unexpected(refusal(std::move(stored).error(), name_));
    }
    write_position_ += piece.buffer.size();
    dirty_ = true;
  }
  piece.buffer.clear();
  piece.entries.clear();
  return {};
}

// Takes back a piece that was not written whole: the file ends where it did, and every entry of the
// piece gets the error (a duplicate of one of them too).
void PartitionLog::undo(Piece& piece, const base::Error& error) {
  for (Pending* const entry : piece.entries) entry->refuse({Refusal::kNotNow, error});
  piece.entries.clear();
  if (piece.buffer.empty()) return;
  piece.buffer.clear();
  write_offset_ = written_.front().header.base_offset;
  written_.clear();
  changed_producers_.clear();
  buffer_position_ = write_position_;
  allocated_ = false;
  if (auto cut = file_->truncate(write_position_); !cut) {
    base::stop_process(fmt::format("the event log could not take back a failed write and stops: {}",
                                   cut.error().to_string()));
  }
  sync_or_stop(*file_, active_->path());  // or a power cut might bring it back
}

void PartitionLog::publish() {
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
      state.last_append_us = clock_.now_us();
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
      watches_.changed(watchers_);
    }
  }
  written_.clear();
  changed_producers_.clear();
  for (const auto& waiter : waiters) waiter->wake();
}

void PartitionLog::set_config(const TopicConfig& config) {
  const std::unique_lock lock(mutex_);
  config_ = config;
}

void PartitionLog::close() {
  closed_ = true;
  wake_all();
}

}  // namespace eventlog
