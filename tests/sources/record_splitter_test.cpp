#include "sources/record_splitter.h"

#include <gtest/gtest.h>

#include <random>

#include "columns/decoder.h"

namespace sources {
namespace {

using Records = std::vector<std::pair<std::string, std::int64_t>>;

Records split(RecordSplitter splitter, const std::vector<std::string_view>& chunks) {
  Records records;
  const auto drain = [&] {
    for (RecordSplitter::Record record; splitter.next(record);)
      records.emplace_back(record.text, record.line);
  };
  for (const std::string_view chunk : chunks) {
    splitter.feed(chunk);
    drain();
  }
  splitter.finish();
  drain();
  return records;
}

Records expected(std::string_view text) {
  Records records;
  for (const auto& record : columns::split_csv(text))
    records.emplace_back(record.text, record.line);
  return records;
}

constexpr std::string_view kUgly[] = {
    "",
    "\n",
    "a,b",
    "a,b\r\nc,d\r\n",
    "\xEF\xBB\xBF"
    "id,name\n1,x\n\n\n2,y",
    "a,\"b\nc\",d\ne,f\n",
    "a,\"say \"\"hi\"\"\n\",d\r\ne,f",
    "a,\"never closed\nb,c\nd,e\n",
    "5\" pipe,x\n6\",y\n",
    "\"\"\n\"\"\"\"\n\"a\"\"",
    "a,\"b\"c,\"d\n\"\ne",
};

TEST(RecordSplitter, SplitsAtEveryPointAsTheWholeTextIsSplit) {
  for (const std::string_view text : kUgly) {
    for (std::size_t at = 0; at <= text.size(); ++at) {
      for (std::size_t then = at; then <= text.size(); ++then) {
        ASSERT_EQ(split(RecordSplitter(RecordSplitter::Kind::kCsv),
                        {text.substr(0, at), text.substr(at, then - at), text.substr(then)}),
                  expected(text))
            << text << " cut at " << at << " and " << then;
      }
    }
  }
}

TEST(RecordSplitter, SplitsRandomTextAsTheWholeTextIsSplit) {
  std::mt19937 random(20261123);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (std::size_t i = random() % 40; i > 0; --i) text.push_back("a,\"\n\r;"[random() % 6]);
    const std::size_t at = random() % (text.size() + 1);
    const std::string_view view = text;
    ASSERT_EQ(
        split(RecordSplitter(RecordSplitter::Kind::kCsv), {view.substr(0, at), view.substr(at)}),
        expected(text))
        << "seed 20261123, round " << round << ": " << text;
  }
}

TEST(RecordSplitter, GivesLinesOfJsonWithTheirNumbers) {
  EXPECT_EQ(split(RecordSplitter(RecordSplitter::Kind::kLines), {"{\"a\":\"x", "\"}\r\n\n{}"}),
            (Records{{"{\"a\":\"x\"}", 1}, {"{}", 3}}));
}

TEST(RecordSplitter, GivesUpAQuoteThatStaysOpenForTooLong) {
  std::string text = "a,\"open\n";
  while (text.size() < kQuotedBytesMax + 100) text += "b,c\n";
  const auto records = split(RecordSplitter(RecordSplitter::Kind::kCsv), {text, "d,e\n"});
  ASSERT_GT(records.size(), 1000U);
  EXPECT_EQ(records.front().first, "a,\"open");
  EXPECT_EQ(records.back().first, "d,e");
}

TEST(RecordSplitter, RefusesALineWithoutEnd) {
  RecordSplitter splitter(RecordSplitter::Kind::kLines);
  splitter.feed("{}\n" + std::string(kRecordBytesMax + 1, 'x'));
  RecordSplitter::Record record;
  EXPECT_TRUE(splitter.next(record));
  EXPECT_FALSE(splitter.next(record));
  EXPECT_TRUE(splitter.too_long());
  EXPECT_EQ(splitter.line(), 2);
}

}  // namespace
}  // namespace sources
