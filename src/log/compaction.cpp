#include "log/compaction.h"

#include <algorithm>

#include "log/batch_rewrite.h"

namespace eventlog {
namespace {
constexpr std::size_t kRoundBytes = 1UL << 20;
}  // namespace

// The file that is written, round by round.
class Compaction::Output {
 public:
  Output(std::unique_ptr<base::File> file, std::uint32_t salt, SegmentState state)
      : file_(std::move(file)), salt_(salt), state_(std::move(state)) {}

  base::Result<> add(const BatchHeader& header, Batch batch) {
    if (round_.empty()) {
      round_.resize(kMarkSize);
      first_offset_ = header.base_offset;
      seal_ = 0;
    }
    state_.add(header, position_ + round_.size());
    seal_ = seal_with(seal_, batch);
    round_.insert(round_.end(), batch.begin(), batch.end());
    return round_.size() >= kRoundBytes ? flush() : base::Result<>{};
  }

  base::Result<> flush() {
    if (round_.empty()) return {};
    store_mark(std::span(round_).first<kMarkSize>(),
               {.first_offset = first_offset_,
                .bytes = static_cast<std::uint32_t>(round_.size() - kMarkSize),
                .position = position_,
                .seal = seal_,
                .after_sync = true},
               salt_);
    TRY(file_->write_at(position_, round_));
    position_ += round_.size();
    round_.clear();
    return {};
  }

  base::Result<> finish() {
    TRY(flush());
    state_.end_position = position_;
    return file_->sync();
  }

  SegmentState& state() { return state_; }
  bool changed = false;  // something was left out or rewritten

