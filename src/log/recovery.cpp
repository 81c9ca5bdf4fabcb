#include "log/recovery.h"

#include <algorithm>
#include <charconv>

#include "base/bug.h"
#include "base/logging.h"
#include "log/tail.h"

namespace eventlog {
namespace {

constexpr std::size_t kBaseDigits = 20;

std::optional<Offset> base_of(std::string_view name) {
  if (name.size() != kBaseDigits + 4 || !name.ends_with(".log")) return std::nullopt;
  Offset base = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kBaseDigits, base);
  if (error != std::errc{} || end != name.data() + kBaseDigits) return std::nullopt;
  return base;
}

// Walks one segment from what is known of it to its end, adding to the state and the producers.
class Walk {
 public:
  Walk(const Segment& segment, SegmentState& state, Producers* producers, base::TimestampUs now_us)
      : segment_(segment), state_(state), producers_(producers), now_us_(now_us) {}

  // The position behind the last good batch; everything in front of it is in the state.
  base::Result<std::uint64_t> run(std::uint64_t size, bool check_crc) {
    const std::uint64_t start = state_.end_position;
    const SegmentBytes bytes = TRY(segment_.view(start, size));
    std::size_t at = 0;
    std::size_t round_left = 0;
    for (; at < bytes.span.size();) {
      const Entry entry = entry_at(bytes.span.subspan(at), start + at);
      if (entry.kind == Entry::Kind::kMark && entry.mark.first_offset == state_.end_offset) {
        round_left = entry.mark.bytes;
      } else if (entry.kind == Entry::Kind::kBatch && entry.size <= round_left &&
                 holds(bytes.span.subspan(at, entry.size), entry.header, check_crc)) {
        round_left -= entry.size;
        TRY(take(entry.header, start + at, bytes.span.subspan(at, entry.size)));
      } else {
        break;
      }
      at += entry.size;
    }
    return start + at;
  }

 private:
  bool holds(std::span<const std::byte> batch, const BatchHeader& header, bool check_crc) const {
    return header.base_offset == state_.end_offset &&
           (!check_crc || base::bug("torn_tail_kept") || check_batch(batch).has_value());
  }

  base::Result<> take(const BatchHeader& header, std::uint64_t position,
                      std::span<const std::byte> batch) {
    state_.add(header, position);
    if (producers_ == nullptr || header.producer_id < 0) return {};
    const Offset began = (*producers_)[header.producer_id].record(header, now_us_);
    if (header.is_control() && !TRY(marker_commits(batch))) {
      state_.aborted.push_back({.producer_id = header.producer_id,
                                .first_offset = began == kNoOffset ? segment_.base_offset() : began,
                                .last_offset = header.last_offset()});
    }
    return {};
  }

  const Segment& segment_;
  SegmentState& state_;
  Producers* producers_;  // null: the checkpoint knows of these batches
  const base::TimestampUs now_us_;
};

class Recovery {
 public:
  Recovery(base::FileSystem& disk, const base::Path& directory, base::TimestampUs now_us)
      : disk_(disk), directory_(directory), now_us_(now_us) {}

  base::Result<RecoveredPartition> run(const std::optional<PartitionCheckpoint>& checkpoint);

 private:
  base::Result<> find_files();
  base::Result<std::uint64_t> size_of(Offset base) const;
  base::Result<bool> is_empty(Offset base) const;
  base::Result<> drop_empty_after(std::size_t index);
  base::Result<> load(std::size_t index, const std::optional<PartitionCheckpoint>& checkpoint);
  base::Result<> walk(std::size_t index, SegmentState state, bool check_crc, Producers* producers);
  base::Result<> settle_tail(const Segment& segment, std::size_t index, std::uint64_t position,
                             const Tail& tail);
  base::Result<> load_start();
  base::Path path_of(Offset base, std::string_view suffix) const {
    return directory_ / segment_file_name(base, suffix);
  }

