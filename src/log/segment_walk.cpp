#include "log/segment_walk.h"

#include "base/bug.h"

namespace eventlog {

base::Result<std::uint64_t> SegmentWalk::run(std::uint64_t size, bool check_crc) {
  const std::uint64_t start = state_.end_position;
  const SegmentBytes bytes = TRY(segment_.view(start, size));
  for (std::size_t at = 0;;) {
    const auto rest = bytes.span.subspan(at);
    bad_position_ = start + at;
    const auto mark = load_mark(rest, start + at, segment_.salt());
    if (!mark || !is_next(mark->first_offset) || mark->bytes > rest.size() - kMarkSize) {
      return start + at;
    }
    const auto round = rest.subspan(kMarkSize, mark->bytes);
    if (!holds(round, start + at + kMarkSize, mark->seal, check_crc)) return start + at;
    for (std::size_t in_round = 0; in_round < round.size();) {
      const auto batch = round.subspan(in_round);
      const BatchHeader header = *read_header(batch);
      TRY(take(header, start + at + kMarkSize + in_round, batch.first(header.size())));
      in_round += header.size();
    }
    at += kMarkSize + round.size();
  }
}

bool SegmentWalk::is_next(Offset offset) const {
  return segment_.compacted() ? offset >= state_.end_offset : offset == state_.end_offset;
}

bool SegmentWalk::holds(std::span<const std::byte> round, std::uint64_t position,
                        std::uint32_t seal, bool check_crc) {
  std::uint32_t computed = 0;
  std::optional<Offset> next;
  while (!round.empty()) {
    bad_position_ = position;
    const auto header = read_header(round);
    if (!header || header->size() > round.size()) return false;
    const bool in_order = !next                  ? is_next(header->base_offset)
                          : segment_.compacted() ? header->base_offset >= *next
                                                 : header->base_offset == *next;
    const auto batch = round.first(header->size());
    if (!in_order) return false;
    if (check_crc && !base::bug("torn_tail_kept") && !check_batch(batch)) return false;
    computed = seal_with(computed, batch);
    next = header->last_offset() + 1;
    position += batch.size();
    round = round.subspan(batch.size());
  }
  return computed == seal && next.has_value();
}

base::Result<> SegmentWalk::take(const BatchHeader& header, std::uint64_t position,
                                 std::span<const std::byte> batch) {
  state_.add(header, position);
  if (header.producer_id < 0) return {};
  if (producers_ != nullptr && header.base_offset >= producers_from_)
    (*producers_)[header.producer_id].record(header, now_us_);
  if (!header.is_control()) {
    if (header.is_transactional()) open_.try_emplace(header.producer_id, header.base_offset);
    return {};
  }
  const auto began = open_.find(header.producer_id);
  if (began == open_.end()) return {};  // none of its records is kept
  if (!TRY(marker_commits(batch))) {
    state_.aborted.push_back({.producer_id = header.producer_id,
                              .first_offset = began->second,
                              .last_offset = header.last_offset()});
  }
  open_.erase(began);
  return {};
}

}  // namespace eventlog
