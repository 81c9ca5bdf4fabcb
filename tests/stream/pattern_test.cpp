// The meaning of patterns in examples, and what is refused.
#include "stream/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stream/pattern_history.h"

namespace stream {
namespace {

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

const columns::Schema& source() {
  using columns::Type;
  static const columns::Schema kSchema{{{"k", Type::kString, true},
                                        {"event_time", Type::kTimestamp, true},
                                        {"n", Type::kString, true},
                                        {"price", Type::kFloat64, true},
                                        {"tax", Type::kInt64, true},
                                        {"_partition", Type::kInt32, true},
                                        {"_offset", Type::kInt64, true}}};
  return kSchema;
}

std::string yaml(const std::string& pattern, const std::string& define, const std::string& rest) {
  return fmt::format(
      "table: gold.found\nsource: silver.rows\nkey: [k]\ntime: event_time\nwatermark: 1 second\n"
      "pattern: {}\n{}{}\n",
      pattern, define.empty() ? "" : "define:\n" + define, rest);
}

// `names`: one row a second, n = the letters before the digits, "C D A1 A2".
std::string rows_of(const std::string& names) {
  std::string values;
  int second = 0;
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t end = std::min(names.find(' ', at), names.size());
    const std::string name = names.substr(at, end - at);
    values += fmt::format(
        "{}('K', TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL {} SECOND, "
        "'{}', 0.0::DOUBLE, 0::BIGINT, 0::INTEGER, {}::BIGINT)",
        values.empty() ? "" : ", ", second, name, second);
    ++second;
    at = end + 1;
  }
  return "SELECT * FROM (VALUES " + values +
         ") v(k, event_time, n, price, tax, _partition, _offset)";
}

class Examples : public testing::Test {
 protected:
  Examples() : database_(must(sql::Database::open({.threads = 1}))) {
    connection_ = must(database_->connect());
  }
  std::vector<std::string> run(const std::string& text, const std::string& rows,
                               const std::string& select) {
    must(match_history(*connection_, must(pattern_model(text, "patterns/found.yaml")), rows,
                       source(), {}, "found"));
    const auto result = must(connection_->query(select));
    std::vector<std::string> lines;
    for (std::size_t row = 0; row < result->rows(); ++row) {
      std::string line;
      for (std::size_t c = 0; c < result->columns().size(); ++c)
        line += (c == 0 ? "" : " | ") + (result->is_null(c, row) ? "NULL" : result->text(c, row));
      lines.push_back(line);
    }
    return lines;
  }
  // The names of the rows of each match.
  std::vector<std::string> matches(const std::string& pattern, const std::string& names,
                                   const std::string& rest = "") {
    std::string define;
    for (const std::string& step : must(parse_pattern(pattern)).steps)
      define += fmt::format("  {}: n LIKE '{}%'\n", step, static_cast<char>(step[0] - 32));
    const std::string within = rest.find("within") == std::string::npos ? "within: 1 hour\n" : "";
    return run(yaml(pattern, define, within + "measures:\n  names: string_agg(n, ' ')\n" + rest),
               rows_of(names), "SELECT names FROM found ORDER BY match_start, names");
  }
  std::string refusal(const std::string& text) {
    const auto reader = bound(text);
    return reader ? "" : reader.error().to_string();
  }
  base::Result<> bound(const std::string& text) {
    const runs::Model model = TRY(pattern_model(text, "patterns/found.yaml"));
    TRY(match_history(*connection_, model, rows_of("A"), source(), {}, "found"));
    return {};
  }

  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> connection_;
};

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(Examples, ContiguityIsStrictAndAnArrowLoosensIt) {
  EXPECT_THAT(matches("a b", "A1 C1 B1 A2 B2"), ElementsAre("A2 B2"));
  EXPECT_THAT(matches("a -> b", "A1 C1 B1 A2 B2"), ElementsAre("A1 B1", "A2 B2"));
  EXPECT_THAT(matches("a -> b c", "A1 B1 D1 B2 C1"), ElementsAre("A1 B2 C1"));
}

TEST_F(Examples, QuantifiersTakeMuchOrLittle) {
  const std::string next = "after_match: to next row\n";
  EXPECT_THAT(matches("a+ b?", "A1 A2 B1"), ElementsAre("A1 A2 B1"));
  EXPECT_THAT(matches("a+? b?", "A1 A2 B1"), ElementsAre("A1", "A2 B1"));
  EXPECT_THAT(matches("b+ c", "B1 B2 B3 C1", next),
              ElementsAre("B1 B2 B3 C1", "B2 B3 C1", "B3 C1"));
  EXPECT_THAT(matches("a{2} b", "A1 A2 A3 B1"), ElementsAre("A2 A3 B1"));
  EXPECT_THAT(matches("a{2,3}? a* c", "A1 A2 A3 A4 C1"), ElementsAre("A1 A2 A3 A4 C1"));
  EXPECT_THAT(matches("(a b){2}", "A1 B1 A2 B2 A3"), ElementsAre("A1 B1 A2 B2"));
}

TEST_F(Examples, SkippingSaysWhereTheNextMatchBegins) {
  EXPECT_THAT(matches("b+ c", "B1 B2 C1 B3 C2"), ElementsAre("B1 B2 C1", "B3 C2"));
  EXPECT_THAT(matches("a b+ a", "A1 B1 A2 B2 A3", "after_match: to last a\n"),
              ElementsAre("A1 B1 A2", "A2 B2 A3"));
  EXPECT_THAT(matches("a b+ a", "A1 B1 A2 B2 A3"), ElementsAre("A1 B1 A2"));
  EXPECT_THAT(matches("a b b", "A1 B1 B2 B3", "after_match: to first b\n"),
              ElementsAre("A1 B1 B2"));
}

TEST_F(Examples, TheLeftAlternativeIsPreferred) {
  EXPECT_THAT(matches("a (b | b c)", "A1 B1 C1"), ElementsAre("A1 B1"));
  EXPECT_THAT(matches("a (b c | b)", "A1 B1 C1"), ElementsAre("A1 B1 C1"));
  EXPECT_THAT(matches("a (b c | b)", "A1 B1 D1"), ElementsAre("A1 B1"));
}

TEST_F(Examples, NegationForbidsARowBetweenOrForAWhile) {
  EXPECT_THAT(matches("a not b c", "A1 D1 C1 A2 B1 C2"), ElementsAre("A1 C1"));
  EXPECT_THAT(matches("a not b within 2 seconds", "A1 D1 B1 A2 B2 A3"), ElementsAre("A1", "A3"));
  EXPECT_THAT(matches("a not b within 3 seconds c", "A1 D1 D2 C1 A2 D3 B1 C2"),
              ElementsAre("A1 C1"));
  EXPECT_THAT(matches("a (b | not c within 2 seconds)", "A1 B1 A2 D1 D2 A3 D3"),
              ElementsAre("A1 B1", "A2", "A3"));
}

TEST_F(Examples, WithinLeavesItsLastMomentOut) {
  EXPECT_THAT(matches("a -> b", "A1 C1 B1", "within: 2 seconds\n"), IsEmpty());
  EXPECT_THAT(matches("a -> b", "A1 B1", "within: 2 seconds\n"), ElementsAre("A1 B1"));
}

TEST_F(Examples, TimeOutsAreRowsOfWhatWasBegun) {
  const std::string text = yaml("a -> b", "  a: n LIKE 'A%'\n  b: n LIKE 'B%'\n",
                                "within: 3 seconds\nemit: both\nmeasures:\n  a: a.n\n  b: b.n\n"
                                "  bs: count(b)\n");
  EXPECT_THAT(run(text, rows_of("A1 B1 A2 C1 C2 A3 C3 C4"),
                  "SELECT a, b, bs, timed_out, epoch(match_time - TIMESTAMPTZ '2026-01-01 "
                  "00:00:00+00')::INTEGER FROM found ORDER BY match_start"),
              ElementsAre("A1 | B1 | 1 | f | 1", "A2 | NULL | 0 | t | 5", "A3 | NULL | 0 | t | 8"));
  EXPECT_THAT(matches("a b", "A1 C1 A2", "within: 9 seconds\nemit: timeouts\n"), ElementsAre("A2"));
}

TEST_F(Examples, MeasuresAreWhatDuckDbMakesOfTheRows) {
  const std::string prices =
      "SELECT 'K' AS k, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i) AS event_time, 'x' AS "
      "n, [12.0, 17, 13, 16, 25, 2, 4, 10, 15, 25, 25, 30][i + 1]::DOUBLE AS price, i::BIGINT AS "
      "tax, 0::INTEGER AS _partition, i::BIGINT AS _offset FROM range(12) t(i)";
  const std::string text =
      yaml("a+ b", "  a: avg(a.price) < 15\n",
           "within: 1 hour\nmeasures:\n  start: first(a.tax)\n  finish: "
           "last(a.tax)\n  average: avg(a.price)\n  second: first(a.price, 1)\n"
           "  before: last(a.price, 1)\n  last_one: classifier()\n  spread: "
           "max(price) - min(price)\n  dear: count(a.price) FILTER (a.price > "
           "12)\n  b_price: b.price + 1\n");
  EXPECT_THAT(run(text, prices,
                  "SELECT start, finish, average, second, before, last_one, spread, dear, b_price "
                  "FROM found ORDER BY start"),
              ElementsAre("0 | 3 | 14.5 | 17 | 13 | b | 13 | 3 | 26",
                          "5 | 10 | 13.5 | 4 | 25 | b | 28 | 3 | 31"));
}

TEST_F(Examples, AllRowsNameTheirSteps) {
  const std::string text = yaml("a b+", "  a: n LIKE 'A%'\n  b: n LIKE 'B%'\n",
                                "within: 1 hour\nrows: all\nmeasures:\n  bs: count(b)\n");
  EXPECT_THAT(run(text, rows_of("A1 B1 B2 C1"),
                  "SELECT match_row, match_step, n, bs FROM found ORDER BY match_row"),
              ElementsAre("1 | a | A1 | 2", "2 | b | B1 | 2", "3 | b | B2 | 2"));
}

TEST_F(Examples, AnAttemptSeesAsManyRowsAsItMay) {
  EXPECT_THAT(matches("a -> b", "A1 C1 C2 C3 B1", "rows_max: 4\n"), IsEmpty());
  EXPECT_THAT(matches("a -> b", "A1 C1 C2 B1 C3", "rows_max: 4\n"), ElementsAre("A1 B1"));
}

struct Refused {
  const char* name;
  std::string text;
  const char* says;
};

class Refusals : public Examples, public testing::WithParamInterface<Refused> {};

TEST_P(Refusals, SayWhatIsWrongAndWhere) {
  EXPECT_THAT(refusal(GetParam().text), HasSubstr(GetParam().says));
}

const std::string kWithin = "within: 1 hour\n";

INSTANTIATE_TEST_SUITE_P(
    All, Refusals,
    testing::Values(
        Refused{"no_within", yaml("a b", "", ""),
                "without 'within' a begun match would be kept for ever"},
        Refused{"unknown_column", yaml("a b", "  a: prise > 1\n", kWithin),
                "patterns/found.yaml:8: there is no column 'prise'. Mend: did you mean 'price'?"},
        Refused{"unknown_step", yaml("a b", "  b: c.price > 1\n", kWithin), "no step 'c'"},
        Refused{"step_not_in_pattern", yaml("a b", "  c: price > 1\n", kWithin),
                "step 'c' is not in the pattern"},
        Refused{"not_first", yaml("not a within 1 minute b", "  a: tax = 1\n", kWithin),
                "begin with a 'not'"},
        Refused{"endless_not", yaml("a not b", "  b: tax = 1\n", kWithin),
                "nothing follows a '->' or a 'not'"},
        Refused{"empty", yaml("a* b?", "", kWithin), "can match no row at all"},
        Refused{"empty_loop", yaml("a (b?)+", "", kWithin), "a group that can match no row"},
        Refused{"open_group", yaml("a (b", "", kWithin), "a ')' is missing"},
        Refused{"bad_counts", yaml("a{3,2}", "", kWithin), "the counts of a quantifier are wrong"},
        Refused{"too_long", yaml("((a{100}){100}){100}", "", kWithin), "instructions"},
        Refused{"undefined_not", yaml("a not b within 1 second", "", ""), "has no condition"},
        Refused{"keyword", yaml("left b", "", kWithin), "'left' is a word of SQL"},
        Refused{"no_condition", yaml("a b", "  b: a.tax + tax\n", kWithin), "true or false"},
        Refused{"random", yaml("a b", "  b: random() < 0.5\n", kWithin),
                "another answer each time"},
        Refused{"subquery", yaml("a b", "  b: tax = (SELECT 1)\n", kWithin), "subquery"},
        Refused{"window", yaml("a b", "  b: tax > lag(tax) OVER ()\n", kWithin), "last(step"},
        Refused{"two_expressions", yaml("a b", "  b: tax > 1, tax\n", kWithin),
                "not one SQL expression"},
        Refused{"later_function", yaml("a b", "  b: concat(a.n, n) = 'x'\n", kWithin),
                "concat over earlier rows is not supported"},
        Refused{"later_aggregate", yaml("a b", "  b: median(a.tax) > 1\n", kWithin),
                "median over earlier rows is not supported"},
        Refused{"two_steps", yaml("a b", "  b: avg(a.tax + b.tax) > 1\n", kWithin), "one step"},
        Refused{"bad_sql", yaml("a b", "  b: tax >\n", kWithin), "patterns/found.yaml:8"},
        Refused{"key",
                "table: gold.found\nsource: silver.rows\nkey: [kk]\ntime: event_time\nwatermark: 1 "
                "second\nwithin: 1 hour\npattern: a b\n",
                "key 'kk' is no column of silver.rows"},
        Refused{"measure_of_not",
                yaml("a not b within 1 second", "  b: tax = 1\n", "measures:\n  x: b.tax\n"),
                "it never holds a row"},
        Refused{"measure_column", yaml("a b", "", kWithin + "measures:\n  x: a.taxi\n"),
                "patterns/found.yaml:9: there is no column 'taxi'"},
        Refused{"measure_function", yaml("a b", "", kWithin + "measures:\n  x: sqroot(a.tax)\n"),
                "measure 'x'"},
        Refused{"measure_name", yaml("a b", "", kWithin + "measures:\n  match_id: a.tax\n"),
                "cannot be called 'match_id'"},
        Refused{"skip_target", yaml("a b", "", kWithin + "after_match: to last c\n"),
                "no row is ever 'c'"}),
    [](const auto& info) { return info.param.name; });

// Conditions over earlier rows mean what DuckDB means by them.
TEST_F(Examples, ConditionsOverEarlierRowsAnswerAsDuckDbDoes) {
  const std::string values =
      "SELECT 'K' || i AS k, t AS event_time, CASE WHEN j = 0 THEN 'A' ELSE 'B' END AS n, "
      "CASE WHEN j = 0 THEN p ELSE q END AS price, CASE WHEN j = 0 THEN x ELSE y END AS tax, "
      "0::INTEGER AS _partition, (2 * i + j)::BIGINT AS _offset FROM (SELECT row_number() OVER () "
      "AS "
      "i, * FROM (VALUES (0.0::DOUBLE), (1.5), (-2.25), ('NaN'), ('Infinity'), (NULL)) p(p), "
      "(VALUES "
      "(0.0::DOUBLE), (1.5), (7.0), ('-Infinity'), (NULL)) q(q), (VALUES (0::BIGINT), (3), (-5), "
      "(9223372036854775807), (NULL)) x(x), (VALUES (0::BIGINT), (3), (2), (NULL)) y(y)), (VALUES "
      "(0), "
      "(1)) j(j), LATERAL (SELECT TIMESTAMPTZ '2026-01-01 00:00:59+00' + to_seconds(j * (20 + i % "
      "70)) "
      "AS t)";
  must(connection_->execute("CREATE TEMP TABLE pairs AS " + values));
  const char* conditions[] = {
      "a.price < price",
      "a.price / price > 1",
      "a.price * price - 1.5 <= 2 * a.price + 1",
      "a.tax + tax > 2",
      "a.tax * 2 = tax",
      "tax / a.tax > 0.5",
      "abs(a.tax - tax) BETWEEN 1 AND 3",
      "abs(a.price) >= sqrt(abs(price))",
      "NOT (a.tax = tax OR a.price > price)",
      "a.tax IS DISTINCT FROM tax AND a.price IS NOT NULL",
      "a.tax IN (0, 3, NULL) AND tax NOT IN (a.tax, 2)",
      "coalesce(a.tax, tax, -1) < 2",
      "CASE WHEN a.tax > tax THEN a.price > 0 WHEN a.price IS NULL THEN true ELSE tax = 3 END",
      "event_time - a.event_time < INTERVAL '40 seconds'",
      "a.event_time + INTERVAL '1 minute' >= event_time",
      "date_diff('minute', a.event_time, event_time) = 1",
      "epoch(event_time) - epoch(a.event_time) > 33.5",
      "greatest(a.price, price) > least(a.price, price, 1)",
      "-a.tax < tax",
      "CAST(a.tax AS DOUBLE) / 2 > 1",
      "a.n < n AND n <> 'C'",
      "sin(a.price) < cos(price)",
      "asin(a.price / 10) < radians(price)",
  };
  for (const char* condition : conditions) {
    const std::string text =
        yaml("a b", fmt::format("  a: n = 'A'\n  b: {}\n", condition), "within: 1 hour\n");
    const auto have = run(text, "SELECT * FROM pairs", "SELECT k FROM found ORDER BY k");
    std::string joined = condition;
    const auto want = must(connection_->query(fmt::format(
        "SELECT a.k FROM pairs a, (SELECT * FROM pairs WHERE n = 'B') b WHERE a.n = 'A' AND a.k = "
        "b.k "
        "AND (SELECT TRY({}) FROM (SELECT b.price, b.tax, b.event_time, b.n)) ORDER BY 1",
        joined)));
    std::vector<std::string> keys;
    for (std::size_t row = 0; row < want->rows(); ++row) keys.push_back(want->text(0, row));
    EXPECT_EQ(have, keys) << condition;
    EXPECT_FALSE(keys.empty()) << condition;
  }
}

}  // namespace
}  // namespace stream
