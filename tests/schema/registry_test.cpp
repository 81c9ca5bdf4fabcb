#include "schema/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace schema {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RegistryTest : public testing::Test {
 protected:
  RegistryTest()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("registry-{}-{}", ::getpid(), count_++)) {
    std::filesystem::create_directories(folder_);
    open();
  }
  ~RegistryTest() override {
    registry_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    registry_.reset();
    auto opened = Registry::open(base::posix_file_system(), folder_ / "schemas.log");
    ASSERT_TRUE(opened) << opened.error().to_string();
    registry_ = *std::move(opened);
  }

  static RegisterRequest avro(const std::string& fields) {
    return {.document = {SchemaType::kAvro,
                         R"({"type":"record","name":"Scan","fields":[)" + fields + "]}",
                         {}}};
  }
  Answer<SchemaVersion> add(const std::string& subject, const RegisterRequest& request) {
    return registry_->add(subject, request);
  }

  static inline int count_ = 0;
  std::filesystem::path folder_;
  std::unique_ptr<Registry> registry_;
};

constexpr const char* kId = R"({"name":"id","type":"string"})";
constexpr const char* kIdAndHub =
    R"({"name":"id","type":"string"},{"name":"hub","type":["null","string"],"default":null})";
constexpr const char* kIdAndCost = R"({"name":"id","type":"string"},{"name":"cost","type":"int"})";

TEST_F(RegistryTest, TheSameSchemaHasTheSameIdInEverySubject) {
  const auto a = add("a", avro(kId));
  const auto b = add("b", avro(kIdAndHub));
  const auto again = add("c", avro(kId));
  ASSERT_TRUE(a && b && again);
  EXPECT_EQ(a->id, again->id);
  EXPECT_NE(a->id, b->id);
  EXPECT_EQ(add("a", avro(kId))->version, 1);
}

TEST_F(RegistryTest, EverythingAcknowledgedIsThereAfterAReopening) {
  ASSERT_TRUE(add("a", avro(kId)));
  ASSERT_TRUE(add("a", avro(kIdAndHub)));
  ASSERT_TRUE(add("b", avro(kId)));
  ASSERT_TRUE(registry_->set_config("a", {.level = Level::kFull, .normalize = std::nullopt}));
  ASSERT_TRUE(registry_->remove("b", false));
  open();
  EXPECT_THAT(registry_->subjects("", Deleted::kHidden), ElementsAre("a"));
  EXPECT_THAT(registry_->subjects("", Deleted::kShown), ElementsAre("a", "b"));
  EXPECT_THAT(*registry_->version_numbers("a", Deleted::kHidden), ElementsAre(1, 2));
  EXPECT_EQ(registry_->config("a").level, Level::kFull);
  EXPECT_EQ(registry_->config("b").level, Level::kBackward);
}

TEST_F(RegistryTest, ABreakingSchemaIsRefusedWithACounterExample) {
  ASSERT_TRUE(add("a", avro(kId)));
  const auto refused = add("a", avro(kIdAndCost));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, RegistryCode::kIncompatible);
  EXPECT_THAT(refused.error().message, HasSubstr("READER_FIELD_MISSING_DEFAULT_VALUE"));
  EXPECT_THAT(refused.error().message, HasSubstr(R"(counterExample:{"id":"a"})"));
}

TEST_F(RegistryTest, LevelsDecideInWhichDirectionSchemasAreCompared) {
  struct Case {
    Level level;
    bool adding;    // a field without default
    bool removing;  // a field without default
  };
  for (const Case& c : {Case{Level::kNone, true, true}, Case{Level::kBackward, false, true},
                        Case{Level::kForward, true, false}, Case{Level::kFull, false, false}}) {
    const std::string subject(level_name(c.level));
    ASSERT_TRUE(registry_->set_config(subject, {.level = c.level, .normalize = std::nullopt}));
    ASSERT_TRUE(add(subject, avro(kIdAndCost)));
    EXPECT_EQ(registry_->check_all(subject, avro(kId).document)->empty(), c.removing) << subject;
    const std::string other = subject + "-other";
    ASSERT_TRUE(registry_->set_config(other, {.level = c.level, .normalize = std::nullopt}));
    ASSERT_TRUE(add(other, avro(kId)));
    EXPECT_EQ(registry_->check_all(other, avro(kIdAndCost).document)->empty(), c.adding) << subject;
  }
}

