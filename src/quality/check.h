// One expectation compiled against one table: what SQL has to find out, and how the answers are
// judged.
//
// Values. A check over rows names the rows that break it; a check over the whole judges aggregates.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "sql/database.h"

namespace quality {

// The rows that a suite is held against.
struct Rows {
  std::string from;                           // what stands behind FROM
  std::vector<sql::ColumnInfo> columns;       // empty: not known yet (rules of a stream)
  std::map<std::string, std::string> others;  // further tables by name: what stands behind FROM
};

struct Verdict {
  bool success = false;
  nlohmann::json result = nlohmann::json::object();  // observed_value, details
};

// Aggregates over the groups of the rows by `keys`; `v` is the first key, `n` the rows of a group.
struct Grouped {
  std::vector<std::string> keys;
  std::string where;
  std::string aggregate;
};

struct Check {
  enum class Shape : std::uint8_t { kValue, kPair, kRecord };

  std::vector<std::string> columns;  // that it names
  std::string where;                 // the row condition as SQL; empty: all rows
  std::string reason;                // what a person reads about a row that breaks it

  bool over_rows = false;
  std::string missing;        // SQL: the row is not judged; empty: all are
  bool tells_missing = true;  // the result says how many those are
  std::string unexpected;     // SQL: the row breaks it; null counts as no
  std::string source;         // the rows with more columns; empty: as they are
  double mostly = 1;
  Shape shape = Shape::kValue;
  bool repeats = false;  // `unexpected` is about other rows as well: counted by groups[0]

  std::vector<std::string> scan;     // aggregates over all rows, with their FILTER
  std::vector<Grouped> groups;       // and over groups
  std::vector<std::string> queries;  // rows as lists of values
  // Over the whole: the values of scan, groups and queries, in this order.
  std::function<base::Result<Verdict>(const std::vector<nlohmann::json>&)> judge;
  // Over rows: `unexpected` once the values of the scan are known.
  std::function<std::string(const std::vector<nlohmann::json>&)> refine;
  // Over the whole: further aggregates that need the values of the scan, added behind all others.
  std::function<std::vector<std::string>(const std::vector<nlohmann::json>&)> late;
};

}  // namespace quality
