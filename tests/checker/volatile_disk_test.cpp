// The disk that loses what was not synced: against a plain model, over random operations and cuts.
#include "checker/volatile_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

namespace checker {
namespace {

using base::Path;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class VolatileDiskTest : public testing::Test {
 protected:
  VolatileDiskTest() { std::filesystem::create_directories(folder_); }
  ~VolatileDiskTest() override { std::filesystem::remove_all(root_); }

  // The disk as it is found after the process was killed.
  std::unique_ptr<VolatileDisk> start(int early_percent = 0, std::uint64_t seed = 1) {
    return VolatileDisk::open({.scratch = root_ / "scratch",
                               .seed = seed,
                               .early_percent = early_percent,
                               .sync_time = std::chrono::microseconds(0)})
        .value();
  }
  static std::string content(base::FileSystem& disk, const Path& path) {
    auto read = base::read_file(disk, path);
    return read ? *read : "(" + read.error().message + ")";
  }

  const Path root_ = std::filesystem::temp_directory_path() /
                     fmt::format("volatile-{}-{}", ::getpid(),
                                 testing::UnitTest::GetInstance()->current_test_info()->name());
  const Path folder_ = root_ / "data";
  const Path path_ = folder_ / "file";
};

TEST_F(VolatileDiskTest, bytes_that_were_not_synced_are_seen_and_lost) {
  auto disk = start();
  auto file = disk->open(path_, true).value();
  ASSERT_TRUE(file->write_at(0, bytes("kept")));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(disk->sync_directory(folder_));
  ASSERT_TRUE(file->write_at(2, bytes("lost, all of it")));
  EXPECT_EQ(content(*disk, path_), "kelost, all of it");
  EXPECT_EQ(content(*start(), path_), "kept");
}

TEST_F(VolatileDiskTest, a_name_is_lost_without_a_sync_of_its_folder) {
  auto disk = start();
  auto file = disk->open(path_, true).value();
  ASSERT_TRUE(file->write_at(0, bytes("text")));
  ASSERT_TRUE(file->sync());
  EXPECT_THAT(disk->list(folder_).value(), testing::ElementsAre("file"));
  EXPECT_THAT(start()->list(folder_).value(), testing::IsEmpty());
}

TEST_F(VolatileDiskTest, a_file_that_is_replaced_durably_is_the_old_or_the_new_one) {
  auto disk = start();
  ASSERT_TRUE(base::write_file_durably(*disk, path_, "old"));
  ASSERT_TRUE(base::write_file_durably(*disk, path_, "new"));
  EXPECT_EQ(content(*start(), path_), "new");
  disk = start();
  auto file = disk->open(folder_ / "other", true).value();
  ASSERT_TRUE(file->write_at(0, bytes("newest")));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(disk->rename(folder_ / "other", path_));
  EXPECT_EQ(content(*disk, path_), "newest");
  EXPECT_THAT(disk->list(folder_).value(), testing::ElementsAre("file"));
  EXPECT_EQ(content(*start(), path_), "new");
}

TEST_F(VolatileDiskTest, a_removed_file_comes_back_unless_the_folder_was_synced) {
  auto disk = start();
  ASSERT_TRUE(base::write_file_durably(*disk, path_, "text"));
  ASSERT_TRUE(disk->remove(path_));
  EXPECT_FALSE(disk->open(path_, false));
  disk = start();
  EXPECT_EQ(content(*disk, path_), "text");
  ASSERT_TRUE(disk->remove(path_));
  ASSERT_TRUE(disk->sync_directory(folder_));
  EXPECT_FALSE(start()->open(path_, false));
}

TEST_F(VolatileDiskTest, what_is_synced_equals_a_model_over_random_operations_and_cuts) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    std::filesystem::remove(path_);
    auto disk = start(0, seed);
    auto file = disk->open(path_, true).value();
    ASSERT_TRUE(disk->sync_directory(folder_));
    std::string now;
    std::string synced;
    for (int step = 0; step < 200; ++step) {
      const std::uint64_t place = random() % 5000;
      switch (random() % 6) {
        case 0:
        case 1: {
          const std::string data(1 + random() % 1500, static_cast<char>('a' + random() % 26));
          ASSERT_TRUE(file->write_at(place, bytes(data)));
          if (now.size() < place + data.size()) now.resize(place + data.size(), '\0');
          now.replace(place, data.size(), data);
          break;
        }
        case 2:
          ASSERT_TRUE(file->truncate(place));
          now.resize(place, '\0');
          break;
        case 3:
          ASSERT_TRUE(file->allocate(place + 1));
          if (now.size() < place + 1) now.resize(place + 1, '\0');
          break;
        case 4:
          ASSERT_TRUE(file->sync());
          synced = now;
          break;
        default:
          if (random() % 10 != 0) break;
          file.reset();
          disk = start(0, seed);
          file = disk->open(path_, false).value();
          now = synced;
      }
      ASSERT_EQ(content(*disk, path_), now) << "seed " << seed << " step " << step;
    }
  }
}

TEST_F(VolatileDiskTest, some_sectors_reach_the_disk_early_and_whole) {
  auto disk = start(60);
  auto file = disk->open(path_, true).value();
  ASSERT_TRUE(file->allocate(64 * kSectorSize));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(disk->sync_directory(folder_));
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(file->write_at(0, bytes(std::string(64 * kSectorSize, 'x'))));
  }
  const std::string found = content(*start(), path_);
  const auto written = std::ranges::count(found, 'x');
  EXPECT_GT(written, 0);
  EXPECT_LT(written, static_cast<std::ptrdiff_t>(found.size()));
  EXPECT_EQ(written % static_cast<std::ptrdiff_t>(kSectorSize), 0);
}

}  // namespace
}  // namespace checker
