// Schemas and records that are made to hurt: each is refused, or read within its bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "columns/batch.h"
#include "schema/avro_wire.h"
#include "schema/record_plan.h"

namespace schema {
namespace {

using testing::HasSubstr;

ResolvedSchema protobuf(const std::string& body) {
  return {SchemaType::kProtobuf, "syntax = \"proto3\";\n" + body, {}};
}

TEST(HostileSchema, NoProtobufSchemaTakesTheNamesOfTheLibrary) {
  for (const char* body : {
           "package google.protobuf; message M { XValue v = 1; } message XValue { string s = 2; }",
           "package google.protobuf; message M { XValue v = 1; } message XValue { XValue v = 1; }",
           "package google.protobuf; message M { Struct s = 1; } message Struct { string s = 1; }",
           "package google.protobuf.inner; message M { string s = 1; }",
           "package google; message M { protobuf.Struct s = 1; } "
           "message protobuf { message Struct { string s = 1; } }",
           "message M { google.protobuf.XValue s = 1; } "
           "message google { message protobuf { message XValue { string s = 2; } } }",
       }) {
    const auto columns = columns_of(protobuf(body));
    ASSERT_FALSE(columns) << body;
    EXPECT_THAT(columns.error().to_string(), HasSubstr("google.protobuf")) << body;
  }
}

TEST(HostileSchema, FilesOfTheLibraryAreItsOwnEvenWhenOthersAreRegisteredByTheirName) {
  ResolvedSchema schema = protobuf(
      "import \"google/protobuf/struct.proto\"; import \"google/protobuf/wrappers.proto\";"
      "import \"google/protobuf/api.proto\"; message M { google.protobuf.Struct s = 1; "
      "google.protobuf.Int64Value n = 2; google.protobuf.Api a = 3; }");
  schema.references = {{"google/protobuf/struct.proto",
                        "syntax = \"proto3\"; package google.protobuf; "
                        "message Struct { string s = 1; }"}};
  const auto columns = columns_of(schema);
  ASSERT_TRUE(columns) << columns.error().to_string();
  ASSERT_EQ(columns->fields.size(), 3U);
  EXPECT_EQ(columns->fields[1].type, columns::Type::kInt64);
}

TEST(HostileSchema, PackagesThatOnlyBeginLikeTheLibrarysAreTheUsersOwn) {
  EXPECT_TRUE(columns_of(protobuf("package google.protobufs; message M { string s = 1; }")));
  EXPECT_TRUE(
      columns_of(protobuf("package my.google.protobuf; message M { MValue s = 1; } "
                          "message MValue { string s = 2; }")));
}

// What one record does, with the time it may take.
std::string decoded(RecordPlan& plan, const columns::Schema& fields, std::string_view bytes) {
  columns::Batch out(fields);
  std::vector<columns::RowError> errors;
  std::string reason = plan.decode(bytes, 0, out, errors);
  if (reason.empty() && !errors.empty()) reason = errors[0].reason;
  return reason;
}

TEST(HostileSchema, NestedValuesOfAnAvroRecordAreBoundedInBytes) {
  const std::string name(10'000, 'n');
  const ResolvedSchema schema{SchemaType::kAvro,
                              R"({"type":"record","name":"R","fields":[{"name":"a","type":
      {"type":"array","items":{"type":"record","name":"I","fields":[{"name":")" +
                                  name + R"(","type":"null"}]}}}]})",
                              {}};
  const columns::Schema fields{{{"a", columns::Type::kString}}};
  const auto plan = *avro_plan(*parse_avro(schema), fields);
  const auto record = [](std::int64_t items) {
    std::string bytes;
    append_avro_long(items, bytes);
    append_avro_long(0, bytes);
    return bytes;
  };
  EXPECT_EQ(decoded(*plan, fields, record(800)), "");
  EXPECT_THAT(decoded(*plan, fields, record(400'000)), HasSubstr("bytes as JSON"));
  EXPECT_EQ(decoded(*plan, fields, record(800)), "");
}

TEST(HostileSchema, NestedValuesOfAProtobufRecordAreBoundedInBytes) {
  std::string text = "message M { repeated In list = 1; } message In {";
  for (int i = 1; i <= 1000; ++i)
    text += fmt::format("int32 a_long_name_of_a_field_{} = {};", i, i);
  const auto schema = parse_protobuf(protobuf(text + "}"));
  ASSERT_TRUE(schema) << schema.error().to_string();
  const columns::Schema fields{{{"list", columns::Type::kString}}};
  const auto plan = *protobuf_plan(*schema, fields);
  const auto record = [](int items) {
    std::string bytes(1, '\0');
    for (int i = 0; i < items; ++i) bytes.append("\x0a\0", 2);
    return bytes;
  };
  EXPECT_EQ(decoded(*plan, fields, record(100)), "");
  EXPECT_THAT(decoded(*plan, fields, record(100'000)), HasSubstr("bytes as JSON"));
  EXPECT_EQ(decoded(*plan, fields, record(100)), "");
}

// Refused all the same, with or without a counter-example, and soon.
void expect_soon_refused(const ResolvedSchema& reader, const ResolvedSchema& writer) {
  const auto start = std::chrono::steady_clock::now();
  const auto verdict = can_read(reader, writer);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(verdict) << verdict.error().to_string();
  EXPECT_FALSE(verdict->compatible());
  EXPECT_LT(taken.count(), 10.0);
}

TEST(HostileSchema, LargeAvroValuesAreNotSampledForACounterExample) {
  std::string fields = R"({"name":"f0","type":{"type":"fixed","name":"F","size":1048576}})";
  for (int i = 1; i < 10'000; ++i) fields += fmt::format(R"(,{{"name":"f{}","type":"F"}})", i);
  const std::string start = R"({"type":"record","name":"R","fields":[)";
  expect_soon_refused({SchemaType::kAvro, start + fields + R"(,{"name":"x","type":"int"}]})", {}},
                      {SchemaType::kAvro, start + fields + "]}", {}});
}

TEST(HostileSchema, UnionsWithinUnionsAreNotTriedForEver) {
  const auto levels = [](const char* last) {
    std::string inner = last;
    for (int i = 0; i < 28; ++i) {
      inner = fmt::format(
          R"([{{"type":"record","name":"A{0}","aliases":["B{0}"],"fields":[{{"name":"f","type":{1}}}]}},
             {{"type":"record","name":"B{0}","aliases":["A{0}"],"fields":[{{"name":"f","type":"{2}"}}]}}])",
          i, inner, i == 0 ? "int" : fmt::format("A{}", i - 1));
    }
    return ResolvedSchema{SchemaType::kAvro, inner, {}};
  };
  expect_soon_refused(levels("\"int\""), levels("\"string\""));
}

ResolvedSchema json_schema(const std::string& text) { return {SchemaType::kJson, text, {}}; }

TEST(HostileSchema, ValuesOfJsonSchemasThatNeverEndAreNotSampled) {
  expect_soon_refused(
      json_schema(R"({"type":"object","properties":{"a":{"type":"string"}}})"),
      json_schema(R"({"type":"object","properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}},
                      "required":["a","b"]})"));
  std::string deep = R"({"type":"integer"})";
  for (int i = 0; i < 9; ++i)
    deep = fmt::format(R"({{"type":"array","minItems":64,"items":{}}})", deep);
  expect_soon_refused(json_schema(R"({"type":"string"})"), json_schema(deep));
}

TEST(HostileSchema, PatternsThatTrackBackAreNotFollowed) {
  expect_soon_refused(json_schema(R"({"type":"string","pattern":"^(a+)+b$"})"),
                      json_schema(R"({"type":"string","minLength":60})"));
  std::string properties;
  for (int i = 0; i < 2000; ++i)
    properties +=
        fmt::format(R"({}"{}{}":{{"type":"string"}})", i == 0 ? "" : ",", std::string(40, 'a'), i);
  expect_soon_refused(
      json_schema(R"({"type":"object","patternProperties":{"^(a+)+b$":{"type":"integer"},
                      "^((a*)*)*c$":{"type":"integer"},"1$":{"type":"integer"}}})"),
      json_schema(R"({"type":"object","properties":{)" + properties + "}}"));
}

TEST(HostileSchema, AlternativesOfAlternativesAreNotAllWrittenOut) {
  std::string text = R"({"$ref":"#/$defs/d8","$defs":{"d0":{"type":"string"})";
  for (int i = 1; i <= 8; ++i) {
    std::string parts;
    for (int k = 0; k < 50; ++k)
      parts += fmt::format(R"({}{{"$ref":"#/$defs/d{}"}})", k == 0 ? "" : ",", i - 1);
    text += fmt::format(R"(,"d{}":{{"{}":[{}]}})", i, i % 2 == 0 ? "allOf" : "anyOf", parts);
  }
  expect_soon_refused(json_schema(R"({"type":"integer"})"), json_schema(text + "}}"));
}

}  // namespace
}  // namespace schema
