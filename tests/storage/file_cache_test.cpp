#include "storage/file_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

namespace storage {
namespace {

constexpr std::int64_t kGraceUs = 10 * base::kUsPerSecond;

class FileCacheTest : public ::testing::Test {
 protected:
  FileCacheTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("file_cache_test." + std::to_string(::getpid()))),
        cache_(
            FileCache::open(base::posix_file_system(), clock_, folder_, 1000, kGraceUs).value()) {}
  ~FileCacheTest() override { std::filesystem::remove_all(folder_); }

  void bring(const std::string& key, std::size_t bytes = 300) {
    std::filesystem::create_directories(cache_->path(key).parent_path());
    std::ofstream(cache_->path(key)) << std::string(bytes, 'x');
    ASSERT_TRUE(cache_->keep(key));
    clock_.advance_us(1);
  }
  void let_grace_pass() { clock_.advance_us(kGraceUs + 1); }
  bool there(const std::string& key) { return std::filesystem::exists(cache_->path(key)); }

  const base::Path folder_;
  base::ManualClock clock_{1'763'900'000'000'000};
  std::shared_ptr<FileCache> cache_;
};

TEST_F(FileCacheTest, LetsTheLeastRecentlyUsedGoFirst) {
  for (const char* const key : {"t/a", "t/b", "t/c"}) bring(key);
  ASSERT_TRUE(cache_->use("t/a"));
  let_grace_pass();
  bring("t/d");
  EXPECT_FALSE(there("t/b"));
  EXPECT_TRUE(there("t/a") && there("t/c") && there("t/d"));
  EXPECT_LE(cache_->bytes(), 1000U);
}

TEST_F(FileCacheTest, NeverTakesAwayWhatIsHeld) {
  Hold hold = cache_->hold({"t/a", "t/later"});
  bring("t/a");
  bring("t/later");
  let_grace_pass();
  for (int i = 0; i < 20; ++i) {
    bring("t/" + std::to_string(i));
    let_grace_pass();
  }
  EXPECT_TRUE(there("t/a") && there("t/later"));
  Hold second = hold;
  hold.reset();
  bring("t/x");
  EXPECT_TRUE(there("t/a")) << "its copy still holds";
  second.reset();
  bring("t/y");
  EXPECT_FALSE(there("t/a"));
  EXPECT_LE(cache_->bytes(), 1000U);
}

TEST_F(FileCacheTest, GrowsAboveItsBoundForWhatIsHeldAndShrinksWhenItIsLetGo) {
  std::vector<std::string> keys;
  for (int i = 0; i < 10; ++i) keys.push_back("t/" + std::to_string(i));
  Hold hold = cache_->hold(keys);
  for (const std::string& key : keys) bring(key);
  let_grace_pass();
  EXPECT_EQ(cache_->bytes(), 3000U);
  hold.reset();
  EXPECT_LE(cache_->bytes(), 1000U);
}

TEST_F(FileCacheTest, KeepsAHeldFileThatWasDroppedUntilItIsLetGo) {
  bring("t/a");
  Hold hold = cache_->hold({"t/a"});
  cache_->drop("t/a");
  EXPECT_FALSE(cache_->use("t/a")) << "it is no copy any more";
  EXPECT_TRUE(there("t/a")) << "but a query may be reading it";
  hold.reset();
  EXPECT_FALSE(there("t/a"));
}

TEST_F(FileCacheTest, MayGoBeforeItsHolds) {
  bring("t/a");
  const Hold hold = cache_->hold({"t/a"});
  cache_.reset();
}

TEST_F(FileCacheTest, HoldsUnderPressureFromManyThreads) {
  std::atomic<int> missing = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) {
      threads.emplace_back([&, seed] {
        std::mt19937 random(seed);
        for (int i = 0; i < 200; ++i) {
          const std::string key = "t/" + std::to_string(random() % 12);
          const Hold hold = cache_->hold({key});
          if (!cache_->use(key)) {
            const base::Path beside = cache_->path(key).string() + "." + std::to_string(seed);
            std::filesystem::create_directories(beside.parent_path());
            std::ofstream(beside) << std::string(300, 'x');
            std::filesystem::rename(beside, cache_->path(key));
            static_cast<void>(cache_->keep(key));
          }
          clock_.advance_us(kGraceUs);
          missing += there(key) ? 0 : 1;
        }
      });
    }
  }
  EXPECT_EQ(missing, 0);
  EXPECT_LE(cache_->bytes(), 1000U);
}

}  // namespace
}  // namespace storage
