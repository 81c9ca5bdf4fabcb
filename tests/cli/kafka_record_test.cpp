#include "cli/kafka_record.h"

#include <gtest/gtest.h>

namespace cli {
namespace {

KafkaRecord sample() {
  return {.topic = "scans",
          .partition = 3,
          .offset = 42,
          .timestamp_ms = 1'795'420'800'123,
          .key = "truck-7",
          .value = "on \"time\"",
          .headers = {{"trace", "a1"}, {"empty", std::nullopt}}};
}

std::string printed(const std::string& format, const KafkaRecord& record) {
  const auto parsed = RecordFormat::parse(format);
  return parsed ? parsed->print(record) : parsed.error().to_string();
}

TEST(KafkaRecord, IsPrintedInEachFormat) {
  const KafkaRecord record = sample();
  EXPECT_EQ(printed("text", record),
            "2026-11-23T08:00:00.123Z  3:42  truck-7  on \"time\"  [trace=a1,empty=null]\n");
  EXPECT_EQ(printed("key-value", record), "truck-7\ton \"time\"\n");
  EXPECT_EQ(printed("json", record),
            R"({"headers":[{"name":"trace","value":"a1"},{"name":"empty","value":null}],)"
            R"("key":"truck-7","offset":42,"partition":3,"timestamp":1795420800123,)"
            R"("topic":"scans","value":"on \"time\""})"
            "\n");
}

TEST(KafkaRecord, IsPrintedAsThePatternSays) {
  EXPECT_EQ(printed("%k %v", sample()), "truck-7 on \"time\"\n");
  EXPECT_EQ(printed("%n/%p@%o\\t%T %%%h", sample()),
            "scans/3@42\t1795420800123 %trace=a1,empty=null\n");
  EXPECT_NE(printed("%k %x", sample()).find("'%x' in a pattern means nothing"), std::string::npos);
  EXPECT_NE(printed("%k %", sample()).find("means nothing"), std::string::npos);
  EXPECT_NE(printed("yaml", sample()).find("'yaml' is no format of records"), std::string::npos);
}

TEST(KafkaRecord, ShowsBytesThatAreNoTextWithoutHurtingTheTerminal) {
  KafkaRecord record = sample();
  record.key = std::nullopt;
  record.value = std::string("\x1b[2J\xff\n", 6);
  record.headers.clear();
  EXPECT_EQ(printed("text", record), "2026-11-23T08:00:00.123Z  3:42  null  \\x1b[2J\\xff\\x0a\n");
}

TEST(KafkaRecord, ComesBackFromItsJsonAsItWas) {
  KafkaRecord record = sample();
  const std::vector<std::optional<std::string>> values = {std::nullopt,
                                                          "",
                                                          "text",
                                                          "{\"a\": 1}",
                                                          std::string("\x00\xff\x01", 3),
                                                          std::string("\xfe"),
                                                          std::string("\xff\xff"),
                                                          "Zürich"};
  for (const auto& value : values) {
    record.value = value;
    record.key = value;
    record.headers = {{"h", value}, {"h", "twice"}};
    std::string line = printed("json", record);
    line.pop_back();
    const auto back = read_record(line, InputFormat::kJsonRecords, "");
    ASSERT_TRUE(back) << back.error().to_string();
    EXPECT_EQ(back->value, record.value);
    EXPECT_EQ(back->key, record.key);
    EXPECT_EQ(back->headers, record.headers);
    EXPECT_EQ(back->partition, 3);
    EXPECT_EQ(back->timestamp_ms, record.timestamp_ms);
  }
}

TEST(KafkaRecord, IsReadFromLines) {
  const auto keyed = read_record("k:v:w", InputFormat::kText, ":");
  ASSERT_TRUE(keyed);
  EXPECT_EQ(keyed->key, "k");
  EXPECT_EQ(keyed->value, "v:w");
  EXPECT_EQ(read_record("k:v", InputFormat::kText, "")->value, "k:v");
  const auto object =
      read_record(R"({"value":{"a":1},"headers":{"h":"x"}})", InputFormat::kJsonRecords, "");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->value, R"({"a":1})");
  EXPECT_EQ(object->key, std::nullopt);
  EXPECT_EQ(object->headers, (std::vector<Header>{{"h", "x"}}));
}

TEST(KafkaRecord, NamesWhatIsWrongWithALine) {
  const auto error = [](std::string_view line, InputFormat format, std::string_view separator) {
    const auto record = read_record(line, format, separator);
    return record ? std::string("read") : record.error().to_string();
  };
  EXPECT_NE(error("no separator", InputFormat::kText, ":").find("no key separator ':'"),
            std::string::npos);
  EXPECT_NE(error("{bad", InputFormat::kJson, "").find("the value is no JSON"), std::string::npos);
  EXPECT_NE(error("[1]", InputFormat::kJsonRecords, "").find("no JSON object"), std::string::npos);
  EXPECT_NE(error(R"({"value_base64":"*"})", InputFormat::kJsonRecords, "").find("not base64"),
            std::string::npos);
  EXPECT_NE(error(R"({"partition":"x"})", InputFormat::kJsonRecords, "").find("no number"),
            std::string::npos);
  EXPECT_NE(error(R"({"headers":[1]})", InputFormat::kJsonRecords, "").find("no object"),
            std::string::npos);
}

TEST(KafkaRecord, HeadersAreNamesWithOrWithoutAValue) {
  EXPECT_EQ(parse_header("a=b=c"), (Header{"a", "b=c"}));
  EXPECT_EQ(parse_header("a="), (Header{"a", ""}));
  EXPECT_EQ(parse_header("a"), (Header{"a", std::nullopt}));
}

}  // namespace
}  // namespace cli
