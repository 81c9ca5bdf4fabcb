#include "schema/wire_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/base64.h"
#include "schema/avro_compatibility.h"
#include "schema/avro_value.h"
#include "schema/bronze.h"
#include "schema/registry.h"

namespace schema {
namespace {

using columns::Type;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class WireDecoderTest : public testing::Test {
 protected:
  WireDecoderTest()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("wire-{}-{}", ::getpid(), count_++)) {
    std::filesystem::create_directories(folder_);
    registry_ = *Registry::open(base::posix_file_system(), folder_ / "schemas.log");
  }
  ~WireDecoderTest() override {
    registry_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::int32_t add(SchemaType type, const std::string& text,
                   const std::string& subject = "x-value") {
    const auto added = registry_->add(subject, {.document = {type, text, {}}});
    EXPECT_TRUE(added) << added.error().message;
    return added ? added->id : 0;
  }

  // A record in the wire format, from Avro's JSON form.
  static std::string avro(std::int32_t id, const std::string& schema, const json& value) {
    return wire_header(id) + *encode_avro((*parse_avro(schema))->root(), value);
  }

  columns::Batch decode(const columns::Schema& fields, SchemaType type,
                        const std::vector<std::string>& records) {
    const std::vector<std::string_view> values(records.begin(), records.end());
    columns::Batch out(fields);
    errors_.clear();
    wire_decoder(fields, type, registry_)->decode(values, out, errors_);
    return out;
  }

  static std::vector<std::byte> batch_of(const std::vector<std::string>& records) {
    eventlog::BatchBuilder builder;
    for (const std::string& record : records)
      builder.add(std::nullopt, record, 1'700'000'000'000, {});
    return builder.finish();
  }

  static inline int count_ = 0;
  std::filesystem::path folder_;
  std::shared_ptr<Registry> registry_;
  std::vector<columns::RowError> errors_;
};

constexpr const char* kOne = R"({"type":"record","name":"R","fields":[
  {"name":"id","type":"string"},{"name":"n","type":"int"}]})";
constexpr const char* kTwo = R"({"type":"record","name":"R","fields":[
  {"name":"n","type":"long"},{"name":"id","type":"string"},
  {"name":"more","type":["null","double"],"default":null}]})";

TEST_F(WireDecoderTest, EachRecordIsReadByItsOwnWritersSchema) {
  const auto one = add(SchemaType::kAvro, kOne);
  const auto two = add(SchemaType::kAvro, kTwo);
  const columns::Schema fields{
      {{"id", Type::kString}, {"more", Type::kFloat64}, {"n", Type::kInt64}}};
  const auto out =
      decode(fields, SchemaType::kAvro,
             {avro(one, kOne, {{"id", "a"}, {"n", 1}}),
              avro(two, kTwo, {{"id", "b"}, {"n", 1LL << 40}, {"more", {{"double", 2.5}}}}),
              avro(one, kOne, {{"id", "c"}, {"n", -3}})});
  EXPECT_TRUE(errors_.empty());
  ASSERT_EQ(out.rows(), 3U);
  EXPECT_EQ(out.column("id").text_at(1), "b");
  EXPECT_EQ(out.column("n").int_at(1), 1LL << 40);
  EXPECT_EQ(out.column("n").int_at(2), -3);
  EXPECT_EQ(out.column("more").double_at(1), 2.5);
  EXPECT_TRUE(out.column("more").is_null(0));
}

TEST_F(WireDecoderTest, WhatIsNoRecordOfItsSchemaIsAnErrorOfTheWholeRow) {
  const auto one = add(SchemaType::kAvro, kOne);
  const std::string good = avro(one, kOne, {{"id", "a"}, {"n", 1}});
  const columns::Schema fields{{{"id", Type::kString}, {"n", Type::kInt64}}};
  const auto out = decode(
      fields, SchemaType::kAvro,
      {good, "", "{}", wire_header(99) + "x", good.substr(0, good.size() - 1), good + "x", good});
  ASSERT_EQ(out.rows(), 7U);
  ASSERT_EQ(errors_.size(), 5U);
  for (std::size_t i = 0; i < errors_.size(); ++i) {
    EXPECT_EQ(errors_[i].row, i + 1);
    EXPECT_EQ(errors_[i].field, "");
    EXPECT_TRUE(out.column("id").is_null(i + 1));
  }
  EXPECT_THAT(errors_[0].reason, HasSubstr("wire format"));
  EXPECT_THAT(errors_[2].reason, HasSubstr("there is no schema 99"));
  EXPECT_EQ(out.column("id").text_at(6), "a");
}

TEST_F(WireDecoderTest, AValueThatDoesNotFitItsColumnIsAnErrorOfTheField) {
  const auto two = add(SchemaType::kAvro, kTwo);
  const columns::Schema fields{{{"id", Type::kInt32, false}, {"n", Type::kInt32}}};
  const auto out = decode(fields, SchemaType::kAvro,
                          {avro(two, kTwo, {{"id", "x"}, {"n", 1LL << 40}, {"more", nullptr}})});
  ASSERT_EQ(errors_.size(), 2U);
  EXPECT_EQ(errors_[0].field, "n");
  EXPECT_EQ(errors_[1].field, "id");
  EXPECT_TRUE(out.column("n").is_null(0));
}

