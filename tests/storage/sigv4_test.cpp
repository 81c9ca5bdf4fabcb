// The signatures that AWS publishes: the Signature Version 4 test suite and the S3 API reference's
// "Examples: Signature Calculations".
#include "storage/sigv4.h"

#include <gtest/gtest.h>

namespace storage {
namespace {

const Credentials kSuite{.access_key_id = "AKIDEXAMPLE",
                         .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
const Credentials kS3{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                      .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
constexpr base::TimestampUs kSuiteTime = 1'440'938'160'000'000;  // 2015-08-30T12:36:00Z
constexpr base::TimestampUs kS3Time = 1'369'353'600'000'000;     // 2013-05-24T00:00:00Z

std::string signature(const UnsignedRequest& request) {
  const std::string& header = request.headers.at("authorization");
  return header.substr(header.find("Signature=") + 10);
}

std::string signed_for_s3(UnsignedRequest request, std::string_view body = "") {
  request.headers["host"] = "examplebucket.s3.amazonaws.com";
  request.payload_sha256 = sha256_hex(body);
  sign(request, kS3, {.region = "us-east-1", .service = "s3"}, kS3Time);
  return signature(request);
}

TEST(SigV4, SignsTheVanillaRequestOfTheSuite) {
  UnsignedRequest request{.method = "GET",
                          .path = "/",
                          .headers = {{"host", "example.amazonaws.com"}},
                          .payload_sha256 = sha256_hex("")};
  sign(request, kSuite, {.region = "us-east-1", .service = "service"}, kSuiteTime);
  EXPECT_EQ(signature(request), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(SigV4, SignsAnObjectsRange) {
  EXPECT_EQ(
      signed_for_s3({.method = "GET", .path = "/test.txt", .headers = {{"range", "bytes=0-9"}}}),
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, SignsAPutWithACharacterThatNeedsEncoding) {
  EXPECT_EQ(signed_for_s3({.method = "PUT",
                           .path = "/test$file.text",
                           .headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                       {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}},
                          "Welcome to Amazon S3."),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, SignsAQueryWithoutAValue) {
  EXPECT_EQ(signed_for_s3({.method = "GET", .path = "/", .query = {{"lifecycle", ""}}}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(SigV4, SignsAListing) {
  EXPECT_EQ(
      signed_for_s3({.method = "GET", .path = "/", .query = {{"prefix", "J"}, {"max-keys", "2"}}}),
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, SendsThePathThatItSigns) {
  const UnsignedRequest request{.method = "GET",
                                .path = "/lake/date=2026-11-23/a b+c.parquet",
                                .query = {{"start-after", "x=y&z"}, {"list-type", "2"}}};
  EXPECT_EQ(request_target(request),
            "/lake/date%3D2026-11-23/a%20b%2Bc.parquet?list-type=2&start-after=x%3Dy%26z");
}

TEST(SigV4, SignsTheSessionTokenOfTemporaryKeys) {
  UnsignedRequest request{.method = "GET", .path = "/", .headers = {{"host", "h"}}};
  request.payload_sha256 = "UNSIGNED-PAYLOAD";
  Credentials keys = kS3;
  keys.session_token = "token";
  sign(request, keys, {.region = "us-east-1", .service = "s3"}, kS3Time);
  EXPECT_EQ(request.headers.at("x-amz-security-token"), "token");
  EXPECT_NE(request.headers.at("authorization").find("x-amz-security-token"), std::string::npos);
}

}  // namespace
}  // namespace storage