  base::FileSystem& disk_;
  const base::Path& directory_;
  const base::TimestampUs now_us_;
  std::vector<Offset> bases_;
  std::size_t last_with_data_ = 0;  // index into bases_
  RecoveredPartition out_;
};

base::Result<> Recovery::find_files() {
  const auto names = TRY(disk_.list(directory_));
  for (const std::string& name : names) {
    if (const auto base = base_of(name)) bases_.push_back(*base);
  }
  for (const std::string& name : names) {
    if (!name.ends_with(".index")) continue;
    const auto base = base_of(name.substr(0, name.size() - 6) + ".log");
    if (base && std::binary_search(bases_.begin(), bases_.end(), *base)) continue;
    TRY(disk_.remove(directory_ / name));
  }
  last_with_data_ = bases_.empty() ? 0 : bases_.size() - 1;
  while (last_with_data_ > 0 && TRY(is_empty(bases_[last_with_data_]))) --last_with_data_;
  return {};
}

base::Result<std::uint64_t> Recovery::size_of(Offset base) const {
  const auto file = TRY(disk_.open(path_of(base, ".log"), false));
  return file->size();
}

// No round was ever begun in it. A torn first round is not empty.
base::Result<bool> Recovery::is_empty(Offset base) const {
  const std::uint64_t size = TRY(size_of(base));
  const auto extents = TRY(data_extents(disk_, path_of(base, ".log")));
  const Segment segment(disk_, path_of(base, ".log"), base, 0);
  const Tail tail = TRY(inspect_tail(segment, extents, 0, size));
  return tail.clean;
}

base::Result<> Recovery::drop_empty_after(std::size_t index) {
  for (std::size_t i = bases_.size(); i-- > index + 1;) {
    TRY(disk_.remove(path_of(bases_[i], ".log")));
  }
  bases_.resize(index + 1);
  return disk_.sync_directory(directory_);
}

base::Result<> Recovery::settle_tail(const Segment& segment, std::size_t index,
                                     std::uint64_t position, const Tail& tail) {
  if (tail.later_round) {
    return segment.corrupt(position,
                           fmt::format("the batch does not hold, and a later round stands "
                                       "behind it at byte {}",
                                       *tail.later_round));
  }
  const bool is_last = index + 1 == bases_.size();
  if (index < last_with_data_ && !tail.clean) {
    return segment.corrupt(position, "the batch does not hold, and later segments stand behind it");
  }
  if (tail.clean && is_last) return {};
  if (!tail.clean) {
    spdlog::warn("log: cut a torn, never acknowledged tail of {} at byte {}",
                 segment.path().string(), position);
    const auto file = TRY(disk_.open(segment.path(), false));
    TRY(file->truncate(position));
    TRY(file->sync());
  }
  return {};
}

base::Result<> Recovery::walk(std::size_t index, SegmentState state, bool check_crc,
                              Producers* producers) {
  const Offset base = bases_[index];
  const std::uint64_t size = TRY(size_of(base));
  const auto extents = TRY(data_extents(disk_, path_of(base, ".log")));
  const std::uint64_t verified_from = check_crc ? state.end_position : size;
  const auto segment = std::make_shared<Segment>(disk_, path_of(base, ".log"), base, verified_from);
  if (size < state.end_position) {
    return segment->corrupt(
        size, fmt::format("the file ends here, {} bytes were written", state.end_position));
  }
  const std::uint64_t end = TRY(Walk(*segment, state, producers, now_us_).run(size, check_crc));
  const Tail tail = TRY(inspect_tail(*segment, extents, end, size));
  TRY(settle_tail(*segment, index, end, tail));
  state.end_position = end;
  // A segment behind a cut begins where nothing was lost, or it is empty and goes.
  const bool gap = index + 1 < bases_.size() && bases_[index + 1] != state.end_offset;
  if (gap && index < last_with_data_) {
    return segment->corrupt(end, fmt::format("offset {} comes next, the next segment begins at {}",
                                             state.end_offset, bases_[index + 1]));
  }
  if (gap) TRY(drop_empty_after(index));
  if (index + 1 < bases_.size())
    static_cast<void>(save_index(disk_, path_of(base, ".index"), state));
  out_.segments.push_back({segment, std::move(state)});
  return {};
}

base::Result<> Recovery::load(std::size_t index,
                              const std::optional<PartitionCheckpoint>& checkpoint) {
  const Offset base = bases_[index];
  const bool closed = index < last_with_data_;
  const SegmentState fresh{.end_offset = base, .started_us = now_us_, .last_append_us = now_us_};
  if (!checkpoint) return walk(index, fresh, !closed, &out_.producers);
  if (base > checkpoint->base_offset) return walk(index, fresh, true, &out_.producers);
  if (base == checkpoint->base_offset) return walk(index, checkpoint->state, true, &out_.producers);
  auto known = load_index(disk_, path_of(base, ".index"));
  const std::uint64_t size = TRY(size_of(base));
  if (!known || !closed || known->end_offset != bases_[index + 1])
    return walk(index, fresh, false, nullptr);
  auto segment = std::make_shared<Segment>(disk_, path_of(base, ".log"), base, size);
  if (size < known->end_position) {
    return segment->corrupt(
        size, fmt::format("the file ends here, {} bytes were written", known->end_position));
  }
  out_.segments.push_back({std::move(segment), *std::move(known)});
  return {};
}

base::Result<> Recovery::load_start() {
  if (!out_.segments.empty()) out_.start_offset = out_.segments.front().segment->base_offset();
  const base::Path path = directory_ / kStartFile;
  const auto text = base::read_file(disk_, path);
  if (!text) {
    return text.error().code == base::Code::kNotFound ? base::Result<>{}
                                                      : std::unexpected(text.error());
  }
  Offset start = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), start);
  if (error != std::errc{} || *end != '\n' || start < 0 || start > out_.end_offset) {
    return base::fail_with(base::Code::kCorrupt,
                           fmt::format("event log is damaged: {} does not hold an offset up to {}",
                                       path.string(), out_.end_offset),
                           "remove the file to read all records that are kept");
  }
  out_.start_offset = std::max(out_.start_offset, start);
  return {};
}

