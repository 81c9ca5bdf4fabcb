#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "base/uuid.h"
#include "storage/object_store.h"

namespace {

using base::Code;
using testing::ElementsAre;

class LocalStore : public testing::Test {
 protected:
  LocalStore()
      : folder_(std::filesystem::temp_directory_path() / ("store-" + base::new_uuid())),
        store_(storage::local_store(base::posix_file_system(), folder_ / "root").value()) {}
  ~LocalStore() override { std::filesystem::remove_all(folder_); }

  std::vector<std::string> keys(const std::string& prefix, const std::string& after = "") {
    std::vector<std::string> result;
    for (const auto& info : store_->list(prefix, after).value()) result.push_back(info.key);
    return result;
  }

  base::Path folder_;
  std::unique_ptr<storage::ObjectStore> store_;
};

TEST_F(LocalStore, GivesBackWhatWasPutAndReplacesIt) {
  ASSERT_TRUE(store_->put("a/b/c.json", "one"));
  EXPECT_EQ(store_->get("a/b/c.json").value(), "one");
  ASSERT_TRUE(store_->put("a/b/c.json", "two!"));
  EXPECT_EQ(store_->get("a/b/c.json").value(), "two!");
  EXPECT_EQ(store_->head("a/b/c.json").value().size, 4U);
  EXPECT_GT(store_->head("a/b/c.json").value().modified_us, 0);
}

TEST_F(LocalStore, SaysNotFoundForAnAbsentKeyAndForAFolder) {
  ASSERT_TRUE(store_->put("a/b", "x"));
  EXPECT_EQ(store_->get("nothing").error().code, Code::kNotFound);
  EXPECT_EQ(store_->head("nothing").error().code, Code::kNotFound);
  EXPECT_EQ(store_->head("a").error().code, Code::kNotFound);
  EXPECT_EQ(store_->head("a/b/c").error().code, Code::kNotFound);
}

TEST_F(LocalStore, RemovesAndAcceptsAnAbsentKey) {
  ASSERT_TRUE(store_->put("a", "x"));
  EXPECT_TRUE(store_->remove("a"));
  EXPECT_TRUE(store_->remove("a"));
  EXPECT_EQ(store_->get("a").error().code, Code::kNotFound);
}

TEST_F(LocalStore, CreatesAnObjectOnlyOnce) {
  EXPECT_TRUE(store_->put_if_absent("log/0.json", "first"));
  const auto second = store_->put_if_absent("log/0.json", "second");
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  EXPECT_EQ(store_->get("log/0.json").value(), "first");
}

TEST_F(LocalStore, LetsExactlyOneOfManyThreadsCreateAnObject) {
  std::atomic<int> winners{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < 20; ++n) {
          if (store_->put_if_absent(fmt::format("log/{}.json", n), std::to_string(i))) ++winners;
        }
      });
    }
  }
  EXPECT_EQ(winners.load(), 20);
  EXPECT_EQ(keys("log/").size(), 20U);
}

