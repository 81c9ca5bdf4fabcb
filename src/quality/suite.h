// Great Expectations suites, row by row: quality/*.json, each expectation compiled to SQL so that
// one scan splits good rows from bad. Meaning as in Great Expectations: a null passes every
// expectation but not_be_null.
//
//   {"name": "deliveries", "expectations": [
//     {"type": "expect_column_values_to_be_between", "kwargs": {"column": "quantity", "min_value":
//     1},
//      "meta": {"reason": "nothing was delivered"}}]}
//
// `expectation_type` and `expectation_suite_name` (before version 1.0) are taken as well; kwargs
// may carry `row_condition`, SQL over the row. `mostly` other than 1 is refused: a row has no
// share. A pair passes when either value is null, unless `ignore_row_if` is
// "both_values_are_missing" (Great Expectations' default) or "neither": then one null fails it.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "columns/batch.h"

namespace quality {

struct Rule {
  std::string expectation;
  std::string column;  // the first, for expectations over two
  std::string reason;  // what a person reads in the dead letter
  std::string fails;   // SQL: true when the row breaks the rule
  std::vector<std::string> columns;
  int line = 0;  // where the expectation stands in its file
};

struct Suite {
  std::string name;
  std::string file;
  std::vector<Rule> rules;

  // A VARCHAR expression over the row: NULL when it passes, else "column: reason; column: reason".
  std::string failed_rules_sql() const;
  // kInvalid naming the rule and the nearest column when a rule's column is not in the schema.
  base::Result<> check_columns(const columns::Schema& schema) const;
};

base::Result<Suite> parse_suite(const std::string& text, const std::string& file);
// All quality/*.json of a project by file name.
base::Result<std::map<std::string, Suite>> load_suites(const base::Path& project);

}  // namespace quality
