#include "storage/s3_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "storage/file_cache.h"
#include "storage/simulated_s3.h"

namespace storage {
namespace {

using Fault = SimulatedS3::Fault;

class S3StoreTest : public ::testing::Test {
 protected:
  S3StoreTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("s3_store_test." + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    options_.location = {
        .bucket = "b", .prefix = "lake", .endpoint = "http://s3", .path_style = true};
    options_.cache = folder_ / "cache";
    open();
  }
  ~S3StoreTest() override { std::filesystem::remove_all(folder_); }

  void open() {
    CredentialWorld world{.http = s3_,
                          .clock = clock_,
                          .disk = base::posix_file_system(),
                          .variable = [](const std::string& name) -> std::optional<std::string> {
                            if (name == "AWS_ACCESS_KEY_ID") return "id";
                            if (name == "AWS_SECRET_ACCESS_KEY") return "secret";
                            return std::nullopt;
                          }};
    RetryWorld retry{.clock = clock_,
                     .sleep_us =
                         [this](std::int64_t us) {
                           clock_.advance_us(us);
                           slept_us_ += us;
                         },
                     .random = [] { return 0.5; }};
    auto store = s3_store_over(base::posix_file_system(), clock_, options_, s3_, retry, world);
    ASSERT_TRUE(store) << store.error().to_string();
    store_ = *std::move(store);
  }

  // The faults come one after the other, then none.
  void next_faults(std::vector<Fault> faults) {
    s3_.fault = [faults, i = std::size_t{0}](const HttpRequest&) mutable {
      return i < faults.size() ? faults[i++] : Fault::kNone;
    };
  }