 private:
  const std::unique_ptr<base::File> file_;
  const std::uint32_t salt_;
  SegmentState state_;
  std::vector<std::byte> round_;
  std::uint64_t position_ = 0;
  Offset first_offset_ = 0;
  std::uint32_t seal_ = 0;
};

Compaction::Compaction(base::FileSystem& disk, const base::Path& directory,
                       const std::string& partition, const TopicConfig& config,
                       base::TimestampUs now_us, std::size_t keys_max)
    : disk_(disk),
      directory_(directory),
      partition_(partition),
      config_(config),
      now_ms_(now_us / base::kUsPerMs),
      keys_(keys_max) {}

base::Result<> Compaction::run(const std::vector<KeptSegment>& closed, Known known,
                               const std::function<void(const Replaced&)>& replaced) {
  known_ = std::move(known);
  const std::size_t count = TRY(find_keys(closed));
  const auto segment_bytes = static_cast<std::uint64_t>(config_.segment_bytes_max);
  for (std::size_t from = 0; from < count;) {
    std::uint64_t bytes = closed[from].state.end_position;
    std::size_t to = from + 1;
    for (; to < count && bytes + closed[to].state.end_position <= segment_bytes; ++to) {
      bytes += closed[to].state.end_position;
    }
    const auto group = std::span(closed).subspan(from, to - from);
    if (const auto result = TRY(rewrite(group))) replaced(*result);
    from = to;
  }
  return {};
}

base::Result<> Compaction::each_batch(const KeptSegment& kept, const EachBatch& each) const {
  ReadResult found;
  found.next_offset = kept.segment->base_offset();
  std::size_t bytes_left = kept.state.end_position;
  TRY(kept.segment->collect(0, kept.state.end_position, kept.state.end_offset, bytes_left, found));
  for (const Batch batch : found.batches) TRY(each(TRY(read_header(batch)), batch));
  return {};
}

// How many of the segments can be compacted with the keys that fit.
base::Result<std::size_t> Compaction::find_keys(const std::vector<KeptSegment>& closed) {
  bool any = false;
  for (std::size_t i = 0; i < closed.size(); ++i) {
    if (closed[i].segment->compacted()) continue;
    if (!TRY(find_keys_of(closed[i]))) return any ? i : i + 1;
    any = true;
  }
  return closed.size();
}

base::Result<bool> Compaction::find_keys_of(const KeptSegment& kept) {
  bool fits = true;
  TRY(each_batch(kept, [&](const BatchHeader& header, Batch batch) -> base::Result<> {
    if (!fits || header.is_control() || is_aborted(header)) return {};
    return for_each_record(batch, [&](const RecordView& record) {
      if (record.key) fits = fits && keys_.put(*record.key, record.offset);
    });
  }));
  return fits;
}

bool Compaction::is_aborted(const BatchHeader& header) const {
  if (!header.is_transactional()) return false;
  const auto first = std::partition_point(
      known_.aborted.begin(), known_.aborted.end(),
      [&](const AbortedRange& range) { return range.last_offset < header.base_offset; });
  return std::any_of(first, known_.aborted.end(), [&](const AbortedRange& range) {
    return range.producer_id == header.producer_id && range.first_offset <= header.base_offset;
  });
}

base::Result<std::optional<Compaction::Replaced>> Compaction::rewrite(
    std::span<const KeptSegment> group) {
  const KeptSegment& first = group.front();
  const KeptSegment& last = group.back();
  const SegmentName name{.base_offset = first.segment->base_offset(),
                         .end_offset = last.state.end_offset};
  const base::Path temporary = directory_ / name.with(".log.tmp");
  const base::Path path = directory_ / name.with(".log");
  SegmentState state{.end_offset = name.base_offset,
                     .started_us = first.state.started_us,
                     .last_append_us = last.state.last_append_us};
  auto file = TRY(disk_.open(temporary, true));
  TRY(file->truncate(0));
  const std::uint32_t salt = salt_of(partition_, name.base_offset);
  Output out(std::move(file), salt, std::move(state));
  for (const KeptSegment& kept : group) {
    TRY(each_batch(kept, [&](const BatchHeader& header, Batch batch) {
      return header.is_control() ? rewrite_marker(header, batch, out)
                                 : rewrite_records(header, batch, out);
    }));
  }
  if (group.size() == 1 && first.segment->compacted() && !out.changed) {
    TRY(disk_.remove(temporary));
    return std::nullopt;
  }
  TRY(out.finish());
  out.state().end_offset = *name.end_offset;
  out.state().open = last.state.open;
  // An index of the segment that had this name would not fit.
  static_cast<void>(disk_.remove(directory_ / name.with(".index")));
  TRY(disk_.rename(temporary, path));
  TRY(disk_.sync_directory(directory_));
  auto segment = std::make_shared<Segment>(disk_, directory_, name, salt, 0);
  TRY(save_index(disk_, segment->index_path(), out.state()));
  Replaced replaced{.before = {}, .after = {std::move(segment), std::move(out.state())}};
  for (const KeptSegment& kept : group) replaced.before.push_back(kept.segment);
  return replaced;
}

std::int64_t Compaction::new_horizon_ms() {
  return now_ms_ + config_.tombstone_retention_us / base::kUsPerMs;
}

void Compaction::note_horizon(std::int64_t horizon_ms) {
  const base::TimestampUs at_us = horizon_ms * base::kUsPerMs;
  look_again_us_ = std::min(look_again_us_.value_or(at_us), at_us);
}

base::Result<> Compaction::rewrite_records(const BatchHeader& header, Batch batch, Output& out) {
  if (is_aborted(header)) return leave_out(header, batch, out);
  const OpenBatch opened = TRY(open_batch(batch));
  const auto horizon = delete_horizon_ms(header);
  std::vector<bool> keep;
  std::int32_t kept = 0;
  bool tombstones = false;
  TRY(for_each_record(opened, [&](const RecordView& record) {
    const auto last = record.key ? keys_.last(*record.key) : std::nullopt;
    const bool superseded = !record.key || (last && *last > record.offset);
    const bool gone = record.null_value && horizon && *horizon <= now_ms_;
    keep.push_back(!superseded && !gone);
    kept += keep.back() ? 1 : 0;
    tombstones = tombstones || (keep.back() && record.null_value);
  }));
  if (kept == 0) return leave_out(header, batch, out);
  if (header.is_transactional()) kept_producers_.insert(header.producer_id);
  const bool stamp = tombstones && !horizon;
  if (tombstones) note_horizon(horizon.value_or(new_horizon_ms()));
  if (kept == header.record_count && !stamp) return out.add(header, batch);
  out.changed = true;
  // A stamp that is there stays: the base timestamp is it.
  const auto rewritten =
      TRY(rewrite_batch(batch, opened, keep, stamp ? std::optional(new_horizon_ms()) : horizon));
  return out.add(TRY(read_header(rewritten)), rewritten);
}

base::Result<> Compaction::leave_out(const BatchHeader& header, Batch batch, Output& out) {
  const bool is_last =
      header.producer_id >= 0 && known_.last_batches.contains(header.last_offset());
  if (is_last && header.record_count == 0) return out.add(header, batch);
  out.changed = true;
  if (!is_last) return {};
  const auto emptied = emptied_batch(batch);
  return out.add(TRY(read_header(emptied)), emptied);
}

base::Result<> Compaction::rewrite_marker(const BatchHeader& header, Batch batch, Output& out) {
  const auto keep = [&](const BatchHeader& kept_header, Batch kept) -> base::Result<> {
    const auto range = std::partition_point(
        known_.aborted.begin(), known_.aborted.end(),
        [&](const AbortedRange& each) { return each.last_offset < header.last_offset(); });
    if (range != known_.aborted.end() && range->last_offset == header.last_offset()) {
      out.state().aborted.push_back(*range);
    }
    return out.add(kept_header, kept);
  };
  // As long as records of the transaction are there its end has to be.
  if (kept_producers_.erase(header.producer_id) > 0) return keep(header, batch);
  if (const auto horizon = delete_horizon_ms(header)) {
    if (*horizon > now_ms_) {
      note_horizon(*horizon);
      return keep(header, batch);
    }
    out.changed = true;
    return {};
  }
  out.changed = true;
  note_horizon(new_horizon_ms());
  const auto rewritten =
      TRY(rewrite_batch(batch, TRY(open_batch(batch)), {true}, new_horizon_ms()));
  return keep(TRY(read_header(rewritten)), rewritten);
}

}  // namespace eventlog
