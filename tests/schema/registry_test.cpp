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

TEST_F(RegistryTest, AnIdIsNeverGivenOutAgain) {
  RegisterRequest large = avro(kId);
  large.document.text.insert(1, R"("doc":")" + std::string(300'000, 'x') + R"(",)");
  ASSERT_TRUE(add("large", large));
  const auto newest = add("newest", avro(kId));
  ASSERT_TRUE(newest);
  ASSERT_TRUE(registry_->remove("newest", false));
  ASSERT_TRUE(registry_->remove("newest", true));
  for (const char* subject : {"b", "c", "d"}) ASSERT_TRUE(add(subject, large));
  const auto written = [&] { return std::filesystem::file_size(folder_ / "schemas.log"); };
  const auto before = written();
  open();
  ASSERT_LE(written(), before);
  EXPECT_FALSE(registry_->schema(newest->id)) << "the journal was not written anew";
  EXPECT_GT(add("a", avro(kIdAndHub))->id, newest->id);
}

TEST_F(RegistryTest, IdsAndVersionsEndBeforeTheirNumbersDo) {
  ASSERT_TRUE(registry_->set_mode("a", Mode::kImport, false));
  RegisterRequest given = avro(kId);
  given.id = INT32_MAX;
  given.version = 1;
  EXPECT_EQ(add("a", given).error().code, RegistryCode::kNotPermitted);
  given.id = 1;
  given.version = INT32_MAX;
  EXPECT_EQ(add("a", given).error().code, RegistryCode::kNotPermitted);
  given.id = kSchemaIdMax;
  given.version = kSchemaVersionMax;
  ASSERT_TRUE(add("a", given));
  EXPECT_EQ(add("b", avro(kIdAndHub)).error().code, RegistryCode::kTooLarge);
  ASSERT_TRUE(registry_->set_mode("a", Mode::kReadWrite, false));
  EXPECT_EQ(add("a", avro(kIdAndHub)).error().code, RegistryCode::kTooLarge);
}

TEST_F(RegistryTest, NamesOfSubjectsAreCheckedWhereverTheyAreKept) {
  for (const std::string& name : {std::string(kSubjectNameMax + 1, 'x'), std::string("a\nb"),
                                  std::string("\xff\xfe"), std::string("__GLOBAL")}) {
    EXPECT_EQ(add(name, avro(kId)).error().code, RegistryCode::kInvalidSubject);
    const auto config =
        registry_->set_config(name, {.level = Level::kFull, .normalize = std::nullopt});
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, RegistryCode::kInvalidSubject);
    const auto mode = registry_->set_mode(name, Mode::kReadOnly, false);
    ASSERT_FALSE(mode);
    EXPECT_EQ(mode.error().code, RegistryCode::kInvalidSubject);
  }
  EXPECT_TRUE(registry_->set_config("", {.level = Level::kFull, .normalize = std::nullopt}));
}

TEST_F(RegistryTest, SubjectsLevelsAndModesAreBounded) {
  registry_.reset();
  std::vector<nlohmann::json> modes;
  for (std::size_t i = 0; i < kRegistrySubjectsMax; ++i)
    modes.push_back({{"change", "mode"}, {"subject", fmt::format("s{}", i)}, {"mode", "IMPORT"}});
  {
    auto journal = eventlog::Journal::open(
        base::posix_file_system(), folder_ / "schemas.log", "modes",
        [](const nlohmann::json&) { return base::Result<>(); }, [&] { return modes; });
    ASSERT_TRUE(journal);
    for (const auto& mode : modes) (*journal)->append(mode, [](base::Result<>) {});
  }
  open();
  EXPECT_EQ(add("a", avro(kId)).error().code, RegistryCode::kTooLarge);
  EXPECT_EQ(registry_->set_mode("a", Mode::kReadOnly, false).error().code, RegistryCode::kTooLarge);
  const Registry::Config full{.level = Level::kFull, .normalize = std::nullopt};
  EXPECT_EQ(registry_->set_config("a", full).error().code, RegistryCode::kTooLarge);
  EXPECT_TRUE(registry_->set_mode("s1", Mode::kReadOnly, false));
  ASSERT_TRUE(registry_->remove_mode("s2"));
  EXPECT_TRUE(add("a", avro(kId)));
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
