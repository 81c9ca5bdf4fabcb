#include "protocol/http/target.h"

#include <gtest/gtest.h>

namespace protocol::http {
namespace {

TEST(ParseTarget, DecodesSegmentsAndQuery) {
  const auto target = parse_target("/v1/shipments/S%2F1%20x?limit=5&model=silver.scans&q=a+b%26&flag");
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->segments, (std::vector<std::string>{"v1", "shipments", "S/1 x"}));
  EXPECT_EQ(target->path, "/v1/shipments/S/1 x");
  EXPECT_EQ(target->query.at("limit"), "5");
  EXPECT_EQ(target->query.at("q"), "a b&");
  EXPECT_EQ(target->query.at("flag"), "");
}

TEST(ParseTarget, RefusesBrokenAddresses) {
  for (const char* text : {"", "v1", "http://x/", "/%", "/%2", "/%zz", "/%00", "/a?b=%f"}) {
    EXPECT_FALSE(parse_target(text).has_value()) << text;
  }
}

TEST(MediaType, IsLowerCaseWithoutParameters) {
  EXPECT_EQ(media_type("Application/JSON; charset=utf-8"), "application/json");
  EXPECT_EQ(media_type(""), "");
}

TEST(ListsToken, ReadsListsAndWeights) {
  EXPECT_TRUE(lists_token("deflate, gzip;q=0.5, br", "gzip"));
  EXPECT_TRUE(lists_token("GZIP", "gzip"));
  EXPECT_FALSE(lists_token("gzip;q=0, br", "gzip"));
  EXPECT_FALSE(lists_token("xgzip", "gzip"));
  EXPECT_FALSE(lists_token("", "gzip"));
}

TEST(ParseHost, TakesNamesAddressesAndPorts) {
  EXPECT_EQ(parse_host("LocalHost:8080").host, "localhost");
  EXPECT_EQ(parse_host("localhost:8080").port, "8080");
  EXPECT_EQ(parse_host("[::1]:80").host, "::1");
  EXPECT_EQ(parse_host("[::1]:80").port, "80");
  EXPECT_EQ(parse_host("[::1]").port, "");
  EXPECT_EQ(parse_host("example.org").host, "example.org");
}

}  // namespace
}  // namespace protocol::http
