#include "stream/pattern_conditions.h"

#include <algorithm>

#include "stream/pattern_terms.h"

namespace stream {
namespace {

using nlohmann::json;
using Op = Expression::Op;

const std::map<std::string, Op>& comparisons() {
  static const std::map<std::string, Op> kOps{{"COMPARE_EQUAL", Op::kEqual},
                                              {"COMPARE_NOTEQUAL", Op::kNotEqual},
                                              {"COMPARE_LESSTHAN", Op::kLess},
                                              {"COMPARE_LESSTHANOREQUALTO", Op::kLessEqual},
                                              {"COMPARE_GREATERTHAN", Op::kGreater},
                                              {"COMPARE_GREATERTHANOREQUALTO", Op::kGreaterEqual},
                                              {"COMPARE_DISTINCT_FROM", Op::kDistinct},
                                              {"COMPARE_NOT_DISTINCT_FROM", Op::kNotDistinct}};
  return kOps;
}

const std::map<std::string, Op>& functions() {
  static const std::map<std::string, Op> kOps{
      {"abs", Op::kAbs},     {"sqrt", Op::kSqrt},         {"sin", Op::kSin},
      {"cos", Op::kCos},     {"asin", Op::kAsin},         {"radians", Op::kRadians},
      {"least", Op::kLeast}, {"greatest", Op::kGreatest}, {"epoch", Op::kEpoch}};
  return kOps;
}

Expression as_double(Expression expression) {
  if (expression.type == ValueType::kDouble) return expression;
  std::vector<Expression> children;
  children.push_back(std::move(expression));
  return make_expression(Op::kToDouble, ValueType::kDouble, std::move(children));
}

// Takes one step's condition apart.
class Splitter : private PatternTerms {
 public:
  Splitter(const PatternNames& names, PatternConditions& into, const PatternSql& sql, int step,
           const std::string& input)
      : PatternTerms(names, into, sql, step, input),
        names_(names),
        into_(into),
        sql_(sql),
        step_(step),
        input_(input) {}

  base::Result<> run() {
    const json tree = TRY(names_.parse(sql_));
    TRY(check_binds(tree));
    std::vector<json> parts;
    flatten(tree, parts);
    std::vector<std::string> alone;
    std::vector<Expression> later;
    for (const json& part : parts) {
      if (!TRY(looks_back(part))) {
        alone.push_back("(" + TRY(row_sql(part)) + ")");
      } else {
        Expression expression = TRY(compile(part));
        if (expression.type != ValueType::kBoolean)
          return refuse("a condition is true or false, this one is " +
                            std::string(value_type_name(expression.type)),
                        "compare it with something");
        later.push_back(std::move(expression));
      }
    }
    const auto step = static_cast<std::size_t>(step_);
    into_.alone[step] = fmt::format("{}", fmt::join(alone, " AND "));
    if (later.size() == 1) into_.later[step] = std::move(later[0]);
    if (later.size() > 1)
      into_.later[step] = make_expression(Op::kAnd, ValueType::kBoolean, std::move(later));
    return {};
  }

 private:
  static void flatten(const json& node, std::vector<json>& parts) {
    if (text_of(node, "type") != "CONJUNCTION_AND") return parts.push_back(node);
    for (const json& child : node["children"]) flatten(child, parts);
  }

