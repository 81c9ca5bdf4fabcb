// What a partition gives to readers: committed batches, raw batches, offsets by time.
#include <algorithm>

#include "base/bug.h"
#include "log/partition_log.h"

namespace eventlog {
namespace {

bool is_aborted(const std::vector<AbortedRange>& aborted, const BatchHeader& header) {
  return header.is_transactional() &&
         std::any_of(aborted.begin(), aborted.end(), [&header](const AbortedRange& range) {
           return range.producer_id == header.producer_id &&
                  range.first_offset <= header.base_offset &&
                  header.base_offset <= range.last_offset;
         });
}

}  // namespace

// The transactions that were rolled back and meet [from, to).
std::vector<AbortedRange> PartitionLog::aborted_in(Offset from, Offset to) const {
  std::vector<AbortedRange> found;
  const std::shared_lock lock(mutex_);
  auto kept =
      std::upper_bound(segments_.begin(), segments_.end(), from,
                       [](Offset o, const KeptSegment& k) { return o < k.segment->base_offset(); });
  if (kept != segments_.begin()) --kept;
  for (; kept != segments_.end(); ++kept) {
    const auto& aborted = kept->state.aborted;
    const auto first = std::partition_point(
        aborted.begin(), aborted.end(),
        [from](const AbortedRange& range) { return range.last_offset < from; });
    std::copy_if(first, aborted.end(), std::back_inserter(found),
                 [to](const AbortedRange& range) { return range.first_offset < to; });
  }
  return found;
}

base::Result<ReadResult> PartitionLog::read(Offset offset, std::size_t bytes_max) const {
  ReadResult result;
  result.next_offset = offset;
  result.end_offset = stable_offset();
  if (offset < start_offset() || offset > end_offset()) return outside(offset);
  // On over what is left out, until there is something.
  while (result.batches.empty() && result.next_offset < result.end_offset) {
    const Offset from = result.next_offset;
    TRY(collect(result.end_offset, bytes_max, result));
    if (result.next_offset == from) break;
    const auto aborted = aborted_in(from, result.next_offset);
    std::erase_if(result.batches, [&aborted](std::span<const std::byte> batch) {
      const auto header = read_header(batch);
      return header->is_control() || is_aborted(aborted, *header);
    });
    if (result.batches.empty()) result.hold.clear();
  }
  return result;
}

base::Result<FetchResult> PartitionLog::fetch(Offset offset, std::size_t bytes_max,
                                              Isolation isolation, bool at_least_one) const {
  FetchResult result;
  result.next_offset = offset;
  // In this order: neither may be older than the one before it.
  result.last_stable_offset = stable_offset();
  result.high_watermark = end_offset();
  result.start_offset = start_offset();
  if (offset < result.start_offset || offset > result.high_watermark) return outside(offset);
  const Offset limit =
      isolation == Isolation::kReadCommitted && !base::bug("open_transaction_shown")
          ? result.last_stable_offset
          : result.high_watermark;
  if (bytes_max == 0 && !at_least_one) return result;
  ReadResult found;
  found.next_offset = offset;
  TRY(collect(limit, bytes_max, found));
  if (!at_least_one && !found.batches.empty() && found.batches.front().size() > bytes_max) {
    return result;
  }
  result.batches = std::move(found.batches);
  result.hold = std::move(found.hold);
  result.next_offset = found.next_offset;
  for (const auto batch : result.batches) result.bytes += batch.size();
  if (isolation == Isolation::kReadCommitted && !base::bug("abort_ignored")) {
    for (const AbortedRange& range : aborted_in(offset, found.next_offset)) {
      result.aborted.push_back({range.producer_id, range.first_offset});
    }
    std::sort(result.aborted.begin(), result.aborted.end(),
              [](const auto& a, const auto& b) { return a.first_offset < b.first_offset; });
  }
  return result;
}

base::Result<ListedOffset> PartitionLog::list_offset_at(std::int64_t time_ms) const {
  const Offset from = std::max(start_offset(), TRY(offset_at_time(time_ms * base::kUsPerMs)));
  const Offset end = end_offset();
  ReadResult found;
  found.next_offset = from;
  // The first record of the batch may be older, and in front of the start: the next batch then.
  for (ListedOffset listed; found.next_offset < end;) {
    const Offset before = found.next_offset;
    found.batches.clear();
    found.hold.clear();
    TRY(collect(end, 1, found));
    for (const auto batch : found.batches) {
      TRY(for_each_record(batch, [&](const RecordView& record) {
        if (listed.offset < 0 && record.offset >= from && record.timestamp_ms >= time_ms) {
          listed = {.offset = record.offset, .timestamp_ms = record.timestamp_ms};
        }
      }));
    }
    if (listed.offset >= 0) return listed;
    if (found.next_offset == before) break;
  }
  return ListedOffset{};
}

base::Result<ListedOffset> PartitionLog::list_greatest_time() const {
  std::int64_t greatest = kNoTimestamp;
  {
    const std::shared_lock lock(mutex_);
    for (const KeptSegment& kept : segments_) {
      greatest = std::max(greatest, kept.state.max_timestamp_ms);
    }
  }
  if (greatest == kNoTimestamp) return ListedOffset{};
  return list_offset_at(greatest);
}

}  // namespace eventlog