  void write_staged(const std::string& key, const std::string& data) {
    ASSERT_TRUE(store_->prepare(key));
    std::ofstream(store_->url(key), std::ios::binary) << data;
  }
  std::string read_local(const std::string& key) {
    std::ifstream file(store_->url(key), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const base::Path folder_;
  base::ManualClock clock_{1'763'900'000'000'000};
  SimulatedS3 s3_;
  S3StoreOptions options_;
  std::int64_t slept_us_ = 0;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(S3StoreTest, KeepsObjectsUnderTheLakesPrefix) {
  ASSERT_TRUE(store_->put("silver/date=2026-11-23/a b.json", "{}"));
  EXPECT_TRUE(s3_.objects.contains("b/lake/silver/date=2026-11-23/a b.json"));
  EXPECT_EQ(store_->get("silver/date=2026-11-23/a b.json").value(), "{}");
  EXPECT_EQ(store_->head("silver/date=2026-11-23/a b.json").value().size, 2U);
  EXPECT_EQ(store_->get("gone").error().code, base::Code::kNotFound);
  ASSERT_TRUE(store_->remove("silver/date=2026-11-23/a b.json"));
  EXPECT_TRUE(s3_.objects.empty());
}

TEST_F(S3StoreTest, ListsOverAllPagesInOrderBehindAKey) {
  s3_.page_keys = 3;
  for (int i = 9; i >= 0; --i) ASSERT_TRUE(store_->put(fmt::format("t/k={}", i), "x"));
  s3_.objects["b/other"] = "x";
  const auto listed = store_->list("t/", "t/k=4").value();
  ASSERT_EQ(listed.size(), 5U);
  EXPECT_EQ(listed.front().key, "t/k=5");
  EXPECT_EQ(listed.back().key, "t/k=9");
}

TEST_F(S3StoreTest, TellsTheFoldersBelowAPrefix) {
  ASSERT_TRUE(store_->put("silver/scans/_delta_log/0.json", "x"));
  ASSERT_TRUE(store_->put("silver/orders/_delta_log/0.json", "x"));
  ASSERT_TRUE(store_->put("gold/x/_delta_log/0.json", "x"));
  EXPECT_EQ(store_->folders("").value(), (std::vector<std::string>{"gold", "silver"}));
  EXPECT_EQ(store_->folders("silver/").value(), (std::vector<std::string>{"orders", "scans"}));
}

TEST_F(S3StoreTest, CreatesAnObjectOnlyOnce) {
  ASSERT_TRUE(store_->put_if_absent("log/0.json", "mine"));
  EXPECT_EQ(store_->put_if_absent("log/0.json", "other").error().code, base::Code::kAlreadyExists);
  EXPECT_EQ(store_->get("log/0.json").value(), "mine");
}

TEST_F(S3StoreTest, TakesItsOwnCreateForASuccessWhenTheAnswerWasLost) {
  for (const Fault fault : {Fault::kNoAnswerAfter, Fault::kSlowDownAfter}) {
    s3_.objects.clear();
    next_faults({fault});
    EXPECT_TRUE(store_->put_if_absent("log/0.json", "mine"));
  }
}

TEST_F(S3StoreTest, DoesNotTakeAnothersCreateForItsOwn) {
  s3_.objects["b/lake/log/0.json"] = "theirs";
  next_faults({Fault::kNoAnswerBefore, Fault::kSlowDown});
  EXPECT_EQ(store_->put_if_absent("log/0.json", "mine").error().code, base::Code::kAlreadyExists);
}

TEST_F(S3StoreTest, RepeatsAConflictingConditionalRequest) {
  next_faults({Fault::kConflict, Fault::kConflict});
  EXPECT_TRUE(store_->put_if_absent("log/0.json", "mine"));
}

TEST_F(S3StoreTest, WaitsAsLongAsTheServerAsks) {
  next_faults({Fault::kSlowDown});
  ASSERT_TRUE(store_->put("k", "x"));
  EXPECT_GE(slept_us_, base::kUsPerSecond);
}

TEST_F(S3StoreTest, GivesUpAtTheDeadlineAndSaysHowOftenItTried) {
  s3_.fault = [](const HttpRequest&) { return Fault::kNoAnswerBefore; };
  const auto put = store_->put("k", "x");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, base::Code::kUnavailable);
  EXPECT_NE(put.error().message.find("tried"), std::string::npos);
  EXPECT_LE(slept_us_, options_.client.deadline_us);
  EXPECT_GE(s3_.requests, 8);
}

TEST_F(S3StoreTest, FetchesNewKeysWhenTheServerCallsThemExpired) {
  next_faults({Fault::kExpiredToken});
  EXPECT_TRUE(store_->put("k", "x"));
}

TEST_F(S3StoreTest, UploadsWhatWasStagedAndServesItFromTheCache) {
  write_staged("t/part-1.parquet", "rows");
  EXPECT_FALSE(s3_.objects.contains("b/lake/t/part-1.parquet"));
  EXPECT_EQ(store_->get("t/part-1.parquet").value(), "rows");
  ASSERT_TRUE(store_->sync({"t/part-1.parquet"}));
  EXPECT_EQ(s3_.objects.at("b/lake/t/part-1.parquet"), "rows");
  const int before = s3_.requests;
  ASSERT_TRUE(store_->fetch({"t/part-1.parquet"}));
  EXPECT_EQ(s3_.requests, before);
}

TEST_F(S3StoreTest, RemovesAStagedFileWithoutAskingTheServer) {
  write_staged("t/aside", "rows");
  const int before = s3_.requests;
  ASSERT_TRUE(store_->remove("t/aside"));
  EXPECT_EQ(s3_.requests, before);
  EXPECT_FALSE(std::filesystem::exists(store_->url("t/aside")));
}

TEST_F(S3StoreTest, UploadsLargeFilesInPartsEvenWhenAnswersAreLost) {
  options_.client.part_bytes = 1000;
  options_.client.multipart_from_bytes = 2000;
  open();
  std::string data(10'500, ' ');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>('a' + i % 26);
  write_staged("t/big", data);
  std::mt19937 random(7);
  s3_.fault = [&random](const HttpRequest& request) {
    const bool begins = request.method == "POST" && request.url.ends_with("uploads=");
    return !begins && random() % 3 == 0 ? Fault::kNoAnswerAfter : Fault::kNone;
  };
  ASSERT_TRUE(store_->sync({"t/big"}));
  EXPECT_EQ(s3_.objects.at("b/lake/t/big"), data);
}

TEST_F(S3StoreTest, DownloadsWhatIsMissingAndAgainAfterACut) {
  s3_.objects["b/lake/t/f"] = "whole content";
  next_faults({Fault::kNoAnswerAfter, Fault::kSlowDown});
  ASSERT_TRUE(store_->fetch({"t/f"}));
  EXPECT_EQ(read_local("t/f"), "whole content");
  EXPECT_EQ(store_->fetch({"t/none"}).error().code, base::Code::kNotFound);
}

TEST_F(S3StoreTest, KeepsItsCacheOverARestartButNothingUnfinished) {
  s3_.objects["b/lake/t/f"] = "content";
  ASSERT_TRUE(store_->fetch({"t/f"}));
  write_staged("t/unfinished", "half");
  const std::string unfinished = store_->url("t/unfinished");
  open();
  const int before = s3_.requests;
  ASSERT_TRUE(store_->fetch({"t/f"}));
  EXPECT_EQ(s3_.requests, before);
  EXPECT_FALSE(std::filesystem::exists(unfinished));
}

TEST_F(S3StoreTest, BoundsItsCacheButKeepsWhatWasJustHandedOut) {
  options_.cache_bytes_max = 250;
  open();
  for (int i = 0; i < 5; ++i) s3_.objects[fmt::format("b/lake/f{}", i)] = std::string(100, 'x');
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store_->fetch({fmt::format("f{}", i)}));
  EXPECT_TRUE(std::filesystem::exists(store_->url("f0"))) << "it may be about to be opened";
  clock_.advance_us(kFetchHoldUs + 1);
  s3_.objects["b/lake/g"] = std::string(100, 'x');
  ASSERT_TRUE(store_->fetch({"g"}));
  EXPECT_FALSE(std::filesystem::exists(store_->url("f0")));
  EXPECT_TRUE(std::filesystem::exists(store_->url("g")));
}

TEST_F(S3StoreTest, RefusesKeysThatLeadOutOfTheLake) {
  for (const char* const key : {"../x", "/x", "a//b", ""}) {
    EXPECT_EQ(store_->put(key, "x").error().code, base::Code::kInvalid) << key;
    EXPECT_EQ(store_->prepare(key).error().code, base::Code::kInvalid) << key;
  }
  EXPECT_EQ(s3_.requests, 0);
}

TEST(S3Url, IsReadWithItsParameters) {
  const auto location =
      parse_s3_url("s3://bucket/a/b/?endpoint=http://127.0.0.1:9000/&region=eu-central-1").value();
  EXPECT_EQ(location.bucket, "bucket");
  EXPECT_EQ(location.prefix, "a/b");
  EXPECT_EQ(location.endpoint, "http://127.0.0.1:9000");
  EXPECT_EQ(location.region, "eu-central-1");
  EXPECT_TRUE(location.path_style);
  EXPECT_FALSE(parse_s3_url("s3://bucket").value().path_style);
}

TEST(S3Url, RefusesWhatItDoesNotUnderstand) {
  for (const char* const url :
       {"http://x", "s3://", "s3://b?x=1", "s3://b?endpoint=ftp://h", "s3://b?path_style=maybe"}) {
    const auto location = parse_s3_url(url);
    ASSERT_FALSE(location) << url;
    EXPECT_FALSE(location.error().mend.empty());
  }
}

}  // namespace
}  // namespace storage
