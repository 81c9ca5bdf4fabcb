// One segment: a file of record batches in offset order, read without a copy.
//
// The format on disk
// ------------------
//   DIR/lock                                   held (flock) while a process has the log open
//   DIR/checkpoint                             see checkpoint.h
//   DIR/offsets.log                            offsets by consumer group, see offset_store.h
//   DIR/topics/<topic>/topic.json              the topic's id and settings; the topic exists with
//   it DIR/topics/<topic>/<partition>/<base>.log  a segment; <base> is its first offset in 20
//   digits DIR/topics/<topic>/<partition>/<base>.index  of a closed segment, see segment_index.h
//
// A segment file is a row of rounds. A round is what one commit wrote before one fdatasync:
//
//   mark (32 bytes, round_mark.h) | batch | batch | ... | mark | batch | ... | zeros
//
// A batch is Kafka's record batch v2 as it came (record_batch.h), with its base offset filled in
// and its leader epoch set to 0. Mark and batch share the first 17 bytes' shape - offset i64,
// length i32 from byte 12, four bytes, magic i8 - so a walk steps `length + 12` bytes whatever
// stands there. Offsets rise without a gap, within a file and from file to file.
//
// The active segment, the last one, is preallocated to the topic's segment size (growing a file
// costs several times more per sync). What was not written yet is zeros: a length of 0 is no batch.
// When it is full or old enough it is synced, cut to what it holds, gets its .index, and a new one
// is begun. A closed segment never changes; retention removes it whole.
//
// What a crash can leave, and what opening does with it:
//   - a round written in part, or in part lost: nobody was told of it. The file is cut in front of
//     the first batch that does not hold; whole batches before that stay.
//   - a batch that does not hold with the mark of a later round behind it: that round began only
//     after the earlier one was synced and acknowledged, so bytes at rest have changed. Opening
//     refuses with file and byte.
//   - a new, still empty segment behind a torn one: removed with the cut.
//   - no .index, or a broken one: rebuilt by walking over the headers.
//
// Threads: any; the state that changes is the partition's (partition_log.h). A mapping, once
// handed out, stays readable after the file is removed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "log/event_log.h"
#include "log/record_batch.h"
#include "log/round_mark.h"

namespace eventlog {

// "00000000000000000042" + suffix.
std::string segment_file_name(Offset base_offset, std::string_view suffix);

// What stands at a place of a segment.
struct Entry {
  enum class Kind : std::uint8_t { kBatch, kMark, kNone, kBad };
  Kind kind = Kind::kBad;
  std::size_t size = 0;
  BatchHeader header = {};
  RoundMark mark = {};
};
// `bytes` starts at `position` of its file. The checksum of a batch is not looked at.
Entry entry_at(std::span<const std::byte> bytes, std::uint64_t position);

struct SegmentBytes {
  std::span<const std::byte> span;
  std::shared_ptr<const void> hold;
  bool mapped = false;
};

class Segment {
 public:
  // Batches from `verified_from` on had their checksum checked by whoever wrote or recovered them.
  Segment(base::FileSystem& disk, base::Path path, Offset base_offset, std::uint64_t verified_from)
      : disk_(disk),
        path_(std::move(path)),
        base_offset_(base_offset),
        verified_from_(verified_from) {}

  Offset base_offset() const { return base_offset_; }
  const base::Path& path() const { return path_; }

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
  std::unexpected<base::Error> corrupt(std::uint64_t position, std::string_view what) const;

 private:
  base::Result<> populate(const SegmentBytes& bytes, std::size_t size) const;
  base::Result<> verify(std::span<const std::byte> batch, const BatchHeader& header,
                        std::uint64_t position) const;

  base::FileSystem& disk_;
  const base::Path path_;
  const Offset base_offset_;
  const std::uint64_t verified_from_;
  mutable std::atomic<std::uint64_t> verified_until_{0};  // everything before it, by readers
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const void> mapping_;
  mutable std::size_t mapped_bytes_ = 0;
  mutable std::unique_ptr<base::File> unmapped_;
};

}  // namespace eventlog
