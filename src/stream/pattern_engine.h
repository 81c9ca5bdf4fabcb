// A pattern over the rows of many keys: rows wait until the watermark has passed them, then go to
// their keys in the order of event time; time alone ends what must not go on.
//
// State is a set of rows: those that wait, and of each key those from the first at which an attempt
// runs. The rows and the watermark say everything, so that state is restored, and made smaller, by
// giving the rows in again. Threads: one.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "stream/pattern_matcher.h"
#include "stream/seen_keys.h"

namespace stream {

inline constexpr base::TimestampUs kNoWatermarkUs = -(1LL << 60);
inline constexpr base::TimestampUs kNoRowsAfterUs = 1LL << 60;  // a watermark that ends everything

// Rows that came together. `rows`: event time (not null), _partition, _offset, then the key
// columns, then what else is kept. `leaves`: what the conditions' SELECT gave for them.
struct PatternSegment {
  columns::Batch rows;
  columns::Batch holds;  // one column: a bit per step
  columns::Batch leaves;
};

class PatternEngine final : public PatternSegments {
 public:
  // `keys`: how many of the columns behind the first three are the key.
  PatternEngine(PatternRules rules, std::size_t keys);

  // Rows that are not late. Nothing happens until advance().
  void add(PatternSegment segment);
  // What is certain when all rows up to `watermark_us` are there. The rows of matches stay where
  // row() finds them until the next call of a function that is not const.
  std::vector<PatternMatch> advance(base::TimestampUs watermark_us);
  base::TimestampUs watermark_us() const { return watermark_us_; }

  // Where a row's columns are.
  const columns::Batch& rows_of(const PatternRow& row) const {
    return segments_[row.segment]->rows;
  }
  LeafRow leaves(std::uint32_t segment, std::uint32_t row) const override {
    return {&segments_[segment]->leaves, row};
  }

  // Rows in memory against rows that are needed.
  std::size_t rows_held() const { return held_; }
  std::size_t rows_live() const { return waiting_rows_ + key_rows_; }
  // Keeps only what is needed, in one segment; its rows are the whole state.
  const columns::Batch& compact();
  std::int64_t abandoned() const { return matcher_.abandoned(); }
  const PatternRules& rules() const { return matcher_.rules(); }
  // Names the key of a row, the same in every process.
  KeyHash key_of(const columns::Batch& rows, std::size_t row) const;

 private:
  struct Waiting {
    PatternRow row;
    KeyHash key;
  };
  struct Hasher {
    std::size_t operator()(const KeyHash& key) const { return key.low; }
  };
  struct Key {
    KeyRows rows;
    base::TimestampUs armed_us = INT64_MAX;  // the one timer that counts
  };
  struct Timer {
    base::TimestampUs at_us = 0;
    KeyHash key;
  };

  void add_waiting(std::uint32_t segment);
  void release(std::vector<Waiting>& rows, std::vector<PatternMatch>& out);
  void arm(const KeyHash& hash, Key& key);
  void fire(std::vector<PatternMatch>& out);
  void clear();

  std::size_t keys_;
  Matcher matcher_;
  base::TimestampUs watermark_us_ = kNoWatermarkUs;
  std::vector<std::unique_ptr<const PatternSegment>> segments_;
  std::size_t held_ = 0;
  std::size_t waiting_rows_ = 0;
  std::size_t key_rows_ = 0;
  std::map<std::int64_t, std::vector<Waiting>> waiting_;  // by second of event time
  std::map<std::int64_t, std::vector<Timer>> timers_;     // the same
  std::unordered_map<KeyHash, Key, Hasher> by_key_;
};

}  // namespace stream
