// One segment: a file of record batches in offset order, read without a copy.
//
// The format on disk
// ------------------
//   DIR/lock                      held (flock) while a process has the log open
//   DIR/checkpoint                see checkpoint.h
//   DIR/offsets.log               offsets by consumer group, see offset_store.h
//   DIR/producer_ids              in decimal: all producer ids below it may have been given out
//   DIR/spare/<n>                 files of dropped segments, to be used again (spare_files.h)
//   DIR/topics/T/topic.json       the topic's id, format and settings; the topic exists with it
//   DIR/topics/T/P/<base>.log     a segment; <base> is its first offset in 20 digits
//   DIR/topics/T/P/<base>-<end>.log   a compacted segment, for the offsets from <base> up to <end>
//   DIR/topics/T/P/<name>.index   of a closed segment, see segment_index.h
//   DIR/topics/T/P/next           a file prepared for the segment after the active one
//   DIR/topics/T/P/start          in decimal: the first readable offset, where records were deleted
//
// A segment file is a row of rounds. A round is what one commit wrote before one fdatasync:
//
//   mark (36 bytes, round_mark.h) | batch | batch | ... | mark | batch | ... | anything
//
// A batch is Kafka's record batch v2 as it came (record_batch.h), with its base offset filled in
// and its leader epoch set to 0. Mark and batch share the first 17 bytes' shape - offset i64,
// length i32 from byte 12, four bytes, magic i8 - so a walk steps `length + 12` bytes whatever
// stands there. Offsets rise without a gap, within a file and from file to file; only compacted
// segments have gaps within.
//
// The active segment, the last one, is preallocated in steps up to the topic's segment size
// (growing a file costs several times more per sync). When it is half full the file of the next one
// is prepared: a used file from DIR/spare, or a new one filled with zeros. What stands behind the
// last round is zeros, or rounds of a former segment, whose marks have another salt. A full or old
// segment is closed: synced, cut to what it holds, given its .index. A closed segment never
// changes. Retention removes it whole; compaction replaces closed segments that lie side by side by
// one compacted segment, which is written as <base>-<end>.log.tmp, synced and renamed.
//
// What a crash can leave, and what opening does with it:
//   - a round written in part, or in part lost: nobody was told of it. The file is cut in front of
//     the round's mark. (No part of it stays: batches of a used file may be among its own.)
//   - a batch that does not hold with the mark of a later round behind it that says that all before
//     it was synced: bytes at rest have changed. Opening refuses with file and byte. Without that
//     flag (topics whose durability is not disk) it is a torn tail like any other.
//   - segments behind a torn one: removed with the cut; refused if their first round says that all
//     before it was synced.
//   - no .index, or a broken one: rebuilt by checking the segment batch by batch.
//   - *.tmp: removed. Segments whose offsets a compacted segment covers: removed, they were
//   replaced.
//   - files under DIR/spare, and next: removed.
//
// Threads: any; the state that changes is the partition's (partition_log.h). A mapping, once
// handed out, stays readable after the file is removed, and its file is not used again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "log/event_log.h"
#include "log/record_batch.h"
#include "log/round_mark.h"

namespace eventlog {

// Which offsets a segment's file is for, as its name says.
struct SegmentName {
  Offset base_offset = 0;
  std::optional<Offset> end_offset = {};  // of a compacted one

  std::string with(std::string_view suffix) const;
  // nullopt for what is no segment's name with that suffix.
  static std::optional<SegmentName> parse(std::string_view name, std::string_view suffix);
  auto operator<=>(const SegmentName&) const = default;
};

// What stands at a place of a segment.
struct Entry {
  enum class Kind : std::uint8_t { kBatch, kMark, kNone, kBad };
  Kind kind = Kind::kBad;
  std::size_t size = 0;
  BatchHeader header = {};
  RoundMark mark = {};
};
// `bytes` starts at `position` of its file. The checksum of a batch is not looked at.
Entry entry_at(std::span<const std::byte> bytes, std::uint64_t position, std::uint32_t salt);

struct SegmentBytes {
  std::span<const std::byte> span;
  std::shared_ptr<const void> hold;
  bool mapped = false;
};

class Segment {
 public:
  // Batches from `verified_from` on had their checksum checked by whoever wrote or recovered them.
  Segment(base::FileSystem& disk, const base::Path& directory, const SegmentName& name,
          std::uint32_t salt, std::uint64_t verified_from)
      : disk_(disk),
        path_(directory / name.with(".log")),
        name_(name),
        salt_(salt),
        verified_from_(verified_from) {}

  Offset base_offset() const { return name_.base_offset; }
  const SegmentName& name() const { return name_; }
  bool compacted() const { return name_.end_offset.has_value(); }
  std::uint32_t salt() const { return salt_; }
  const base::Path& path() const { return path_; }
  base::Path index_path() const { return path_.parent_path() / name_.with(".index"); }
  // Whether somebody still looks at its bytes.
  bool is_read() const;

  // Bytes [from, to); kCorrupt when the file is shorter.
  base::Result<SegmentBytes> view(std::uint64_t from, std::uint64_t to) const;

  // Adds the batches in [position, limit) whose last offset is at or after result.next_offset,
  // until `bytes_left` is used up (always at least one if the result is empty), and moves
  // next_offset. Stops in front of the batch that reaches `offset_limit`.
  base::Result<> collect(std::uint64_t position, std::uint64_t limit, Offset offset_limit,
                         std::size_t& bytes_left, ReadResult& result) const;
  // The base offset of the first batch in [position, limit) with a timestamp at or after `time_ms`.
  base::Result<std::optional<Offset>> first_at_time(std::uint64_t position, std::uint64_t limit,
                                                    std::int64_t time_ms) const;
  // Whether a batch in [position, limit) has its last offset at or after `offset`.
  base::Result<bool> has_batch_at(std::uint64_t position, std::uint64_t limit, Offset offset) const;
  std::unexpected<base::Error> corrupt(std::uint64_t position, std::string_view what) const;

 private:
  base::Result<> populate(const SegmentBytes& bytes, std::size_t size) const;
  base::Result<> verify(std::span<const std::byte> batch, const BatchHeader& header,
                        std::uint64_t position) const;

  base::FileSystem& disk_;
  const base::Path path_;
  const SegmentName name_;
  const std::uint32_t salt_;
  const std::uint64_t verified_from_;
  mutable std::atomic<std::uint64_t> verified_until_{0};  // everything before it, by readers
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const void> mapping_;
  mutable std::size_t mapped_bytes_ = 0;
  mutable std::unique_ptr<base::File> unmapped_;
};

}  // namespace eventlog
