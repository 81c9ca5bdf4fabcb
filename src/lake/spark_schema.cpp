#include "lake/spark_schema.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "base/crc32c.h"
#include "lake/json_text.h"
#include "sql/database.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using columns::Type;
using nlohmann::json;

constexpr int kNestingMax = 32;
constexpr int kDecimalDigitsMax = 38;

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

// "decimal(p,s)" in SQL; "" for what is none.
std::string decimal_type(std::string_view name) {
  if (name == "decimal") return "DECIMAL(10,0)";
  constexpr std::string_view kStart = "decimal(";
  if (!name.starts_with(kStart) || !name.ends_with(')')) return "";
  const auto number = [](std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    int value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? value : -1;
  };
  const std::string_view inner = name.substr(kStart.size(), name.size() - kStart.size() - 1);
  const std::size_t comma = inner.find(',');
  const int precision = number(inner.substr(0, comma));
  const int scale = comma == std::string_view::npos ? 0 : number(inner.substr(comma + 1));
  if (precision < 1 || precision > kDecimalDigitsMax || scale < 0 || scale > precision) return "";
  return fmt::format("DECIMAL({},{})", precision, scale);
}

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

// What a type is called in SQL by its logical and by its physical names, and how COPY gives it
// field ids.
struct TypeText {
  std::string logical;
  std::string physical;
  Type type = Type::kString;
  std::string ids;  // members within a FIELD_IDS struct; "" = none
};

class TypeParser {
 public:
  explicit TypeParser(ColumnMapping mapping) : mapped_(mapping != ColumnMapping::kNone) {}

  Result<TypeText> parse(const json& type, int depth = 0) const {
    if (depth > kNestingMax) {
      return base::fail(Code::kLimit, "the schema nests deeper than {} levels", kNestingMax);
    }
    if (type.is_object()) return nested(type, depth);
    if (!type.is_string()) return base::fail(Code::kCorrupt, "{} is no type", type.dump());
    const auto name = type.get<std::string>();
    for (const Primitive& primitive : kPrimitives) {
      if (primitive.spark != name) continue;
      return TypeText{std::string(primitive.sql), std::string(primitive.sql), primitive.type, ""};
    }
    if (const std::string decimal = decimal_type(name); !decimal.empty()) {
      return TypeText{decimal, decimal, Type::kString, ""};
    }
    return base::fail(Code::kUnsupported, "the type \"{}\" is not implemented", name);
  }

  // The physical name of a field.
  Result<std::string> physical(const json& field) const {
    const auto name = field["name"].get<std::string>();
    if (!mapped_) return name;
    const json& metadata = member(field, "metadata");
    const json& physical = member(metadata, "delta.columnMapping.physicalName");
    if (physical.is_string()) return physical.get<std::string>();
    return base::fail(Code::kCorrupt, "the column {} has no physical name", name);
  }

  std::int64_t id(const json& field) const {
    const json& id = member(member(field, "metadata"), "delta.columnMapping.id");
    return mapped_ && id.is_number_integer() ? id.get<std::int64_t>() : -1;
  }

  // "{__duckdb_field_id: 3, …}" or "3".
  std::string ids(const json& field, const TypeText& type) const {
    const std::int64_t own = id(field);
    if (own < 0) return "";
    if (type.ids.empty()) return std::to_string(own);
    return fmt::format("{{__duckdb_field_id: {}, {}}}", own, type.ids);
  }

 private:
  static const json& member(const json& object, const char* key) {
    static const json kNull;
    if (!object.is_object()) return kNull;
    const auto it = object.find(key);
    return it == object.end() ? kNull : *it;
  }

  Result<TypeText> nested(const json& type, int depth) const {
    const json& kind = member(type, "type");
    if (kind == "array" && type.contains("elementType")) {
      const TypeText element = TRY(parse(type["elementType"], depth + 1));
      return TypeText{element.logical + "[]", element.physical + "[]", Type::kString,
                      inner_ids("element", element)};
    }
    if (kind == "map" && type.contains("keyType") && type.contains("valueType")) {
      const TypeText key = TRY(parse(type["keyType"], depth + 1));
      const TypeText value = TRY(parse(type["valueType"], depth + 1));
      std::string ids = inner_ids("key", key);
      if (const std::string more = inner_ids("value", value); !more.empty()) {
        ids += (ids.empty() ? "" : ", ") + more;
      }
      return TypeText{fmt::format("MAP({}, {})", key.logical, value.logical),
                      fmt::format("MAP({}, {})", key.physical, value.physical), Type::kString, ids};
    }
    if (kind == "struct" && member(type, "fields").is_array()) return structure(type, depth);
    return base::fail(Code::kUnsupported, "the type {} is not implemented", type.dump());
  }

  Result<TypeText> structure(const json& type, int depth) const {
    TypeText text;
    for (const json& field : type["fields"]) {
      if (!member(field, "name").is_string() || !field.contains("type")) {
        return base::fail(Code::kCorrupt, "a struct field has no name or type: {}", field.dump());
      }
      const TypeText inner = TRY(parse(field["type"], depth + 1));
      const std::string comma = text.logical.empty() ? "" : ", ";
      const std::string name = sql::quote_name(TRY(physical(field)));
      text.logical +=
          comma + sql::quote_name(field["name"].get<std::string>()) + " " + inner.logical;
      text.physical += comma + name + " " + inner.physical;
      if (const std::string own = ids(field, inner); !own.empty()) {
        text.ids += (text.ids.empty() ? "" : ", ") + name + ": " + own;
      }
    }
    text.logical = "STRUCT(" + text.logical + ")";
    text.physical = "STRUCT(" + text.physical + ")";
    return text;
  }