  // DuckDB's own check of the whole condition, earlier rows' values taken for this row's.
  base::Result<> check_binds(const json& tree) {
    json copy = tree;
    bool aggregates = false;
    walk(copy, [&](const json& at) {
      aggregates = aggregates || names_.is_aggregate(at);
      return true;
    });
    if (aggregates) return {};  // bound part by part
    const std::string text = TRY(row_sql(copy));
    const auto statement = names_.connection().prepare(
        fmt::format("SELECT ({}) FROM {}", text, sql::quote_name(input_)));
    if (!statement) return bad_sql(statement.error());
    if ((*statement)->columns()[0].kind != sql::Kind::kBoolean)
      return refuse(fmt::format("a condition is true or false, this one is {}",
                                (*statement)->columns()[0].type),
                    "compare it with something");
    return {};
  }
  base::Result<Expression> compile(const json& node) {
    const std::string kind = text_of(node, "class");
    const std::string type = text_of(node, "type");
    if (!TRY(looks_back(node))) return alone(node);
    if (kind == "COLUMN_REF" || names_.is_aggregate(node)) return remembered(node);
    std::vector<Expression> children;
    const auto add = [&](const json& child) -> base::Result<> {
      children.push_back(TRY(compile(child)));
      return {};
    };
    if (kind == "CONJUNCTION") {
      for (const json& child : node["children"]) TRY(add(child));
      return logic(type == "CONJUNCTION_AND" ? Op::kAnd : Op::kOr, std::move(children));
    }
    if (kind == "COMPARISON") {
      TRY(add(node["left"]));
      TRY(add(node["right"]));
      return comparison(comparisons().at(type), std::move(children));
    }
    if (kind == "BETWEEN") return between(node);
    if (kind == "OPERATOR") {
      for (const json& child : node["children"]) TRY(add(child));
      return operation(type, std::move(children));
    }
    if (kind == "CASE") {
      for (const json& check : node["case_checks"]) {
        TRY(add(check["when_expr"]));
        TRY(add(check["then_expr"]));
      }
      TRY(add(node["else_expr"]));
      return cases(std::move(children));
    }
    if (kind == "CAST") {
      TRY(add(node["child"]));
      return cast(text_of(node["cast_type"], "id"), std::move(children));
    }
    if (kind == "FUNCTION") {
      const std::string name = text_of(node, "function_name");
      const bool has_unit = name == "date_diff" || name == "datediff";
      for (std::size_t i = has_unit ? 1 : 0; i < node["children"].size(); ++i)
        TRY(add(node["children"][i]));
      if (has_unit) return date_diff(node["children"][0], std::move(children));
      return function(name, std::move(children));
    }
    return unsupported(kind);
  }

  std::unexpected<base::Error> unsupported(const std::string& what) const {
    return refuse(
        fmt::format("{} over earlier rows is not supported in a condition", what),
        "of earlier rows there are: comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL, CASE, "
        "coalesce, "
        "+ - * /, abs, least, greatest, sqrt, sin, cos, asin, radians, date_diff, epoch, CAST to "
        "DOUBLE; compute the rest in the model that the pattern reads");
  }

  base::Result<Expression> alone(const json& node) {
    bool columns = false;
    walk(node, [&](const json& at) {
      columns = columns || text_of(at, "class") == "COLUMN_REF";
      return !columns;
    });
    if (!columns) return constant(node);
    const int index = TRY(leaf(node));
    return make_expression(Op::kLeaf, leaf_type(index), {}, index);
  }

  base::Result<Expression> logic(Op op, std::vector<Expression> children) const {
    for (const Expression& child : children) {
      if (child.type != ValueType::kBoolean)
        return refuse("AND, OR and NOT join conditions", "compare the value with something");
    }
    return make_expression(op, ValueType::kBoolean, std::move(children));
  }

  static bool is_null_constant(const Expression& e) {
    return e.op == Op::kConstant && e.constant.null && e.type == ValueType::kInteger;
  }

  // All of one type that can be compared.
  base::Result<ValueType> unify(std::vector<Expression>& children, std::size_t from,
                                std::size_t step = 1) const {
    ValueType type = ValueType::kBoolean;
    bool first = true;
    for (std::size_t i = from; i < children.size(); i += step) {
      if (is_null_constant(children[i])) continue;
      const ValueType next = children[i].type;
      if (first) {
        type = next;
      } else if (is_number(type) && is_number(next)) {
        type = std::max(type, next);
      } else if (type != next) {
        return refuse(fmt::format("{} and {} cannot be compared here", value_type_name(type),
                                  value_type_name(next)),
                      "CAST one of them; a time is written TIMESTAMPTZ '2026-01-01 00:00:00'");
      }
      first = false;
    }
    for (std::size_t i = from; i < children.size(); i += step) {
      if (is_null_constant(children[i])) children[i].type = type;
      if (type == ValueType::kDouble) children[i] = as_double(std::move(children[i]));
    }
    return type;
  }

  base::Result<Expression> comparison(Op op, std::vector<Expression> children) const {
    TRY(unify(children, 0));
    return make_expression(op, ValueType::kBoolean, std::move(children));
  }

  base::Result<Expression> between(const json& node) {
    const auto side = [&](const char* bound, Op op) -> base::Result<Expression> {
      std::vector<Expression> children;
      children.push_back(TRY(compile(node["input"])));
      children.push_back(TRY(compile(node[bound])));
      return comparison(op, std::move(children));
    };
    std::vector<Expression> both;
    both.push_back(TRY(side("lower", Op::kGreaterEqual)));
    both.push_back(TRY(side("upper", Op::kLessEqual)));
    return make_expression(Op::kAnd, ValueType::kBoolean, std::move(both));
  }

