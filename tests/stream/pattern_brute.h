// What a pattern means, tried out: every way to lay a pattern over the rows of a key is tried, the
// preferred one first. Shares nothing with the engine but the meaning.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pattern_brute {

struct Row {
  std::int64_t time = 0;  // seconds
  int number = 0;         // the order in which rows of one time stand
  std::string key;
  std::optional<int> v;
  std::string h;
};

struct Held {
  const Row* row;
  int step;
};
// Whether `row` can be `step` behind what is held.
using Condition = std::function<bool(const std::vector<Held>& held, const Row& row, int step)>;

struct Part {
  enum class Kind { kStep, kSequence, kChoice, kRepeat, kGap, kUntil, kSilence };
  Kind kind = Kind::kStep;
  int step = 0;
  std::vector<Part> parts;
  int min = 1;
  int max = 1;  // -1: any
  bool reluctant = false;
  std::int64_t seconds = 0;
};

struct Rules {
  Part pattern;
  std::vector<Condition> conditions;
  std::int64_t within = 0;  // seconds
  int skip = 0;             // 0 past last row, 1 to next row, 2 to first, 3 to last
  int skip_step = 0;
  bool matches = true;
  bool timeouts = false;
};

struct Match {
  std::vector<Held> held;
  bool timed_out = false;
  std::int64_t decided = 0;
};

// All matches of one key's rows, which are in order, when no more come.
class Brute {
 public:
  Brute(const Rules& rules, std::vector<Row> rows) : rules_(rules), rows_(std::move(rows)) {}

  // False when it would take too long.
  bool run(std::vector<Match>& out) {
    for (std::size_t start = 0; start < rows_.size();) {
      start_ = start;
      end_ = start;
      while (end_ < rows_.size() && rows_[end_].time < rows_[start].time + rules_.within) ++end_;
      open_.reset();
      found_.reset();
      State state{.at = start, .clock = rows_[start].time, .held = {}};
      walk(rules_.pattern, state, [&](State& done) {
        found_ = Match{done.held, false, done.clock};
        return true;
      });
      if (steps_ > kStepsMax) return false;
      start = next(start, out);
    }
    return true;
  }

 private:
  static constexpr long kStepsMax = 300'000;
  struct State {
    std::size_t at = 0;
    std::int64_t clock = 0;
    std::vector<Held> held;
  };
  using Then = std::function<bool(State&)>;

  std::size_t next(std::size_t start, std::vector<Match>& out) {
    if (!found_) {
      if (open_ && rules_.timeouts) {
        open_->timed_out = true;
        open_->decided = rows_[start].time + rules_.within;
        out.push_back(*open_);
      }
      return start + 1;
    }
    if (rules_.matches) out.push_back(*found_);
    const auto index = [&](const Row* row) { return static_cast<std::size_t>(row - rows_.data()); };
    if (rules_.skip == 0) return index(found_->held.back().row) + 1;
    std::size_t to = start + 1;
    if (rules_.skip == 1) return to;
    for (const Held& held : found_->held) {
      if (held.step != rules_.skip_step || index(held.row) == start) continue;
      to = index(held.row);
      if (rules_.skip == 2) break;
    }
    if (rules_.skip == 2 && !found_->held.empty() && found_->held[0].step == rules_.skip_step)
      return start + 1;
    return to;
  }

  // A row is needed and none is left: what is held is open when time runs out.
  bool needs_row(const State& state) {
    if (state.at < end_) return true;
    if (!open_) open_ = Match{state.held, false, 0};
    return false;
  }
  bool is(int step, const State& state, const Row& row) const {
    const Condition& condition = rules_.conditions[static_cast<std::size_t>(step)];
    return !condition || condition(state.held, row, step);
  }

  bool walk(const Part& part, State& state, const Then& then) {
    if (++steps_ > kStepsMax) return true;
    switch (part.kind) {
      case Part::Kind::kStep: {
        if (!needs_row(state) || !is(part.step, state, rows_[state.at])) return false;
        State after = state;
        after.held.push_back({&rows_[state.at], part.step});
        after.clock = rows_[state.at].time;
        ++after.at;
        return then(after);
      }
      case Part::Kind::kSequence:
        return sequence(part, 0, state, then);
      case Part::Kind::kChoice:
        for (const Part& one : part.parts)
          if (walk(one, state, then)) return true;
        return false;
      case Part::Kind::kRepeat:
        return repeat(part, 0, state, then);
      case Part::Kind::kGap:
      case Part::Kind::kUntil:
        return pass(part, state, then);
      case Part::Kind::kSilence:
        return silence(part, state, then);
    }
    return false;
  }

  bool sequence(const Part& part, std::size_t from, State& state, const Then& then) {
    if (from == part.parts.size()) return then(state);
    return walk(part.parts[from], state,
                [&, from](State& after) { return sequence(part, from + 1, after, then); });
  }

  bool repeat(const Part& part, int done, State& state, const Then& then) {
    if (++steps_ > kStepsMax) return true;
    const auto again = [&] {
      if (part.max >= 0 && done == part.max) return false;
      return walk(part.parts[0], state,
                  [&, done](State& after) { return repeat(part, done + 1, after, then); });
    };
    if (done < part.min) return again();
    if (part.reluctant) return then(state) || again();
    return again() || then(state);
  }

  bool pass(const Part& part, State& state, const Then& then) {
    State now = state;
    for (;;) {
      if (++steps_ > kStepsMax || then(now)) return true;
      if (!needs_row(now)) return false;
      const Row& row = rows_[now.at];
      if (part.kind == Part::Kind::kUntil && is(part.step, now, row)) return false;
      now.clock = row.time;
      ++now.at;
    }
  }

  bool silence(const Part& part, State& state, const Then& then) {
    const std::int64_t until = state.clock + part.seconds;
    State now = state;
    for (; now.at < end_ && rows_[now.at].time < until; ++now.at)
      if (is(part.step, now, rows_[now.at])) return false;
    if (until > rows_[start_].time + rules_.within) {
      if (!open_) open_ = Match{state.held, false, 0};
      return false;
    }
    now.clock = until;
    return then(now);
  }

  const Rules& rules_;
  std::vector<Row> rows_;
  std::size_t start_ = 0;
  std::size_t end_ = 0;
  long steps_ = 0;
  std::optional<Match> found_;
  std::optional<Match> open_;
};

}  // namespace pattern_brute
