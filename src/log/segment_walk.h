// Reads a segment from a known place to its end: which batches hold, and what they say of
// transactions and producers.
//
// Threads: none of its own.
#pragma once

#include <map>

#include "log/producer_state.h"
#include "log/segment.h"
#include "log/segment_index.h"

namespace eventlog {

// Producers with an open transaction, and its first offset.
using OpenTransactions = std::map<std::int64_t, Offset>;

class SegmentWalk {
 public:
  // Adds to `state` and `open`, and what is at or after `producers_from` to `producers` unless it
  // is null.
  SegmentWalk(const Segment& segment, SegmentState& state, OpenTransactions& open,
              Producers* producers, Offset producers_from, base::TimestampUs now_us)
      : segment_(segment),
        state_(state),
        open_(open),
        producers_(producers),
        producers_from_(producers_from),
        now_us_(now_us) {}

  // The position behind the last round that holds; everything in front of it is in the state.
  base::Result<std::uint64_t> run(std::uint64_t size, bool check_crc);
  // Then: where the first batch or mark stands that does not hold.
  std::uint64_t bad_position() const { return bad_position_; }

 private:
  bool is_next(Offset offset) const;
  bool holds(std::span<const std::byte> round, std::uint64_t position, std::uint32_t seal,
             bool check_crc);
  base::Result<> take(const BatchHeader& header, std::uint64_t position,
                      std::span<const std::byte> batch);

  const Segment& segment_;
  SegmentState& state_;
  OpenTransactions& open_;
  Producers* const producers_;
  const Offset producers_from_;
  const base::TimestampUs now_us_;
  std::uint64_t bad_position_ = 0;
};

}  // namespace eventlog
