#include "stream/pattern_syntax.h"

#include <algorithm>
#include <cctype>

#include "base/clock.h"

namespace stream {
namespace {

using Kind = PatternNode::Kind;

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

PatternNode of(Kind kind, int step = -1) {
  PatternNode node;
  node.kind = kind;
  node.step = step;
  return node;
}

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  base::Result<PatternTree> run() {
    if (text_.size() > kPatternTextMax)
      return refuse(fmt::format("the pattern is longer than {} characters", kPatternTextMax),
                    "split it into two patterns, one reading the other's table");
    tree_.root = TRY(choice());
    skip();
    if (at_ < text_.size())
      return refuse(fmt::format("'{}' does not belong here", text_[at_]),
                    text_[at_] == ')' ? "there is no '(' for it" : "see docs/patterns.md");
    return std::move(tree_);
  }

 private:
  std::unexpected<base::Error> refuse(std::string message, std::string mend) const {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("pattern, character {}: {}", at_ + 1, message),
                           std::move(mend));
  }
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  bool take(std::string_view token) {
    skip();
    if (!std::string_view(text_).substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  std::string peek_word() {
    skip();
    std::size_t end = at_;
    while (end < text_.size() && (is_letter(text_[end]) || (end > at_ && is_digit(text_[end]))))
      ++end;
    return text_.substr(at_, end - at_);
  }

  base::Result<PatternNode> choice() {
    if (++depth_ > kDepthMax)
      return refuse(fmt::format("groups stand deeper than {}", kDepthMax), "write it flatter");
    PatternNode node = of(Kind::kChoice);
    do {
      node.children.push_back(TRY(sequence()));
    } while (take("|"));
    --depth_;
    if (node.children.size() == 1) return PatternNode(std::move(node.children[0]));
    return node;
  }

  base::Result<PatternNode> sequence() {
    PatternNode node = of(Kind::kSequence);
    bool open = false;  // a '->' or an untimed 'not', which needs an element behind it
    for (;;) {
      skip();
      if (at_ >= text_.size() || text_[at_] == '|' || text_[at_] == ')') break;
      if (take("->")) {
        if (node.children.empty() || open) return refuse("'->' stands between two elements", "");
        node.children.push_back(of(Kind::kGap));
        open = true;
        continue;
      }
      PatternNode next = TRY(element());
      const bool negated = next.kind == Kind::kUntil || next.kind == Kind::kSilence;
      if (negated && open)
        return refuse("'not' stands behind a '->' or another 'not'",
                      "drop the '->': rows between are allowed by 'not' itself");
      if (next.kind == Kind::kUntil && node.children.empty())
        return refuse("a 'not' without 'within' stands between two elements of one sequence",
                      "put the element before it into the same group");
      open = next.kind == Kind::kUntil;
      node.children.push_back(std::move(next));
    }
    if (open)
      return refuse("nothing follows a '->' or a 'not' that has no end",
                    "write 'not STEP within 30 minutes', or name the step that ends it");
    if (node.children.empty())
      return refuse("a step is missing", "name a step, or '(' to begin a group");
    return node;
  }

  base::Result<PatternNode> element() {
    const std::string word = peek_word();
    if (word == "not") return negation();
    PatternNode unit;
    if (take("(")) {
      unit = TRY(choice());
      if (!take(")")) return refuse("a ')' is missing", "close the group");
    } else if (!word.empty()) {
      unit = of(Kind::kStep, TRY(step(true)));
    } else {
      return refuse(fmt::format("'{}' is no step", text_[at_]),
                    "name a step; quantifiers stand right behind a step or a ')'");
    }
    return quantified(std::move(unit));
  }

  base::Result<PatternNode> negation() {
    at_ += 3;
    PatternNode node = of(Kind::kUntil, TRY(step(false)));
    if (peek_word() != "within") return node;
    at_ += 6;
    skip();
    const std::size_t start = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) {
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
      skip();
      while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
      skip();
    }
    std::string duration = text_.substr(start, at_ - start);
    while (duration.ends_with(' ')) duration.pop_back();
    const auto us = base::parse_duration_us(duration);
    if (!us || *us <= 0) {
      return refuse(fmt::format("'{}' is no duration", duration),
                    "write 'within 30 minutes' (a number and a unit)");
    }
    node.kind = Kind::kSilence;
    node.duration_us = *us;
    return node;
  }

  base::Result<int> step(bool mapped) {
    const std::string name = peek_word();
    if (name.empty() || name == "not" || name == "within")
      return refuse("the name of a step is missing", "write a name of 'define'");
    at_ += name.size();
    const auto found = std::find(tree_.steps.begin(), tree_.steps.end(), name);
    const auto number = static_cast<std::size_t>(found - tree_.steps.begin());
    if (found == tree_.steps.end()) {
      if (tree_.steps.size() == kPatternStepsMax)
        return refuse(fmt::format("more than {} steps", kPatternStepsMax), "use fewer names");
      tree_.steps.push_back(name);
      tree_.mapped.push_back(false);
    }
    if (mapped) tree_.mapped[number] = true;
    return static_cast<int>(number);
  }

  base::Result<PatternNode> quantified(PatternNode unit) {
    PatternNode node = of(Kind::kRepeat);
    if (take("?")) {
      node.min = 0;
    } else if (take("*")) {
      node.min = 0;
      node.max = kUnbounded;
    } else if (take("+")) {
      node.max = kUnbounded;
    } else if (take("{")) {
      TRY(counts(node));
    } else {
      return unit;
    }
    node.reluctant = take("?");
    skip();
    if (at_ < text_.size() && std::string_view("?*+{").contains(text_[at_]))
      return refuse("two quantifiers in a row", "put the first one into a group");
    node.children.push_back(std::move(unit));
    return node;
  }

  base::Result<> counts(PatternNode& node) {
    const auto number = [&]() -> base::Result<int> {
      skip();
      int value = -1;
      while (at_ < text_.size() && is_digit(text_[at_])) {
        value = std::max(value, 0) * 10 + (text_[at_++] - '0');
        if (value > static_cast<int>(kProgramMax))
          return refuse(fmt::format("a count over {}", kProgramMax), "use a smaller one, or '+'");
      }
      return value;
    };
    node.min = TRY(number());
    if (take(",")) {
      node.max = TRY(number());
      if (node.min < 0 && node.max < 0) return refuse("a count is missing", "write {2,5}");
      node.min = std::max(node.min, 0);
    } else {
      node.max = node.min;
    }
    if (!take("}") || node.min < 0 || node.max == 0 ||
        (node.max != kUnbounded && node.max < node.min))
      return refuse("the counts of a quantifier are wrong", "write {3}, {2,}, {,4} or {2,4}");
    return {};
  }

  static constexpr int kDepthMax = 50;
  const std::string& text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  PatternTree tree_;
};

// Whether a part can be passed without a row; a silence passes time, which counts for `time`.
bool can_be_empty(const PatternNode& node, bool time_counts) {
  const auto empty = [&](const PatternNode& child) { return can_be_empty(child, time_counts); };
  switch (node.kind) {
    case Kind::kStep:
      return false;
    case Kind::kSilence:
      return !time_counts;
    case Kind::kGap:
    case Kind::kUntil:
      return true;
    case Kind::kSequence:
      return std::all_of(node.children.begin(), node.children.end(), empty);
    case Kind::kChoice:
      return std::any_of(node.children.begin(), node.children.end(), empty);
    case Kind::kRepeat:
      return node.min == 0 || empty(node.children[0]);
  }
  return true;
}

bool can_begin_with_not(const PatternNode& node) {
  switch (node.kind) {
    case Kind::kSilence:
    case Kind::kUntil:
    case Kind::kGap:
      return true;
    case Kind::kStep:
      return false;
    case Kind::kSequence:
      for (const PatternNode& child : node.children) {
        if (can_begin_with_not(child)) return true;
        if (!can_be_empty(child, true)) return false;
      }
      return false;
    default:
      return std::any_of(node.children.begin(), node.children.end(), can_begin_with_not);
  }
}

bool repeats_nothing(const PatternNode& node) {
  const bool is_loop = node.kind == Kind::kRepeat;
  if (is_loop && can_be_empty(node.children[0], node.max != kUnbounded)) return true;
  return std::any_of(node.children.begin(), node.children.end(), repeats_nothing);
}

// The longest time from the row before a part to its end; `first`: nothing stands before it.
std::int64_t longest(const PatternNode& node, bool& first) {
  switch (node.kind) {
    case Kind::kStep: {
      const bool was_first = std::exchange(first, false);
      return was_first ? 0 : -1;
    }
    case Kind::kSilence:
      return node.duration_us;
    case Kind::kGap:
    case Kind::kUntil:
      return -1;
    case Kind::kRepeat: {
      if (node.max != 1) return -1;
      return longest(node.children[0], first);
    }
    case Kind::kSequence: {
      std::int64_t sum = 0;
      for (const PatternNode& child : node.children) {
        const std::int64_t us = longest(child, first);
        if (us < 0) return -1;
        sum += us;
      }
      return sum;
    }
    case Kind::kChoice: {
      std::int64_t most = 0;
      const bool before = first;
      for (const PatternNode& child : node.children) {
        bool own = before;
        const std::int64_t us = longest(child, own);
        if (us < 0) return -1;
        most = std::max(most, us);
        first = first && own;
      }
      return most;
    }
  }
  return -1;
}

class Compiler {
 public:
  base::Result<std::vector<Instruction>> run(const PatternTree& tree) {
    add(tree.root);
    push({.kind = Instruction::Kind::kAccept});
    if (full_) {
      return base::fail_with(
          base::Code::kLimit,
          fmt::format("the pattern needs more than {} instructions", kProgramMax),
          "use smaller counts in {n,m}: they are unrolled");
    }
    return std::move(program_);
  }

