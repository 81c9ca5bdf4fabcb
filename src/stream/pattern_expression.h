// Conditions of a pattern over earlier rows: what DuckDB computes for each row alone ("leaves"),
// what is remembered of the rows so far ("registers"), and a small expression over both.
//
// The meaning is DuckDB's for the operators that there are; the others are refused by name where a
// pattern is loaded. What DuckDB would answer with an error (an overflow) is null. Threads: values.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "stream/pattern_value.h"

namespace stream {

// What is remembered of the rows that a step holds (or of all rows held, step -1).
struct Register {
  enum class Kind : std::uint8_t { kFirst, kLast, kCount, kSum, kMin, kMax };
  Kind kind = Kind::kLast;
  int step = -1;
  int leaf = -1;  // kCount: -1 counts rows
  int back = 0;   // kFirst, kLast: so many rows further in
  ValueType type = ValueType::kBigint;
  bool operator==(const Register&) const = default;
};

struct Expression {
  enum class Op : std::uint8_t {
    kConstant,
    kLeaf,
    kRegister,
    kAverage,  // of two registers: sum and count
    kAnd,
    kOr,
    kNot,
    kIsNull,
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kDistinct,
    kNotDistinct,
    kIn,
    kCoalesce,
    kCase,  // when, then, …, else
    kToDouble,
    kToBigint,  // from an INTEGER
    kPlus,
    kMinus,
    kTimes,
    kDivide,
    kNegate,
    kAbs,
    kSqrt,
    kSin,
    kCos,
    kAsin,
    kRadians,
    kLeast,
    kGreatest,
    kDateDiff,  // `index`: microseconds of the unit
    kEpoch,
  };
  Op op = Op::kConstant;
  ValueType type = ValueType::kBoolean;
  std::int64_t index = 0;  // of the leaf or register
  Value constant;
  std::string text;  // a constant text; then `constant` says whether there is one (set)
  std::vector<Expression> children;
};

// One row's leaves.
struct LeafRow {
  const columns::Batch* leaves = nullptr;
  std::size_t row = 0;
  Value at(std::int64_t leaf) const {
    return Value::at(leaves->columns[static_cast<std::size_t>(leaf)], row);
  }
};

Value evaluate(const Expression& expression, const LeafRow& row, std::span<const Value> registers);

// `after` = what `before` becomes when `step` takes the row. Both have the size of `list`.
void take_row(std::span<const Register> list, int step, const LeafRow& row,
              std::span<const Value> before, std::span<Value> after);

// Whether nothing can tell the two apart.
bool same_registers(std::span<const Register> list, std::span<const Value> left,
                    std::span<const Value> right);

}  // namespace stream
