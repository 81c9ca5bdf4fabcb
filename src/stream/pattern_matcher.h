// Finds the matches of a pattern among the rows of one key, in the order of event time.
//
// An attempt begins at a row and follows all ways through the program side by side, the preferred
// one first, so that what it finds is what trying them one after another would find first. It sees
// rows less than `within` after its first. Rows of a key stay until no attempt can begin at them
// or before them; the same rows and the same watermark give the same state, however they came.
//
// Threads: one; a Matcher holds scratch space.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "stream/pattern_expression.h"
#include "stream/pattern_syntax.h"

namespace stream {

inline constexpr std::size_t kThreadsMax = 1'000;  // ways followed at once by one attempt

// One row as a matcher sees it.
struct PatternRow {
  base::TimestampUs time_us = 0;
  std::int64_t offset = 0;
  std::int32_t partition = 0;
  std::uint32_t segment = 0;  // where its values are
  std::uint32_t index = 0;
  std::uint64_t holds = 0;  // a bit per step: what the row answers alone

  bool before(const PatternRow& other) const {
    if (time_us != other.time_us) return time_us < other.time_us;
    return partition != other.partition ? partition < other.partition : offset < other.offset;
  }
};

struct PatternRules {
  enum class Skip : std::uint8_t { kPastLastRow, kToNextRow, kToFirst, kToLast };
  std::vector<Instruction> program;
  std::vector<std::optional<Expression>> later;  // by step
  std::vector<Register> registers;
  std::vector<Value> initial;
  std::int64_t within_us = 0;
  std::size_t rows_max = 10'000;  // rows that one attempt sees
  Skip skip = Skip::kPastLastRow;
  int skip_step = -1;
  bool matches = true;  // which of the two come out
  bool timeouts = false;
};

// What an attempt gave: the rows that steps hold, in order.
struct PatternMatch {
  struct Held {
    PatternRow row;
    int step = 0;
  };
  std::vector<Held> held;
  bool timed_out = false;
  base::TimestampUs decided_us = 0;  // event time at which it was certain
};

// The leaves of a segment, by number.
class PatternSegments {
 public:
  virtual ~PatternSegments() = default;
  virtual LeafRow leaves(std::uint32_t segment, std::uint32_t row) const = 0;
};

class Matcher;

// Rows of one key from the first at which an attempt runs, and that attempt.
class KeyRows {
 public:
  bool empty() const { return first_ == rows_.size(); }
  std::size_t size() const { return rows_.size() - first_; }
  std::span<const PatternRow> rows() const { return std::span(rows_).subspan(first_); }
  // Event time at which something happens without another row; INT64_MAX: never.
  base::TimestampUs wake_us() const { return empty() ? INT64_MAX : wake_us_; }

 private:
  friend class Matcher;
  struct Thread {
    std::int32_t pc = 0;
    std::int32_t tail = -1;          // its last held row in `held_`
    base::TimestampUs until_us = 0;  // of a silence
  };
  struct Link {  // rows held so far, as lists that share their beginnings
    std::int32_t before = -1;
    std::uint32_t row = 0;  // in rows_
    std::int32_t step = 0;
  };

  std::vector<PatternRow> rows_;
  std::size_t first_ = 0;
  std::size_t next_ = 0;  // the first row that the attempt has not seen
  bool running_ = false;
  std::vector<Thread> threads_;
  std::vector<Value> registers_;  // of each thread, one behind another
  std::vector<Link> links_;
  std::int32_t found_ = -1;  // the tail of the best match so far
  base::TimestampUs found_us_ = 0;
  bool abandoned_ = false;
  base::TimestampUs wake_us_ = INT64_MAX;
};

class Matcher {
 public:
  Matcher(PatternRules rules, const PatternSegments& segments);

  const PatternRules& rules() const { return rules_; }
  // Whether an attempt can begin at this row, by what the row answers alone.
  bool can_begin(const PatternRow& row) const { return (row.holds & begins_) != 0; }
  // Takes a row that is not before any other of the key.
  void add(KeyRows& key, const PatternRow& row) const { key.rows_.push_back(row); }
  // Everything that is certain now that all rows up to `watermark_us` are there.
  void advance(KeyRows& key, base::TimestampUs watermark_us, std::vector<PatternMatch>& out);
  // Attempts given up because they followed more than kThreadsMax ways or saw more than rows_max
  // rows.
  std::int64_t abandoned() const { return abandoned_; }

 private:
  struct Ways {  // threads that are being made, the preferred first
    std::vector<KeyRows::Thread> threads;
    std::vector<Value> registers;
  };

  void begin(KeyRows& key);
  // True when the attempt is over.
  bool run(KeyRows& key, base::TimestampUs watermark_us);
  void step(KeyRows& key, std::size_t row);
  // Ends the silences up to `until_us`.
  void pass_time(KeyRows& key, base::TimestampUs until_us);
  // Follows a way to where it needs a row or time; false when it reached the end, so that no less
  // preferred one is followed any more.
  bool follow(KeyRows& key, std::int32_t pc, std::int32_t tail, base::TimestampUs at_us,
              std::span<const Value> registers);
  void add_way(KeyRows& key, const KeyRows::Thread& thread, std::span<const Value> registers);
  bool known_way(const KeyRows::Thread& thread, std::span<const Value> registers);
  bool holds(std::int32_t step, const PatternRow& row, std::span<const Value> before);
  std::span<const Value> registers_of(const KeyRows& key, std::size_t thread) const {
    return std::span(key.registers_)
        .subspan(thread * rules_.registers.size(), rules_.registers.size());
  }
  void start_ways() {
    ways_.threads.clear();
    ways_.registers.clear();
    ++round_;
  }
  void take_ways(KeyRows& key) {
    std::swap(key.threads_, ways_.threads);
    std::swap(key.registers_, ways_.registers);
  }
  void finish(KeyRows& key, bool at_deadline, std::vector<PatternMatch>& out);
  PatternMatch match_of(const KeyRows& key, std::int32_t tail) const;
  std::size_t next_start(const KeyRows& key) const;
  void set_wake(KeyRows& key) const;
  static void drop_to(KeyRows& key, std::size_t row);
  base::TimestampUs deadline(const KeyRows& key) const {
    return key.rows_[key.first_].time_us + rules_.within_us;
  }

  PatternRules rules_;
  const PatternSegments& segments_;
  std::uint64_t begins_ = 0;
  bool has_silence_ = false;
  Ways ways_;
  std::vector<Value> after_;  // registers with the row that is looked at
  std::vector<std::int32_t> stack_;
  std::vector<std::uint64_t> visited_;  // by instruction: the last call of follow() that came by
  std::vector<std::uint64_t> taken_;    // by instruction: the last round that has a way there
  std::uint64_t visit_ = 0;
  std::uint64_t round_ = 0;
  std::int64_t abandoned_ = 0;
};

}  // namespace stream
