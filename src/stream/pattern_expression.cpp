#include "stream/pattern_expression.h"

#include <algorithm>
#include <cmath>

namespace stream {
namespace {

using Op = Expression::Op;

struct Frame {
  const LeafRow& row;
  std::span<const Value> registers;
};

Value eval(const Expression& e, const Frame& frame);

Value eval_logic(const Expression& e, const Frame& frame) {
  const bool decisive = e.op == Op::kOr;  // the value that decides the whole
  bool unknown = false;
  for (const Expression& child : e.children) {
    const Value value = eval(child, frame);
    if (value.null) {
      unknown = true;
    } else if ((value.bits != 0) == decisive) {
      return Value::of(decisive);
    }
  }
  return unknown ? Value{} : Value::of(!decisive);
}

bool holds(Op op, int order) {
  switch (op) {
    case Op::kEqual:
      return order == 0;
    case Op::kNotEqual:
      return order != 0;
    case Op::kLess:
      return order < 0;
    case Op::kLessEqual:
      return order <= 0;
    case Op::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

Value eval_comparison(const Expression& e, const Frame& frame) {
  const ValueType type = e.children[0].type;
  const Value left = eval(e.children[0], frame);
  const Value right = eval(e.children[1], frame);
  if (e.op == Op::kDistinct || e.op == Op::kNotDistinct) {
    const bool same =
        left.null || right.null ? left.null == right.null : compare(type, left, right) == 0;
    return Value::of(same == (e.op == Op::kNotDistinct));
  }
  if (left.null || right.null) return {};
  return Value::of(holds(e.op, compare(type, left, right)));
}

Value eval_in(const Expression& e, const Frame& frame) {
  const Value value = eval(e.children[0], frame);
  if (value.null) return {};
  bool unknown = false;
  for (std::size_t i = 1; i < e.children.size(); ++i) {
    const Value candidate = eval(e.children[i], frame);
    if (candidate.null) {
      unknown = true;
    } else if (compare(e.children[0].type, value, candidate) == 0) {
      return Value::of(true);
    }
  }
  return unknown ? Value{} : Value::of(false);
}

Value eval_case(const Expression& e, const Frame& frame) {
  std::size_t i = 0;
  for (; i + 1 < e.children.size(); i += 2) {
    if (eval(e.children[i], frame).is_true()) return eval(e.children[i + 1], frame);
  }
  return eval(e.children[i], frame);
}

Value eval_extreme(const Expression& e, const Frame& frame) {
  Value best;
  for (const Expression& child : e.children) {
    const Value value = eval(child, frame);
    if (value.null) continue;
    const int order = best.null ? 0 : compare(e.type, value, best);
    if (best.null || (e.op == Op::kLeast ? order < 0 : order > 0)) best = value;
  }
  return best;
}

// DuckDB raises an error where the result does not fit: null here.
Value fitted(ValueType type, std::int64_t value, bool overflow) {
  if (overflow) return {};
  if (type == ValueType::kInteger && (value > INT32_MAX || value < INT32_MIN)) return {};
  return Value::of(value);
}

Value eval_arithmetic(const Expression& e, const Frame& frame) {
  const Value left = eval(e.children[0], frame);
  const Value right = eval(e.children[1], frame);
  if (left.null || right.null) return {};
  if (e.type == ValueType::kDouble) {
    const double a = left.real();
    const double b = right.real();
    const double result = e.op == Op::kPlus    ? a + b
                          : e.op == Op::kMinus ? a - b
                          : e.op == Op::kTimes ? a * b
                                               : a / b;
    return Value::of(result);
  }
  std::int64_t result = 0;
  const bool overflow = e.op == Op::kPlus ? __builtin_add_overflow(left.bits, right.bits, &result)
                        : e.op == Op::kMinus
                            ? __builtin_sub_overflow(left.bits, right.bits, &result)
                            : __builtin_mul_overflow(left.bits, right.bits, &result);
  return fitted(e.type, result, overflow);
}

Value eval_function(const Expression& e, const Frame& frame) {
  const Value value = eval(e.children[0], frame);
  if (value.null) return {};
  if (e.op == Op::kToDouble) {
    return e.children[0].type == ValueType::kDouble ? value
                                                    : Value::of(static_cast<double>(value.bits));
  }
  if (e.op == Op::kToBigint) return value;
  if (e.op == Op::kEpoch) return Value::of(static_cast<double>(value.bits) / 1e6);
  if (e.type != ValueType::kDouble) {  // of whole numbers and intervals: abs and minus
    if (e.op == Op::kAbs && value.bits >= 0) return value;
    std::int64_t result = 0;
    const bool overflow = __builtin_sub_overflow(std::int64_t{0}, value.bits, &result);
    return fitted(e.type, result, overflow);
  }
  const double x = value.real();
  switch (e.op) {
    case Op::kNegate:
      return Value::of(-x);
    case Op::kAbs:
      return Value::of(std::abs(x));
    case Op::kSqrt:
      return x < 0 ? Value{} : Value::of(std::sqrt(x));
    case Op::kSin:
      return std::isinf(x) ? Value{} : Value::of(std::sin(x));
    case Op::kCos:
      return std::isinf(x) ? Value{} : Value::of(std::cos(x));
    case Op::kAsin:
      return x < -1 || x > 1 ? Value{} : Value::of(std::asin(x));
    default:  // kRadians
      return Value::of(x * (3.14159265358979323846 / 180.0));
  }
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

Value eval(const Expression& e, const Frame& frame) {
  switch (e.op) {
    case Op::kConstant:
      return e.type == ValueType::kText && e.constant.set ? Value::of(std::string_view(e.text))
                                                          : e.constant;
    case Op::kLeaf:
      return frame.row.at(e.index);
    case Op::kRegister:
      return frame.registers[static_cast<std::size_t>(e.index)];
    case Op::kAverage: {
      const Value count = eval(e.children[1], frame);
      if (count.null || count.bits == 0) return {};
      const Value sum = eval(e.children[0], frame);
      if (sum.null) return {};
      const double total =
          e.children[0].type == ValueType::kDouble ? sum.real() : static_cast<double>(sum.bits);
      return Value::of(total / static_cast<double>(count.bits));
    }
    case Op::kAnd:
    case Op::kOr:
      return eval_logic(e, frame);
    case Op::kNot: {
      const Value value = eval(e.children[0], frame);
      return value.null ? Value{} : Value::of(value.bits == 0);
    }
    case Op::kIsNull:
      return Value::of(eval(e.children[0], frame).null);
    case Op::kIn:
      return eval_in(e, frame);
    case Op::kCase:
      return eval_case(e, frame);
    case Op::kCoalesce:
      for (const Expression& child : e.children) {
        const Value value = eval(child, frame);
        if (!value.null) return value;
      }
      return {};
    case Op::kLeast:
    case Op::kGreatest:
      return eval_extreme(e, frame);
    case Op::kPlus:
    case Op::kMinus:
    case Op::kTimes:
    case Op::kDivide:
      return eval_arithmetic(e, frame);
    case Op::kDateDiff: {
      const Value from = eval(e.children[0], frame);
      const Value to = eval(e.children[1], frame);
      if (from.null || to.null) return {};
      return Value::of(floor_div(to.bits, e.index) - floor_div(from.bits, e.index));
    }
    case Op::kToDouble:
    case Op::kToBigint:
    case Op::kNegate:
    case Op::kAbs:
    case Op::kSqrt:
    case Op::kSin:
    case Op::kCos:
    case Op::kAsin:
    case Op::kRadians:
    case Op::kEpoch:
      return eval_function(e, frame);
    default:
      return eval_comparison(e, frame);
  }
}

Value sum_of(ValueType type, const Value& before, const Value& value) {
  if (before.null && before.set) return before;  // it has overflowed
  if (before.null) return value;
  if (type == ValueType::kDouble) return Value::of(before.real() + value.real());
  std::int64_t sum = 0;
  if (__builtin_add_overflow(before.bits, value.bits, &sum)) return {.null = true, .set = true};
  return Value::of(sum);
}

Value step_back(const Register& which, std::span<const Register> list,
                std::span<const Value> before) {
  Register nearer = which;
  --nearer.back;
  const auto at = std::find(list.begin(), list.end(), nearer);
  return before[static_cast<std::size_t>(at - list.begin())];
}

}  // namespace

std::string_view value_type_name(ValueType type) {
  switch (type) {
    case ValueType::kBoolean:
      return "BOOLEAN";
    case ValueType::kInteger:
      return "INTEGER";
    case ValueType::kBigint:
      return "BIGINT";
    case ValueType::kDouble:
      return "DOUBLE";
    case ValueType::kText:
      return "VARCHAR";
    case ValueType::kDate:
      return "DATE";
    case ValueType::kTime:
      return "TIMESTAMPTZ";
    case ValueType::kInterval:
      return "INTERVAL";
  }
  return "";
}

int compare(ValueType type, const Value& left, const Value& right) {
  if (type == ValueType::kText) {
    const int order = left.text().compare(right.text());
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  if (type == ValueType::kDouble) {
    const double a = left.real();
    const double b = right.real();
    if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - std::isnan(b);
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return left.bits < right.bits ? -1 : left.bits > right.bits ? 1 : 0;
}

Value evaluate(const Expression& expression, const LeafRow& row, std::span<const Value> registers) {
  return eval(expression, {row, registers});
}

void take_row(std::span<const Register> list, int step, const LeafRow& row,
              std::span<const Value> before, std::span<Value> after) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Register& which = list[i];
    after[i] = before[i];
    if (which.step != -1 && which.step != step) continue;
    Value value = which.leaf < 0 ? Value::of(true) : row.at(which.leaf);
    const Value& old = before[i];
    switch (which.kind) {
      case Register::Kind::kCount:
        after[i] = Value::of((old.set ? old.bits : 0) + (value.null ? 0 : 1));
        break;
      case Register::Kind::kSum:
        if (!value.null) after[i] = sum_of(which.type, old, value);
        break;
      case Register::Kind::kMin:
      case Register::Kind::kMax: {
        if (value.null) break;
        const int order = old.null ? 0 : compare(which.type, value, old);
        if (old.null || (which.kind == Register::Kind::kMin ? order < 0 : order > 0))
          after[i] = value;
        break;
      }
      case Register::Kind::kLast:
        after[i] = which.back == 0 ? value : step_back(which, list, before);
        if (which.back == 0) after[i].set = true;
        break;
      case Register::Kind::kFirst:
        if (old.set || (which.back > 0 && !step_back(which, list, before).set)) break;
        after[i] = value;
        after[i].set = true;
        break;
    }
  }
}

bool same_registers(std::span<const Register> list, std::span<const Value> left,
                    std::span<const Value> right) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value& a = left[i];
    const Value& b = right[i];
    if (a.null != b.null || a.set != b.set) return false;
    if (a.null) continue;
    const bool same = list[i].type == ValueType::kText && list[i].kind != Register::Kind::kCount
                          ? a.text() == b.text()
                          : a.bits == b.bits;
    if (!same) return false;
  }
  return true;
}

}  // namespace stream