  // Elements, keys and values have no ids of their own in the log.
  static std::string inner_ids(const char* name, const TypeText& inner) {
    return inner.ids.empty() ? "" : fmt::format("{}: {{{}}}", name, inner.ids);
  }

  const bool mapped_;
};

// SQL that gives `value`, of this type by the one kind of names, by the other kind. Structs are the
// only types with names.
std::string rename_sql(const TypeParser& parser, const json& type, const std::string& value,
                       bool to_logical, int depth = 0) {
  if (!type.is_object()) return value;
  const std::string kind = type.value("type", "");
  const std::string inner = fmt::format("x{}", depth);
  if (kind == "array") {
    return fmt::format("list_transform({}, lambda {}: {})", value, inner,
                       rename_sql(parser, type["elementType"], inner, to_logical, depth + 1));
  }
  if (kind == "map") {
    return fmt::format(
        "map_from_entries(list_transform(map_entries({}), lambda {}: "
        "{{'key': {}, 'value': {}}}))",
        value, inner, rename_sql(parser, type["keyType"], inner + ".key", to_logical, depth + 1),
        rename_sql(parser, type["valueType"], inner + ".value", to_logical, depth + 1));
  }
  std::string members;
  for (const json& field : type["fields"]) {
    const std::string logical = sql::quote_name(field["name"].get<std::string>());
    const std::string physical = sql::quote_name(parser.physical(field).value_or(""));
    const std::string from = value + "." + (to_logical ? physical : logical);
    members +=
        fmt::format("{}{} := {}", members.empty() ? "" : ", ", to_logical ? logical : physical,
                    rename_sql(parser, field["type"], from, to_logical, depth + 1));
  }
  return fmt::format("CASE WHEN {} IS NULL THEN NULL ELSE struct_pack({}) END", value, members);
}

Result<json> parse_struct(const std::string& text) {
  json root = parse_json(text);
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

// {"expression":{"expression":"x > 3"}} as x > 3; any other text as it is.
std::string invariant_sql(const std::string& text) {
  const json parsed = parse_json(text);
  const json::json_pointer at("/expression/expression");
  if (!parsed.is_object() || !parsed.contains(at) || !parsed[at].is_string()) return text;
  return parsed[at].get<std::string>();
}

void take_metadata(const json& field, SparkField& into) {
  const auto metadata = field.find("metadata");
  if (metadata == field.end() || !metadata->is_object()) return;
  for (const auto& [key, value] : metadata->items()) {
    if (key == "delta.invariants" && value.is_string()) {
      into.invariant = invariant_sql(value.get<std::string>());
    } else if (key == "delta.generationExpression") {
      into.special = "generatedColumns";
    } else if (key.starts_with("delta.identity.")) {
      into.special = "identityColumns";
    } else if (key == "CURRENT_DEFAULT") {
      into.special = "allowColumnDefaults";
    } else if (key == "__CHAR_VARCHAR_TYPE_STRING") {
      into.special = "char and varchar lengths";
    }
  }
}

json print_field(const columns::Field& field) {
  return {{"name", field.name},
          {"type", spark_name(field.type)},
          {"nullable", field.nullable},
          {"metadata", json::object()}};
}

}  // namespace

Result<ColumnMapping> column_mapping(const std::map<std::string, std::string>& configuration) {
  const auto mode = configuration.find("delta.columnMapping.mode");
  if (mode == configuration.end() || mode->second == "none") return ColumnMapping::kNone;
  if (mode->second == "name") return ColumnMapping::kName;
  if (mode->second == "id") return ColumnMapping::kId;
  return base::fail(Code::kUnsupported, "the columnMapping mode \"{}\" is not known", mode->second);
}

Result<std::vector<SparkField>> parse_spark_schema(const std::string& text, ColumnMapping mapping) {
  const json root = TRY(parse_struct(text));
  const TypeParser parser(mapping);
  std::vector<SparkField> fields;
  for (const json& field : root["fields"]) {
    SparkField parsed{.name = field["name"].get<std::string>()};
    auto type = parser.parse(field["type"]);
    if (!type) return std::unexpected(std::move(type).error().in("column " + parsed.name));
    parsed.sql_type = type->logical;
    parsed.type = type->type;
    parsed.nullable = boolean_at(field, "nullable", true);
    parsed.physical_name = TRY(parser.physical(field));
    parsed.physical_type = type->physical;
    parsed.field_id = parser.id(field);
    parsed.field_ids = parser.ids(field, *type);
    if (type->logical != type->physical) {
      parsed.to_logical =
          rename_sql(parser, field["type"], sql::quote_name(parsed.physical_name), true);
      parsed.to_physical = rename_sql(parser, field["type"], sql::quote_name(parsed.name), false);
    }
    take_metadata(field, parsed);
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
