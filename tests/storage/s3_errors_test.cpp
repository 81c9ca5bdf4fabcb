#include "storage/s3_errors.h"

#include <gtest/gtest.h>

#include "storage/s3_client.h"
#include "storage/simulated_s3.h"

namespace storage {
namespace {

constexpr base::TimestampUs kNow = 1'763'900'000'000'000;  // 2025-11-23 12:13:20

struct Case {
  const char* name;
  int status;
  const char* body;
  base::Code code;
  const char* mend;
};

TEST(S3Errors, NameTheMend) {
  const Case cases[] = {
      {"bucket", 404, "<Error><Code>NoSuchBucket</Code></Error>", base::Code::kNotFound,
       "create it, or name another one"},
      {"key id", 403, "<Error><Code>InvalidAccessKeyId</Code></Error>", base::Code::kInvalid,
       "AWS_ACCESS_KEY_ID"},
      {"secret", 403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", base::Code::kInvalid,
       "AWS_SECRET_ACCESS_KEY"},
      {"clock", 403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", base::Code::kInvalid,
       "this machine's clock is 3600 s ahead of the server's"},
      {"rights", 403, "<Error><Code>AccessDenied</Code></Error>", base::Code::kInvalid,
       "s3:AbortMultipartUpload"},
      {"region", 400,
       "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-1</Region></Error>",
       base::Code::kInvalid, "region: eu-north-1"},
      {"slow down", 503, "<Error><Code>SlowDown</Code></Error>", base::Code::kUnavailable, ""},
      {"no XML", 502, "<html>", base::Code::kUnavailable, ""},
  };
  for (const Case& one : cases) {
    const base::Error error = to_error(
        {.method = "PUT", .bucket = "b", .key = "k", .region = "us-east-1", .now_us = kNow},
        {.status = one.status,
         .headers = {{"date", "Sun, 23 Nov 2025 11:13:20 GMT"}},
         .body = one.body});
    EXPECT_EQ(error.code, one.code) << one.name;
    EXPECT_NE(error.mend.find(one.mend), std::string::npos) << one.name << ": " << error.mend;
  }
}

TEST(S3Errors, TakeAMissingObjectForThatWhateverRegionTheBucketTells) {
  const base::Error error =
      to_error({.method = "GET", .bucket = "b", .key = "k", .region = "us-east-1", .now_us = kNow},
               {.status = 404,
                .headers = {{"x-amz-bucket-region", "eu-north-1"}},
                .body = "<Error><Code>NoSuchKey</Code></Error>"});
  EXPECT_EQ(error.code, base::Code::kNotFound);
}

// A client whose pauses are written down; nobody answers.
class S3Retries : public ::testing::Test {
 protected:
  std::vector<std::int64_t> pauses(double random) {
    std::vector<std::int64_t> slept;
    CredentialChain chain({.http = s3_,
                           .clock = clock_,
                           .disk = base::posix_file_system(),
                           .variable = [](const std::string&) { return std::optional("x"); }});
    S3Client client(s3_, chain,
                    {.clock = clock_,
                     .sleep_us =
                         [&](std::int64_t us) {
                           slept.push_back(us);
                           clock_.advance_us(us + 100'000);
                         },
                     .random = [random] { return random; }},
                    {.bucket = "b", .endpoint = "http://s3"}, {});
    static_cast<void>(client.get("k"));
    return slept;
  }

  base::ManualClock clock_{kNow};
  SimulatedS3 s3_;
};

TEST_F(S3Retries, PauseForAnythingBetweenNothingAndTheDoubledBound) {
  s3_.fault = [](const HttpRequest&) { return SimulatedS3::Fault::kNoAnswerBefore; };
  const auto longest = pauses(0.999999);
  ASSERT_GE(longest.size(), 10U);
  const S3Options options;
  for (std::size_t i = 0; i < longest.size(); ++i) {
    const auto bound = std::min(options.pause_max_us, options.first_pause_us << std::min(i, 20UL));
    EXPECT_NEAR(static_cast<double>(longest[i]), static_cast<double>(bound), 100) << i;
  }
  for (const std::int64_t pause : pauses(0)) EXPECT_EQ(pause, 0);
}

TEST_F(S3Retries, WaitAsLongAsRetryAfterSaysWhateverTheJitter) {
  s3_.fault = [](const HttpRequest&) { return SimulatedS3::Fault::kSlowDown; };
  for (const std::int64_t pause : pauses(0)) EXPECT_EQ(pause, base::kUsPerSecond);
}

TEST(S3Hosts, AreTheBucketsOwnOrHaveItInThePath) {
  SimulatedS3 s3;
  const base::SystemClock clock;
  std::string url;
  s3.fault = [&](const HttpRequest& request) {
    url = request.url;
    EXPECT_EQ(request.url.find(request.headers.at("host")), request.url.find("://") + 3);
    return SimulatedS3::Fault::kNone;
  };
  CredentialChain chain({.http = s3,
                         .clock = clock,
                         .disk = base::posix_file_system(),
                         .variable = [](const std::string& name) {
                           return name.starts_with("AWS_REGION") ? std::optional("eu-north-1")
                                                                 : std::optional("x");
                         }});
  const auto put_to = [&](const S3Location& location) {
    S3Client client(s3, chain, real_retry_world(clock), location, {});
    EXPECT_TRUE(client.put("day=2026-11-23/ä b+c%20=", "x"));
    return url;
  };
  const std::string key = "/lake/day%3D2026-11-23/%C3%A4%20b%2Bc%2520%3D";
  EXPECT_EQ(put_to({.bucket = "b", .prefix = "lake"}),
            "https://b.s3.eu-north-1.amazonaws.com" + key);
  EXPECT_EQ(put_to({.bucket = "b", .prefix = "lake", .path_style = true}),
            "https://s3.eu-north-1.amazonaws.com/b" + key);
  EXPECT_EQ(put_to({.bucket = "b", .prefix = "lake", .endpoint = "http://h:9000"}),
            "http://b.h:9000" + key);
  EXPECT_TRUE(s3.objects.contains("b/lake/day=2026-11-23/ä b+c%20="));
}

}  // namespace
}  // namespace storage