// The plan of columns against the reader that follows the specification value by value.
TEST_F(WireDecoderTest, RandomRecordsAreReadAsTheSpecificationsReaderReadsThem) {
  const std::string schema = R"({"type":"record","name":"R","fields":[
    {"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},
    {"name":"d","type":"double"},{"name":"s","type":"string"},
    {"name":"u","type":["null","long"]},
    {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
    {"name":"a","type":{"type":"array","items":"long"}}]})";
  const auto id = add(SchemaType::kAvro, schema);
  const auto parsed = *parse_avro(schema);
  const columns::Schema fields = *columns_of({SchemaType::kAvro, schema, {}});
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const json value = avro_example(parsed->root(), seed);
    const std::string bytes = *encode_avro(parsed->root(), value);
    const json want = *decode_avro(bytes, parsed->root(), parsed->root());
    const auto out = decode(fields, SchemaType::kAvro, {wire_header(id) + bytes});
    ASSERT_TRUE(errors_.empty()) << seed << ": " << errors_[0].reason;
    EXPECT_EQ(out.column("b").int_at(0) != 0, want["b"].get<bool>());
    EXPECT_EQ(out.column("i").int_at(0), want["i"]);
    EXPECT_EQ(out.column("l").int_at(0), want["l"]);
    EXPECT_EQ(out.column("d").double_at(0), want["d"]);
    EXPECT_EQ(out.column("s").text_at(0), want["s"].get<std::string>());
    EXPECT_EQ(out.column("e").text_at(0), want["e"].get<std::string>());
    EXPECT_EQ(out.column("a").text_at(0), want["a"].dump());
    ASSERT_EQ(out.column("u").is_null(0), want["u"].is_null()) << seed;
    if (!want["u"].is_null()) EXPECT_EQ(out.column("u").int_at(0), want["u"]["long"]);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      decode(fields, SchemaType::kAvro, {wire_header(id) + bytes.substr(0, cut)});
      EXPECT_EQ(errors_.size(), 1U) << "cut at " << cut;
    }
  }
}

TEST_F(WireDecoderTest, ProtobufFieldsComeByNumberAndMessagesByIndex) {
  const auto id = add(SchemaType::kProtobuf,
                      "syntax = \"proto3\"; message Other {} message P { message In { int64 n = 1; "
                      "optional string s = 2; repeated int32 list = 3; } }");
  const columns::Schema fields{
      {{"n", Type::kInt64}, {"s", Type::kString}, {"list", Type::kString}}};
  const std::string indexes = {4, 2, 0};  // two of them, zigzag: 1, 0
  const auto out = decode(fields, SchemaType::kProtobuf,
                          {wire_header(id) + indexes + "\x08\x96\x01\x12\x01x\x1a\x02\x01\x02",
                           wire_header(id) + indexes, wire_header(id) + "\x02\x08",
                           wire_header(id) + indexes + "\x08"});
  ASSERT_EQ(errors_.size(), 2U);
  EXPECT_EQ(errors_[0].row, 2U);
  EXPECT_EQ(out.column("n").int_at(0), 150);
  EXPECT_EQ(out.column("s").text_at(0), "x");
  EXPECT_EQ(out.column("list").text_at(0), "[1,2]");
  EXPECT_EQ(out.column("n").int_at(1), 0);
  EXPECT_TRUE(out.column("s").is_null(1));
}

TEST_F(WireDecoderTest, ANewColumnOfTheSubjectStopsBronzeUntilTheTopicHasIt) {
  TopicSchema topic = *parse_topic_schema(
      *base::Yaml::parse("topic: x\nformat: avro\nregistry: embedded\n", "sources/x.yaml"));
  topic.lookup = registry_;
  const auto one = add(SchemaType::kAvro, kOne);
  ASSERT_TRUE(topic.evolve());
  ASSERT_EQ(topic.fields.fields.size(), 2U);
  BronzeDecoder before(topic);
  ASSERT_TRUE(before.add(0, batch_of({avro(one, kOne, {{"id", "a"}, {"n", 1}})}), 0, INT64_MAX));
  const auto two = add(SchemaType::kAvro, kTwo);
  const auto batch =
      batch_of({avro(two, kTwo, {{"id", "b"}, {"n", 2}, {"more", {{"double", 2.5}}}})});
  const auto stopped = before.add(0, batch, 0, INT64_MAX);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, base::Code::kConflict);
  EXPECT_EQ(before.rows(), 1U);
  ASSERT_TRUE(topic.evolve());
  BronzeDecoder after(topic);
  ASSERT_TRUE(after.add(0, batch, 0, INT64_MAX));
  EXPECT_EQ(after.take().column("more").double_at(0), 2.5);
}

TEST_F(WireDecoderTest, ATopicWithoutColumnsYetHasRowsAllTheSame) {
  TopicSchema topic =
      *parse_topic_schema(*base::Yaml::parse("topic: x\nformat: avro\n", "sources/x.yaml"));
  topic.lookup = registry_;
  BronzeDecoder decoder(topic);
  ASSERT_TRUE(decoder.add(0, batch_of({"one", "two"}), 0, INT64_MAX));
  const auto rows = decoder.take();
  ASSERT_EQ(rows.rows(), 2U);
  EXPECT_THAT(std::string(rows.column("_error").text_at(1)), HasSubstr("wire format"));
}

TEST(Base64, GoesThereAndBack) {
  for (const std::string text : {"", "a", "ab", "abc", "abcd", "\xff\xfe\x00z"}) {
    EXPECT_EQ(base::decode_base64(base::encode_base64(text)), text);
  }
  EXPECT_EQ(base::encode_base64("abcd"), "YWJjZA==");
  for (const char* bad : {"a", "ab=c", "????", "YWJ"})
    EXPECT_FALSE(base::decode_base64(bad)) << bad;
}

}  // namespace
}  // namespace schema
