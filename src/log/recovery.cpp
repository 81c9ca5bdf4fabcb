#include "log/recovery.h"

#include <algorithm>
#include <charconv>

#include "base/bug.h"
#include "base/logging.h"
#include "log/segment_walk.h"
#include "log/tail.h"

namespace eventlog {
namespace {

class Recovery {
 public:
  Recovery(base::FileSystem& disk, const base::Path& directory, const std::string& name,
           base::TimestampUs now_us)
      : disk_(disk), directory_(directory), name_(name), now_us_(now_us) {}

  base::Result<RecoveredPartition> run(const std::optional<PartitionCheckpoint>& checkpoint);

 private:
  base::Result<> find_files();
  base::Result<> drop_replaced();
  base::Result<std::uint64_t> size_of(const base::Path& path) const;
  base::Result<bool> begun_after_sync(std::size_t index) const;
  base::Result<> drop_from(std::size_t index);
  base::Result<bool> follows(std::size_t index);
  base::Result<> load(std::size_t index, const std::optional<PartitionCheckpoint>& checkpoint);
  std::optional<SegmentState> index_of(std::size_t index) const;
  base::Result<bool> load_index_of(std::size_t index);
  base::Result<> walk(std::size_t index, SegmentState state, bool check_crc, Producers* producers);
  base::Result<> cut_tail(const Segment& segment, std::uint64_t position, std::uint64_t bad,
                          const Tail& tail);
  base::Result<> load_start();
  Segment segment_at(std::size_t index, std::uint64_t verified_from) const {
    const SegmentName& name = names_[index];
    return {disk_, directory_, name, salt_of(name_, name.base_offset), verified_from};
  }
  std::shared_ptr<Segment> shared_segment(std::size_t index, std::uint64_t verified_from) const {
    const SegmentName& name = names_[index];
    return std::make_shared<Segment>(disk_, directory_, name, salt_of(name_, name.base_offset),
                                     verified_from);
  }

