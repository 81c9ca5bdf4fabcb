// Great Expectations suites, row by row: quality/*.json, each expectation over rows compiled to SQL
// so that one scan splits good rows from bad. Meaning as in Great Expectations: a null passes every
// expectation but not_be_null.
//
//   {"name": "deliveries", "expectations": [
//     {"type": "expect_column_values_to_be_between", "kwargs": {"column": "quantity", "min_value":
//     1},
//      "meta": {"reason": "nothing was delivered", "severity": "quarantine"}}]}
//
// Expectations of a whole table (aggregates, uniqueness, `mostly` below 1) judge no single row:
// they stay in `declared` and `waybill validate` judges them. A pair A > B passes when either value
// is null, unless `ignore_row_if` is "both_values_are_missing" (Great Expectations' default) or
// "neither": then one null fails it.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "columns/batch.h"
#include "quality/suite_file.h"

namespace quality {

struct Rule {
  std::string expectation;
  std::string column;  // the first, for expectations over two
  std::string reason;  // what a person reads in the dead letter
  std::string fails;   // SQL: true when the row breaks the rule
  std::vector<std::string> columns;
  Severity severity = Severity::kQuarantine;
  int line = 0;  // where the expectation stands in its file
};

struct Suite {
  std::string name;
  std::string file;
  std::vector<Rule> rules;
  SuiteFile declared;  // all expectations

  // A VARCHAR expression over the row: NULL when it passes, else "column: reason; column: reason".
  // Only rules that quarantine or stop. "" when there are none.
  std::string failed_rules_sql() const;
  // The same of rules of one severity.
  std::string failed_rules_sql(Severity severity) const;
  // kInvalid naming the rule and the nearest column when a rule's column is not in the schema.
  base::Result<> check_columns(const columns::Schema& schema) const;
};

base::Result<Suite> parse_suite(const std::string& text, const std::string& file);
// All quality/*.json of a project by file name.
base::Result<std::map<std::string, Suite>> load_suites(const base::Path& project);

}  // namespace quality
