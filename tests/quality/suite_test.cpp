#include "quality/suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sql/database.h"

namespace quality {
namespace {

Suite suite_of(const std::string& expectations) {
  auto suite =
      parse_suite(R"({"name": "s", "expectations": [)" + expectations + "]}", "quality/s.json");
  EXPECT_TRUE(suite) << suite.error().to_string();
  return suite ? *suite : Suite{};
}

// What the rules say of a row, "" when it passes.
std::string judge(const Suite& suite, const std::string& row) {
  const auto database = std::move(*sql::Database::open({}));
  const auto connection = std::move(*database->connect());
  const auto result =
      connection->query("SELECT " + suite.failed_rules_sql() + " FROM (SELECT " + row + ")");
  EXPECT_TRUE(result) << result.error().to_string();
  return result ? (*result)->text(0, 0) : "(error)";
}

struct RuleCase {
  std::string name;
  std::string expectation;
  std::vector<std::string> passes;
  std::vector<std::string> fails;
  std::string reason;
};

class RowRule : public ::testing::TestWithParam<RuleCase> {};

TEST_P(RowRule, SplitsRowsAsGreatExpectationsDoes) {
  const Suite suite = suite_of(GetParam().expectation);
  for (const std::string& row : GetParam().passes) EXPECT_EQ(judge(suite, row), "") << row;
  for (const std::string& row : GetParam().fails)
    EXPECT_EQ(judge(suite, row), GetParam().reason) << row;
}

std::string expectation(const std::string& type, const std::string& kwargs) {
  return R"({"type": ")" + type + R"(", "kwargs": {)" + kwargs + "}}";
}

const RuleCase kRules[] = {
    {"not_null",
     expectation("expect_column_values_to_not_be_null", R"("column": "x")"),
     {"1 AS x", "'' AS x"},
     {"NULL AS x"},
     "x: is missing"},
    {"null",
     expectation("expect_column_values_to_be_null", R"("column": "x")"),
     {"NULL AS x"},
     {"1 AS x"},
     "x: must be empty"},
    {"between",
     expectation("expect_column_values_to_be_between",
                 R"("column": "x", "min_value": 1, "max_value": 5)"),
     {"1 AS x", "5 AS x", "NULL::INT AS x"},
     {"0 AS x", "6 AS x", "'nan'::DOUBLE AS x"},
     "x: must be at least 1 and at most 5"},
    {"between_strict",
     expectation(
         "expect_column_values_to_be_between",
         R"("column": "x", "min_value": 1.5, "strict_min": true, "max_value": 5, "strict_max": true)"),
     {"1.6 AS x", "4 AS x"},
     {"1.5 AS x", "5 AS x"},
     "x: must be more than 1.5 and less than 5"},
    {"between_one_end",
     expectation("expect_column_values_to_be_between",
                 R"("column": "x", "min_value": 0, "max_value": null)"),
     {"0 AS x", "1e9 AS x"},
     {"-1 AS x"},
     "x: must be at least 0"},
    {"between_dates",
     expectation("expect_column_values_to_be_between",
                 R"("column": "x", "min_value": "2026-01-01")"),
     {"DATE '2026-01-01' AS x"},
     {"DATE '2025-12-31' AS x"},
     "x: must be at least '2026-01-01'"},
    {"in_set",
     expectation("expect_column_values_to_be_in_set",
                 R"("column": "x", "value_set": ["a", "it's", null])"),
     {"'a' AS x", "'it''s' AS x", "NULL::VARCHAR AS x"},
     {"'b' AS x", "'' AS x"},
     "x: must be one of 'a', 'it''s'"},
    {"not_in_set",
     expectation("expect_column_values_to_not_be_in_set",
                 R"("column": "x", "value_set": [1, 2, null])"),
     {"3 AS x", "NULL::INT AS x"},
     {"1 AS x"},
     "x: must be none of 1, 2"},
    {"regex",
     expectation("expect_column_values_to_match_regex", R"("column": "x", "regex": "^S-[0-9]+$")"),
     {"'S-1' AS x", "NULL::VARCHAR AS x"},
     {"'S-' AS x", "'xS-1' AS x"},
     "x: must match ^S-[0-9]+$"},
    {"regex_is_searched",
     expectation("expect_column_values_to_match_regex", R"("column": "x", "regex": "b")"),
     {"'abc' AS x"},
     {"'xyz' AS x"},
     "x: must match b"},
    {"not_regex",
     expectation("expect_column_values_to_not_match_regex", R"("column": "x", "regex": "test")"),
     {"'S' AS x", "NULL::VARCHAR AS x"},
     {"'a test' AS x"},
     "x: must not match test"},
    {"lengths",
     expectation("expect_column_value_lengths_to_be_between",
                 R"("column": "x", "min_value": 2, "max_value": 3)"),
     {"'ab' AS x", "'äöü' AS x", "NULL::VARCHAR AS x"},
     {"'a' AS x", "'abcd' AS x"},
     "x: must have at least 2 and at most 3 characters"},
    {"pair",
     expectation("expect_column_pair_values_a_to_be_greater_than_b",
                 R"("column_A": "a", "column_B": "b")"),
     {"2 AS a, 1 AS b", "NULL::INT AS a, 1 AS b", "1 AS a, NULL::INT AS b"},
     {"1 AS a, 1 AS b", "0 AS a, 1 AS b"},
     "a: must be greater than b"},
    {"pair_or_equal",
     expectation("expect_column_pair_values_a_to_be_greater_than_b",
                 R"("column_A": "a", "column_B": "b", "or_equal": true)"),
     {"1 AS a, 1 AS b"},
     {"0 AS a, 1 AS b"},
     "a: must be greater than or equal to b"},
    {"pair_with_one_null",
     expectation("expect_column_pair_values_a_to_be_greater_than_b",
                 R"("column_A": "a", "column_B": "b", "ignore_row_if": "both_values_are_missing")"),
     {"NULL::INT AS a, NULL::INT AS b", "2 AS a, 1 AS b"},
     {"NULL::INT AS a, 1 AS b", "1 AS a, NULL::INT AS b"},
     "a: must be greater than b"},
    {"row_condition",
     expectation("expect_column_values_to_not_be_null",
                 R"("column": "x", "row_condition": "status = 'delivered' OR late")"),
     {"NULL AS x, 'open' AS status, false AS late", "1 AS x, 'delivered' AS status, true AS late",
      "NULL AS x, NULL::VARCHAR AS status, NULL::BOOLEAN AS late"},
     {"NULL AS x, 'delivered' AS status, false AS late"},
     "x: is missing"},
    {"odd_column_name",
     expectation("expect_column_values_to_not_be_null", R"("column": "a \"b\"")"),
     {"1 AS \"a \"\"b\"\"\""},
     {"NULL AS \"a \"\"b\"\"\""},
     "a \"b\": is missing"},
    {"reason_of_a_person",
     R"({"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}, "meta": {"reason": "it's gone"}})",
     {"1 AS x"},
     {"NULL AS x"},
     "x: it's gone"},
};

