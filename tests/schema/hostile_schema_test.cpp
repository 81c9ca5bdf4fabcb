// Schemas and records that are made to hurt: each is refused, or read within its bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace schema
