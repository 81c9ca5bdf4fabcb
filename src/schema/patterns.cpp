#include "schema/patterns.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

namespace schema {
namespace {

constexpr std::size_t kStepsMax = 50'000'000;    // states times characters
constexpr std::size_t kKeptStatesMax = 100'000;  // of compiled patterns
// Linear in the text where no back reference asks for more; those are refused.
constexpr auto kLinear =
    std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial;

struct Shape {
  std::size_t states = 1;
  bool looks_ahead = false;
};

// The times of {n}, {n,} and {n,m} at `at`, which goes behind it.
std::size_t times_of(std::string_view pattern, std::size_t& at) {
  std::size_t most = 1;
  for (; at < pattern.size() && pattern[at] != '}'; ++at) {
    std::size_t number = 0;
    const auto read = std::from_chars(pattern.data() + at, pattern.data() + pattern.size(), number);
    if (read.ec == std::errc::result_out_of_range) return kPatternStatesMax + 1;
    if (read.ec != std::errc{}) continue;
    most = std::max(most, number + 1);
    at = static_cast<std::size_t>(read.ptr - pattern.data()) - 1;
  }
  return most;
}

std::size_t end_of_class(std::string_view pattern, std::size_t at) {
  for (++at; at < pattern.size() && pattern[at] != ']'; ++at) at += pattern[at] == '\\' ? 1 : 0;
  return at;
}

// nullopt: too large, or with one look ahead in another.
std::optional<Shape> shape_of(std::string_view pattern) {
  struct Group {
    std::size_t before;
    bool ahead;
  };
  Shape shape;
  std::vector<Group> open;
  std::size_t last = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '(') {
      const auto start = pattern.substr(i, 3);
      const bool ahead = start == "(?=" || start == "(?!";
      if (ahead && std::ranges::any_of(open, [](const Group& g) { return g.ahead; }))
        return std::nullopt;
      shape.looks_ahead |= ahead;
      open.push_back({shape.states, ahead});
      shape.states = 2;
    } else if (pattern[i] == ')') {
      if (open.empty()) return std::nullopt;
      last = shape.states;
      shape.states += open.back().before;
      open.pop_back();
    } else if (pattern[i] == '{') {
      const std::size_t times = times_of(pattern, i);
      if (times > kPatternStatesMax) return std::nullopt;
      shape.states += last * 2 * times - last;
      last *= 2 * times;
    } else {
      if (pattern[i] == '[') i = end_of_class(pattern, i);
      if (i < pattern.size() && pattern[i] == '\\') ++i;
      const bool repeats = i < pattern.size() && std::string_view("*+?").contains(pattern[i]);
      last = repeats ? last + 2 : 2;
      shape.states += 2;
    }
    if (shape.states > kPatternStatesMax) return std::nullopt;
  }
  return shape;
}

std::optional<std::regex> compile(const std::string& pattern) {
  try {
    static_cast<void>(std::regex(pattern, kLinear));
    return std::regex("[\\s\\S]*(?:" + pattern + ")", kLinear);
  } catch (const std::regex_error&) {
    return std::nullopt;
  }
}

}  // namespace

const Patterns::Compiled& Patterns::compiled(const std::string& pattern) {
  if (const auto at = compiled_.find(pattern); at != compiled_.end()) return at->second;
  Compiled made;
  if (const auto shape = shape_of(pattern)) {
    made = {compile(pattern), shape->states, shape->looks_ahead};
    steps_ += 100 * shape->states;
  }
  if (kept_states_ + made.states + 1 > kKeptStatesMax) {
    compiled_.clear();
    kept_states_ = 0;
  }
  kept_states_ += made.states + 1;
  return compiled_.emplace(pattern, std::move(made)).first->second;
}

std::optional<bool> Patterns::matches(const std::string& pattern, const std::string& text) {
  if (pattern.size() > kPatternMax || text.size() > kPatternTextMax) return std::nullopt;
  if (exhausted_) return std::nullopt;
  const Compiled& known = compiled(pattern);
  const std::size_t places = text.size() + 1;
  steps_ += 1 + known.states * places * (known.looks_ahead ? places : 1);
  exhausted_ = steps_ > kStepsMax;
  if (exhausted_ || !known.regex) return std::nullopt;
  try {
    return std::regex_search(text, *known.regex, std::regex_constants::match_continuous);
  } catch (const std::regex_error&) {
    return std::nullopt;
  }
}

}  // namespace schema
