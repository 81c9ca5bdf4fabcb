// Which files of a table can hold rows that satisfy a condition: by partition values and
// statistics. Pure.
//
// Threads: a value.
// Invariant: a file is only left out when none of its rows can satisfy the condition; what is not
// understood leaves nothing out.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lake/state.h"
#include "sql/database.h"

namespace lake {

class FilePredicate {
 public:
  // From the syntax tree of a condition (DuckDB's, as Connection::parse gives it): comparisons of
  // columns with constants, IN, BETWEEN and IS NULL that are joined by AND. `qualifier` may stand
  // before a column's name; columns with another one are not this table's.
  static FilePredicate from_tree(const State& state, const nlohmann::json& tree,
                                 const std::string& qualifier);
  // The same from SQL. kInvalid with DuckDB's message.
  static base::Result<FilePredicate> parse(const State& state, sql::Connection& connection,
                                           const std::string& condition,
                                           const std::string& qualifier);

  // Values of the column lie between these texts, in SQL's form.
  void add_range(const State& state, const std::string& column, const std::string& min,
                 const std::string& max);

  bool may_match(const AddFile& file) const;

 private:
  enum class Operator { kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kIsNull };
  using Value = std::variant<std::int64_t, std::string>;
  struct Test {
    std::string column;  // physical
    bool partition = false;
    std::string sql_type;
    Operator op = Operator::kEqual;
    std::vector<Value> values;  // any of them satisfies kEqual
  };

  static std::optional<Value> value_of(const std::string& sql_type, const nlohmann::json& literal);
  void take(const State& state, const nlohmann::json& tree, const std::string& qualifier);
  void take_comparison(const State& state, const nlohmann::json& tree,
                       const std::string& qualifier);
  void take_test(const State& state, const nlohmann::json& column, Operator op,
                 const std::vector<nlohmann::json>& literals, const std::string& qualifier);
  static bool may_match_partition(const Test& test, const AddFile& file);
  static bool may_match_statistics(const Test& test, const nlohmann::json& stats);
  static bool may_match_range(const Test& test, const std::optional<Value>& min,
                              const std::optional<Value>& max);

  std::vector<Test> tests_;
};

}  // namespace lake
