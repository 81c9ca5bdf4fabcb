// Random patterns over random rows, in random cuts and orders, with restores in between, against a
// matcher that tries everything. WAYBILL_PATTERN_CASES sets how many (300), WAYBILL_PATTERN_SEED
// where they begin.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "stream/pattern_brute.h"
#include "stream/pattern_reader.h"

namespace stream {
namespace {

using pattern_brute::Brute;
using pattern_brute::Held;
using pattern_brute::Part;
using pattern_brute::Row;
using pattern_brute::Rules;

constexpr base::TimestampUs kStartUs = 1'790'000'000LL * base::kUsPerSecond;

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Case {
  Rules rules;
  std::string text;  // patterns/*.yaml
  std::vector<Row> rows;
};

const Row* last_of(const std::vector<Held>& held, int step, int back = 0) {
  for (auto at = held.rbegin(); at != held.rend(); ++at) {
    if (at->step == step && back-- == 0) return at->row;
  }
  return nullptr;
}
const Row* first_of(const std::vector<Held>& held, int step) {
  for (const Held& one : held)
    if (one.step == step) return one.row;
  return nullptr;
}

class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  Case next() {
    for (;;) {
      Case made;
      steps_ = 2 + pick(3);
      made.rules.pattern = choice(0);
      const auto tree = parse_pattern(print(made.rules.pattern));
      if (!tree || tree->steps.size() < 2) continue;
      number(made.rules.pattern, tree->steps);
      names_ = tree->steps;
      steps_ = static_cast<int>(names_.size());
      describe(made, *tree);
      fill(made);
      return made;
    }
  }
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool chance(int percent) { return pick(100) < percent; }
  std::mt19937& random() { return random_; }

 private:
  Part of(Part::Kind kind) {
    Part part;
    part.kind = kind;
    return part;
  }
  Part choice(int depth) {
    const int ways = depth < 2 && chance(25) ? 2 + pick(2) : 1;
    if (ways == 1) return sequence(depth);
    Part part = of(Part::Kind::kChoice);
    for (int i = 0; i < ways; ++i) part.parts.push_back(sequence(depth));
    return part;
  }
  Part sequence(int depth) {
    Part part = of(Part::Kind::kSequence);
    const int length = 1 + pick(depth == 0 ? 4 : 2);
    for (int i = 0; i < length; ++i) {
      if (i > 0 && chance(18)) part.parts.push_back(of(Part::Kind::kGap));
      if (i > 0 && part.parts.back().kind != Part::Kind::kGap && chance(20)) {
        Part negation = of(chance(50) ? Part::Kind::kUntil : Part::Kind::kSilence);
        negation.step = pick(steps_);
        negation.seconds = 1 + pick(12);
        part.parts.push_back(negation);
        if (negation.kind == Part::Kind::kSilence && chance(50)) continue;
      }
      part.parts.push_back(element(depth));
    }
    return part;
  }
  Part element(int depth) {
    Part unit = of(Part::Kind::kStep);
    unit.step = pick(steps_);
    if (depth < 2 && chance(25)) unit = choice(depth + 1);
    if (!chance(45)) return unit;
    Part repeat = of(Part::Kind::kRepeat);
    repeat.parts.push_back(std::move(unit));
    static constexpr int kCounts[][2] = {{0, 1}, {0, -1}, {1, -1}, {2, 2}, {1, 3}, {2, -1}, {0, 2}};
    const auto& counts = kCounts[pick(7)];
    repeat.min = counts[0];
    repeat.max = counts[1];
    repeat.reluctant = chance(35);
    return repeat;
  }

  static std::string name(int step) { return std::string(1, static_cast<char>('a' + step)); }
  std::string print(const Part& part) const {
    std::string text;
    switch (part.kind) {
      case Part::Kind::kStep:
        return name(part.step);
      case Part::Kind::kGap:
        return "->";
      case Part::Kind::kUntil:
        return "not " + name(part.step);
      case Part::Kind::kSilence:
        return fmt::format("not {} within {} seconds", name(part.step), part.seconds);
      case Part::Kind::kSequence:
      case Part::Kind::kChoice:
        for (const Part& one : part.parts) {
          if (!text.empty()) text += part.kind == Part::Kind::kChoice ? " | " : " ";
          const bool grouped = one.kind == Part::Kind::kChoice || one.kind == Part::Kind::kSequence;
          text += grouped ? "(" + print(one) + ")" : print(one);
        }
        return text;
      case Part::Kind::kRepeat: {
        text = "(" + print(part.parts[0]) + ")";
        if (part.max == -1) {
          text += part.min == 0 ? "*" : part.min == 1 ? "+" : fmt::format("{{{},}}", part.min);
        } else {
          text +=
              part.min == 0 && part.max == 1 ? "?" : fmt::format("{{{},{}}}", part.min, part.max);
        }
        return text + (part.reluctant ? "?" : "");
      }
    }
    return text;
  }
  static bool names_step(const Part& part) {
    return part.kind == Part::Kind::kStep || part.kind == Part::Kind::kUntil ||
           part.kind == Part::Kind::kSilence;
  }
  // Steps count in the order of the text, as the engine has them.
  static void number(Part& part, const std::vector<std::string>& steps) {
    if (names_step(part)) {
      const auto at = std::find(steps.begin(), steps.end(), name(part.step));
      part.step = static_cast<int>(at - steps.begin());
    }
    for (Part& one : part.parts) number(one, steps);
  }

