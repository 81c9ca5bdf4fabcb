#include "lake/spark_schema.h"

#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "base/crc32c.h"
#include "sql/database.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using columns::Type;
using nlohmann::json;

constexpr int kNestingMax = 32;

struct Primitive {
  std::string_view spark;
  std::string_view sql;
  Type type;
};

constexpr std::array kPrimitives{
    Primitive{"boolean", "BOOLEAN", Type::kBoolean},
    Primitive{"byte", "TINYINT", Type::kInt32},
    Primitive{"short", "SMALLINT", Type::kInt32},
    Primitive{"integer", "INTEGER", Type::kInt32},
    Primitive{"long", "BIGINT", Type::kInt64},
    Primitive{"float", "FLOAT", Type::kFloat64},
    Primitive{"double", "DOUBLE", Type::kFloat64},
    Primitive{"string", "VARCHAR", Type::kString},
    Primitive{"binary", "BLOB", Type::kBytes},
    Primitive{"date", "DATE", Type::kDate},
    Primitive{"timestamp", "TIMESTAMPTZ", Type::kTimestamp},
    Primitive{"timestamp_ntz", "TIMESTAMP", Type::kTimestamp},
};

std::string_view spark_name(Type type) {
  switch (type) {
    case Type::kBoolean:
      return "boolean";
    case Type::kInt32:
      return "integer";
    case Type::kInt64:
      return "long";
    case Type::kFloat64:
      return "double";
    case Type::kString:
      return "string";
    case Type::kBytes:
      return "binary";
    case Type::kDate:
      return "date";
    case Type::kTimestamp:
      return "timestamp";
  }
  return "string";
}

Result<std::pair<std::string, Type>> parse_type_of(const json& type, int depth);

Result<std::pair<std::string, Type>> parse_nested(const json& type, int depth) {
  const std::string kind = type.value("type", "");
  if (kind == "array" && type.contains("elementType")) {
    const auto element = TRY(parse_type_of(type["elementType"], depth + 1));
    return std::pair{element.first + "[]", Type::kString};
  }
  if (kind == "map" && type.contains("keyType") && type.contains("valueType")) {
    const auto key = TRY(parse_type_of(type["keyType"], depth + 1));
    const auto value = TRY(parse_type_of(type["valueType"], depth + 1));
    return std::pair{fmt::format("MAP({}, {})", key.first, value.first), Type::kString};
  }
  if (kind == "struct" && type.contains("fields") && type["fields"].is_array()) {
    std::string sql;
    for (const json& field : type["fields"]) {
      if (!field.is_object() || !field.contains("name") || !field.contains("type")) {
        return base::fail(Code::kCorrupt, "a struct field has no name or type: {}", field.dump());
      }
      const auto inner = TRY(parse_type_of(field["type"], depth + 1));
      if (!sql.empty()) sql += ", ";
      sql += sql::quote_name(field["name"].get<std::string>()) + " " + inner.first;
    }
    return std::pair{"STRUCT(" + sql + ")", Type::kString};
  }
  return base::fail(Code::kUnsupported, "the type {} is not implemented", type.dump());
}

Result<std::pair<std::string, Type>> parse_type_of(const json& type, int depth) {
  if (depth > kNestingMax) {
    return base::fail(Code::kLimit, "the schema nests deeper than {} levels", kNestingMax);
  }
  if (type.is_object()) return parse_nested(type, depth);
  if (!type.is_string()) return base::fail(Code::kCorrupt, "{} is no type", type.dump());
  const auto name = type.get<std::string>();
  for (const Primitive& primitive : kPrimitives) {
    if (primitive.spark == name) return std::pair{std::string(primitive.sql), primitive.type};
  }
  if (name == "decimal") return std::pair{std::string("DECIMAL(10,0)"), Type::kString};
  if (name.starts_with("decimal(") && name.ends_with(")") &&
      name.find_first_not_of("0123456789, ", 8) == name.size() - 1) {
    return std::pair{"DECIMAL" + name.substr(7), Type::kString};
  }
  return base::fail(Code::kUnsupported, "the type \"{}\" is not implemented", name);
}

Result<json> parse_struct(const std::string& text) {
  json root = json::parse(text, nullptr, false);
  if (!root.is_object() || root.value("type", json()) != "struct" || !root.contains("fields") ||
      !root["fields"].is_array()) {
    return base::fail(Code::kCorrupt, "the schema is no struct type in Spark's JSON form");
  }
  for (const json& field : root["fields"]) {
    if (!field.is_object() || !field.contains("name") || !field["name"].is_string() ||
        !field.contains("type")) {
      return base::fail(Code::kCorrupt, "a field of the schema has no name or no type");
    }
  }
  return root;
}

bool boolean_at(const json& object, const char* key, bool otherwise) {
  const auto it = object.find(key);
  return it != object.end() && it->is_boolean() ? it->get<bool>() : otherwise;
}

json print_field(const columns::Field& field) {
  return {{"name", field.name},
          {"type", spark_name(field.type)},
          {"nullable", field.nullable},
          {"metadata", json::object()}};
}

}  // namespace

Result<std::vector<SparkField>> parse_spark_schema(const std::string& text) {
  const json root = TRY(parse_struct(text));
  std::vector<SparkField> fields;
  for (const json& field : root["fields"]) {
    SparkField parsed{.name = field["name"].get<std::string>()};
    auto type = parse_type_of(field["type"], 0);
    if (!type) return std::unexpected(std::move(type).error().in("column " + parsed.name));
    parsed.sql_type = type->first;
    parsed.type = type->second;
    parsed.nullable = boolean_at(field, "nullable", true);
    const auto metadata = field.find("metadata");
    parsed.has_invariant =
        metadata != field.end() && metadata->is_object() && metadata->contains("delta.invariants");
    fields.push_back(std::move(parsed));
  }
  return fields;
}

columns::Schema to_schema(const std::vector<SparkField>& fields) {
  columns::Schema schema;
  for (const SparkField& field : fields) {
    schema.fields.push_back({.name = field.name, .type = field.type, .nullable = field.nullable});
  }
  return schema;
}

std::string print_spark_schema(const columns::Schema& schema) {
  json fields = json::array();
  for (const columns::Field& field : schema.fields) fields.push_back(print_field(field));
  return json{{"type", "struct"}, {"fields", std::move(fields)}}.dump();
}

Result<std::string> update_spark_schema(const std::string& text, const columns::Schema& schema) {
  const json root = TRY(parse_struct(text));
  const auto old = TRY(parse_spark_schema(text));
  json fields = json::array();
  for (const columns::Field& field : schema.fields) {
    json printed;
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (old[i].name != field.name || old[i].type != field.type) continue;
      printed = root["fields"][i];
      printed["nullable"] = field.nullable;
    }
    fields.push_back(printed.is_null() ? print_field(field) : std::move(printed));
  }
  return json{{"type", "struct"}, {"fields", std::move(fields)}}.dump();
}

std::string schema_tag(const std::vector<SparkField>& fields) {
  std::string text;
  for (const SparkField& field : fields) text += field.name + '\0' + field.sql_type + '\0';
  return fmt::format("{:08x}-{}", base::crc32c(std::as_bytes(std::span(text))), fields.size());
}

}  // namespace lake
