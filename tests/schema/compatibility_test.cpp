#include "schema/compatibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace schema {
namespace {

using testing::HasSubstr;

struct Case {
  const char* name;
  SchemaType type;
  std::string writer;
  std::string reader;
  const char* reason;  // "" = compatible
  bool example = true;
};

std::string record(const std::string& fields) {
  return R"({"type":"record","name":"R","fields":[)" + fields + "]}";
}

std::string proto(const std::string& body) { return "syntax = \"proto3\";\n" + body; }

const Case kCases[] = {
    {"int to long", SchemaType::kAvro, "\"int\"", "\"long\"", ""},
    {"long to int", SchemaType::kAvro, "\"long\"", "\"int\"", "TYPE_MISMATCH"},
    {"a new field with a default", SchemaType::kAvro, record(""),
     record(R"({"name":"a","type":"int","default":1})"), ""},
    {"a new field without one", SchemaType::kAvro, record(""),
     record(R"({"name":"a","type":"int"})"), "READER_FIELD_MISSING_DEFAULT_VALUE"},
    {"a narrower union", SchemaType::kAvro, R"(["null","string"])", R"(["string"])",
     "MISSING_UNION_BRANCH"},
    {"fewer symbols", SchemaType::kAvro, R"({"type":"enum","name":"E","symbols":["A","B"]})",
     R"({"type":"enum","name":"E","symbols":["A"]})", "MISSING_ENUM_SYMBOLS"},
    {"fewer symbols with a default", SchemaType::kAvro,
     R"({"type":"enum","name":"E","symbols":["A","B"]})",
     R"({"type":"enum","name":"E","symbols":["A"],"default":"A"})", ""},
    {"another size", SchemaType::kAvro, R"({"type":"fixed","name":"F","size":4})",
     R"({"type":"fixed","name":"F","size":5})", "FIXED_SIZE_MISMATCH"},
    {"an alias for the old name", SchemaType::kAvro, R"({"type":"fixed","name":"Old","size":4})",
     R"({"type":"fixed","name":"New","aliases":["Old"],"size":4})", ""},

    {"a property in an open model", SchemaType::kJson, R"({"type":"object"})",
     R"({"type":"object","properties":{"a":{"type":"string"}}})",
     "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"},
    {"a property in a closed model", SchemaType::kJson,
     R"({"type":"object","additionalProperties":false})",
     R"({"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false})", ""},
    {"a required property", SchemaType::kJson,
     R"({"type":"object","properties":{"a":{"type":"string"}}})",
     R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"]})",
     "REQUIRED_ATTRIBUTE_ADDED"},
    {"integer to number", SchemaType::kJson, R"({"type":"integer"})", R"({"type":"number"})", ""},
    {"number to integer", SchemaType::kJson, R"({"type":"number"})", R"({"type":"integer"})",
     "TYPE_NARROWED"},
    {"a shorter text", SchemaType::kJson, R"({"type":"string","maxLength":5})",
     R"({"type":"string","maxLength":4})", "MAX_LENGTH_DECREASED"},
    {"fewer values", SchemaType::kJson, R"({"enum":["a","b"]})", R"({"enum":["a"]})",
     "ENUM_ARRAY_NARROWED"},
    {"one more alternative", SchemaType::kJson, R"({"type":"string"})",
     R"({"oneOf":[{"type":"string"},{"type":"null"}]})", ""},
    {"one alternative less", SchemaType::kJson, R"({"oneOf":[{"type":"string"},{"type":"null"}]})",
     R"({"type":"string"})", "TYPE_"},
    {"a change behind a reference", SchemaType::kJson,
     R"({"$ref":"#/$defs/x","$defs":{"x":{"type":"string"}}})",
     R"({"$ref":"#/$defs/x","$defs":{"x":{"type":"integer"}}})", "TYPE_CHANGED"},

    {"a new field", SchemaType::kProtobuf, proto("message A { int32 x = 1; }"),
     proto("message A { int32 x = 1; string y = 2; }"), ""},
    {"another kind", SchemaType::kProtobuf, proto("message A { int32 x = 1; }"),
     proto("message A { string x = 1; }"), "FIELD_SCALAR_KIND_CHANGED"},
    {"int32 to int64", SchemaType::kProtobuf, proto("message A { int32 x = 1; }"),
     proto("message A { int64 x = 1; }"), ""},
    {"a message that is gone", SchemaType::kProtobuf, proto("message A {} message B {}"),
     proto("message A {}"), "MESSAGE_REMOVED"},
    {"fields into a oneof", SchemaType::kProtobuf,
     proto("message A { string x = 1; string y = 2; }"),
     proto("message A { oneof o { string x = 1; string y = 2; } }"),
     "MULTIPLE_FIELDS_MOVED_TO_ONEOF"},
    {"a field of a oneof that is gone", SchemaType::kProtobuf,
     proto("message A { oneof o { string x = 1; string y = 2; } }"),
     proto("message A { oneof o { string x = 1; } }"), "ONEOF_FIELD_REMOVED"},
};

TEST(Compatibility, VerdictsAndTheirReasons) {
  for (const Case& c : kCases) {
    const auto verdict = can_read({c.type, c.reader, {}}, {c.type, c.writer, {}});
    ASSERT_TRUE(verdict) << c.name << ": " << verdict.error().to_string();
    const std::string reasons = [&] {
      std::string text;
      for (const auto& reason : verdict->reasons) text += reason.type + " " + reason.path + "; ";
      return text;
    }();
    if (std::string_view(c.reason).empty()) {
      EXPECT_TRUE(verdict->compatible()) << c.name << ": " << reasons;
    } else {
      EXPECT_THAT(reasons, HasSubstr(c.reason)) << c.name;
      EXPECT_EQ(verdict->example.has_value(), c.example) << c.name;
    }
  }
}

TEST(Compatibility, ARecursiveSchemaIsComparedOnce) {
  const std::string tree =
      record(R"({"name":"left","type":["null","R"]},{"name":"right","type":["null","R"]})");
  EXPECT_TRUE(can_read({SchemaType::kAvro, tree, {}}, {SchemaType::kAvro, tree, {}})->compatible());
  const std::string json =
      R"({"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false})";
  EXPECT_TRUE(can_read({SchemaType::kJson, json, {}}, {SchemaType::kJson, json, {}})->compatible());
}

}  // namespace
}  // namespace schema
