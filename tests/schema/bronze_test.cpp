#include "schema/bronze.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/bronze_text.h"

namespace schema {
namespace {

using eventlog::HeaderView;

TopicSchema topic(const std::string& text) {
  return *parse_topic_schema(*base::Yaml::parse(text, "sources/x.yaml"));
}

TopicSchema json_topic() {
  return topic("topic: scans\nschema:\n  id: string not null\n  n: integer\n  at: timestamp\n");
}

TopicSchema csv_topic() {
  return topic(
      "topic: parts\nformat: csv\nschema:\n  id: bigint not null\n  name: string\n"
      "files:\n  folder: inbox\n  columns:\n    \"Part #\": id\n    \"Part name\": name\n");
}

struct Record {
  std::optional<std::string> key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

std::vector<std::byte> batch_of(const std::vector<Record>& records, std::int64_t base_offset = 0) {
  eventlog::BatchBuilder builder;
  std::int64_t time_ms = 1'700'000'000'000;
  for (const Record& record : records) {
    std::vector<HeaderView> headers;
    for (const auto& [name, value] : record.headers) headers.push_back({name, value});
    std::optional<std::string_view> key;
    if (record.key) key = *record.key;
    builder.add(key, record.value, time_ms++, headers);
  }
  std::vector<std::byte> batch = builder.finish();
  eventlog::set_base_offset(batch, base_offset);
  return batch;
}

columns::Batch decode(const TopicSchema& schema, const std::vector<Record>& records) {
  BronzeDecoder decoder(schema);
  const auto added = decoder.add(3, batch_of(records, 100), 0, INT64_MAX);
  EXPECT_TRUE(added) << added.error().to_string();
  return decoder.take();
}

std::string text(const columns::Batch& batch, std::string_view column, std::size_t row) {
  const columns::Column& c = batch.column(column);
  if (c.is_null(row)) return "null";
  return c.is_text() ? std::string(c.text_at(row)) : std::to_string(c.int_at(row));
}

TEST(Bronze, ARecordIsARowWithItsPlaceAndItsBytes) {
  const columns::Batch batch =
      decode(json_topic(),
             {{"k-1", R"({"id":"a","n":5,"at":"1970-01-01T00:00:01Z"})"}, {{}, R"({"id":"b"})"}});
  ASSERT_EQ(batch.rows(), 2U);
  EXPECT_EQ(batch.schema, bronze_schema(json_topic()));
  for (const columns::Column& column : batch.columns) EXPECT_EQ(column.size(), 2U);
  EXPECT_EQ(text(batch, "_topic", 0), "scans");
  EXPECT_EQ(text(batch, "_partition", 0), "3");
  EXPECT_EQ(text(batch, "_offset", 0), "100");
  EXPECT_EQ(text(batch, "_offset", 1), "101");
  EXPECT_EQ(text(batch, "_time", 1), "1700000000001000");
  EXPECT_EQ(text(batch, "_key", 0), "k-1");
  EXPECT_EQ(text(batch, "_key", 1), "null");
  EXPECT_EQ(text(batch, "_schema", 0), json_topic().id());
  EXPECT_EQ(text(batch, "_headers", 0), "null");
  EXPECT_EQ(text(batch, "_raw", 1), R"({"id":"b"})");
  EXPECT_EQ(text(batch, "_error", 0), "null");
  EXPECT_EQ(text(batch, "id", 0), "a");
  EXPECT_EQ(text(batch, "n", 0), "5");
  EXPECT_EQ(text(batch, "at", 0), "1000000");
}

TEST(Bronze, WhatDoesNotFitIsKeptWithEveryReason) {
  const columns::Batch batch = decode(
      json_topic(),
      {{{}, R"({"n":"five","at":"soon"})"}, {{}, "garbage"}, {{}, ""}, {{}, R"({"id":"ok"})"}});
  EXPECT_EQ(text(batch, "_error", 0),
            "n: a whole number of 32 bits expected, found \"five\"; at: a timestamp (RFC 3339) "
            "expected, found 'soon'; "
            "id: missing, but the field is not nullable");
  EXPECT_THAT(text(batch, "_error", 1), ::testing::StartsWith("not JSON"));
  EXPECT_THAT(text(batch, "_error", 2), ::testing::StartsWith("not JSON"));
  EXPECT_EQ(text(batch, "_raw", 1), "garbage");
  EXPECT_EQ(text(batch, "_error", 3), "null");
}

TEST(Bronze, OnlyTheAskedOffsetsAreTaken) {
  std::vector<Record> records;
  for (int i = 0; i < 10; ++i) records.push_back({{}, fmt::format(R"({{"id":"{}"}})", i)});
  BronzeDecoder decoder(json_topic());
  ASSERT_TRUE(decoder.add(0, batch_of(records, 50), 53, 56));
  EXPECT_EQ(decoder.rows(), 3U);
  ASSERT_TRUE(decoder.add(0, batch_of(records, 60), 0, 60));
  EXPECT_EQ(decoder.rows(), 3U);
  const columns::Batch batch = decoder.take();
  EXPECT_EQ(text(batch, "_offset", 0), "53");
  EXPECT_EQ(text(batch, "id", 2), "5");
  EXPECT_EQ(decoder.rows(), 0U);
}

TEST(Bronze, RowsAddUpOverBatchesAndTakeStartsAnew) {
  BronzeDecoder decoder(json_topic());
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(decoder.add(i, batch_of({{{}, R"({"id":"x"})"}, {{}, "bad"}}), 0, 10));
  const columns::Batch first = decoder.take();
  EXPECT_EQ(first.rows(), 6U);
  EXPECT_EQ(text(first, "_error", 4), "null");
  EXPECT_NE(text(first, "_error", 5), "null");
  ASSERT_TRUE(decoder.add(0, batch_of({{{}, R"({"id":"y"})"}}), 0, 10));
  EXPECT_EQ(text(decoder.take(), "id", 0), "y");
}

TEST(Bronze, BytesThatAreNotTextAreKeptAsBase64) {
  const std::string bytes("\xFF\x00\x10z", 4);
  const columns::Batch batch = decode(json_topic(), {{bytes, bytes}, {{}, "base64:plain"}});
  EXPECT_EQ(text(batch, "_raw", 0), "base64:/wAQeg==");
  EXPECT_EQ(text(batch, "_key", 0), "base64:/wAQeg==");
  EXPECT_EQ(*original_bytes(text(batch, "_raw", 0)), bytes);
  EXPECT_EQ(*original_bytes(text(batch, "_raw", 1)), "base64:plain");
}

TEST(Bronze, BytesOfEveryLengthComeBackFromBase64) {
  for (std::size_t length = 0; length < 50; ++length) {
    std::string bytes = "\xFF";
    for (std::size_t i = 0; i < length; ++i) bytes.push_back(static_cast<char>(i * 37));
    columns::Column column(columns::Type::kString);
    std::string scratch;
    append_text_or_base64(bytes, column, scratch);
    EXPECT_EQ(*original_bytes(column.text_at(0)), bytes);
  }
  for (const char* broken :
       {"base64:x", "base64:====", "base64:ab=c", "base64:a b=", "base64:ab==abcd"}) {
    EXPECT_FALSE(original_bytes(broken)) << broken;
  }
}

TEST(Bronze, HeadersAreAJsonObject) {
  const columns::Batch batch =
      decode(json_topic(),
             {{{}, R"({"id":"a"})", {{"file", "a \"b\".json"}, {"line", "7"}, {"raw", "\xFF"}}}});
  EXPECT_EQ(text(batch, "_headers", 0),
            R"({"file":"a \"b\".json","line":"7","raw":"base64:/w=="})");
}

TEST(Bronze, CsvLinesAreReadByTheirFilesOwnColumns) {
  const std::string by_name = "Part name,extra,Part #";
  const columns::Batch batch =
      decode(csv_topic(), {{{}, "7,bolt"},
                           {{}, "nut,x,8", {{"columns", by_name}, {"line", "2"}}},
                           {{}, "9,nail"},
                           {{}, "nut,8", {{"columns", by_name}}},
                           {{}, "10,pin", {{"columns", "id,name"}}}});
  EXPECT_EQ(text(batch, "id", 0), "7");
  EXPECT_EQ(text(batch, "id", 1), "8");
  EXPECT_EQ(text(batch, "name", 1), "nut");
  EXPECT_EQ(text(batch, "name", 2), "nail");
  EXPECT_EQ(text(batch, "_error", 3), "the record has 2 fields, 3 are expected");
  EXPECT_EQ(text(batch, "id", 4), "10");
}

TEST(Bronze, ACsvTopicTakesJsonWhereTheHeadersSaySo) {
  const columns::Batch batch =
      decode(csv_topic(), {{{}, R"({"id": 7, "name": "a, b"})", {{"format", "json"}}},
                           {{}, "8,x", {{"format", "csv"}}},
                           {{}, "8,x", {{"format", "xml"}}}});
  EXPECT_EQ(text(batch, "id", 0), "7");
  EXPECT_EQ(text(batch, "name", 0), "a, b");
  EXPECT_EQ(text(batch, "id", 1), "8");
  EXPECT_EQ(text(batch, "_error", 2), "unknown format 'xml' in the headers");
}

TEST(Bronze, ABrokenColumnLineIsTheErrorOfItsRecords) {
  const columns::Batch batch =
      decode(csv_topic(), {{{}, "7,x", {{"columns", "\"id,name"}}}, {{}, "8,y"}});
  EXPECT_THAT(text(batch, "_error", 0),
              ::testing::StartsWith("the file's column line: broken quote"));
  EXPECT_EQ(text(batch, "id", 1), "8");
}

TEST(Bronze, ManyDifferentFilesInOneBatchAreAllRead) {
  std::vector<Record> records;
  for (int i = 0; i < 300; ++i) {
    records.push_back({{},
                       fmt::format("{},x,n{}", i, i),
                       {{"columns", fmt::format("id,extra{},name", i % 100)}}});
  }
  const columns::Batch batch = decode(csv_topic(), records);
  ASSERT_EQ(batch.rows(), 300U);
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(text(batch, "id", i), std::to_string(i));
    EXPECT_EQ(text(batch, "name", i), "n" + std::to_string(i));
    EXPECT_EQ(text(batch, "_error", i), "null");
  }
}

TEST(Bronze, ARecycledBatchLeavesNothingBehind) {
  BronzeDecoder decoder(json_topic());
  const auto batch = batch_of({{"k", R"({"id":"a","n":5})", {{"h", "v"}}}, {{}, "bad"}});
  ASSERT_TRUE(decoder.add(0, batch, 0, 10));
  columns::Batch first = decoder.take();
  const std::string bytes = columns::encode(first);
  decoder.recycle(std::move(first));
  EXPECT_EQ(decoder.rows(), 0U);
  ASSERT_TRUE(decoder.add(0, batch, 0, 10));
  EXPECT_EQ(columns::encode(decoder.take()), bytes);
}

TEST(Bronze, ABrokenBatchIsRefusedAndLeavesNothingBehind) {
  BronzeDecoder decoder(json_topic());
  ASSERT_TRUE(decoder.add(0, batch_of({{{}, R"({"id":"x"})"}}), 0, 10));
  const std::vector<std::byte> whole =
      batch_of({{"k", R"({"id":"a"})"}, {"k", R"({"id":"b"})", {{"h", "v"}}}});
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_FALSE(decoder.add(0, std::span(whole).first(cut), 0, 10)) << cut;
    ASSERT_EQ(decoder.rows(), 1U);
  }
  ASSERT_TRUE(decoder.add(0, whole, 0, 10));
  const columns::Batch batch = decoder.take();
  ASSERT_EQ(batch.rows(), 3U);
  for (const columns::Column& column : batch.columns) EXPECT_EQ(column.size(), 3U);
  EXPECT_EQ(text(batch, "id", 2), "b");
}

}  // namespace
}  // namespace schema
