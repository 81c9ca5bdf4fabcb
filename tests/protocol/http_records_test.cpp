#include "protocol/http/records.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace protocol::http {
namespace {

using Records = std::vector<std::string_view>;

TEST(SplitNdjson, GivesTheNonBlankLinesAsTheyCame) {
  EXPECT_EQ(*split_ndjson("{\"a\":1}\n\n  {\"b\": 2} \r\n{\"c\":3}"), (Records{"{\"a\":1}", "{\"b\": 2}", "{\"c\":3}"}));
  EXPECT_TRUE(split_ndjson("")->empty());
  EXPECT_TRUE(split_ndjson("\n\r\n \n")->empty());
}

TEST(SplitNdjson, RefusesMoreRecordsThanTheLimit) {
  std::string body;
  for (std::size_t i = 0; i <= kRecordsMax; ++i) body += "{}\n";
  const auto records = split_ndjson(body);
  ASSERT_FALSE(records.has_value());
  EXPECT_EQ(records.error().code, base::Code::kLimit);
  body.resize(body.size() - 3);
  EXPECT_EQ(split_ndjson(body)->size(), kRecordsMax);
}

TEST(SplitJson, GivesOneObjectOrTheElementsOfAnArray) {
  EXPECT_EQ(*split_json(" {\"a\": [1, 2]} \n"), (Records{"{\"a\": [1, 2]}"}));
  EXPECT_EQ(*split_json("[{\"a\":1}, {\"b\":\"]},\\\"\"} ,\n{\"c\":[[]]}]"),
            (Records{"{\"a\":1}", "{\"b\":\"]},\\\"\"}", "{\"c\":[[]]}"}));
  EXPECT_EQ(*split_json("[1, \"x\"]"), (Records{"1", "\"x\""}));
  EXPECT_TRUE(split_json(" [ ] ")->empty());
  EXPECT_TRUE(split_json("")->empty());
}

TEST(SplitJson, NamesTheLineOfABodyThatIsNotJson) {
  const struct {
    const char* body;
    int line;
  } cases[] = {{"nonsense", 1},         {"{\"a\":1", 1},   {"[{\"a\":1},\n{\"b\"", 2}, {"[{}\n{}]", 2},
               {"[{}]\n\nx", 3},        {"[,]", 1},        {"[{},]", 1},               {"[{}", 1},
               {"{\"a\":\"\\\"}\n", 2}, {"{} {}", 1},      {"[", 1},                   {"[{}\n,\n", 3}};
  for (const auto& [body, line] : cases) {
    const auto records = split_json(body);
    ASSERT_FALSE(records.has_value()) << body;
    EXPECT_EQ(records.error().code, base::Code::kInvalid) << body;
    EXPECT_EQ(records.error().line, line) << body;
  }
}

// Whatever JSON text: the elements are those that a JSON parser finds.
TEST(SplitJson, AgreesWithAJsonParserAtEveryCut) {
  const std::string whole = R"([{"a":"x,]}\\\"","b":[1,{"c":null}]}, {}, {"d":{"e":[[],{}]}, "f":-1.5e3} ])";
  const auto parsed = nlohmann::json::parse(whole);
  const auto records = split_json(whole);
  ASSERT_EQ(records->size(), parsed.size());
  for (std::size_t i = 0; i < parsed.size(); ++i) EXPECT_EQ(nlohmann::json::parse((*records)[i]), parsed[i]);
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    EXPECT_FALSE(split_json(std::string_view(whole).substr(0, cut)).has_value()) << cut;
  }
}

TEST(LineOf, CountsFromOne) {
  const std::string_view body = "a\nb\n\nc";
  EXPECT_EQ(line_of(body, body.substr(0)), 1);
  EXPECT_EQ(line_of(body, body.substr(2)), 2);
  EXPECT_EQ(line_of(body, body.substr(5)), 4);
}

}  // namespace
}  // namespace protocol::http
