// Regular expressions of JSON Schemas, in time bounded by the pattern and the text.
//
// Threads: one at a time; each user keeps its own.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <regex>
#include <string>

namespace schema {

inline constexpr std::size_t kPatternMax = 1000;         // characters of a regular expression
inline constexpr std::size_t kPatternTextMax = 1000;     // bytes that one is looked for in
inline constexpr std::size_t kPatternStatesMax = 5'000;  // with its repetitions written out

class Patterns {
 public:
  // Whether it is found in the text; nullopt when that cannot be said: it is none that the library
  // reads, too large, or exhausted().
  std::optional<bool> matches(const std::string& pattern, const std::string& text);
  // So much was looked for that nothing more is.
  bool exhausted() const { return exhausted_; }

 private:
  struct Compiled {
    std::optional<std::regex> regex;  // none: it cannot be read
    std::size_t states = 0;
    bool looks_ahead = false;
  };
  const Compiled& compiled(const std::string& pattern);

  std::map<std::string, Compiled> compiled_;
  std::size_t kept_states_ = 0;
  std::size_t steps_ = 0;
  bool exhausted_ = false;
};

}  // namespace schema