TEST_F(LocalStore, RefusesKeysThatLeaveTheRoot) {
  for (const std::string key :
       {"", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", ".."}) {
    EXPECT_EQ(store_->put(key, "x").error().code, Code::kInvalid) << key;
    EXPECT_EQ(store_->put_if_absent(key, "x").error().code, Code::kInvalid) << key;
    EXPECT_EQ(store_->get(key).error().code, Code::kInvalid) << key;
    EXPECT_EQ(store_->remove(key).error().code, Code::kInvalid) << key;
    EXPECT_EQ(store_->head(key).error().code, Code::kInvalid) << key;
    EXPECT_EQ(store_->prepare(key).error().code, Code::kInvalid) << key;
    EXPECT_EQ(store_->sync({key}).error().code, Code::kInvalid) << key;
  }
  EXPECT_TRUE(store_->put("a/..b/c..", "dots inside a name are fine"));
  EXPECT_EQ(store_->list("../").error().code, Code::kInvalid);
}

TEST_F(LocalStore, AFolderIsThereAsLongAsItHoldsAnObject) {
  for (const std::string key : {"t/_delta_log/0", "t/1", "u/1", "1"}) {
    ASSERT_TRUE(store_->put(key, key));
  }
  EXPECT_THAT(store_->folders("").value(), ElementsAre("t", "u"));
  EXPECT_THAT(store_->folders("t/").value(), ElementsAre("_delta_log"));
  ASSERT_TRUE(store_->remove("t/_delta_log/0"));
  ASSERT_TRUE(store_->remove("u/1"));
  EXPECT_THAT(store_->folders("").value(), ElementsAre("t"));
  EXPECT_THAT(store_->folders("t/").value(), ElementsAre());
}

TEST_F(LocalStore, ListsByPrefixInKeyOrderAfterAKey) {
  for (const std::string key : {"t/a/1", "t/a.b", "t/a/2", "t/b", "u", "t2/x"}) {
    ASSERT_TRUE(store_->put(key, key));
  }
  EXPECT_THAT(keys(""), ElementsAre("t/a.b", "t/a/1", "t/a/2", "t/b", "t2/x", "u"));
  EXPECT_THAT(keys("t/"), ElementsAre("t/a.b", "t/a/1", "t/a/2", "t/b"));
  EXPECT_THAT(keys("t/a"), ElementsAre("t/a.b", "t/a/1", "t/a/2"));
  EXPECT_THAT(keys("t"), ElementsAre("t/a.b", "t/a/1", "t/a/2", "t/b", "t2/x"));
  EXPECT_THAT(keys("t/", "t/a/1"), ElementsAre("t/a/2", "t/b"));
  EXPECT_THAT(keys("t/a/", "t/a/2"), ElementsAre());
  EXPECT_THAT(keys("none/"), ElementsAre());
  EXPECT_EQ(store_->list("t/b").value().at(0).size, 3U);
}

TEST_F(LocalStore, DoesNotListUnfinishedWrites) {
  ASSERT_TRUE(store_->put("t/a", "x"));
  std::ofstream(folder_ / "root/t/.b.1.1.tmp") << "half";
  EXPECT_THAT(keys("t/"), ElementsAre("t/a"));
}

TEST_F(LocalStore, PreparesAFolderForOthersAndSyncsTheirFiles) {
  ASSERT_TRUE(store_->prepare("t/day=1/part.parquet"));
  std::ofstream(store_->url("t/day=1/part.parquet")) << "bytes";
  EXPECT_TRUE(store_->sync({"t/day=1/part.parquet"}));
  EXPECT_EQ(store_->get("t/day=1/part.parquet").value(), "bytes");
  EXPECT_EQ(store_->sync({"t/day=1/other"}).error().code, Code::kNotFound);
}

TEST_F(LocalStore, CreatesAFolderAgainThatSomebodyRemoved) {
  ASSERT_TRUE(store_->put("t/a", "x"));
  std::filesystem::remove_all(folder_ / "root/t");
  EXPECT_TRUE(store_->put("t/a", "y"));
  EXPECT_EQ(store_->get("t/a").value(), "y");
}

// A disk whose syncs fail when told to.
class FailingDisk final : public base::FileSystem {
 public:
  base::Result<std::unique_ptr<base::File>> open(const base::Path& path, bool create) override {
    auto file = TRY(real_.open(path, create));
    return std::make_unique<FailingFile>(std::move(file), *this);
  }
  base::Result<> create_directories(const base::Path& p) override {
    return real_.create_directories(p);
  }
  base::Result<> remove(const base::Path& p) override { return real_.remove(p); }
  base::Result<> rename(const base::Path& a, const base::Path& b) override {
    return real_.rename(a, b);
  }
  base::Result<> rename_no_replace(const base::Path& a, const base::Path& b) override {
    return real_.rename_no_replace(a, b);
  }
  base::Result<> sync_directory(const base::Path& p) override {
    {
      const std::scoped_lock lock(mutex_);
      synced_folders.insert(p);
    }
    if (fail_folder_sync) return base::fail(Code::kIo, "cannot sync folder {}", p.string());
    return real_.sync_directory(p);
  }
  base::Result<std::vector<std::string>> list(const base::Path& p) const override {
    return real_.list(p);
  }

  std::set<base::Path> synced_folders;
  bool fail_file_sync = false;
  bool fail_folder_sync = false;

 private:
  class FailingFile final : public base::File {
   public:
    FailingFile(std::unique_ptr<base::File> file, FailingDisk& disk)
        : file_(std::move(file)), disk_(disk) {}
    base::Result<std::size_t> read_at(std::uint64_t at, std::span<std::byte> into) const override {
      return file_->read_at(at, into);
    }
    base::Result<> write_at(std::uint64_t at, std::span<const std::byte> data) override {
      return file_->write_at(at, data);
    }
    base::Result<std::uint64_t> size() const override { return file_->size(); }
    base::Result<> truncate(std::uint64_t size) override { return file_->truncate(size); }
    base::Result<> allocate(std::uint64_t size) override { return file_->allocate(size); }
    base::Result<> sync() override {
      if (disk_.fail_file_sync) return base::fail(Code::kIo, "cannot sync");
      return file_->sync();
    }
    int descriptor() const override { return file_->descriptor(); }

   private:
    std::unique_ptr<base::File> file_;
    FailingDisk& disk_;
  };
  std::mutex mutex_;
  base::FileSystem& real_ = base::posix_file_system();
};

TEST_F(LocalStore, LeavesNothingBehindWhenTheFileCannotBeSynced) {
  FailingDisk disk;
  auto store = storage::local_store(disk, folder_ / "failing").value();
  disk.fail_file_sync = true;
  EXPECT_EQ(store->put("t/a", "x").error().code, Code::kIo);
  EXPECT_EQ(store->put_if_absent("t/b", "x").error().code, Code::kIo);
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "failing/t"));
  disk.fail_file_sync = false;
  ASSERT_TRUE(store->put("t/a", "x"));
  disk.fail_file_sync = true;
  EXPECT_EQ(store->sync({"t/a"}).error().code, Code::kIo);
}

