#include "server/postgres_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace server {
namespace {

using nlohmann::json;

struct Row {
  std::string_view duckdb;
  std::string_view postgres;
};
constexpr auto kTypes = std::to_array<Row>({
    {"INTEGER", "int4"},      {"BIGINT", "int8"},
    {"SMALLINT", "int2"},     {"TINYINT", "int2"},
    {"FLOAT", "float4"},      {"DOUBLE", "float8"},
    {"BOOLEAN", "bool"},      {"VARCHAR", "text"},
    {"DECIMAL", "numeric"},   {"DATE", "date"},
    {"TIME", "time"},         {"TIMESTAMP", "timestamp"},
    {"INTERVAL", "interval"}, {"TIMESTAMP WITH TIME ZONE", "timestamptz"},
    {"BLOB", "bytea"},        {"UUID", "uuid"},
    {"HUGEINT", "numeric"},   {"TIME WITH TIME ZONE", "timetz"},
    {"LIST", "array"},
});
// Functions that postgres_rewrite.cpp and DuckDB's parser call by other names.
constexpr auto kFunctions = std::to_array<Row>({
    {"postgres_date_part", "date_part"},
    {"postgres_format", "format"},
    {"postgres_mod", "mod"},
    {"postgres_substr", "substr"},
    {"to_hex_text", "to_hex"},
    {"postgres_length", "length"},
    {"postgres_octet_length", "octet_length"},
    {"postgres_strpos", "strpos"},
    {"postgres_lpad", "lpad"},
    {"postgres_rpad", "rpad"},
    {"postgres_encode", "encode"},
    {"postgres_decode", "decode"},
    {"postgres_array_length", "array_length"},
    {"postgres_array_position", "array_position"},
    {"postgres_json_array_length", "json_array_length"},
    {"postgres_to_date", "to_date"},
    {"postgres_to_timestamp", "to_timestamp"},
    {"regclass_oid", "regclass"},
    {"unhex", "bytea"},
    {"json_group_array", "json_agg"},
    {"json_group_object", "json_object_agg"},
    {"json_object", "json_build_object"},
    {"json_array", "json_build_array"},
    {"count_star", "count"},
    {"trim", "btrim"},
    {"list_value", "array"},
    {"construct_array", "array"},
    {"row", "row"},
    {"to_regclass_oid", "regclass"},
    {"regclass_name", "regclass"},
    {"regtype_name", "regtype"},
    {"quantile_cont", "percentile_cont"},
    {"quantile_disc", "percentile_disc"},
    {"today", "current_date"},
    {"get_current_timestamp", "now"},
    {"list_extract", ""},
    {"array_extract", ""},
    {"array_slice", ""},
});

std::string text_at(const json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string name_of(const json& node);

std::string first_name(const json& statement) {
  const auto node = statement.value("node", json::object());
  const auto list = node.value("select_list", json::array());
  return list.empty() ? "" : name_of(list.front());
}

std::string function_name(const json& node) {
  const auto name = text_at(node, "function_name");
  if (text_at(node, "catalog") == "system" && name == "date_part") return "extract";
  if (node.value("is_operator", false) || name == "regexp_full_match") return "";
  // json_agg, by the way that it is written now.
  if (name == "to_json" && node.contains("children") && !node["children"].empty() &&
      text_at(node["children"].front(), "function_name") == "list")
    return "json_agg";
  if (!name.empty() && std::isalpha(static_cast<unsigned char>(name[0])) == 0) return "";
  const auto row = std::ranges::find(kFunctions, name, &Row::duckdb);
  const std::string shown(row == kFunctions.end() ? name : row->postgres);
  // An element of an array is called like the array.
  if (shown.empty() && node.contains("children") && !node["children"].empty())
    return name_of(node["children"].front());
  return shown;
}

// The name of what is cast, when that is a column or a function; otherwise the type's.
std::string cast_name(const json& node) {
  if (const auto child = node.find("child"); child != node.end()) {
    const auto function = text_at(*child, "function_name");
    // EXTRACT(second …) is a quotient by now.
    if (function == "/" && child->contains("children") && !(*child)["children"].empty()) {
      if (name_of((*child)["children"].front()) == "extract") return "extract";
    }
    const bool oid = function.starts_with("reg") && function.ends_with("_name");
    const auto kind = text_at(*child, "class");
    if (kind != "CAST" && kind != "CASE" && !oid) {
      if (auto of_child = name_of(*child); !of_child.empty()) return of_child;
    } else if (kind == "CAST") {
      const auto inner = child->value("child", json::object());
      const auto inner_kind = text_at(inner, "class");
      if (inner_kind == "COLUMN_REF" || inner_kind == "FUNCTION") {
        if (auto of_child = name_of(*child); !of_child.empty()) return of_child;
      }
    }
  }
  const auto type = node.value("cast_type", json::object());
  const auto id = text_at(type, "id");
  const auto row = std::ranges::find(kTypes, id, &Row::duckdb);
  if (row != kTypes.end()) return std::string(row->postgres);
  const auto info = type.find("type_info");
  if (info == type.end() || !info->is_object()) return id;
  for (const auto* key : {"name", "user_type_name", "alias"}) {
    auto name = text_at(*info, key);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!name.empty()) return name;
  }
  return "";
}

// "" for what has no name of its own.
std::string name_of(const json& node) {
  if (!node.is_object()) return "";
  if (const auto alias = text_at(node, "alias"); !alias.empty()) return alias;
  const auto kind = text_at(node, "class");
  if (kind == "COLUMN_REF") {
    const auto names = node.value("column_names", json::array());
    return names.empty() || !names.back().is_string() ? "" : names.back().get<std::string>();
  }
  if (kind == "FUNCTION" || kind == "WINDOW") return function_name(node);
  if (kind == "CAST") return cast_name(node);
  if (kind == "CASE") {
    const auto other = name_of(node.value("else_expr", json::object()));
    return other.empty() || text_at(node["else_expr"], "class") == "CONSTANT" ? "case" : other;
  }
  if (kind == "SUBQUERY") {
    const auto type = text_at(node, "subquery_type");
    if (type == "EXISTS" || type == "NOT_EXISTS") return type == "EXISTS" ? "exists" : "";
    return type == "SCALAR" ? first_name(node.value("subquery", json::object())) : "";
  }
  if (kind == "OPERATOR") {
    const auto type = text_at(node, "type");
    if (type == "OPERATOR_COALESCE") return "coalesce";
    if (type == "ARRAY_CONSTRUCTOR" || type == "OPERATOR_ARRAY_CONSTRUCTOR") return "array";
    if (type == "OPERATOR_NULLIF") return "nullif";
    if (type == "GROUPING_FUNCTION") return "grouping";
    const bool element = type == "ARRAY_EXTRACT" || type == "ARRAY_SLICE";
    if (element && node.contains("children") && !node["children"].empty())
      return name_of(node["children"].front());
  }
  if (kind == "COLLATE") return name_of(node.value("child", json::object()));
  return "";
}

const json* select_list(const json& node) {
  // A set operation is named by its first part.
  if (text_at(node, "type") == "SELECT_NODE") return &node["select_list"];
  for (const auto* key : {"left", "children"}) {
    const auto found = node.find(key);
    if (found == node.end()) continue;
    if (found->is_object()) return select_list(*found);
    if (found->is_array() && !found->empty()) return select_list(found->front());
  }
  return nullptr;
}

bool is_star(const json& node) {
  const auto kind = text_at(node, "class");
  return kind == "STAR" || text_at(node, "type") == "STAR" ||
         (kind == "FUNCTION" && text_at(node, "function_name") == "unnest" &&
          node.value("children", json::array()).size() > 1);
}

std::string shown_name(const json& node) {
  if (!text_at(node, "alias").empty() || text_at(node, "class") == "COLUMN_REF") return "";
  const auto name = name_of(node);
  return name.empty() ? "?column?" : name;
}

}  // namespace