  // A condition as SQL and as code.
  void add_condition(Case& made, int step, std::string& define, bool necessary) {
    const int other = pick(steps_);
    const std::string o = names_[static_cast<std::size_t>(other)];
    const std::string s = names_[static_cast<std::size_t>(step)];
    const int k = pick(6);
    std::string sql;
    pattern_brute::Condition code;
    const auto values = [](const std::vector<Held>& held, const Row& row, int of, int self,
                           bool all) {
      std::vector<int> list;
      for (const Held& one : held)
        if ((all || one.step == of) && one.row->v) list.push_back(*one.row->v);
      if ((all || of == self) && row.v) list.push_back(*row.v);
      return list;
    };
    switch (pick(necessary ? 12 : 14)) {
      case 0:
        sql = fmt::format("v = {}", k);
        code = [k](const auto&, const Row& row, int) { return row.v && *row.v == k; };
        break;
      case 1:
      case 2:
        sql = fmt::format("{}.v > {}", s, k - 1);
        code = [k](const auto&, const Row& row, int) { return row.v && *row.v > k - 1; };
        break;
      case 3:
        sql = fmt::format("h = 'H{}'", k % 3);
        code = [k](const auto&, const Row& row, int) { return row.h == fmt::format("H{}", k % 3); };
        break;
      case 4:
        sql = fmt::format("h <> 'H{}' OR v IS NULL", k % 3);
        code = [k](const auto&, const Row& row, int) {
          return row.h != fmt::format("H{}", k % 3) || !row.v;
        };
        break;
      case 5:
        sql = fmt::format("v > coalesce(last({}.v, 1), -1)", s);
        code = [](const auto& held, const Row& row, int self) {
          const Row* before = last_of(held, self);
          return row.v && *row.v > (before != nullptr && before->v ? *before->v : -1);
        };
        break;
      case 6:
        sql = fmt::format("v >= first({}.v) OR count({}) = 0", o, o);
        code = [other](const auto& held, const Row& row, int self) {
          const Row* first = first_of(held, other);
          if (first == nullptr && other == self) first = &row;
          if (first == nullptr) return true;
          return row.v && first->v && *row.v >= *first->v;
        };
        break;
      case 7:
        sql = fmt::format("count({}) <= {}", s, 1 + k % 3);
        code = [k](const auto& held, const Row&, int self) {
          const auto count = std::count_if(held.begin(), held.end(),
                                           [&](const Held& one) { return one.step == self; });
          return count + 1 <= 1 + k % 3;
        };
        break;
      case 8:
        sql = fmt::format("avg({}.v) < {} AND h <> 'H0'", o, k);
        code = [=](const auto& held, const Row& row, int self) {
          const auto list = values(held, row, other, self, false);
          if (list.empty() || row.h == "H0") return false;
          double sum = 0;
          for (const int v : list) sum += v;
          return sum / static_cast<double>(list.size()) < k;
        };
        break;
      case 9:
        sql = fmt::format("sum(v) < {}", 4 + 2 * k);
        code = [=](const auto& held, const Row& row, int self) {
          const auto list = values(held, row, 0, self, true);
          int sum = 0;
          for (const int v : list) sum += v;
          return !list.empty() && sum < 4 + 2 * k;
        };
        break;
      case 10:
        sql = fmt::format("event_time - {}.event_time < INTERVAL '{} seconds' OR {}.h IS NULL", o,
                          1 + k, o);
        code = [=](const auto& held, const Row& row, int self) {
          const Row* before = other == self ? &row : last_of(held, other);
          return before == nullptr || row.time - before->time < 1 + k;
        };
        break;
      case 11:
        sql = fmt::format("h IS DISTINCT FROM {}.h AND max({}.v) BETWEEN 0 AND {}", o, s, k);
        code = [=](const auto& held, const Row& row, int self) {
          const Row* before = other == self ? &row : last_of(held, other);
          if (before != nullptr && before->h == row.h) return false;
          const auto list = values(held, row, self, self, false);
          return !list.empty() && *std::max_element(list.begin(), list.end()) <= k;
        };
        break;
      default:
        made.rules.conditions.emplace_back();
        return;
    }
    made.rules.conditions.push_back(code);
    define += fmt::format("  {}: \"{}\"\n", s, sql);
  }