 private:
  int here() const { return static_cast<int>(program_.size()); }
  int push(Instruction instruction) {
    if (program_.size() >= kProgramMax) {
      full_ = true;
      return 0;
    }
    program_.push_back(instruction);
    return here() - 1;
  }
  Instruction& at(int index) { return program_[static_cast<std::size_t>(index)]; }

  // One way into what follows, the other around it; set() says later where that goes.
  int split() { return push({.kind = Instruction::Kind::kSplit}); }
  void set(int index, int into, int around, bool reluctant) {
    at(index).to = reluctant ? around : into;
    at(index).other = reluctant ? into : around;
  }
  void add_loop(Instruction taking) {
    const int fork = split();
    push(taking);
    push({.kind = Instruction::Kind::kJump, .to = fork});
    if (!full_) set(fork, fork + 1, here(), true);
  }

  void add(const PatternNode& node) {
    if (full_) return;
    switch (node.kind) {
      case Kind::kStep:
        push({.kind = Instruction::Kind::kStep, .step = node.step});
        break;
      case Kind::kSilence:
        push({.kind = Instruction::Kind::kSilence,
              .step = node.step,
              .duration_us = node.duration_us});
        break;
      case Kind::kGap:
        add_loop({.kind = Instruction::Kind::kAny});
        break;
      case Kind::kUntil:
        add_loop({.kind = Instruction::Kind::kUnless, .step = node.step});
        break;
      case Kind::kSequence:
        for (const PatternNode& child : node.children) add(child);
        break;
      case Kind::kChoice:
        add_choice(node);
        break;
      case Kind::kRepeat:
        add_repeat(node);
        break;
    }
  }

