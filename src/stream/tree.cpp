#include "stream/tree.h"

#include <algorithm>
#include <array>

namespace stream {
namespace {

constexpr std::array kAggregates{"any_value",
                                 "approx_count_distinct",
                                 "approx_quantile",
                                 "arg_max",
                                 "arg_max_null",
                                 "arg_min",
                                 "arg_min_null",
                                 "array_agg",
                                 "avg",
                                 "bit_and",
                                 "bit_or",
                                 "bit_xor",
                                 "bool_and",
                                 "bool_or",
                                 "corr",
                                 "count",
                                 "count_if",
                                 "count_star",
                                 "countif",
                                 "entropy",
                                 "favg",
                                 "first",
                                 "fsum",
                                 "group_concat",
                                 "histogram",
                                 "kurtosis",
                                 "last",
                                 "list",
                                 "listagg",
                                 "mad",
                                 "max",
                                 "max_by",
                                 "mean",
                                 "median",
                                 "min",
                                 "min_by",
                                 "mode",
                                 "product",
                                 "quantile",
                                 "quantile_cont",
                                 "quantile_disc",
                                 "skewness",
                                 "stddev",
                                 "stddev_pop",
                                 "stddev_samp",
                                 "string_agg",
                                 "sum",
                                 "sum_no_overflow",
                                 "var_pop",
                                 "var_samp",
                                 "variance"};

int line_of(const runs::Model& model, const Tree& node) {
  const auto it = node.find("query_location");
  if (it == node.end() || !it->is_number()) return model.sql_line;
  const auto at = it->get<std::size_t>();
  if (at > model.sql.size()) return model.sql_line;
  return model.sql_line +
         static_cast<int>(std::count(model.sql.begin(),
                                     model.sql.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

Tree without_places(const Tree& node) {
  if (node.is_array()) {
    Tree list = Tree::array();
    for (const Tree& child : node) list.push_back(without_places(child));
    return list;
  }
  if (!node.is_object()) return node;
  Tree object = Tree::object();
  for (const auto& [key, value] : node.items()) {
    if (key != "query_location" && key != "alias") object[key] = without_places(value);
  }
  return object;
}

const Tree* find_node(const Tree& node, const std::function<bool(const Tree&)>& matches) {
  const Tree* found = nullptr;
  walk(node, [&](const Tree& at) {
    if (found == nullptr && matches(at)) found = &at;
    return found == nullptr && text_of(at, "class") != "SUBQUERY";
  });
  return found;
}

}  // namespace

std::string text_of(const Tree& node, const char* key) {
  const auto it = node.find(key);
  return it != node.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool has_node(const Tree& node, const char* key) {
  const auto it = node.find(key);
  return it != node.end() && it->is_object();
}

const Tree& list_of(const Tree& node, const char* key) {
  static const Tree kNone = Tree::array();
  const auto it = node.find(key);
  return it != node.end() && it->is_array() ? *it : kNone;
}

void walk(const Tree& node, const std::function<bool(const Tree&)>& each) {
  if (node.is_object() && !each(node)) return;
  if (node.is_object() || node.is_array()) {
    for (const Tree& child : node) walk(child, each);
  }
}

void walk(Tree& node, const std::function<bool(Tree&)>& each) {
  if (node.is_object() && !each(node)) return;
  if (node.is_object() || node.is_array()) {
    for (Tree& child : node) walk(child, each);
  }
}

Tree& select_node(Tree& tree) { return tree["statements"][0]["node"]; }
const Tree& select_node(const Tree& tree) { return tree.at("statements").at(0).at("node"); }

Tree statement_of(const Tree& node) {
  return {{"error", false}, {"statements", Tree::array({Tree{{"node", node}}})}};
}

std::unexpected<base::Error> refuse(const runs::Model& model, const Tree& node, std::string message,
                                    std::string mend) {
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                             .at(model.file, line_of(model, node)));
}

base::Result<std::string> expression_sql(sql::Connection& connection, const Tree& expression) {
  Tree column = expression;
  column["alias"] = "";
  Tree tree = TRY(connection.parse("SELECT 1"));
  select_node(tree)["select_list"] = Tree::array({column});
  std::string text = TRY(connection.print(tree));
  constexpr std::string_view kSelect = "SELECT ";
  if (text.starts_with(kSelect)) text.erase(0, kSelect.size());
  return text;
}

base::Result<Tree> expression_of(sql::Connection& connection, const std::string& sql) {
  const Tree parsed = TRY(connection.parse("SELECT " + sql));
  return select_node(parsed).at("select_list").at(0);
}

bool same_expression(const Tree& left, const Tree& right) {
  return without_places(left) == without_places(right);
}

std::optional<ColumnName> column_of(const Tree& expression) {
  if (text_of(expression, "class") != "COLUMN_REF") return std::nullopt;
  const Tree& names = list_of(expression, "column_names");
  if (names.size() == 1) return ColumnName{"", names[0]};
  if (names.size() == 2) return ColumnName{names[0], names[1]};
  if (names.size() == 3) return ColumnName{names[1], names[2]};
  return std::nullopt;
}

Tree column_ref(const std::string& name) {
  return {{"class", "COLUMN_REF"},
          {"type", "COLUMN_REF"},
          {"alias", ""},
          {"query_location", 0},
          {"column_names", {name}}};
}

std::vector<Tree> conjuncts(const Tree& condition) {
  if (!condition.is_object()) return {};
  if (text_of(condition, "type") != "CONJUNCTION_AND") return {condition};
  std::vector<Tree> all;
  for (const Tree& child : list_of(condition, "children")) {
    for (Tree& one : conjuncts(child)) all.push_back(std::move(one));
  }
  return all;
}

const Tree* find_window(const Tree& node) {
  return find_node(node, [](const Tree& at) { return text_of(at, "class") == "WINDOW"; });
}

bool is_aggregate(const Tree& node) {
  return text_of(node, "class") == "FUNCTION" &&
         std::ranges::find(kAggregates, text_of(node, "function_name")) != kAggregates.end();
}

const Tree* find_aggregate(const Tree& node) { return find_node(node, is_aggregate); }

}  // namespace stream
