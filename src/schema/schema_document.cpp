#include "schema/schema_document.h"

#include "base/json_nesting.h"

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
  if (base::nests_deeper(text, depth_max))
    return base::fail_with(base::Code::kLimit,
                           fmt::format("the schema is nested deeper than {} levels", depth_max),
                           "give inner types names of their own and refer to them");
  return {};
}

}  // namespace schema