TEST_F(LocalStore, SyncsNewFoldersOnceUpToTheRoot) {
  FailingDisk disk;
  const base::Path root = folder_ / "watched";
  auto store = storage::local_store(disk, root).value();
  const auto write = [&](const std::string& key) {
    ASSERT_TRUE(store->prepare(key));
    std::ofstream(store->url(key)) << "bytes";
  };
  std::vector<std::string> keys;
  for (int i = 0; i < 20; ++i) keys.push_back(fmt::format("t/day={}/part.parquet", i));
  for (const std::string& key : keys) write(key);
  disk.synced_folders.clear();
  ASSERT_TRUE(store->sync(keys));
  EXPECT_EQ(disk.synced_folders.size(), 22U) << "20 partitions, the table and the root";
  EXPECT_TRUE(disk.synced_folders.contains(root));
  EXPECT_TRUE(disk.synced_folders.contains(root / "t/day=19"));
  write("t/day=3/other.parquet");
  disk.synced_folders.clear();
  ASSERT_TRUE(store->sync({"t/day=3/other.parquet"}));
  EXPECT_THAT(disk.synced_folders, ElementsAre(root / "t/day=3"));
}

TEST_F(LocalStore, ShowsAnObjectOnlyWhenTheFilesBeforeItAreDurable) {
  FailingDisk disk;
  auto store = storage::local_store(disk, folder_ / "watched").value();
  ASSERT_TRUE(store->prepare("t/part"));
  std::ofstream(store->url("t/part")) << "bytes";
  disk.fail_folder_sync = true;
  EXPECT_EQ(store->sync_and_put_if_absent({"t/part"}, "t/log/0", "x").error().code, Code::kIo);
  EXPECT_EQ(store->head("t/log/0").error().code, Code::kNotFound);
  disk.fail_folder_sync = false;
  ASSERT_TRUE(store->sync_and_put_if_absent({"t/part"}, "t/log/0", "x"));
  EXPECT_TRUE(disk.synced_folders.contains(folder_ / "watched/t"));
  EXPECT_EQ(store->get("t/log/0").value(), "x");
  EXPECT_EQ(store->sync_and_put_if_absent({"t/part"}, "t/log/0", "y").error().code,
            Code::kAlreadyExists);
  EXPECT_EQ(store->list("t/log/").value().size(), 1U);
}

using LocalStoreDeathTest = LocalStore;

TEST_F(LocalStoreDeathTest, StopsTheProcessWhenAVisibleObjectMayNotBeDurable) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  FailingDisk disk;
  auto store = storage::local_store(disk, folder_ / "failing").value();
  ASSERT_TRUE(store->put("t/a", "x"));
  disk.fail_folder_sync = true;
  EXPECT_EXIT(static_cast<void>(store->put_if_absent("t/b", "x")), testing::ExitedWithCode(75), "");
}

}  // namespace