  void describe(Case& made, const PatternTree& tree) {
    Rules& rules = made.rules;
    std::string define;
    for (int step = 0; step < steps_; ++step)
      add_condition(made, step, define, !tree.mapped[static_cast<std::size_t>(step)]);
    rules.within = 2 + pick(25);
    rules.skip = pick(4);
    do {
      rules.skip_step = pick(steps_);
    } while (!tree.mapped[static_cast<std::size_t>(rules.skip_step)]);
    const int emit = pick(3);
    rules.matches = emit != 1;
    rules.timeouts = emit != 0;
    const std::string skip_name = names_[static_cast<std::size_t>(rules.skip_step)];
    const std::string skips[] = {"past last row", "to next row", "to first " + skip_name,
                                 "to last " + skip_name};
    made.text = fmt::format(
        "table: gold.found\nsource: silver.rows\nkey: [k]\ntime: event_time\nwatermark: 5 seconds\n"
        "within: {} seconds\npattern: {}\n{}{}after_match: {}\nemit: {}\n",
        rules.within, print_named(rules.pattern), define.empty() ? "" : "define:\n", define,
        skips[rules.skip],
        emit == 0   ? "matches"
        : emit == 1 ? "timeouts"
                    : "both");
  }
  std::string print_named(Part part) const {
    const std::function<void(Part&)> rename = [&](Part& one) {
      if (names_step(one)) one.step = names_[static_cast<std::size_t>(one.step)][0] - 'a';
      for (Part& inner : one.parts) rename(inner);
    };
    rename(part);
    return print(part);
  }

  void fill(Case& made) {
    const int count = 4 + pick(30);
    std::int64_t time = 0;
    for (int i = 0; i < count; ++i) {
      time += pick(4);
      Row row{.time = time, .number = i, .key = chance(70) ? "K1" : "K2", .v = pick(6), .h = ""};
      if (chance(8)) row.v.reset();
      row.h = fmt::format("H{}", pick(3));
      made.rows.push_back(row);
    }
  }

