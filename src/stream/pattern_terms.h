// What a condition over earlier rows is made of: constants, values of the row itself ("leaves") and
// values of rows before it ("registers"), found on DuckDB's syntax tree.
//
// Threads: one (the connection's).
#pragma once

#include <string>
#include <vector>

#include "stream/pattern_conditions.h"

namespace stream {

Expression make_expression(Expression::Op op, ValueType type, std::vector<Expression> children,
                           std::int64_t index = 0);

// `index` of a constant that DuckDB takes for a decimal; its `text` is how it is written.
inline constexpr std::int64_t kIsDecimal = 1;

class PatternTerms {
 public:
  // Adds to `into` while the condition `sql` of `step` is read; `input` is a table of the
  // connection with the source's columns.
  PatternTerms(const PatternNames& names, PatternConditions& into, const PatternSql& sql, int step,
               const std::string& input)
      : names_(names), into_(into), sql_(sql), step_(step), input_(input) {}

  std::unexpected<base::Error> refuse(std::string message, std::string mend) const;
  std::unexpected<base::Error> bad_sql(const base::Error& error) const;
  // Whether the row alone cannot answer it.
  base::Result<bool> looks_back(const nlohmann::json& node) const;
  // SQL over one row: `b.x` of the step's own row is `x`.
  base::Result<std::string> row_sql(nlohmann::json node);

  // A part that the row alone answers.
  base::Result<Expression> constant(const nlohmann::json& node);
  base::Result<int> leaf(const nlohmann::json& node);
  ValueType leaf_type(int index) const { return into_.leaf_types[static_cast<std::size_t>(index)]; }
  // `a.x`, first(a.x), last(a.x, 2), count(a), count(*), count(a.x), sum, avg, min, max.
  base::Result<Expression> remembered(const nlohmann::json& node);

 private:
  base::Result<> to_row(nlohmann::json& node);
  base::Result<ValueType> type_of(const sql::ColumnInfo& column) const;
  base::Result<Expression> interval(const std::string& text);
  int add_register(const Register& which);
  Expression read(const Register& which);
  base::Result<int> one_step(const nlohmann::json& argument);
  base::Result<Expression> nth(const nlohmann::json& argument, Register::Kind kind, int back);
  base::Result<Expression> counted(const nlohmann::json& node);
  base::Result<Expression> aggregate(const std::string& name, const nlohmann::json& argument);

  const PatternNames& names_;
  PatternConditions& into_;
  const PatternSql& sql_;
  int step_;
  const std::string& input_;
};

}  // namespace stream