INSTANTIATE_TEST_SUITE_P(Expectations, RowRule, ::testing::ValuesIn(kRules),
                         [](const auto& info) { return info.param.name; });

TEST(Suite, EveryBrokenRuleOfARowIsNamed) {
  const Suite suite = suite_of(
      expectation("expect_column_values_to_not_be_null", R"("column": "a")") + "," +
      expectation("expect_column_values_to_be_between", R"("column": "b", "min_value": 0)"));
  EXPECT_EQ(judge(suite, "NULL AS a, -1 AS b"), "a: is missing; b: must be at least 0");
  EXPECT_EQ(judge(suite, "1 AS a, -1 AS b"), "b: must be at least 0");
}

TEST(Suite, WhatJudgesAWholeTableStaysDeclaredAndSplitsNoRows) {
  const Suite suite = suite_of(
      expectation("expect_table_row_count_to_be_between", R"("min_value": 1)") + "," +
      expectation("expect_column_values_to_be_unique", R"("column": "a")") + "," +
      expectation("expect_column_values_to_not_be_null", R"("column": "a", "mostly": 0.9)") + "," +
      expectation("expect_column_values_to_not_be_null", R"("column": "b")"));
  EXPECT_EQ(suite.declared.expectations.size(), 4U);
  ASSERT_EQ(suite.rules.size(), 1U);
  EXPECT_EQ(suite.rules[0].column, "b");
}

TEST(Suite, ARuleThatOnlyWarnsKeepsItsRows) {
  const Suite suite = suite_of(
      R"({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}, "meta": {"severity": "warn"}})");
  EXPECT_EQ(suite.failed_rules_sql(), "");
  EXPECT_NE(suite.failed_rules_sql(Severity::kWarn), "");
}

struct WrongCase {
  std::string name;
  std::string text;
  int line;
  std::string message;
  std::string mend;
};

class WrongSuite : public ::testing::TestWithParam<WrongCase> {};

