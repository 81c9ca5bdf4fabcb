#include "state/store.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace state {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "waybill-state-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~StoreTest() override { std::filesystem::remove_all(directory_); }
  base::Path directory_;
};

TEST_F(StoreTest, KeepsWhatWasAppliedOverReopening) {
  {
    auto store = Store::open(directory_);
    ASSERT_TRUE(store) << store.error().to_string();
    WriteSet changes;
    changes.put("a/1", "one");
    changes.put("a/2", "two");
    changes.put("b/1", "other");
    ASSERT_TRUE((*store)->apply(changes));
  }
  auto store = Store::open(directory_);
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->get("a/2").value(), "two");
  EXPECT_EQ((*store)->get("a/3").value(), std::nullopt);
  std::string seen;
  ASSERT_TRUE((*store)->scan("a/", [&](auto key, auto value) {
    seen += fmt::format("{}={} ", key, value);
    return true;
  }));
  EXPECT_EQ(seen, "a/1=one a/2=two ");
}

TEST_F(StoreTest, ScansBackwardsFromTheNewest) {
  auto store = Store::open(directory_);
  ASSERT_TRUE(store);
  WriteSet changes;
  for (const std::uint64_t i : {1UL, 2UL, 300UL}) changes.put("run/" + key_number(i), std::to_string(i));
  changes.put("runs", "not under the prefix");
  ASSERT_TRUE((*store)->apply(changes));
  std::vector<std::uint64_t> seen;
  ASSERT_TRUE((*store)->scan_reverse("run/", [&](auto key, auto) {
    seen.push_back(number_of_key(key.substr(4)));
    return true;
  }));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{300, 2, 1}));
}

TEST_F(StoreTest, RemovesRangesBeforeItPutsInTheSameChange) {
  auto store = Store::open(directory_);
  ASSERT_TRUE(store);
  WriteSet first;
  first.put("c/1", "old");
  first.put("c/2", "old");
  ASSERT_TRUE((*store)->apply(first));
  WriteSet second;
  second.remove_range("c/", "c0");
  second.put("c/9", "new");
  ASSERT_TRUE((*store)->apply(second));
  EXPECT_EQ((*store)->get("c/1").value(), std::nullopt);
  EXPECT_EQ((*store)->get("c/9").value(), "new");
}

TEST_F(StoreTest, RefusesAFolderThatAnotherProcessUses) {
  auto store = Store::open(directory_);
  ASSERT_TRUE(store);
  auto second = Store::open(directory_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Code::kConflict);
}

}  // namespace
}  // namespace state
