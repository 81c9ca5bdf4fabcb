#include "stream/time_bounds.h"

#include <map>

#include "base/clock.h"

namespace stream {
namespace {

std::optional<std::int64_t> unit_us(const Tree& constant) {
  static const std::map<std::string, std::int64_t> kUnits{
      {"second", base::kUsPerSecond},      {"minute", 60 * base::kUsPerSecond},
      {"hour", 3600 * base::kUsPerSecond}, {"day", base::kUsPerDay},
      {"week", 7 * base::kUsPerDay},       {"month", 31 * base::kUsPerDay},
      {"quarter", 92 * base::kUsPerDay},   {"year", 366 * base::kUsPerDay}};
  if (text_of(constant, "class") != "CONSTANT") return std::nullopt;
  const Tree value = constant.at("value").value("value", Tree());
  const auto it = value.is_string() ? kUnits.find(value.get<std::string>()) : kUnits.end();
  return it == kUnits.end() ? std::nullopt : std::optional(it->second);
}

struct Shift {
  const Tree* of = nullptr;
  std::int64_t us = 0;  // added to it
};

// `e + INTERVAL` and `e - INTERVAL`.
std::optional<Shift> shift_of(sql::Connection& connection, const Tree& expression) {
  const std::string name = text_of(expression, "function_name");
  const Tree& arguments = list_of(expression, "children");
  if ((name != "+" && name != "-") || arguments.size() != 2) return std::nullopt;
  if (const auto us = interval_us(connection, arguments[1]))
    return Shift{&arguments[0], name == "+" ? *us : -*us};
  if (name != "+") return std::nullopt;
  if (const auto us = interval_us(connection, arguments[0])) return Shift{&arguments[1], *us};
  return std::nullopt;
}

bool is_cast_to(const Tree& expression, std::string_view type) {
  if (text_of(expression, "class") != "CAST") return false;
  return expression.at("cast_type").value("id", "").starts_with(type);
}

}  // namespace

std::optional<std::int64_t> interval_us(sql::Connection& connection, const Tree& expression) {
  bool constant = true;
  walk(expression, [&](const Tree& at) {
    constant =
        constant && text_of(at, "class") != "COLUMN_REF" && text_of(at, "class") != "SUBQUERY";
    return constant;
  });
  if (!constant) return std::nullopt;
  const auto sql = expression_sql(connection, expression);
  if (!sql) return std::nullopt;
  const auto result =
      connection.query(fmt::format("SELECT epoch_us(TIMESTAMP '1970-01-01' + {0}), "
                                   "datepart('month', {0}) + datepart('year', {0})",
                                   *sql));
  if (!result || (*result)->is_null(0, 0) || (*result)->int_at(1, 0) != 0) return std::nullopt;
  return (*result)->int_at(0, 0);
}

std::optional<std::int64_t> lag_of(sql::Connection& connection, const Tree& expression,
                                   const LagOf& column) {
  if (const auto name = column_of(expression)) return column(*name);
  if (text_of(expression, "class") == "CAST") {
    const auto inner = lag_of(connection, expression.at("child"), column);
    if (is_cast_to(expression, "TIMESTAMP")) return inner;
    if (is_cast_to(expression, "DATE") && inner) return *inner + base::kUsPerDay - 1;
    return std::nullopt;
  }
  if (text_of(expression, "class") != "FUNCTION") return std::nullopt;
  const std::string name = text_of(expression, "function_name");
  const Tree& arguments = list_of(expression, "children");
  if (const auto shift = shift_of(connection, expression)) {
    const auto inner = lag_of(connection, *shift->of, column);
    return inner ? std::optional(*inner - shift->us) : std::nullopt;
  }
  if (name == "time_bucket" && arguments.size() >= 2) {
    const auto width = interval_us(connection, arguments[0]);
    const auto inner = lag_of(connection, arguments[1], column);
    if (!width || !inner || *width <= 0) return std::nullopt;
    return *inner + *width - 1;
  }
  if (name == "date_trunc" && arguments.size() == 2) {
    const auto width = unit_us(arguments[0]);
    const auto inner = lag_of(connection, arguments[1], column);
    return width && inner ? std::optional(*inner + *width - 1) : std::nullopt;
  }
  const bool series = name == "unnest" || name == "generate_series" || name == "range";
  return series && !arguments.empty() ? lag_of(connection, arguments[0], column) : std::nullopt;
}

std::optional<Ahead> ahead_of(sql::Connection& connection, const Tree& expression) {
  if (const auto name = column_of(expression)) return Ahead{*name, 0};
  if (is_cast_to(expression, "TIMESTAMP")) return ahead_of(connection, expression.at("child"));
  const auto shift = shift_of(connection, expression);
  if (!shift) return std::nullopt;
  auto inner = ahead_of(connection, *shift->of);
  if (inner) inner->us += shift->us;
  return inner;
}

}  // namespace stream