TEST_P(WrongSuite, IsRefusedWithItsLineAndTheMend) {
  const auto suite = parse_suite(GetParam().text, "quality/s.json");
  ASSERT_FALSE(suite);
  EXPECT_EQ(suite.error().file, "quality/s.json");
  EXPECT_EQ(suite.error().line, GetParam().line);
  EXPECT_THAT(suite.error().message, ::testing::HasSubstr(GetParam().message));
  EXPECT_THAT(suite.error().mend, ::testing::HasSubstr(GetParam().mend));
}

std::string second(const std::string& entry) {
  return "{\"expectations\": [\n" +
         expectation("expect_column_values_to_be_null", "\"column\": \"x\"") + ",\n" + entry +
         "\n]}";
}

const WrongCase kWrong[] = {
    {"not_json", "{\"name\": \"s\",\n \"expectations\": [}", 2, "not JSON", ""},
    {"no_expectations", "{}", 1, "a list of 'expectations'", "\"expectations\""},
    {"unknown", second(expectation("expect_column_values_to_be_betwen", "\"column\": \"x\"")), 3,
     "expectation 2: unknown expectation 'expect_column_values_to_be_betwen'",
     "did you mean 'expect_column_values_to_be_between'?"},
    {"no_type", second("{}"), 3, "has no 'type'", ""},
    {"not_an_object", second("7"), 3, "an expectation is an object", ""},
    {"kwarg",
     second(expectation("expect_column_values_to_be_between", "\"column\": \"x\", \"min\": 1")), 3,
     "unknown kwarg 'min'", "min_value"},
    {"no_column", second(expectation("expect_column_values_to_not_be_null", "")), 3,
     "'column' is missing", "kwargs"},
    {"no_bounds", second(expectation("expect_column_values_to_be_between", "\"column\": \"x\"")), 3,
     "'min_value' is missing", ""},
    {"no_set", second(expectation("expect_column_values_to_be_in_set", "\"column\": \"x\"")), 3,
     "'value_set' is missing", ""},
    {"wrong_kind",
     second(expectation("expect_column_values_to_match_regex", "\"column\": \"x\", \"regex\": 7")),
     3, "'regex' is not a valid text: 7", ""},
    {"mostly",
     second(expectation("expect_column_values_to_not_be_null", "\"column\": \"x\", \"mostly\": 9")),
     3, "'mostly' is outside", "between 0 and 1"},
    {"severity",
     second(expectation("expect_column_values_to_not_be_null",
                        "\"column\": \"x\", \"severity\": \"loud\"")),
     3, "unknown severity 'loud'", "quarantine"},
    {"ignore_row_if",
     second(expectation("expect_column_pair_values_a_to_be_greater_than_b",
                        "\"column_A\": \"a\", \"column_B\": \"b\", \"ignore_row_if\": \"never\"")),
     3, "unknown ignore_row_if 'never'", "neither"},
};

INSTANTIATE_TEST_SUITE_P(Texts, WrongSuite, ::testing::ValuesIn(kWrong),
                         [](const auto& info) { return info.param.name; });

TEST(Suite, AColumnThatIsNotThereIsNamedWithTheNearest) {
  const Suite suite =
      suite_of("\n" + expectation("expect_column_values_to_be_null", R"("column": "speed_kph")"));
  const auto fits = suite.check_columns(
      {{{"speed_kmh", columns::Type::kFloat64}, {"lat", columns::Type::kFloat64}}});
  ASSERT_FALSE(fits);
  EXPECT_EQ(fits.error().line, 2);
  EXPECT_THAT(fits.error().message, ::testing::HasSubstr("no column 'speed_kph'"));
  EXPECT_THAT(fits.error().mend, ::testing::HasSubstr("did you mean 'speed_kmh'?"));
  EXPECT_TRUE(suite.check_columns({{{"speed_kph", columns::Type::kFloat64}}}));
}

TEST(Suite, TheDefaultProjectsSuitesAreRead) {
  const auto suites = load_suites(base::Path(WAYBILL_SOURCE_DIR) / "projects" / "logistics");
  ASSERT_TRUE(suites) << suites.error().to_string();
  EXPECT_TRUE(suites->contains("deliveries.json"));
  for (const auto& [name, suite] : *suites) {
    EXPECT_FALSE(suite.rules.empty()) << name;
    for (const Rule& rule : suite.rules) EXPECT_GT(rule.line, 0) << name;
  }
}

}  // namespace
}  // namespace quality
