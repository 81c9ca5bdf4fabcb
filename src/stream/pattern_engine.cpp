#include "stream/pattern_engine.h"

#include <algorithm>

#include "base/check.h"

namespace stream {
namespace {

std::int64_t second_of(base::TimestampUs us) {
  return us / base::kUsPerSecond - (us % base::kUsPerSecond < 0 ? 1 : 0);
}

void append_value(columns::Column& to, const columns::Column& from, std::size_t row) {
  if (from.is_null(row)) {
    to.append_null();
  } else if (from.is_text()) {
    to.append_text(from.text_at(row));
  } else {
    to.append_int(from.int_at(row));  // doubles by their bits
  }
}

void append_row(columns::Batch& to, const columns::Batch& from, std::size_t row) {
  for (std::size_t c = 0; c < to.columns.size(); ++c)
    append_value(to.columns[c], from.columns[c], row);
}

}  // namespace

PatternEngine::PatternEngine(PatternRules rules, std::size_t keys)
    : keys_(keys), matcher_(std::move(rules), *this) {}

KeyHash PatternEngine::key_of(const columns::Batch& rows, std::size_t row) const {
  KeyHash hash;
  for (std::size_t k = 0; k < keys_; ++k) {
    const columns::Column& column = rows.columns[3 + k];
    if (column.is_null(row)) {
      hash = hash_field(hash, {}, true);
    } else if (column.is_text()) {
      hash = hash_field(hash, column.text_at(row), false);
    } else {
      const std::int64_t value = column.int_at(row);
      hash = hash_field(
          hash, std::string_view(reinterpret_cast<const char*>(&value), sizeof(value)), false);
    }
  }
  return hash;
}

void PatternEngine::add(PatternSegment segment) {
  if (segment.rows.rows() == 0) return;
  held_ += segment.rows.rows();
  segments_.push_back(std::make_unique<const PatternSegment>(std::move(segment)));
  add_waiting(static_cast<std::uint32_t>(segments_.size()) - 1);
}

void PatternEngine::add_waiting(std::uint32_t segment) {
  const PatternSegment& from = *segments_[segment];
  const std::size_t rows = from.rows.rows();
  std::int64_t second = 0;
  std::vector<Waiting>* bucket = nullptr;
  for (std::size_t row = 0; row < rows; ++row) {
    Waiting waiting{
        .row = {.time_us = from.rows.columns[0].int_at(row),
                .offset = from.rows.columns[2].int_at(row),
                .partition = static_cast<std::int32_t>(from.rows.columns[1].int_at(row)),
                .segment = segment,
                .index = static_cast<std::uint32_t>(row),
                .holds = static_cast<std::uint64_t>(from.holds.columns[0].int_at(row))},
        .key = key_of(from.rows, row)};
    const std::int64_t its = second_of(waiting.row.time_us);
    if (bucket == nullptr || its != second) bucket = &waiting_[its];
    second = its;
    bucket->push_back(waiting);
  }
  waiting_rows_ += rows;
}

std::vector<PatternMatch> PatternEngine::advance(base::TimestampUs watermark_us) {
  std::vector<PatternMatch> out;
  watermark_us_ = std::max(watermark_us_, watermark_us);
  const std::int64_t last = second_of(watermark_us_);
  while (!waiting_.empty() && waiting_.begin()->first <= last) {
    const auto bucket = waiting_.begin();
    std::vector<Waiting> rows = std::move(bucket->second);
    std::vector<Waiting> rest;
    if (bucket->first == last) {
      const auto split = std::partition(rows.begin(), rows.end(), [&](const Waiting& waiting) {
        return waiting.row.time_us <= watermark_us_;
      });
      rest.assign(split, rows.end());
      rows.erase(split, rows.end());
    }
    const bool done = rest.empty();
    if (done) {
      waiting_.erase(bucket);
    } else {
      bucket->second = std::move(rest);
    }
    release(rows, out);
    if (!done) break;
  }
  fire(out);
  return out;
}

void PatternEngine::release(std::vector<Waiting>& rows, std::vector<PatternMatch>& out) {
  waiting_rows_ -= rows.size();
  std::sort(rows.begin(), rows.end(),
            [](const Waiting& a, const Waiting& b) { return a.row.before(b.row); });
  for (const Waiting& waiting : rows) {
    auto at = by_key_.find(waiting.key);
    if (at == by_key_.end()) {
      if (!matcher_.can_begin(waiting.row)) continue;
      at = by_key_.try_emplace(waiting.key).first;
    }
    Key& key = at->second;
    key_rows_ -= key.rows.size();
    matcher_.add(key.rows, waiting.row);
    matcher_.advance(key.rows, waiting.row.time_us - 1, out);
    key_rows_ += key.rows.size();
    arm(waiting.key, key);
  }
}

// One timer per key at most times: a later end waits until the earlier timer comes.
void PatternEngine::arm(const KeyHash& hash, Key& key) {
  const base::TimestampUs wake_us = key.rows.wake_us();
  if (wake_us == INT64_MAX) {
    if (key.armed_us == INT64_MAX) by_key_.erase(hash);
    return;
  }
  if (key.armed_us <= wake_us) return;
  key.armed_us = wake_us;
  timers_[second_of(wake_us)].push_back({wake_us, hash});
}

void PatternEngine::fire(std::vector<PatternMatch>& out) {
  // A timer may arm another one that is due as well.
  const base::TimestampUs due_us = watermark_us_ + 1;
  while (!timers_.empty() && timers_.begin()->first <= second_of(due_us)) {
    const auto bucket = timers_.begin();
    std::vector<Timer> due = std::move(bucket->second);
    timers_.erase(bucket);
    bool fired = false;
    for (const Timer& timer : due) {
      if (timer.at_us > due_us) {
        timers_[second_of(timer.at_us)].push_back(timer);
        continue;
      }
      fired = true;
      const auto at = by_key_.find(timer.key);
      if (at == by_key_.end() || at->second.armed_us != timer.at_us) continue;
      at->second.armed_us = INT64_MAX;
      key_rows_ -= at->second.rows.size();
      matcher_.advance(at->second.rows, watermark_us_, out);
      key_rows_ += at->second.rows.size();
      arm(timer.key, at->second);
    }
    if (!fired) break;
  }
}

void PatternEngine::clear() {
  segments_.clear();
  waiting_.clear();
  timers_.clear();
  by_key_.clear();
  held_ = 0;
  waiting_rows_ = 0;
  key_rows_ = 0;
}

const columns::Batch& PatternEngine::compact() {
  PatternSegment all;
  if (!segments_.empty()) {
    const PatternSegment& any = *segments_.front();
    all = {columns::Batch(any.rows.schema), columns::Batch(any.holds.schema),
           columns::Batch(any.leaves.schema)};
  }
  const auto take = [&](const PatternRow& row) {
    const PatternSegment& from = *segments_[row.segment];
    append_row(all.rows, from.rows, row.index);
    append_row(all.holds, from.holds, row.index);
    append_row(all.leaves, from.leaves, row.index);
  };
  for (const auto& [hash, key] : by_key_) {
    for (const PatternRow& row : key.rows.rows()) take(row);
  }
  for (const auto& [second, rows] : waiting_) {
    for (const Waiting& waiting : rows) take(waiting.row);
  }
  clear();
  held_ = all.rows.rows();
  segments_.push_back(std::make_unique<const PatternSegment>(std::move(all)));
  add_waiting(0);
  const std::vector<PatternMatch> again = advance(watermark_us_);
  CHECK(again.empty(), "rows that were kept gave {} matches anew", again.size());
  return segments_.front()->rows;
}

}  // namespace stream
