#include "schema/schema_document.h"

namespace schema {

std::string_view schema_type_name(SchemaType type) {
  switch (type) {
    case SchemaType::kAvro:
      return "AVRO";
    case SchemaType::kJson:
      return "JSON";
    case SchemaType::kProtobuf:
      return "PROTOBUF";
  }
  return "AVRO";
}

base::Result<SchemaType> parse_schema_type(std::string_view name) {
  for (const SchemaType type : {SchemaType::kAvro, SchemaType::kJson, SchemaType::kProtobuf}) {
    if (schema_type_name(type) == name) return type;
  }
  return base::fail_with(base::Code::kInvalid, fmt::format("Invalid schema type {}", name),
                         "write AVRO, JSON or PROTOBUF");
}

base::Result<> check_nesting(std::string_view text, std::size_t depth_max) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max)
        return base::fail_with(base::Code::kLimit,
                               fmt::format("the schema is nested deeper than {} levels", depth_max),
                               "give inner types names of their own and refer to them");
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return {};
}

}  // namespace schema
