// columns_of(): the columns that records of a registered schema bring.
#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "schema/record_plan.h"

namespace schema {

using columns::Type;

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

void add(columns::Schema& schema, const std::string& name, Type type) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const bool plain =
      !name.empty() && name[0] != '_' && letter(name[0]) &&
      std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
  if (!plain) return;
  const bool taken = std::ranges::any_of(
      schema.fields, [&](const auto& field) { return lower(field.name) == lower(name); });
  if (!taken) schema.fields.push_back({.name = name, .type = type, .nullable = true});
}

Type type_of(const AvroNode& node) {
  switch (node.type) {
    case AvroType::kBoolean:
      return Type::kBoolean;
    case AvroType::kInt:
      return node.logical == "date" ? Type::kDate : Type::kInt64;
    case AvroType::kLong:
      return node.logical.find("timestamp") == std::string::npos ? Type::kInt64 : Type::kTimestamp;
    case AvroType::kFloat:
    case AvroType::kDouble:
      return Type::kFloat64;
    case AvroType::kBytes:
    case AvroType::kFixed:
      return node.logical.empty() ? Type::kBytes : Type::kString;
    case AvroType::kUnion: {
      std::optional<Type> one;
      for (const AvroNode* branch : node.branches) {
        if (branch->type == AvroType::kNull) continue;
        const Type type = type_of(*branch);
        if (one && *one != type) return Type::kString;
        one = type;
      }
      return one.value_or(Type::kString);
    }
    case AvroType::kNull:
    case AvroType::kString:
    case AvroType::kEnum:
    case AvroType::kRecord:
    case AvroType::kArray:
    case AvroType::kMap:
      return Type::kString;
  }
  return Type::kString;
}

Type type_of(const google::protobuf::FieldDescriptor& field) {
  using Field = google::protobuf::FieldDescriptor;
  if (field.is_repeated()) return Type::kString;
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32:
    case Field::CPPTYPE_INT64:
    case Field::CPPTYPE_UINT32:
    case Field::CPPTYPE_UINT64:
      return Type::kInt64;
    case Field::CPPTYPE_DOUBLE:
    case Field::CPPTYPE_FLOAT:
      return Type::kFloat64;
    case Field::CPPTYPE_BOOL:
      return Type::kBoolean;
    case Field::CPPTYPE_STRING:
      return field.type() == Field::TYPE_BYTES ? Type::kBytes : Type::kString;
    case Field::CPPTYPE_ENUM:
      return Type::kString;
    case Field::CPPTYPE_MESSAGE: {
      const auto& message = *field.message_type();
      if (message.full_name() == "google.protobuf.Timestamp") return Type::kTimestamp;
      const Field* inner = wrapped_value(message);
      return inner == nullptr ? Type::kString : type_of(*inner);
    }
  }
  return Type::kString;
}

Type type_of(const JsonSchema& schema, const nlohmann::json& given) {
  const nlohmann::json* s = schema.resolve(given);
  if (s == nullptr || !s->is_object() || !s->contains("type")) return Type::kString;
  std::vector<std::string> types;
  for (const auto& type : (*s)["type"].is_array() ? (*s)["type"] : nlohmann::json{(*s)["type"]}) {
    if (type != "null") types.push_back(type.get<std::string>());
  }
  if (types == std::vector<std::string>{"boolean"}) return Type::kBoolean;
  if (types == std::vector<std::string>{"integer"}) return Type::kInt64;
  const auto is_number = [](const std::string& t) { return t == "number" || t == "integer"; };
  if (!types.empty() && std::ranges::all_of(types, is_number)) return Type::kFloat64;
  if (types != std::vector<std::string>{"string"}) return Type::kString;
  const auto format = s->value("format", nlohmann::json());
  if (format == "date-time") return Type::kTimestamp;
  return format == "date" ? Type::kDate : Type::kString;
}

}  // namespace

base::Result<columns::Schema> columns_of(const ResolvedSchema& schema) {
  columns::Schema out;
  switch (schema.type) {
    case SchemaType::kAvro: {
      const auto avro = TRY(parse_avro(schema));
      for (const AvroField& field : avro->root().fields) add(out, field.name, type_of(*field.type));
      break;
    }
    case SchemaType::kJson: {
      const auto json = TRY(parse_json_schema(schema));
      const nlohmann::json* root = json->resolve(json->root());
      if (root == nullptr || !root->is_object() || !root->contains("properties")) break;
      for (const auto& [name, property] : (*root)["properties"].items())
        add(out, name, type_of(*json, property));
      break;
    }
    case SchemaType::kProtobuf: {
      const auto protobuf = TRY(parse_protobuf(schema));
      if (protobuf->file().message_type_count() == 0) break;
      const auto& message = *protobuf->file().message_type(0);
      for (int i = 0; i < message.field_count(); ++i)
        add(out, message.field(i)->name(), type_of(*message.field(i)));
      break;
    }
  }
  return out;
}

}  // namespace schema
