#include "stream/pattern_matcher.h"

#include <algorithm>

namespace stream {

using Kind = Instruction::Kind;

Matcher::Matcher(PatternRules rules, const PatternSegments& segments)
    : rules_(std::move(rules)), segments_(segments) {
  after_.resize(rules_.registers.size());
  visited_.resize(rules_.program.size());
  taken_.resize(rules_.program.size());
  std::vector<std::int32_t> open{0};
  ++visit_;
  while (!open.empty()) {
    const auto pc = static_cast<std::size_t>(open.back());
    open.pop_back();
    if (std::exchange(visited_[pc], visit_) == visit_) continue;
    const Instruction& at = rules_.program[pc];
    if (at.kind == Kind::kStep) begins_ |= std::uint64_t{1} << at.step;
    if (at.kind == Kind::kSplit) open.push_back(at.other);
    if (at.kind == Kind::kSplit || at.kind == Kind::kJump) open.push_back(at.to);
  }
  has_silence_ = std::any_of(rules_.program.begin(), rules_.program.end(),
                             [](const Instruction& i) { return i.kind == Kind::kSilence; });
}

void Matcher::advance(KeyRows& key, base::TimestampUs watermark_us,
                      std::vector<PatternMatch>& out) {
  for (;;) {
    if (!key.running_) {
      std::size_t row = key.first_;
      while (row < key.rows_.size() && !can_begin(key.rows_[row])) ++row;
      drop_to(key, row);
      if (key.empty()) return;
      begin(key);
    }
    if (!run(key, watermark_us)) return set_wake(key);
    finish(key, watermark_us + 1 >= deadline(key), out);
  }
}

void Matcher::begin(KeyRows& key) {
  key.running_ = true;
  key.next_ = key.first_;
  key.threads_.clear();
  key.registers_.clear();
  key.links_.clear();
  key.found_ = -1;
  key.abandoned_ = false;
  start_ways();
  follow(key, 0, -1, key.rows_[key.first_].time_us, rules_.initial);
  take_ways(key);
}

bool Matcher::run(KeyRows& key, base::TimestampUs watermark_us) {
  const base::TimestampUs end_us = deadline(key);
  while (key.next_ < key.rows_.size()) {
    const base::TimestampUs time_us = key.rows_[key.next_].time_us;
    if (has_silence_) pass_time(key, std::min(time_us, end_us));
    if (key.threads_.empty() || time_us >= end_us) return true;
    if (key.next_ - key.first_ >= rules_.rows_max) {
      ++abandoned_;
      key.threads_.clear();
      return true;
    }
    step(key, key.next_++);
    if (key.abandoned_) {
      ++abandoned_;
      key.threads_.clear();
      key.found_ = -1;
    }
    if (key.threads_.empty()) return true;
  }
  if (has_silence_) pass_time(key, std::min(watermark_us + 1, end_us));
  return key.threads_.empty() || watermark_us + 1 >= end_us;
}

bool Matcher::holds(std::int32_t step, const PatternRow& row, std::span<const Value> before) {
  if ((row.holds >> step & 1) == 0) return false;
  const auto& later = rules_.later[static_cast<std::size_t>(step)];
  if (rules_.registers.empty()) return true;
  const LeafRow leaves = segments_.leaves(row.segment, row.index);
  take_row(rules_.registers, step, leaves, before, after_);
  return !later || evaluate(*later, leaves, after_).is_true();
}

void Matcher::step(KeyRows& key, std::size_t index) {
  const PatternRow& row = key.rows_[index];
  start_ways();
  for (std::size_t i = 0; i < key.threads_.size(); ++i) {
    const KeyRows::Thread thread = key.threads_[i];
    const Instruction& at = rules_.program[static_cast<std::size_t>(thread.pc)];
    const std::span<const Value> registers = registers_of(key, i);
    bool goes_on = true;
    switch (at.kind) {
      case Kind::kStep: {
        if (!holds(at.step, row, registers)) break;
        key.links_.push_back({thread.tail, static_cast<std::uint32_t>(index), at.step});
        const auto tail = static_cast<std::int32_t>(key.links_.size()) - 1;
        goes_on = follow(key, thread.pc + 1, tail, row.time_us, after_);
        break;
      }
      case Kind::kUnless:
        if (holds(at.step, row, registers)) break;
        goes_on = follow(key, thread.pc + 1, thread.tail, row.time_us, registers);
        break;
      case Kind::kAny:
        goes_on = follow(key, thread.pc + 1, thread.tail, row.time_us, registers);
        break;
      case Kind::kSilence:
        if (!holds(at.step, row, registers)) add_way(key, thread, registers);
        break;
      default:
        break;
    }
    if (!goes_on) break;
  }
  take_ways(key);
}

void Matcher::pass_time(KeyRows& key, base::TimestampUs until_us) {
  const auto ends = [&](const KeyRows::Thread& thread) {
    return rules_.program[static_cast<std::size_t>(thread.pc)].kind == Kind::kSilence &&
           thread.until_us <= until_us;
  };
  while (std::any_of(key.threads_.begin(), key.threads_.end(), ends)) {
    start_ways();
    for (std::size_t i = 0; i < key.threads_.size(); ++i) {
      const KeyRows::Thread thread = key.threads_[i];
      if (!ends(thread)) {
        add_way(key, thread, registers_of(key, i));
      } else if (!follow(key, thread.pc + 1, thread.tail, thread.until_us, registers_of(key, i))) {
        break;
      }
    }
    take_ways(key);
  }
}

bool Matcher::follow(KeyRows& key, std::int32_t from, std::int32_t tail, base::TimestampUs at_us,
                     std::span<const Value> registers) {
  ++visit_;
  stack_.assign(1, from);
  while (!stack_.empty()) {
    const std::int32_t pc = stack_.back();
    stack_.pop_back();
    const auto index = static_cast<std::size_t>(pc);
    if (std::exchange(visited_[index], visit_) == visit_) continue;
    const Instruction& at = rules_.program[index];
    switch (at.kind) {
      case Kind::kAccept:
        key.found_ = tail;
        key.found_us_ = at_us;
        return false;
      case Kind::kSplit:
        stack_.push_back(at.other);
        stack_.push_back(at.to);
        break;
      case Kind::kJump:
        stack_.push_back(at.to);
        break;
      default:
        add_way(key, {.pc = pc, .tail = tail, .until_us = at_us + at.duration_us}, registers);
    }
  }
  return true;
}

bool Matcher::known_way(const KeyRows::Thread& thread, std::span<const Value> registers) {
  const auto pc = static_cast<std::size_t>(thread.pc);
  const bool silence = rules_.program[pc].kind == Kind::kSilence;
  if (std::exchange(taken_[pc], round_) != round_) return false;
  if (registers.empty() && !silence) return true;
  for (std::size_t i = 0; i < ways_.threads.size(); ++i) {
    const KeyRows::Thread& other = ways_.threads[i];
    if (other.pc != thread.pc || (silence && other.until_us != thread.until_us)) continue;
    const auto theirs =
        std::span<const Value>(ways_.registers).subspan(i * registers.size(), registers.size());
    if (same_registers(rules_.registers, theirs, registers)) return true;
  }
  return false;
}

void Matcher::add_way(KeyRows& key, const KeyRows::Thread& thread,
                      std::span<const Value> registers) {
  // What two ways can still become depends on nothing but this: the preferred one stays.
  if (known_way(thread, registers)) return;
  if (ways_.threads.size() == kThreadsMax) {
    key.abandoned_ = true;
    return;
  }
  ways_.threads.push_back(thread);
  ways_.registers.insert(ways_.registers.end(), registers.begin(), registers.end());
}

void Matcher::finish(KeyRows& key, bool at_deadline, std::vector<PatternMatch>& out) {
  std::size_t next = key.first_ + 1;
  if (key.found_ >= 0) {
    if (rules_.matches) {
      out.push_back(match_of(key, key.found_));
      out.back().decided_us = key.found_us_;
    }
    next = next_start(key);
  } else if (at_deadline && !key.threads_.empty() && rules_.timeouts) {
    out.push_back(match_of(key, key.threads_.front().tail));
    out.back().timed_out = true;
    out.back().decided_us = deadline(key);
  }
  key.running_ = false;
  drop_to(key, next);
}

PatternMatch Matcher::match_of(const KeyRows& key, std::int32_t tail) const {
  PatternMatch match;
  for (std::int32_t at = tail; at >= 0;) {
    const KeyRows::Link& link = key.links_[static_cast<std::size_t>(at)];
    match.held.push_back({key.rows_[link.row], link.step});
    at = link.before;
  }
  std::reverse(match.held.begin(), match.held.end());
  return match;
}

// The row at which the next attempt begins. A target that the match does not hold, or that is its
// first row, is the next row.
std::size_t Matcher::next_start(const KeyRows& key) const {
  std::size_t last = key.first_;
  std::size_t first_of = 0;
  std::size_t last_of = 0;
  for (std::int32_t at = key.found_; at >= 0;) {
    const KeyRows::Link& link = key.links_[static_cast<std::size_t>(at)];
    last = std::max<std::size_t>(last, link.row);
    if (link.step == rules_.skip_step) {
      first_of = link.row;
      last_of = std::max<std::size_t>(last_of, link.row);
    }
    at = link.before;
  }
  switch (rules_.skip) {
    case PatternRules::Skip::kPastLastRow:
      return last + 1;
    case PatternRules::Skip::kToNextRow:
      return key.first_ + 1;
    case PatternRules::Skip::kToFirst:
      return std::max(first_of, key.first_ + 1);
    case PatternRules::Skip::kToLast:
      return std::max(last_of, key.first_ + 1);
  }
  return last + 1;
}

void Matcher::set_wake(KeyRows& key) const {
  key.wake_us_ = deadline(key);
  if (!has_silence_) return;
  for (const KeyRows::Thread& thread : key.threads_) {
    if (rules_.program[static_cast<std::size_t>(thread.pc)].kind == Kind::kSilence)
      key.wake_us_ = std::min(key.wake_us_, thread.until_us);
  }
}

void Matcher::drop_to(KeyRows& key, std::size_t row) {
  key.first_ = row;
  if (key.first_ == key.rows_.size()) {
    key.rows_.clear();
    key.first_ = 0;
  } else if (key.first_ > 16 && key.first_ * 2 > key.rows_.size()) {
    key.rows_.erase(key.rows_.begin(), key.rows_.begin() + static_cast<std::ptrdiff_t>(key.first_));
    key.first_ = 0;
  }
}

}  // namespace stream
