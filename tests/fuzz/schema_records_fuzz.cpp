// Bytes as records of a few registered schemas, and as schemas: the first byte chooses.
#include "schema/avro_value.h"
#include "schema/compatibility.h"
#include "schema/record_plan.h"
#include "schema/wire_decoder.h"

namespace {

constexpr const char* kAvro = R"({"type":"record","name":"R","fields":[
  {"name":"id","type":"string"},{"name":"n","type":["null","int","string"]},
  {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
  {"name":"cost","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
  {"name":"next","type":["null","R"]},{"name":"tags","type":{"type":"map","values":{"type":"array","items":"null"}}},
  {"name":"kind","type":{"type":"enum","name":"E","symbols":["A","B"]}},
  {"name":"skipped","type":{"type":"array","items":{"type":"fixed","name":"F","size":3}}}]})";
constexpr const char* kProtobuf = R"(syntax = "proto3"; import "google/protobuf/timestamp.proto";
  import "google/protobuf/wrappers.proto";
  message P { string id = 1; sint64 n = 2; google.protobuf.Timestamp at = 3; repeated P next = 4;
  map<string, int32> tags = 5; google.protobuf.DoubleValue cost = 6; bytes kind = 7; })";

class Schemas final : public schema::SchemaLookup {
 public:
  base::Result<schema::ResolvedSchema> by_id(std::int32_t id) const override {
    if (id == 1) return schema::ResolvedSchema{schema::SchemaType::kAvro, kAvro, {}};
    if (id == 2) return schema::ResolvedSchema{schema::SchemaType::kProtobuf, kProtobuf, {}};
    return base::fail(base::Code::kNotFound, "there is no schema {}", id);
  }
  base::Result<std::vector<schema::ResolvedSchema>> versions(const std::string&) const override {
    return std::vector<schema::ResolvedSchema>{};
  }
};

columns::Schema fields() {
  using columns::Type;
  return {{{"id", Type::kString, false},
           {"n", Type::kInt64},
           {"at", Type::kTimestamp},
           {"cost", Type::kFloat64},
           {"next", Type::kString},
           {"tags", Type::kString},
           {"kind", Type::kBytes}}};
}

void decode(schema::SchemaType type, std::int32_t id, std::string_view data) {
  static const auto lookup = std::make_shared<Schemas>();
  static std::map<schema::SchemaType, std::unique_ptr<columns::Decoder>> decoders;
  auto& decoder = decoders[type];
  if (decoder == nullptr) decoder = schema::wire_decoder(fields(), type, lookup);
  const std::string record = schema::wire_header(id) + std::string(data);
  const std::string_view values[] = {record, data};
  columns::Batch out(fields());
  std::vector<columns::RowError> errors;
  decoder->decode(values, out, errors);
  for (const columns::Column& column : out.columns) {
    if (column.size() != 2) __builtin_trap();
  }
}

// Two schemas with a 0 between them, each against the other.
void compare(schema::SchemaType type, std::string_view data) {
  const std::size_t cut = data.find('\0');
  const schema::ResolvedSchema one{type, std::string(data.substr(0, cut)), {}};
  const schema::ResolvedSchema two{
      type, cut == std::string_view::npos ? one.text : std::string(data.substr(cut + 1)), {}};
  static_cast<void>(schema::columns_of(one));
  static_cast<void>(schema::columns_of(two));
  static_cast<void>(schema::can_read(one, two));
  static_cast<void>(schema::can_read(two, one));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view data(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  switch (bytes[0] % 6) {
    case 0:
      decode(schema::SchemaType::kAvro, 1, data);
      break;
    case 1:
      decode(schema::SchemaType::kProtobuf, 2, data);
      break;
    case 2: {
      static const auto parsed = schema::parse_avro(kAvro);
      static_cast<void>(schema::decode_avro(data, (*parsed)->root(), (*parsed)->root()));
      break;
    }
    case 3:
      compare(schema::SchemaType::kAvro, data);
      break;
    case 4:
      compare(schema::SchemaType::kJson, data);
      break;
    default:
      compare(schema::SchemaType::kProtobuf, data);
      break;
  }
  return 0;
}
