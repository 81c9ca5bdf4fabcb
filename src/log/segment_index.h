// What is known about a segment without reading it: how far it goes and where its batches are.
//
// Saved beside a closed segment as <base>.index, JSON behind a line with its CRC32C. It is derived
// data: rebuilt from the segment when it is missing or does not hold.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "log/event_log.h"
#include "log/record_batch.h"

namespace eventlog {

inline constexpr std::uint64_t kIndexEveryBytes = 128UL << 10;
inline constexpr std::int64_t kNoTimestamp = std::numeric_limits<std::int64_t>::min();

struct IndexEntry {
  Offset offset = 0;  // the base offset of the batch at `position`
  std::uint64_t position = 0;
  std::int64_t timestamp_ms = kNoTimestamp;  // the greatest of all batches before it
};

// A transaction that was rolled back; its control batch, the last, is in this segment.
struct AbortedRange {
  std::int64_t producer_id = 0;
  Offset first_offset = 0;
  Offset last_offset = 0;
};

struct SegmentState {
  Offset end_offset = 0;           // the next after its last batch
  std::uint64_t end_position = 0;  // the bytes it holds
  std::int64_t max_timestamp_ms = kNoTimestamp;
  base::TimestampUs started_us = 0;  // when its file was begun and last written to
  base::TimestampUs last_append_us = 0;
  std::vector<IndexEntry> index = {};      // sparse, in both orders
  std::vector<AbortedRange> aborted = {};  // by last_offset
  // Of a closed segment: the transactions that are open at its end, and their first offsets.
  std::vector<std::pair<std::int64_t, Offset>> open = {};

  // The batch that stands at `position`, behind all others.
  void add(const BatchHeader& header, std::uint64_t position);
  // Where to start looking for the batch that holds `offset`, or the first one as new as `time_ms`.
  std::uint64_t position_of(Offset offset) const;
  std::uint64_t position_of_time(std::int64_t time_ms) const;
};

nlohmann::json to_json(const SegmentState& state);
// Throws nlohmann's exceptions for another shape.
SegmentState state_from_json(const nlohmann::json& json);

// Text with a first line of "<name> <crc>", as .index and checkpoint are kept.
std::string sealed(std::string_view name, const nlohmann::json& json);
std::optional<nlohmann::json> unsealed(std::string_view name, std::string_view text);

base::Result<> save_index(base::FileSystem& disk, const base::Path& path,
                          const SegmentState& state);
std::optional<SegmentState> load_index(base::FileSystem& disk, const base::Path& path);

}  // namespace eventlog
