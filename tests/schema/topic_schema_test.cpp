#include "schema/topic_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace schema {
namespace {

using columns::Type;

base::Result<TopicSchema> parse(const std::string& text) {
  const auto yaml = base::Yaml::parse(text, "sources/x.yaml");
  if (!yaml) return std::unexpected(yaml.error());
  return parse_topic_schema(*yaml);
}

constexpr const char* kScans = R"(topic: scans
partitions: 4
key: shipment_id
format: json
retention: 3 days
on_bad: dead_letter
schema:
  event_id: string not null
  event_time: timestamp NOT NULL
  shipment_id: string
  speed_kmh: DOUBLE
simulate: scans
)";

TEST(TopicSchema, ReadsWhatADescriptionSays) {
  const auto topic = parse(kScans);
  ASSERT_TRUE(topic) << topic.error().to_string();
  EXPECT_EQ(topic->topic.name, "scans");
  EXPECT_EQ(topic->topic.partitions, 4);
  EXPECT_EQ(topic->topic.retention_us, 3 * base::kUsPerDay);
  EXPECT_EQ(topic->key, "shipment_id");
  EXPECT_EQ(topic->on_bad, OnBad::kDeadLetter);
  EXPECT_EQ(topic->simulate, "scans");
  EXPECT_FALSE(topic->files);
  const columns::Schema want{{{"event_id", Type::kString, false},
                              {"event_time", Type::kTimestamp, false},
                              {"shipment_id", Type::kString, true},
                              {"speed_kmh", Type::kFloat64, true}}};
  EXPECT_EQ(topic->fields, want);
}

TEST(TopicSchema, WhatIsNotSaidHasADefault) {
  const auto topic = parse("topic: t\nschema:\n  a: string\n");
  ASSERT_TRUE(topic) << topic.error().to_string();
  EXPECT_EQ(topic->topic.partitions, 1);
  EXPECT_EQ(topic->format, Format::kJson);
  EXPECT_EQ(topic->on_bad, OnBad::kReject);
  EXPECT_EQ(topic->key, "");
}

TEST(TopicSchema, RetentionMayBeForEver) {
  EXPECT_EQ(parse("topic: t\nretention: forever\nschema:\n  a: string\n")->topic.retention_us, -1);
  EXPECT_EQ(parse("topic: t\nretention: -1\nschema:\n  a: string\n")->topic.retention_us, -1);
}

TEST(TopicSchema, ADropFolderMapsColumnsToFields) {
  const auto topic = parse(R"(topic: t
format: csv
schema:
  po_so: string
files:
  folder: inbox/t
  pattern: "*.csv"
  separator: tab
  encoding: latin-1
  columns:
    "PO / SO #": po_so
)");
  ASSERT_TRUE(topic) << topic.error().to_string();
  ASSERT_TRUE(topic->files);
  EXPECT_EQ(topic->files->folder, "inbox/t");
  EXPECT_EQ(topic->files->separator, '\t');
  EXPECT_EQ(topic->files->encoding, "latin-1");
  EXPECT_EQ(topic->files->column_fields.at("PO / SO #"), "po_so");
}

struct WrongCase {
  std::string name;
  std::string yaml;
  int line;
  std::string message;
  std::string mend;
};

class WrongTopic : public ::testing::TestWithParam<WrongCase> {};

TEST_P(WrongTopic, IsRefusedWithItsLineAndTheMend) {
  const auto topic = parse(GetParam().yaml);
  ASSERT_FALSE(topic);
  EXPECT_EQ(topic.error().code, base::Code::kInvalid);
  EXPECT_EQ(topic.error().file, "sources/x.yaml");
  EXPECT_EQ(topic.error().line, GetParam().line);
  EXPECT_THAT(topic.error().message, ::testing::HasSubstr(GetParam().message));
  EXPECT_THAT(topic.error().mend, ::testing::HasSubstr(GetParam().mend));
}

const std::string kHead = "topic: t\nschema:\n  a: string\n  b: double\n";

