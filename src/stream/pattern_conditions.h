// The conditions of a pattern's steps, taken apart on DuckDB's syntax tree: what each row answers
// alone, computed by one SELECT per batch of rows, and what earlier rows decide.
//
// Threads: one (the connection's).
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sql/database.h"
#include "stream/pattern_expression.h"
#include "stream/tree.h"

namespace stream {

// A SQL expression where the user wrote it.
struct PatternSql {
  std::string text;
  std::string file;
  int line = 0;

  std::unexpected<base::Error> fail(std::string message, std::string mend) const;
};

// What stands in an expression: names resolved against the steps and the source's columns.
class PatternNames {
 public:
  static base::Result<PatternNames> make(sql::Connection& connection,
                                         std::vector<std::string> steps, columns::Schema source);

  // The tree of the one expression; kInvalid with DuckDB's message. `where` says what it is.
  base::Result<nlohmann::json> parse(const PatternSql& sql) const;
  base::Result<std::string> print(const nlohmann::json& expression) const;
  // A reference's step (-1: none, `x` alone) and column (its name in the source; empty for the name
  // of a step alone). kInvalid names what is unknown and what comes nearest.
  struct Reference {
    int step = -1;
    std::string column;
  };
  base::Result<Reference> resolve(const PatternSql& sql, const nlohmann::json& reference) const;
  bool is_aggregate(const nlohmann::json& node) const;
  // Refuses what gives another answer each time, subqueries and window functions.
  base::Result<> check_plain(const PatternSql& sql, const nlohmann::json& node) const;

  const std::vector<std::string>& steps() const { return steps_; }
  const columns::Schema& source() const { return source_; }
  sql::Connection& connection() const { return *connection_; }

 private:
  sql::Connection* connection_ = nullptr;
  std::vector<std::string> steps_;
  columns::Schema source_;
  std::set<std::string> aggregates_;
  std::set<std::string> changing_;  // functions with another answer each time
};

struct PatternConditions {
  // By step: the part of its condition that a row answers alone, as SQL; empty: every row.
  std::vector<std::string> alone;
  std::vector<std::optional<Expression>> later;  // by step: the rest
  std::vector<std::string> leaves;               // as SQL over the source
  std::vector<ValueType> leaf_types;
  std::vector<Register> registers;
  std::set<std::string> columns;  // of the source that conditions name

  // A SELECT of one row of `input` each: a BIGINT with a bit per step, then the leaves.
  std::string select(const std::string& input) const;
  std::vector<Value> initial_registers() const;
};

// `conditions` by step; a step without one holds for every row. `input`: a table of the connection
// with the source's columns.
base::Result<PatternConditions> take_apart(const PatternNames& names,
                                           const std::vector<std::optional<PatternSql>>& conditions,
                                           const std::string& input);

}  // namespace stream