  base::FileSystem& disk_;
  const base::Path& directory_;
  const std::string& name_;
  const base::TimestampUs now_us_;
  std::vector<SegmentName> names_;  // in order
  Offset producers_from_ = 0;       // what is before it the checkpoint knew
  OpenTransactions open_;           // at the end of the segment that was loaded last
  RecoveredPartition out_;
};

base::Result<> Recovery::find_files() {
  const auto files = TRY(disk_.list(directory_));
  std::vector<SegmentName> indexes;
  for (const std::string& file : files) {
    if (const auto name = SegmentName::parse(file, ".log")) names_.push_back(*name);
    if (const auto name = SegmentName::parse(file, ".index")) indexes.push_back(*name);
    if (file.ends_with(".tmp") || file == kNextFile) TRY(disk_.remove(directory_ / file));
  }
  std::sort(names_.begin(), names_.end());
  TRY(drop_replaced());
  for (const SegmentName& name : indexes) {
    if (std::binary_search(names_.begin(), names_.end(), name)) continue;
    TRY(disk_.remove(directory_ / name.with(".index")));
  }
  return {};
}

// Removes the segments whose offsets a compacted one covers: it was whole before it had its name.
base::Result<> Recovery::drop_replaced() {
  const auto covers = [](const SegmentName& by, const SegmentName& name) {
    return by != name && by.end_offset && by.base_offset <= name.base_offset &&
           name.base_offset < *by.end_offset && name.end_offset.value_or(0) <= *by.end_offset;
  };
  std::vector<SegmentName> kept;
  for (const SegmentName& name : names_) {
    const bool replaced = std::any_of(names_.begin(), names_.end(),
                                      [&](const SegmentName& by) { return covers(by, name); });
    if (!replaced) {
      kept.push_back(name);
      continue;
    }
    TRY(disk_.remove(directory_ / name.with(".log")));
  }
  if (kept.size() < names_.size()) TRY(disk_.sync_directory(directory_));
  names_ = std::move(kept);
  return {};
}

base::Result<std::uint64_t> Recovery::size_of(const base::Path& path) const {
  const auto file = TRY(disk_.open(path, false));
  return file->size();
}

// Whether its first round says that all in front of it was synced.
base::Result<bool> Recovery::begun_after_sync(std::size_t index) const {
  const Segment segment = segment_at(index, 0);
  if (TRY(size_of(segment.path())) < kMarkSize) return false;
  const SegmentBytes bytes = TRY(segment.view(0, kMarkSize));
  const auto mark = load_mark(bytes.span, 0, segment.salt());
  return mark && mark->after_sync;
}

base::Result<> Recovery::drop_from(std::size_t index) {
  for (std::size_t i = names_.size(); i-- > index;) {
    TRY(disk_.remove(directory_ / names_[i].with(".log")));
    static_cast<void>(disk_.remove(directory_ / names_[i].with(".index")));
  }
  names_.resize(index);
  return disk_.sync_directory(directory_);
}

// Whether the segment begins where the one before it ends. If not: nobody was told of what is in it
// and behind it, and it goes, or bytes are missing.
base::Result<bool> Recovery::follows(std::size_t index) {
  if (out_.segments.empty()) return true;
  const KeptSegment& before = out_.segments.back();
  if (names_[index].base_offset == before.state.end_offset) return true;
  for (std::size_t i = index; i < names_.size(); ++i) {
    if (!names_[i].end_offset && !TRY(begun_after_sync(i))) continue;
    return before.segment->corrupt(
        before.state.end_position,
        fmt::format("offset {} comes next, the next segment begins at {}", before.state.end_offset,
                    names_[index].base_offset));
  }
  TRY(drop_from(index));
  return false;
}

base::Result<> Recovery::cut_tail(const Segment& segment, std::uint64_t position, std::uint64_t bad,
                                  const Tail& tail) {
  if (tail.later_round) {
    return segment.corrupt(bad, fmt::format("the batch does not hold, and a later round stands "
                                            "behind it at byte {}",
                                            tail.later_round->position));
  }
  if (tail.clean) return {};
  spdlog::info("log: cut what no acknowledged round wrote from {} at byte {}",
               segment.path().string(), position);
  const auto file = TRY(disk_.open(segment.path(), false));
  TRY(file->truncate(position));
  return file->sync();
}

base::Result<> Recovery::walk(std::size_t index, SegmentState state, bool check_crc,
                              Producers* producers) {
  const std::uint64_t verified_from = check_crc ? state.end_position : ~std::uint64_t{0};
  const auto segment = shared_segment(index, verified_from);
  const std::uint64_t known = state.end_position;
  const std::uint64_t size = TRY(size_of(segment->path()));
  const auto extents = TRY(data_extents(disk_, segment->path()));
  if (size < state.end_position) {
    return segment->corrupt(
        size, fmt::format("the file ends here, {} bytes were written", state.end_position));
  }
  SegmentWalk segment_walk(*segment, state, open_, producers, producers_from_, now_us_);
  const std::uint64_t end = TRY(segment_walk.run(size, check_crc));
  TRY(cut_tail(*segment, end, segment_walk.bad_position(),
               TRY(inspect_tail(*segment, extents, end, size))));
  if (end > known) {
    // Nobody has to have synced it, and who reads it must not lose it.
    TRY(TRY(disk_.open(segment->path(), false))->sync());
    TRY(disk_.sync_directory(directory_));
  }
  state.end_position = end;
  if (segment->compacted()) state.end_offset = *segment->name().end_offset;
  state.open.assign(open_.begin(), open_.end());
  out_.segments.push_back({segment, std::move(state)});
  return {};
}

// Of a closed segment: who wrote it had synced the segment before.
std::optional<SegmentState> Recovery::index_of(std::size_t index) const {
  if (index + 1 == names_.size()) return std::nullopt;
  auto known = load_index(disk_, directory_ / names_[index].with(".index"));
  if (known && known->end_offset != names_[index + 1].base_offset) known.reset();
  return known;
}

base::Result<bool> Recovery::load_index_of(std::size_t index) {
  auto known = index_of(index);
  if (!known) return false;
  auto segment = shared_segment(index, ~std::uint64_t{0});
  const std::uint64_t size = TRY(size_of(segment->path()));
  // An index that a crash left of an earlier compaction to the same name.
  if (segment->compacted() && size != known->end_position) return false;
  if (size < known->end_position) {
    return segment->corrupt(
        size, fmt::format("the file ends here, {} bytes were written", known->end_position));
  }
  open_ = OpenTransactions(known->open.begin(), known->open.end());
  out_.segments.push_back({std::move(segment), *std::move(known)});
  return true;
}

base::Result<> Recovery::load(std::size_t index,
                              const std::optional<PartitionCheckpoint>& checkpoint) {
  const Offset base = names_[index].base_offset;
  const SegmentState fresh{.end_offset = base, .started_us = now_us_, .last_append_us = now_us_};
  if (!checkpoint) return walk(index, fresh, !index_of(index), &out_.producers);
  if (base > checkpoint->base_offset) return walk(index, fresh, true, &out_.producers);
  if (base < checkpoint->base_offset) {
    if (TRY(load_index_of(index))) return {};
    return walk(index, fresh, true, nullptr);
  }
  open_.clear();
  for (const auto& [id, producer] : checkpoint->producers) {
    if (producer.transaction_from != kNoOffset) open_[id] = producer.transaction_from;
  }
  return walk(index, checkpoint->state, true, &out_.producers);
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
      checkpoint && std::any_of(names_.begin(), names_.end(), [&](const SegmentName& name) {
        return name.base_offset == checkpoint->base_offset && !name.end_offset;
      });
  if (checkpoint) {
    out_.producers = checkpoint->producers;
    producers_from_ = checkpoint->state.end_offset;
  }
  for (std::size_t i = 0; i < names_.size() && TRY(follows(i)); ++i) {
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
    base::FileSystem& disk, const base::Path& directory, const std::string& name,
    const std::optional<PartitionCheckpoint>& checkpoint, base::TimestampUs now_us) {
  return Recovery(disk, directory, name, now_us).run(checkpoint);
}

}  // namespace eventlog