base::Result<RecoveredPartition> Recovery::run(
    const std::optional<PartitionCheckpoint>& checkpoint) {
  TRY(find_files());
  // The producers of a checkpoint count even when its segment is gone by retention.
  const bool usable =
      checkpoint && std::binary_search(bases_.begin(), bases_.end(), checkpoint->base_offset);
  if (checkpoint) out_.producers = checkpoint->producers;
  for (std::size_t i = 0; i < bases_.size(); ++i) {
    TRY(load(i, usable ? checkpoint : std::nullopt));
  }
  if (!out_.segments.empty()) out_.end_offset = out_.segments.back().state.end_offset;
  if (checkpoint && out_.end_offset < checkpoint->state.end_offset) {
    return base::fail_with(
        base::Code::kCorrupt,
        fmt::format("event log is damaged: {} ends at offset {}, {} was reached before",
                    directory_.string(), out_.end_offset, checkpoint->state.end_offset),
        "restore the missing segment files from a backup");
  }
  TRY(load_start());
  if (base::bug("forgotten_sequence")) {
    for (auto& [id, producer] : out_.producers) producer.batches.clear();
  }
  expire(out_.producers, now_us_);
  return std::move(out_);
}

}  // namespace

base::Result<RecoveredPartition> recover_partition(
    base::FileSystem& disk, const base::Path& directory,
    const std::optional<PartitionCheckpoint>& checkpoint, base::TimestampUs now_us) {
  return Recovery(disk, directory, now_us).run(checkpoint);
}

}  // namespace eventlog