  void add_choice(const PatternNode& node) {
    std::vector<int> ends;
    for (std::size_t i = 0; i < node.children.size() && !full_; ++i) {
      const bool last = i + 1 == node.children.size();
      const int fork = last ? -1 : split();
      add(node.children[i]);
      if (last) break;
      ends.push_back(push({.kind = Instruction::Kind::kJump}));
      if (!full_) set(fork, fork + 1, here(), false);
    }
    if (full_) return;
    for (const int end : ends) at(end).to = here();
  }

  void add_repeat(const PatternNode& node) {
    for (int i = 0; i < node.min && !full_; ++i) add(node.children[0]);
    std::vector<int> forks;
    if (node.max == kUnbounded) {
      const int fork = split();
      add(node.children[0]);
      push({.kind = Instruction::Kind::kJump, .to = fork});
      forks.push_back(fork);
    } else {
      for (int i = node.min; i < node.max && !full_; ++i) {
        forks.push_back(split());
        add(node.children[0]);
      }
    }
    if (full_) return;
    for (const int fork : forks) set(fork, fork + 1, here(), node.reluctant);
  }

  std::vector<Instruction> program_;
  bool full_ = false;
};

}  // namespace

base::Result<PatternTree> parse_pattern(const std::string& text) {
  PatternTree tree = TRY(Parser(text).run());
  if (can_begin_with_not(tree.root)) {
    return base::fail_with(base::Code::kInvalid, "the pattern can begin with a 'not'",
                           "begin with a step: 'not' counts from the row before it");
  }
  if (can_be_empty(tree.root, false)) {
    return base::fail_with(base::Code::kInvalid, "the pattern can match no row at all",
                           "make at least one step necessary: '+' instead of '*'");
  }
  if (repeats_nothing(tree.root)) {
    return base::fail_with(
        base::Code::kInvalid, "a quantifier stands behind a group that can match no row",
        "make a step of the group necessary; the quantifier allows none already");
  }
  return tree;
}

std::int64_t longest_us(const PatternTree& tree) {
  bool first = true;
  return longest(tree.root, first);
}

base::Result<std::vector<Instruction>> compile_pattern(const PatternTree& tree) {
  return Compiler().run(tree);
}

}  // namespace stream
