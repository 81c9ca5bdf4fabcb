#include "schema/compatibility.h"

#include "schema/avro_compatibility.h"
#include "schema/json_schema.h"
#include "schema/protobuf_schema.h"

namespace schema {

base::Result<Verdict> can_read(const ResolvedSchema& reader, const ResolvedSchema& writer) {
  if (reader.type != writer.type) {
    return Verdict{{{"SCHEMA_TYPE_CHANGED", "/",
                     fmt::format("The type of the schema changed from {} to {}",
                                 schema_type_name(writer.type), schema_type_name(reader.type)),
                     "", "keep the type, or use another subject"}},
                   std::nullopt};
  }
  switch (reader.type) {
    case SchemaType::kAvro:
      return check_avro(*TRY(parse_avro(reader)), *TRY(parse_avro(writer)));
    case SchemaType::kJson:
      return check_json(*TRY(parse_json_schema(reader)), *TRY(parse_json_schema(writer)));
    case SchemaType::kProtobuf:
      return check_protobuf(*TRY(parse_protobuf(reader)), *TRY(parse_protobuf(writer)));
  }
  return Verdict{};
}

}  // namespace schema
