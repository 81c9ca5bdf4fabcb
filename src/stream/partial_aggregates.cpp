#include "stream/partial_aggregates.h"

#include <algorithm>

#include "stream/operator.h"

namespace stream {
namespace {

class Apart {
 public:
  Apart(sql::Connection& connection, bool weighted)
      : connection_(connection), weighted_(weighted) {}

  // False when the aggregate has no parts.
  base::Result<bool> add(const Tree& aggregate) {
    for (const auto& [known, whole] : result_.wholes) {
      if (same_expression(known, aggregate)) return true;
    }
    if (!list_of(aggregate.value("order_bys", Tree::object()), "orders").empty()) return false;
    arguments_.clear();
    for (const Tree& child : list_of(aggregate, "children"))
      arguments_.push_back(TRY(expression_sql(connection_, child)));
    filter_ = has_node(aggregate, "filter")
                  ? fmt::format("({})", TRY(expression_sql(connection_, aggregate["filter"])))
                  : "";
    const std::string name = text_of(aggregate, "function_name");
    const bool distinct = aggregate.value("distinct", false) && name != "min" && name != "max";
    const std::string whole = distinct ? whole_of_values(name) : whole_of_parts(name);
    if (whole.empty()) return false;
    result_.wholes.emplace_back(aggregate, TRY(expression_of(connection_, whole)));
    return true;
  }
  PartialAggregates take() { return std::move(result_); }

 private:
  std::string filter_clause(const std::string& more = "") const {
    if (filter_.empty() && more.empty()) return "";
    const std::string both = filter_.empty() || more.empty() ? "" : " AND ";
    return fmt::format(" FILTER (WHERE {}{}{})", filter_, both, more);
  }
  // A part: what it is of the rows, and the function that adds parts up. Returns its name.
  std::string part(const std::string& sql, std::string_view merge) {
    const std::string name = fmt::format("_wb_p{}", result_.parts.size());
    result_.parts.push_back(fmt::format("{} AS {}", sql, name));
    result_.merges.push_back(fmt::format("{}({}) AS {}", merge, name, name));
    return name;
  }
  std::string count_part(const std::string& only) {
    if (weighted_)
      return part(fmt::format("coalesce(sum({}){}, 0)", kWeight, filter_clause(only)), "sum");
    return part(fmt::format("count(*){}", filter_clause(only)), "sum");
  }
  std::string sum_part(const std::string& argument) {
    const std::string value = weighted_ ? fmt::format("({}) * {}", argument, kWeight) : argument;
    return part(fmt::format("sum({}){}", value, filter_clause()), "sum");
  }

  // Values that count once each are kept themselves.
  std::string whole_of_values(const std::string& name) {
    if (weighted_ || arguments_.size() != 1) return "";
    static constexpr std::array kNames{"count", "sum", "avg", "mean"};
    if (std::ranges::find(kNames, name) == kNames.end()) return "";
    const std::string value = fmt::format("_wb_d{}", result_.values.size());
    result_.values.push_back(filter_.empty() ? fmt::format("{} AS {}", arguments_[0], value)
                                             : fmt::format("CASE WHEN {} THEN {} END AS {}",
                                                           filter_, arguments_[0], value));
    return fmt::format("{}(DISTINCT {})", name, value);
  }

  std::string whole_of_parts(const std::string& name) {
    if (name == "count_star" || (name == "count" && arguments_.empty()))
      return fmt::format("sum({})", count_part(""));
    if (arguments_.empty()) return "";
    const std::string& argument = arguments_[0];
    if (name == "count")
      return fmt::format("sum({})", count_part(fmt::format("({}) IS NOT NULL", argument)));
    if (name == "count_if" || name == "countif")
      return fmt::format("sum({})", count_part(fmt::format("({})", argument)));
    if (name == "sum") {
      const std::string sum = sum_part(argument);
      if (!weighted_) return fmt::format("sum({})", sum);
      const std::string count = count_part(fmt::format("({}) IS NOT NULL", argument));
      return fmt::format("CASE WHEN sum({}) > 0 THEN sum({}) END", count, sum);
    }
    if (name == "avg" || name == "mean") {
      const std::string sum = sum_part(argument);
      const std::string count = count_part(fmt::format("({}) IS NOT NULL", argument));
      return fmt::format("CASE WHEN sum({0}) > 0 THEN CAST(sum({1}) AS DOUBLE) / sum({0}) END",
                         count, sum);
    }
    if (weighted_) return "";
    static constexpr std::array kSame{"min", "max", "bool_and", "bool_or", "bit_and", "bit_or"};
    if (std::ranges::find(kSame, name) != kSame.end() && arguments_.size() == 1) {
      const std::string same = part(fmt::format("{}({}){}", name, argument, filter_clause()), name);
      return fmt::format("{}({})", name, same);
    }
    return "";
  }

  sql::Connection& connection_;
  bool weighted_;
  std::vector<std::string> arguments_;
  std::string filter_;
  PartialAggregates result_;
};

}  // namespace

base::Result<std::optional<PartialAggregates>> take_apart(sql::Connection& connection,
                                                          const std::vector<Tree>& expressions,
                                                          bool weighted) {
  Apart apart(connection, weighted);
  std::vector<Tree> found;
  for (const Tree& expression : expressions) {
    walk(expression, [&](const Tree& at) {
      if (is_aggregate(at)) found.push_back(at);
      return !is_aggregate(at);
    });
  }
  for (const Tree& aggregate : found) {
    if (!TRY(apart.add(aggregate))) return std::nullopt;
  }
  return apart.take();
}

Tree replaced(const Tree& expression, const std::vector<std::pair<Tree, Tree>>& from) {
  if (expression.is_object()) {
    for (const auto& [old, by] : from) {
      if (!same_expression(expression, old)) continue;
      Tree copy = by;
      copy["alias"] = text_of(expression, "alias");
      return copy;
    }
  }
  Tree copy = expression;
  if (copy.is_object() || copy.is_array()) {
    for (Tree& child : copy) child = replaced(child, from);
  }
  return copy;
}

}  // namespace stream