const WrongCase kWrong[] = {
    {"not_yaml", "topic: [", 1, "not YAML", ""},
    {"no_topic", "schema:\n  a: string\n", 1, "'topic' is missing", "add 'topic:'"},
    {"no_schema", "topic: t\n", 1, "'schema' is missing", ""},
    {"empty_schema", "topic: t\nschema: {}\n", 2, "no fields", ""},
    {"unknown_setting", kHead + "partition: 3\n", 5, "unknown setting 'partition'", "'partitions'"},
    {"topic_name", "topic: a/b\nschema:\n  a: string\n", 1, "'a/b' cannot be a topic's name", ""},
    {"partitions", kHead + "partitions: 0\n", 5, "0 partitions", "1 to 1024"},
    {"partitions_word", kHead + "partitions: many\n", 5, "whole number", ""},
    {"type", "topic: t\nschema:\n  a: string\n  b: number\n", 4, "field 'b': unknown type 'number'",
     "double"},
    {"field_name", "topic: t\nschema:\n  a b: string\n", 3, "'a b' cannot be a field's name", ""},
    {"reserved_field", "topic: t\nschema:\n  _offset: bigint\n", 3, "begins with _", "'offset'"},
    {"field_twice", "topic: t\nschema:\n  a: string\n  A: string\n", 4, "'A' is there twice", ""},
    {"key", kHead + "key: c\n", 5, "the key 'c' is not a field", "a, b"},
    {"format", kHead + "format: xml\n", 5, "unknown format 'xml'", "json or csv"},
    {"on_bad", kHead + "on_bad: drop\n", 5, "unknown on_bad 'drop'", "reject or dead_letter"},
    {"retention", kHead + "retention: soon\n", 5, "not a duration", ""},
    {"retention_none", kHead + "retention: 0 s\n", 5, "longer than nothing", ""},
    {"files_folder", kHead + "files:\n  pattern: x\n", 6, "'folder' is missing", ""},
    {"files_setting", kHead + "files:\n  folder: x\n  colums: {}\n", 7, "unknown setting 'colums'",
     "'columns'"},
    {"separator", kHead + "files:\n  folder: x\n  separator: '||'\n", 7, "one character", ""},
    {"encoding", kHead + "files:\n  folder: x\n  encoding: utf-16\n", 7, "unknown encoding",
     "latin-1"},
    {"column_field", kHead + "files:\n  folder: x\n  columns:\n    A: c\n", 8, "unknown field 'c'",
     "a, b"},
    {"column_twice", kHead + "files:\n  folder: x\n  columns:\n    A: a\n    B: a\n", 9,
     "both go to field 'a'", ""},
};

INSTANTIATE_TEST_SUITE_P(Descriptions, WrongTopic, ::testing::ValuesIn(kWrong),
                         [](const auto& info) { return info.param.name; });

TEST(TopicSchema, TheIdChangesWithTheFieldsAndOnlyWithThem) {
  const std::string id = parse(kScans)->id();
  EXPECT_THAT(id, ::testing::MatchesRegex("scans@[0-9a-f]{8}"));
  EXPECT_EQ(parse(std::string(kScans) + "\n# a comment\n")->id(), id);
  std::string other = kScans;
  other.replace(other.find("DOUBLE"), 6, "bigint");
  EXPECT_NE(parse(other)->id(), id);
}

TEST(TopicSchema, BronzeHasItsOwnColumnsInFrontAndTakesNulls) {
  const columns::Schema bronze = bronze_schema(*parse(kScans));
  std::vector<std::string> names;
  for (const columns::Field& field : bronze.fields) names.push_back(field.name);
  EXPECT_THAT(names, ::testing::ElementsAre("_topic", "_partition", "_offset", "_time", "_key",
                                            "_schema", "_headers", "_raw", "_error", "event_id",
                                            "event_time", "shipment_id", "speed_kmh"));
  EXPECT_TRUE(bronze.fields[9].nullable);
}

TEST(TopicSchema, TheDefaultProjectsTopicsAreRead) {
  const auto topics = load_topic_schemas(base::Path(WAYBILL_SOURCE_DIR) / "projects" / "logistics");
  ASSERT_TRUE(topics) << topics.error().to_string();
  std::vector<std::string> names;
  for (const TopicSchema& topic : *topics) names.push_back(topic.topic.name);
  EXPECT_THAT(names, ::testing::IsSupersetOf(
                         {"deliveries", "flights", "orders", "positions", "scans", "weather"}));
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

}  // namespace
}  // namespace schema
