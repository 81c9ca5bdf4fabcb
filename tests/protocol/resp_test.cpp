#include "protocol/resp/resp.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace protocol::resp {
namespace {

std::vector<std::vector<std::string>> all_commands(Parser& parser) {
  std::vector<std::vector<std::string>> commands;
  for (;;) {
    const auto next = parser.next();
    if (!next || *next == nullptr) return commands;
    commands.emplace_back((*next)->begin(), (*next)->end());
  }
}

const std::string kPipeline =
    "*2\r\n$3\r\nGET\r\n$5\r\na\r\nbc\r\nPING  \"two words\"\r\n\r\n*1\r\n$4\r\nQUIT\r\n";
const std::vector<std::vector<std::string>> kCommands{
    {"GET", "a\r\nbc"}, {"PING", "two words"}, {"QUIT"}};

TEST(RespParser, ReadsAPipelineCutAtEveryPoint) {
  for (std::size_t cut = 0; cut <= kPipeline.size(); ++cut) {
    Parser parser;
    parser.feed(std::string_view(kPipeline).substr(0, cut));
    auto commands = all_commands(parser);
    parser.feed(std::string_view(kPipeline).substr(cut));
    for (auto& command : all_commands(parser)) commands.push_back(std::move(command));
    EXPECT_EQ(commands, kCommands) << "cut at " << cut;
  }
}

TEST(RespParser, RefusesWhatNoClientSends) {
  for (const std::string_view bytes :
       {"*99999999\r\n", "*1\r\n:3\r\n", "*1\r\n$-5\r\n", "*1\r\n$2000000\r\n", "*x\r\n",
        "*1\r\n$3\r\nabcde\r\n", "SET \"open\r\n"}) {
    Parser parser;
    parser.feed(bytes);
    const auto next = parser.next();
    ASSERT_FALSE(next) << bytes;
    EXPECT_TRUE(next.error().message.starts_with("Protocol error")) << next.error().message;
  }
}

TEST(RespParser, ReadsTypedWordsAsRedisDoes) {
  Parser parser;
  parser.feed("SET \"a\\x41\\n\\\"\" 'it\\'s' pre\"fix\"\t\\n\n");
  EXPECT_EQ(all_commands(parser),
            (std::vector<std::vector<std::string>>{{"SET", "aA\n\"", "it's", "prefix", "\\n"}}));
  for (const std::string_view bytes : {"GET \"a\"b\r\n", "GET 'a\r\n", "GET \"a\\\"\r\n"}) {
    Parser broken;
    broken.feed(bytes);
    EXPECT_FALSE(broken.next()) << bytes;
  }
}

TEST(RespParser, BoundsACommandThatNeverEnds) {
  Parser parser;
  parser.feed(fmt::format("*{}\r\n", kArgumentsMax));
  const std::string argument =
      fmt::format("${}\r\n{}\r\n", kArgumentBytesMax, std::string(kArgumentBytesMax, 'x'));
  std::size_t fed = 0;
  auto next = parser.next();
  for (; next && fed <= 2 * kCommandBytesMax; next = parser.next()) {
    parser.feed(argument);
    fed += argument.size();
  }
  ASSERT_FALSE(next);
  EXPECT_LE(fed, kCommandBytesMax + 2 * argument.size());
}

TEST(RespParser, ReadsManyWordsThatTrickleIn) {
  Parser parser;
  std::string bytes = "*100000\r\n";
  for (int i = 0; i < 100'000; ++i) bytes += "$1\r\nx\r\n";
  std::size_t words = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 100) {
    parser.feed(std::string_view(bytes).substr(at, 100));
    const auto next = parser.next();
    ASSERT_TRUE(next);
    if (*next != nullptr) words = (*next)->size();
  }
  EXPECT_EQ(words, 100'000U);
}

TEST(RespParser, DoesNotWaitForEverForTheEndOfALine) {
  Parser parser;
  parser.feed(std::string(kInlineBytesMax + 10, 'x'));
  EXPECT_FALSE(parser.next());
}

TEST(RespParser, GivesTheMemoryOfTakenCommandsBack) {
  Parser parser;
  for (int i = 0; i < 10'000; ++i) {
    parser.feed("*1\r\n$4\r\nPING\r\n");
    ASSERT_TRUE(parser.next());
  }
  EXPECT_EQ(parser.buffered(), 0U);
}

TEST(RespWriter, AnswersInTheVersionOfTheClient) {
  std::string out;
  Writer writer(out);
  writer.null();
  writer.map(1);
  writer.number(1.5);
  EXPECT_EQ(out, "$-1\r\n*2\r\n$3\r\n1.5\r\n");
  out.clear();
  writer.set_version(3);
  writer.null();
  writer.map(1);
  writer.number(1.5);
  writer.error("ERR two\r\nlines");
  EXPECT_EQ(out, "_\r\n%1\r\n,1.5\r\n-ERR two  lines\r\n");
}

TEST(RespGlob, MatchesAsRedisDoes) {
  EXPECT_TRUE(glob_matches("truck:*", "truck:TR-1"));
  EXPECT_TRUE(glob_matches("h?llo", "hello"));
  EXPECT_TRUE(glob_matches("h[ae]llo", "hallo"));
  EXPECT_FALSE(glob_matches("h[^e]llo", "hello"));
  EXPECT_TRUE(glob_matches("h[a-c]llo", "hbllo"));
  EXPECT_TRUE(glob_matches("a\\*b", "a*b"));
  EXPECT_FALSE(glob_matches("a\\*b", "axb"));
  EXPECT_TRUE(glob_matches("*a*b*", "xxaxxbxx"));
  EXPECT_FALSE(glob_matches("", "x"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_FALSE(glob_matches(std::string(1000, '*') + "b", std::string(10'000, 'a')));
}

}  // namespace
}  // namespace protocol::resp