  base::Result<Expression> operation(const std::string& type, std::vector<Expression> children) {
    const auto inverted = [](Expression expression) {
      std::vector<Expression> one;
      one.push_back(std::move(expression));
      return make_expression(Op::kNot, ValueType::kBoolean, std::move(one));
    };
    if (type == "OPERATOR_NOT") return logic(Op::kNot, std::move(children));
    if (type == "OPERATOR_IS_NULL" || type == "OPERATOR_IS_NOT_NULL") {
      Expression made = make_expression(Op::kIsNull, ValueType::kBoolean, std::move(children));
      if (type == "OPERATOR_IS_NULL") return made;
      return inverted(std::move(made));
    }
    if (type == "COMPARE_IN" || type == "COMPARE_NOT_IN") {
      TRY(unify(children, 0));
      Expression made = make_expression(Op::kIn, ValueType::kBoolean, std::move(children));
      if (type == "COMPARE_IN") return made;
      return inverted(std::move(made));
    }
    if (type == "OPERATOR_COALESCE") {
      const ValueType of = TRY(unify(children, 0));
      return make_expression(Op::kCoalesce, of, std::move(children));
    }
    return unsupported(type);
  }

  base::Result<Expression> cases(std::vector<Expression> children) const {
    std::vector<Expression> values;
    for (std::size_t i = 0; i < children.size(); ++i) {
      const bool is_value = i % 2 == 1 || i + 1 == children.size();
      if (!is_value && children[i].type != ValueType::kBoolean)
        return refuse("CASE with a value behind it is not supported here",
                      "write CASE WHEN a = b THEN …");
      if (is_value) values.push_back(std::move(children[i]));
    }
    const ValueType type = TRY(unify(values, 0));
    for (std::size_t i = 0, v = 0; i < children.size(); ++i) {
      if (i % 2 == 1 || i + 1 == children.size()) children[i] = std::move(values[v++]);
    }
    return make_expression(Op::kCase, type, std::move(children));
  }

  base::Result<Expression> cast(const std::string& to, std::vector<Expression> children) const {
    const ValueType from = children[0].type;
    if (to == "DOUBLE" && is_number(from)) return as_double(std::move(children[0]));
    if (to == "BIGINT" && (from == ValueType::kInteger || from == ValueType::kBigint))
      return make_expression(Op::kToBigint, ValueType::kBigint, std::move(children));
    return unsupported(fmt::format("CAST from {} to {}", value_type_name(from), to));
  }

