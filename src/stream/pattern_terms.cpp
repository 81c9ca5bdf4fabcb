#include "stream/pattern_terms.h"

#include <algorithm>

namespace stream {
namespace {

using nlohmann::json;
using Op = Expression::Op;

constexpr std::int64_t kBackMax = 16;  // last(step.column, n)

}  // namespace

Expression make_expression(Op op, ValueType type, std::vector<Expression> children,
                           std::int64_t index) {
  Expression made;
  made.op = op;
  made.type = type;
  made.index = index;
  made.children = std::move(children);
  return made;
}

std::unexpected<base::Error> PatternTerms::refuse(std::string message, std::string mend) const {
  return sql_.fail(
      fmt::format("step '{}': {}", names_.steps()[static_cast<std::size_t>(step_)], message),
      std::move(mend));
}

base::Result<bool> PatternTerms::looks_back(const json& node) const {
  base::Result<bool> found = false;
  base::Error error;
  bool failed = false;
  walk(node, [&](const json& at) {
    if (failed || *found) return false;
    if (names_.is_aggregate(at)) found = true;
    if (text_of(at, "class") != "COLUMN_REF") return !*found;
    const auto reference = names_.resolve(sql_, at);
    if (!reference) {
      failed = true;
      error = reference.error();
      return false;
    }
    if (reference->step >= 0 && reference->step != step_) found = true;
    return true;
  });
  if (failed) return std::unexpected(error);
  return found;
}

// SQL over one row: `b.x` of the step's own row is `x`.
base::Result<std::string> PatternTerms::row_sql(json node) {
  TRY(to_row(node));
  return names_.print(node);
}
base::Result<> PatternTerms::to_row(json& node) {
  if (text_of(node, "class") == "COLUMN_REF") {
    const auto reference = TRY(names_.resolve(sql_, node));
    if (reference.column.empty())
      return refuse(fmt::format("'{}' is a step, not a value",
                                node["column_names"].back().get<std::string>()),
                    "name one of its columns: step.column");
    into_.columns.insert(reference.column);
    node["column_names"] = json::array({reference.column});
    return {};
  }
  if (node.is_object() || node.is_array()) {
    for (json& child : node) TRY(to_row(child));
  }
  return {};
}

std::unexpected<base::Error> PatternTerms::bad_sql(const base::Error& error) const {
  return refuse(error.message, error.mend);
}

base::Result<ValueType> PatternTerms::type_of(const sql::ColumnInfo& column) const {
  switch (column.kind) {
    case sql::Kind::kBoolean:
      return ValueType::kBoolean;
    case sql::Kind::kInteger:
      return ValueType::kInteger;
    case sql::Kind::kBigInt:
      return ValueType::kBigint;
    case sql::Kind::kDouble:
      return ValueType::kDouble;
    case sql::Kind::kVarchar:
      return ValueType::kText;
    case sql::Kind::kDate:
      return ValueType::kDate;
    case sql::Kind::kTimestamp:
    case sql::Kind::kTimestampTz:
      return ValueType::kTime;
    default:
      return refuse(fmt::format("{} beside earlier rows is not supported", column.type),
                    "CAST it, for example to DOUBLE or VARCHAR");
  }
}

base::Result<int> PatternTerms::leaf(const json& node) {
  const std::string text = TRY(row_sql(node));
  const auto known = std::find(into_.leaves.begin(), into_.leaves.end(), text);
  if (known != into_.leaves.end()) return static_cast<int>(known - into_.leaves.begin());
  const auto statement = names_.connection().prepare(
      fmt::format("SELECT ({}) FROM {}", text, sql::quote_name(input_)));
  if (!statement) return bad_sql(statement.error());
  const ValueType type = TRY(type_of((*statement)->columns()[0]));
  into_.leaves.push_back(text);
  into_.leaf_types.push_back(type);
  return static_cast<int>(into_.leaves.size()) - 1;
}

base::Result<Expression> PatternTerms::constant(const json& node) {
  const std::string text = TRY(names_.print(node));
  auto result = names_.connection().query("SELECT " + text);
  if (!result) return bad_sql(result.error());
  const sql::ColumnInfo& column = (*result)->columns()[0];
  Expression made;
  if (column.kind == sql::Kind::kDecimal) {
    made = make_expression(Op::kConstant, ValueType::kDouble, {});
    made.constant = Value::of((*result)->double_at(0, 0));
    made.index = kIsDecimal;
    made.text = text;
    return made;
  }
  if (column.kind == sql::Kind::kInterval) return interval(text);
  if ((*result)->is_null(0, 0)) {
    made.type = column.kind == sql::Kind::kNull || column.kind == sql::Kind::kInteger
                    ? ValueType::kInteger
                    : TRY(type_of(column));
    return made;
  }
  made.type = TRY(type_of(column));
  if (made.type == ValueType::kText) {
    made.text = (*result)->text(0, 0);
    made.constant.set = true;
  } else if (made.type == ValueType::kDouble) {
    made.constant = Value::of((*result)->double_at(0, 0));
  } else {
    made.constant = Value::of((*result)->int_at(0, 0));
  }
  return made;
}
base::Result<Expression> PatternTerms::interval(const std::string& text) {
  const auto result =
      TRY(names_.connection().query(fmt::format("SELECT epoch_us(TIMESTAMP '1970-01-01' + {0}), "
                                                "datepart('month', {0}) + datepart('year', {0})",
                                                text)));
  if (result->is_null(0, 0) || result->int_at(1, 0) != 0)
    return refuse(fmt::format("{} has no fixed length", text), "write days or shorter units");
  Expression made = make_expression(Op::kConstant, ValueType::kInterval, {});
  made.constant = Value::of(result->int_at(0, 0));
  return made;
}

int PatternTerms::add_register(const Register& which) {
  const auto known = std::find(into_.registers.begin(), into_.registers.end(), which);
  if (known != into_.registers.end()) return static_cast<int>(known - into_.registers.begin());
  if (which.back > 0) {
    Register nearer = which;
    --nearer.back;
    add_register(nearer);
  }
  into_.registers.push_back(which);
  return static_cast<int>(into_.registers.size()) - 1;
}
Expression PatternTerms::read(const Register& which) {
  return make_expression(Op::kRegister, which.type, {}, add_register(which));
}

// `a.x`, first(a.x), last(a.x, 2), count(a), count(*), count(a.x), sum, avg, min, max.
base::Result<Expression> PatternTerms::remembered(const json& node) {
  const std::string name = text_of(node, "function_name");
  if (text_of(node, "class") == "COLUMN_REF") return nth(node, Register::Kind::kLast, 0);
  if (node.value("distinct", false) || !node["filter"].is_null() ||
      !node["order_bys"]["orders"].empty())
    return refuse(
        fmt::format("DISTINCT, FILTER and ORDER BY in {} are not supported in a condition", name),
        "they can stand in a measure");
  const json& arguments = node["children"];
  if (name == "count_star" || (name == "count" && arguments.size() == 1)) return counted(node);
  const bool offset = (name == "first" || name == "last") && arguments.size() == 2;
  if (arguments.size() != 1 && !offset)
    return refuse(fmt::format("{} takes one column of a step", name), "write last(step.column)");
  std::int64_t back = 0;
  if (offset) {
    const Expression number = TRY(constant(arguments[1]));
    back = number.constant.bits;
    if (number.constant.null || number.type != ValueType::kInteger || back < 0 || back > kBackMax)
      return refuse(fmt::format("the second argument of {} goes from 0 to {}", name, kBackMax),
                    "write last(step.column, 1) for the row before the last");
  }
  if (name == "first") return nth(arguments[0], Register::Kind::kFirst, static_cast<int>(back));
  if (name == "last") return nth(arguments[0], Register::Kind::kLast, static_cast<int>(back));
  return aggregate(name, arguments[0]);
}

// The step that all references of an argument name; -1 when they name none.
base::Result<int> PatternTerms::one_step(const json& argument) {
  int step = -2;
  base::Result<> checked;
  walk(argument, [&](const json& at) {
    if (!checked || text_of(at, "class") != "COLUMN_REF") return checked.has_value();
    const auto reference = names_.resolve(sql_, at);
    if (!reference) {
      checked = std::unexpected(reference.error());
    } else if (step != -2 && step != reference->step) {
      checked = refuse("an aggregate reads the rows of one step", "use one aggregate per step");
    } else {
      step = reference->step;
    }
    return checked.has_value();
  });
  if (!checked) return std::unexpected(checked.error());
  return std::max(step, -1);
}

base::Result<Expression> PatternTerms::nth(const json& argument, Register::Kind kind, int back) {
  const int step = TRY(one_step(argument));
  const int index = TRY(leaf(argument));
  return read({.kind = kind, .step = step, .leaf = index, .back = back, .type = leaf_type(index)});
}

base::Result<Expression> PatternTerms::counted(const json& node) {
  Register which{.kind = Register::Kind::kCount};
  if (text_of(node, "function_name") == "count") {
    const json& argument = node["children"][0];
    which.step = TRY(one_step(argument));
    const bool whole_step = text_of(argument, "class") == "COLUMN_REF" &&
                            TRY(names_.resolve(sql_, argument)).column.empty();
    if (!whole_step) which.leaf = TRY(leaf(argument));
  }
  return read(which);
}

base::Result<Expression> PatternTerms::aggregate(const std::string& name, const json& argument) {
  const int step = TRY(one_step(argument));
  const int index = TRY(leaf(argument));
  const ValueType type = leaf_type(index);
  if (name == "min" || name == "max") {
    return read({.kind = name == "min" ? Register::Kind::kMin : Register::Kind::kMax,
                 .step = step,
                 .leaf = index,
                 .type = type});
  }
  if (name != "sum" && name != "avg")
    return refuse(fmt::format("{} over earlier rows is not supported in a condition", name),
                  "first, last, count, sum, avg, min and max are; in measures all aggregates are");
  if (!is_number(type))
    return refuse(fmt::format("{} needs numbers", name), "CAST the column to DOUBLE");
  Expression sum = read({.kind = Register::Kind::kSum,
                         .step = step,
                         .leaf = index,
                         .type = type == ValueType::kDouble ? type : ValueType::kBigint});
  if (name == "sum") return sum;
  std::vector<Expression> children;
  children.push_back(std::move(sum));
  children.push_back(read({.kind = Register::Kind::kCount, .step = step, .leaf = index}));
  return make_expression(Op::kAverage, ValueType::kDouble, std::move(children));
}

}  // namespace stream