std::vector<std::string> postgres_column_names(const json& tree, std::size_t columns) {
  std::vector<std::string> names(columns);
  const auto statements = tree.find("statements");
  if (statements == tree.end() || statements->size() != 1) return names;
  const auto node = statements->front().find("node");
  if (node == statements->front().end()) return names;
  const auto* list = select_list(*node);
  if (list == nullptr || !list->is_array()) return names;
  // VALUES of itself.
  const auto& from = node->value("from_table", json::object());
  if (text_at(from, "type") == "EXPRESSION_LIST" && list->size() == 1 &&
      from.value("column_name_alias", json::array()).empty() && is_star(list->front())) {
    for (std::size_t i = 0; i < columns; ++i) names[i] = fmt::format("column{}", i + 1);
    return names;
  }
  // A star stands for any number of columns: the ones before it count from the left, the ones
  // behind the last star from the right.
  std::size_t left = 0;
  while (left < list->size() && left < columns && !is_star((*list)[left])) {
    names[left] = shown_name((*list)[left]);
    ++left;
  }
  if (left == list->size()) return names;
  for (std::size_t right = 0; right < list->size() && right + left < columns; ++right) {
    const auto& item = (*list)[list->size() - 1 - right];
    if (is_star(item)) break;
    names[columns - 1 - right] = shown_name(item);
  }
  return names;
}

}  // namespace server