  base::Result<Expression> date_diff(const json& unit, std::vector<Expression> children) {
    static const std::map<std::string, std::int64_t> kUnits{
        {"microsecond", 1},     {"millisecond", 1'000},  {"second", 1'000'000},
        {"minute", 60'000'000}, {"hour", 3'600'000'000}, {"day", 86'400'000'000}};
    const Expression name = TRY(constant(unit));
    std::string text = name.text;
    if (text.ends_with('s')) text.pop_back();
    const auto found = kUnits.find(text);
    if (found == kUnits.end() || children.size() != 2 || children[0].type != ValueType::kTime ||
        children[1].type != ValueType::kTime)
      return refuse("date_diff counts days, hours, minutes, seconds or less between two times",
                    "write date_diff('minute', earlier, later)");
    return make_expression(Op::kDateDiff, ValueType::kBigint, std::move(children), found->second);
  }

  base::Result<Expression> function(const std::string& name, std::vector<Expression> children) {
    if (name == "+" || name == "-" || name == "*" || name == "/")
      return arithmetic(name[0], std::move(children));
    const auto found = functions().find(name);
    if (found == functions().end()) return unsupported(name);
    if (found->second == Op::kLeast || found->second == Op::kGreatest) {
      const ValueType type = TRY(unify(children, 0));
      return make_expression(found->second, type, std::move(children));
    }
    if (children.size() != 1) return unsupported(name);
    const ValueType type = children[0].type;
    if (found->second == Op::kEpoch) {
      if (type != ValueType::kTime) return unsupported("epoch of something that is no time");
      return make_expression(Op::kEpoch, ValueType::kDouble, std::move(children));
    }
    if (!is_number(type)) return unsupported(name + " of " + std::string(value_type_name(type)));
    if (found->second == Op::kAbs) return make_expression(Op::kAbs, type, std::move(children));
    children[0] = as_double(std::move(children[0]));
    return make_expression(found->second, ValueType::kDouble, std::move(children));
  }

  base::Result<Expression> arithmetic(char sign, std::vector<Expression> children) const {
    static const std::map<char, Op> kOps{
        {'+', Op::kPlus}, {'-', Op::kMinus}, {'*', Op::kTimes}, {'/', Op::kDivide}};
    const ValueType a = children[0].type;
    if (children.size() == 1) {
      if (sign != '-' || !is_number(a)) return unsupported(std::string(1, sign));
      return make_expression(Op::kNegate, a, std::move(children));
    }
    const ValueType b = children[1].type;
    const bool times = a == ValueType::kTime || b == ValueType::kTime ||
                       a == ValueType::kInterval || b == ValueType::kInterval;
    if (times) return time_arithmetic(sign, std::move(children));
    if (!is_number(a) || !is_number(b))
      return unsupported(fmt::format("{} {} {}", value_type_name(a), sign, value_type_name(b)));
    const bool whole = a != ValueType::kDouble && b != ValueType::kDouble;
    if (whole && sign != '/')
      return make_expression(kOps.at(sign), std::max(a, b), std::move(children));
    for (std::size_t i = 0; i < 2 && sign != '/'; ++i) {
      const bool decimal = children[i].op == Op::kConstant && children[i].index == kIsDecimal;
      if (decimal && children[1 - i].type != ValueType::kDouble)
        return refuse(
            fmt::format("the decimal {} with whole numbers of earlier rows", children[i].text),
            fmt::format("write CAST({} AS DOUBLE)", children[i].text));
    }
    for (Expression& child : children) child = as_double(std::move(child));
    return make_expression(kOps.at(sign), ValueType::kDouble, std::move(children));
  }

  base::Result<Expression> time_arithmetic(char sign, std::vector<Expression> children) const {
    const ValueType a = children[0].type;
    const ValueType b = children[1].type;
    using enum ValueType;
    if (sign == '-' && a == kTime && b == kTime)
      return make_expression(Op::kMinus, kInterval, std::move(children));
    if ((sign == '-' || sign == '+') && a == kTime && b == kInterval)
      return make_expression(sign == '-' ? Op::kMinus : Op::kPlus, kTime, std::move(children));
    if (sign == '+' && a == kInterval && b == kTime)
      return make_expression(Op::kPlus, kTime, std::move(children));
    return unsupported(fmt::format("{} {} {}", value_type_name(a), sign, value_type_name(b)));
  }

  const PatternNames& names_;
  PatternConditions& into_;
  const PatternSql& sql_;
  int step_;
  const std::string& input_;
};

}  // namespace

std::string PatternConditions::select(const std::string& input) const {
  std::string bits = "CAST(0 AS BIGINT)";
  for (std::size_t step = 0; step < alone.size(); ++step) {
    const std::int64_t bit = std::int64_t{1} << step;
    bits += alone[step].empty()
                ? fmt::format(" | {}", bit)
                : fmt::format(" | (CASE WHEN TRY({}) THEN {} ELSE 0 END)", alone[step], bit);
  }
  std::string text = fmt::format("SELECT {} AS _wb_holds", bits);
  for (std::size_t i = 0; i < leaves.size(); ++i)
    text += fmt::format(", TRY({}) AS _wb_leaf{}", leaves[i], i);
  return text + " FROM " + sql::quote_name(input);
}

std::vector<Value> PatternConditions::initial_registers() const {
  std::vector<Value> values(registers.size());
  for (std::size_t i = 0; i < registers.size(); ++i) {
    if (registers[i].kind == Register::Kind::kCount) values[i] = Value::of(std::int64_t{0});
  }
  return values;
}

base::Result<PatternConditions> take_apart(const PatternNames& names,
                                           const std::vector<std::optional<PatternSql>>& conditions,
                                           const std::string& input) {
  PatternConditions made;
  made.alone.resize(conditions.size());
  made.later.resize(conditions.size());
  for (std::size_t step = 0; step < conditions.size(); ++step) {
    if (!conditions[step]) continue;
    TRY(Splitter(names, made, *conditions[step], static_cast<int>(step), input).run());
  }
  return made;
}

}  // namespace stream
