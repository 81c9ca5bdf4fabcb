// The row pattern of patterns/*.yaml, `departed (seen | lost)+ not late within 2 hours`: text to a
// tree, and the tree to a program of a few instructions that a matcher runs.
//
//   choice    := sequence { '|' sequence }          the left one is preferred
//   sequence  := element { [ '->' ] element }       next row; with '->' any rows may lie between
//   element   := unit [ '?' | '*' | '+' | '{n}' | '{n,}' | '{,m}' | '{n,m}' ] [ '?' ]
//   unit      := step | '(' choice ')'
//   element   := 'not' step                          no such row before the next element
//   element   := 'not' step 'within' duration        no such row for that long
// A quantifier takes as many rows as it can, with a '?' behind it as few. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace stream {

inline constexpr int kPatternStepsMax = 60;        // named steps, one bit each
inline constexpr std::size_t kProgramMax = 2'000;  // instructions: counted repeats are unrolled
inline constexpr std::size_t kPatternTextMax = 10'000;
inline constexpr int kUnbounded = -1;

struct PatternNode {
  enum class Kind : std::uint8_t { kStep, kSequence, kChoice, kRepeat, kGap, kUntil, kSilence };
  Kind kind = Kind::kSequence;
  int step = -1;                      // kStep; kUntil and kSilence: the step that must not come
  std::vector<PatternNode> children;  // kSequence, kChoice, kRepeat (one)
  int min = 1;                        // kRepeat
  int max = 1;                        // kUnbounded: without a limit
  bool reluctant = false;
  std::int64_t duration_us = 0;  // kSilence
};

struct PatternTree {
  PatternNode root;
  std::vector<std::string> steps;  // by number, in the order of the text
  std::vector<bool> mapped;        // the step can hold rows (is not only behind a 'not')
};

// kInvalid names the character and the mend. Refused: a pattern that can match no row, that begins
// with a 'not', whose repeated part can match no row.
base::Result<PatternTree> parse_pattern(const std::string& text);

// The longest time from its first row to its end; nullopt-like -1 when rows may keep it open for
// ever.
std::int64_t longest_us(const PatternTree& tree);

struct Instruction {
  enum class Kind : std::uint8_t {
    kStep,     // takes a row for which the step holds
    kAny,      // takes any row, of no step
    kUnless,   // takes any row for which the step does not hold, of no step
    kSilence,  // takes such rows until duration_us have passed
    kSplit,    // goes to `to`, and with less preference to `other`
    kJump,
    kAccept,
  };
  Kind kind = Kind::kAccept;
  int step = -1;
  int to = 0;
  int other = 0;
  std::int64_t duration_us = 0;
};

// kLimit when it would be longer than kProgramMax.
base::Result<std::vector<Instruction>> compile_pattern(const PatternTree& tree);

}  // namespace stream
