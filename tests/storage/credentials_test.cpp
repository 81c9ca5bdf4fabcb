#include "storage/credentials.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>

#include "storage/local_http.h"

namespace storage {
namespace {

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("credentials_test." + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    // Nothing of the machine's own counts.
    variables_ = {{"HOME", folder_.string()}, {"AWS_EC2_METADATA_DISABLED", "true"}};
  }
  ~CredentialsTest() override { std::filesystem::remove_all(folder_); }

  CredentialWorld world() {
    return {.http = *http_,
            .clock = clock_,
            .disk = base::posix_file_system(),
            .variable = [this](const std::string& name) -> std::optional<std::string> {
              const auto it = variables_.find(name);
              return it == variables_.end() ? std::nullopt : std::optional(it->second);
            }};
  }
  std::string write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::string rfc3339_in(std::int64_t seconds) const {
    return base::format_rfc3339(clock_.now_us() + seconds * base::kUsPerSecond);
  }

  const base::Path folder_;
  base::ManualClock clock_{1'763'900'000'000'000};
  std::map<std::string, std::string> variables_;
  std::unique_ptr<HttpClient> http_ = curl_client();
};

TEST_F(CredentialsTest, AreTakenFromTheEnvironmentBeforeTheProfile) {
  write(".aws/credentials", "[default]\naws_access_key_id = of file\naws_secret_access_key = s\n");
  EXPECT_EQ(CredentialChain(world()).credentials()->access_key_id, "of file");
  variables_["AWS_ACCESS_KEY_ID"] = "of environment";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(CredentialChain(world()).credentials()->access_key_id, "of environment");
}

TEST_F(CredentialsTest, OfAProfileThatWasAskedForBeatTheEnvironment) {
  write(".aws/credentials", "[night]\naws_access_key_id=of night\naws_secret_access_key=s\n");
  write(".aws/config", "[profile night]\nregion = eu-north-1\n");
  variables_["AWS_ACCESS_KEY_ID"] = "of environment";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  CredentialChain chain(with_profile(world(), "night"));
  EXPECT_EQ(chain.credentials()->access_key_id, "of night");
  EXPECT_EQ(chain.region(), "eu-north-1");
  const auto none = CredentialChain(with_profile(world(), "day")).credentials();
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("profile \"day\""), std::string::npos);
}

TEST_F(CredentialsTest, AreGivenForAWebIdentityToken) {
  std::string asked;
  const LocalHttp sts([&](const std::string& request) {
    asked = request;
    return LocalHttp::ok(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
        "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>" +
        rfc3339_in(3600) +
        "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
        "</AssumeRoleWithWebIdentityResponse>");
  });
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("token", "a+token/of=letters\n");
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/lake writer";
  variables_["AWS_ENDPOINT_URL_STS"] = sts.url();
  const auto keys = CredentialChain(world()).credentials();
  ASSERT_TRUE(keys) << keys.error().to_string();
  EXPECT_EQ(keys->access_key_id, "ASIA1");
  EXPECT_EQ(keys->session_token, "t");
  EXPECT_EQ(keys->expires_us, clock_.now_us() + 3600 * base::kUsPerSecond);
  EXPECT_NE(asked.find("WebIdentityToken=a%2Btoken%2Fof%3Dletters"), std::string::npos) << asked;
  EXPECT_NE(asked.find("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Flake%20writer"), std::string::npos);
}

// Version 2 of the service: no token, no keys.
std::string instance(const std::string& request, const std::string& id,
                     const std::string& expires) {
  if (request.starts_with("PUT /latest/api/token")) {
    return request.find("x-aws-ec2-metadata-token-ttl-seconds: ") == std::string::npos
               ? LocalHttp::status(400)
               : LocalHttp::ok("the-token");
  }
  if (request.find("x-aws-ec2-metadata-token: the-token") == std::string::npos)
    return LocalHttp::status(401);
  if (request.starts_with("GET /latest/meta-data/iam/security-credentials/lake "))
    return LocalHttp::ok(R"({"Code":"Success","AccessKeyId":")" + id +
                         R"(","SecretAccessKey":"s","Token":"t","Expiration":")" + expires +
                         R"("})");
  return LocalHttp::ok("lake\n");
}

TEST_F(CredentialsTest, OfAnInstanceAreRenewedBeforeTheyExpire) {
  int given = 0;
  const LocalHttp metadata([&](const std::string& request) {
    if (request.find("security-credentials/lake ") != std::string::npos) ++given;
    return instance(request, "ASIA" + std::to_string(given), rfc3339_in(3600));
  });
  variables_.erase("AWS_EC2_METADATA_DISABLED");
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = metadata.url();
  CredentialChain chain(world());
  EXPECT_EQ(chain.credentials()->access_key_id, "ASIA1");
  clock_.advance_us(3000 * base::kUsPerSecond);
  EXPECT_EQ(chain.credentials()->access_key_id, "ASIA1") << "ten minutes are left";
  clock_.advance_us(400 * base::kUsPerSecond);
  EXPECT_EQ(chain.credentials()->access_key_id, "ASIA2") << "less than five minutes were left";
}

TEST_F(CredentialsTest, ThatStillHoldAreKeptWhenTheServiceDoesNotAnswer) {
  bool answers = true;
  const LocalHttp metadata([&](const std::string& request) {
    return answers ? instance(request, "ASIA1", rfc3339_in(600)) : LocalHttp::status(500);
  });
  variables_.erase("AWS_EC2_METADATA_DISABLED");
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = metadata.url();
  CredentialChain chain(world());
  ASSERT_TRUE(chain.credentials());
  answers = false;
  clock_.advance_us(400 * base::kUsPerSecond);
  EXPECT_EQ(chain.credentials()->access_key_id, "ASIA1");
  clock_.advance_us(300 * base::kUsPerSecond);
  EXPECT_FALSE(chain.credentials()) << "they are over";
}

TEST_F(CredentialsTest, OfAContainerAreAskedForWithItsToken) {
  const LocalHttp container([](const std::string& request) {
    return request.find("authorization: Bearer x") == std::string::npos
               ? LocalHttp::status(403)
               : LocalHttp::ok(R"({"AccessKeyId":"ASIA9","SecretAccessKey":"s","Token":"t"})");
  });
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = container.url() + "/keys";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = write("auth", "Bearer x\n");
  EXPECT_EQ(CredentialChain(world()).credentials()->access_key_id, "ASIA9");
}

TEST_F(CredentialsTest, ThatAreNowhereAreMissedWithEveryPlaceNamed) {
  const auto none = CredentialChain(world()).credentials();
  ASSERT_FALSE(none);
  for (const char* const place : {"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE",
                                  "profile \"default\"", "container", "instance"})
    EXPECT_NE(none.error().message.find(place), std::string::npos) << place;
  EXPECT_FALSE(none.error().mend.empty());
}

}  // namespace
}  // namespace storage