  std::mt19937 random_;
  int steps_ = 0;
  std::vector<std::string> names_;
};

std::string shown(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::string line_of(bool timed_out, std::int64_t decided_s,
                    const std::vector<std::pair<int, int>>& held) {
  std::string text = fmt::format("{} at {}:", timed_out ? "timeout" : "match", decided_s);
  for (const auto& [number, step] : held) text += fmt::format(" {}={}", number, step);
  return text;
}

// nullopt: too many ways to try.
std::optional<std::vector<std::string>> by_brute_force(const Case& made) {
  std::vector<std::string> lines;
  for (const std::string key : {"K1", "K2"}) {
    std::vector<Row> rows;
    std::copy_if(made.rows.begin(), made.rows.end(), std::back_inserter(rows),
                 [&](const Row& row) { return row.key == key; });
    std::vector<pattern_brute::Match> found;
    Brute brute(made.rules, rows);
    if (!brute.run(found)) return std::nullopt;
    for (const auto& match : found) {
      std::vector<std::pair<int, int>> held;
      for (const Held& one : match.held) held.emplace_back(one.row->number, one.step);
      lines.push_back(line_of(match.timed_out, match.decided, held));
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

const columns::Schema& source() {
  using columns::Type;
  static const columns::Schema kSchema{{{"k", Type::kString, true},
                                        {"event_time", Type::kTimestamp, true},
                                        {"v", Type::kInt64, true},
                                        {"h", Type::kString, true},
                                        {"_partition", Type::kInt32, true},
                                        {"_offset", Type::kInt64, true}}};
  return kSchema;
}

columns::Batch batch_of(const std::vector<Row>& rows) {
  columns::Batch batch(source());
  for (const Row& row : rows) {
    batch.columns[0].append_text(row.key);
    batch.columns[1].append_int(kStartUs + row.time * base::kUsPerSecond);
    if (row.v) {
      batch.columns[2].append_int(*row.v);
    } else {
      batch.columns[2].append_null();
    }
    batch.columns[3].append_text(row.h);
    batch.columns[4].append_int(0);
    batch.columns[5].append_int(row.number);
  }
  return batch;
}

class Engine {
 public:
  Engine() : database_(must(sql::Database::open({.threads = 1}))) {
    connection_ = must(database_->connect());
  }

  // In cuts, out of order as the watermark allows, made small or restored now and then.
  std::vector<std::string> run(const Case& made, std::uint32_t seed) {
    Generator random(seed);
    const runs::Model model = must(pattern_model(made.text, "patterns/found.yaml"));
    auto reader = must(PatternReader::make(*connection_, model, source(), "input"));
    std::vector<std::string> lines;
    std::vector<Row> rest = made.rows;
    std::vector<columns::Batch> kept;  // as in the state store
    std::int64_t watermark_s = -1'000;
    while (!rest.empty()) {
      const std::size_t cut = std::min(rest.size(), 1 + static_cast<std::size_t>(random.pick(8)));
      const std::size_t ahead =
          std::min(rest.size(), cut + static_cast<std::size_t>(random.pick(3)));
      std::shuffle(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(ahead),
                   random.random());
      const std::vector<Row> now(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(cut));
      rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(cut));
      must(connection_->put("input", batch_of(now)));
      kept.push_back(must(reader->take(*connection_, "input", "")));
      std::int64_t oldest = 1'000'000;
      for (const Row& row : rest) oldest = std::min(oldest, row.time);
      std::int64_t newest = 0;
      for (const Row& row : now) newest = std::max(newest, row.time);
      watermark_s = std::max(watermark_s, std::min(oldest - 1, newest - random.pick(4)));
      collect(reader->engine(), at(watermark_s), lines);
      if (random.chance(25)) {
        const columns::Batch& all = reader->engine().compact();
        kept = {all};
      }
      if (random.chance(15)) {
        reader->start_anew();
        for (const columns::Batch& rows : kept) must(reader->take_again(*connection_, rows));
        reader->engine().advance(at(watermark_s));
      }
    }
    collect(reader->engine(), kNoRowsAfterUs, lines);
    EXPECT_EQ(reader->engine().rows_live(), 0U);
    std::sort(lines.begin(), lines.end());
    return lines;
  }

 private:
  static base::TimestampUs at(std::int64_t seconds) {
    return kStartUs + seconds * base::kUsPerSecond;
  }
  static void collect(PatternEngine& engine, base::TimestampUs watermark_us,
                      std::vector<std::string>& lines) {
    for (const PatternMatch& match : engine.advance(watermark_us)) {
      std::vector<std::pair<int, int>> held;
      for (const auto& one : match.held)
        held.emplace_back(static_cast<int>(one.row.offset), one.step);
      lines.push_back(
          line_of(match.timed_out, (match.decided_us - kStartUs) / base::kUsPerSecond, held));
    }
  }

  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> connection_;
};

// Leaves rows out as long as the two still differ.
std::string shrunk(Engine& engine, Case made, std::uint32_t seed) {
  for (std::size_t i = 0; i < made.rows.size();) {
    Case less = made;
    less.rows.erase(less.rows.begin() + static_cast<std::ptrdiff_t>(i));
    const auto want = by_brute_force(less);
    if (want && engine.run(less, seed) != *want) {
      made = less;
    } else {
      ++i;
    }
  }
  std::string text = made.text;
  for (const Row& row : made.rows)
    text += fmt::format("{} t={} {} v={} {}\n", row.number, row.time, row.key,
                        row.v ? std::to_string(*row.v) : "NULL", row.h);
  const auto want = by_brute_force(made);
  return text +
         fmt::format("expected:\n{}\nfound:\n{}\n", shown(*want), shown(engine.run(made, seed)));
}

long setting(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atol(text);
}

TEST(PatternProperty, FindsWhatTryingEverythingFinds) {
  const long cases = setting("WAYBILL_PATTERN_CASES", 300);
  const auto first = static_cast<std::uint32_t>(setting("WAYBILL_PATTERN_SEED", 1));
  Engine engine;
  long matches = 0;
  long tried = 0;
  for (std::uint32_t seed = first; seed < first + static_cast<std::uint32_t>(cases); ++seed) {
    Generator generator(seed);
    const Case made = generator.next();
    const auto want = by_brute_force(made);
    if (!want) continue;
    ++tried;
    matches += static_cast<long>(want->size());
    std::vector<std::string> have;
    try {
      have = engine.run(made, seed);
    } catch (const std::exception& problem) {
      FAIL() << "seed " << seed << ": " << problem.what() << "\n" << made.text;
    }
    ASSERT_EQ(have, *want) << "seed " << seed << ", with fewer rows:\n"
                           << shrunk(engine, made, seed);
  }
  EXPECT_GT(tried, cases * 8 / 10);
  EXPECT_GT(matches, cases);
}

}  // namespace
}  // namespace stream