TEST_F(RegistryTest, DeletionIsSoftFirstAndReferencesHoldWhatTheyReferTo) {
  ASSERT_TRUE(add("a", avro(kId)));
  RegisterRequest user{
      .document = {SchemaType::kAvro, R"({"type":"array","items":"Scan"})", {{"Scan", "a", 1}}}};
  const auto refers = add("list", user);
  ASSERT_TRUE(refers) << refers.error().message;
  EXPECT_THAT(*registry_->referenced_by("a", "1"), ElementsAre(refers->id));
  EXPECT_EQ(registry_->remove("a", false).error().code, RegistryCode::kReferenceExists);
  ASSERT_TRUE(registry_->remove("list", false));
  EXPECT_EQ(registry_->remove("list", false).error().code, RegistryCode::kSubjectSoftDeleted);
  ASSERT_TRUE(registry_->remove("list", true));
  EXPECT_EQ(registry_->remove("a", "1", true).error().code, RegistryCode::kVersionNotSoftDeleted);
  EXPECT_EQ(*registry_->remove("a", "1", false), 1);
  EXPECT_EQ(registry_->version("a", "1", Deleted::kHidden).error().code,
            RegistryCode::kSubjectNotFound);
  EXPECT_TRUE(registry_->schema(1));
}

TEST_F(RegistryTest, ModesKeepRegistrationsOut) {
  ASSERT_TRUE(registry_->set_mode("a", Mode::kReadOnly, false));
  EXPECT_EQ(add("a", avro(kId)).error().code, RegistryCode::kNotPermitted);
  ASSERT_TRUE(registry_->set_mode("b", Mode::kImport, false));
  RegisterRequest given = avro(kId);
  given.id = 77;
  given.version = 3;
  const auto imported = add("b", given);
  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(imported->id, 77);
  EXPECT_EQ(add("c", avro(kIdAndHub))->id, 78);
}

TEST_F(RegistryTest, WhatIsNoSchemaIsRefused) {
  for (const char* text :
       {"", "{", R"({"type":"record"})", R"({"type":"record","name":"1x","fields":[]})",
        R"({"type":"array"})", R"(["string","string"])", R"({"type":"enum","name":"E"})",
        R"({"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]})",
        R"({"type":"record","name":"R","fields":[{"name":"a","type":"Unknown"}]})"}) {
    const auto refused = add("a", {.document = {SchemaType::kAvro, text, {}}});
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, RegistryCode::kInvalidSchema) << text;
  }
  for (const char* text :
       {"{", "[]", R"({"type":"strin"})", R"({"$ref":"#/nowhere"})", R"({"$ref":"#"})"}) {
    EXPECT_FALSE(add("j", {.document = {SchemaType::kJson, text, {}}})) << text;
  }
  for (const char* text : {"message", "syntax = \"proto3\"; message A { Missing x = 1; }",
                           "syntax = \"proto3\"; import \"none.proto\"; message A {}"}) {
    EXPECT_FALSE(add("p", {.document = {SchemaType::kProtobuf, text, {}}})) << text;
  }
  EXPECT_THAT(registry_->subjects("", Deleted::kShown), IsEmpty());
}

TEST_F(RegistryTest, NestingAndSizeAreBounded) {
  std::string deep(100'000, '[');
  EXPECT_FALSE(add("a", {.document = {SchemaType::kAvro, deep, {}}}));
  EXPECT_FALSE(add("a", {.document = {SchemaType::kJson, deep, {}}}));
  const std::string large = "\"" + std::string(kSchemaTextMax, 'x') + "\"";
  EXPECT_EQ(add("a", {.document = {SchemaType::kAvro, large, {}}}).error().code,
            RegistryCode::kTooLarge);
}

}  // namespace
}  // namespace schema
