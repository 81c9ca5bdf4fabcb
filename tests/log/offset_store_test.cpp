#include "log/offset_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/crc32c.h"
#include "log/log_fixture.h"
#include "log/simulated_disk.h"

namespace eventlog {
namespace {

class OffsetStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(disk_->create_directories("log"));
    open();
  }
  void open() {
    store_.reset();
    auto opened = OffsetStore::open(*disk_, "log");
    ASSERT_OK(opened);
    store_ = *std::move(opened);
    ASSERT_OK(disk_->sync_directory("log"));
  }
  void lose_power() {
    store_.reset();
    disk_ = disk_->after_power_cut(7);
    open();
  }
  base::Result<> wait(const std::function<void(OffsetStore::Done)>& start) {
    std::promise<base::Result<>> promise;
    start([&promise](base::Result<> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  base::Result<> commit(const std::string& group, Offset offset, const TopicPartition& at) {
    return wait([&](OffsetStore::Done done) {
      store_->commit(group, {{at, {offset, 3, "note", 1'000}}}, std::move(done));
    });
  }
  base::Result<> pend(const std::string& group, std::int64_t producer_id, Offset offset,
                      const TopicPartition& at) {
    return wait([&](OffsetStore::Done done) {
      store_->commit_pending(group, producer_id, {{at, {offset, -1, "", 1'000}}}, std::move(done));
    });
  }
  base::Result<> end(std::int64_t producer_id, bool committed) {
    return wait([&](OffsetStore::Done done) {
      store_->end_pending(producer_id, committed, std::move(done));
    });
  }
  void write_file(const std::string& text) {
    store_.reset();
    ASSERT_OK(base::write_file_durably(*disk_, "log/offsets.log", text));
  }

  std::unique_ptr<SimulatedDisk> disk_ = std::make_unique<SimulatedDisk>(1);
  std::unique_ptr<OffsetStore> store_;
  const TopicPartition scans_{"scans", 0};
};

TEST_F(OffsetStoreTest, KeepsEpochMetadataAndTimeOverAPowerCut) {
  ASSERT_OK(commit("g", 42, scans_));
  ASSERT_OK(wait(
      [&](OffsetStore::Done done) { store_->mark("g", {5, "consumer", 77}, std::move(done)); }));
  lose_power();
  const auto committed = store_->committed("g", scans_);
  ASSERT_TRUE(committed);
  EXPECT_EQ(committed->offset, 42);
  EXPECT_EQ(committed->leader_epoch, 3);
  EXPECT_EQ(committed->metadata, "note");
  EXPECT_EQ(committed->committed_us, 1'000);
  EXPECT_EQ(store_->mark_of("g"), (GroupMark{5, "consumer", 77}));
  EXPECT_EQ(store_->groups(), std::vector<std::string>{"g"});
}

TEST_F(OffsetStoreTest, ReadsTheLinesThatWereWrittenOnce) {
  std::string text;
  for (const std::string body :
       {R"({"commits":[{"group":"g","topic":"scans","partition":0,"offset":7},)"
        R"({"group":"g","topic":"gone","partition":1,"offset":9}]})",
        R"({"dropped":"gone"})"}) {
    text += fmt::format("{:08x} {}\n", base::crc32c(std::as_bytes(std::span(body))), body);
  }
  write_file(text);
  open();
  EXPECT_EQ(store_->committed("g"), (OffsetStore::Offsets{{scans_, 7}}));
}

TEST_F(OffsetStoreTest, ShowsOffsetsOfATransactionOnlyAfterItsCommit) {
  ASSERT_OK(commit("g", 1, scans_));
  ASSERT_OK(pend("g", 9, 5, scans_));
  lose_power();
  EXPECT_EQ(store_->committed("g", scans_)->offset, 1);
  EXPECT_TRUE(store_->is_pending("g", scans_));
  EXPECT_EQ(store_->producers_with_pending(), std::vector<std::int64_t>{9});
  ASSERT_OK(end(9, true));
  ASSERT_OK(end(9, true));  // again, as after a crash
  lose_power();
  EXPECT_EQ(store_->committed("g", scans_)->offset, 5);
  EXPECT_FALSE(store_->is_pending("g", scans_));
}

TEST_F(OffsetStoreTest, ForgetsOffsetsOfAnAbortedTransaction) {
  ASSERT_OK(pend("g", 9, 5, scans_));
  ASSERT_OK(end(9, false));
  EXPECT_FALSE(store_->committed("g", scans_));
  EXPECT_FALSE(store_->knows("g"));
}

TEST_F(OffsetStoreTest, LetsACommitThatCameLaterThanATransactionsOneWinEvenAfterARewrite) {
  ASSERT_OK(pend("g", 9, 5, scans_));
  ASSERT_OK(commit("g", 8, scans_));
  const std::string long_note(4'000, 'x');
  for (Offset offset = 0; offset < 400; ++offset) {  // more than what a rewrite waits for
    ASSERT_OK(wait([&](OffsetStore::Done done) {
      store_->commit("h", {{scans_, {offset, -1, long_note, 1}}}, std::move(done));
    }));
  }
  open();
  const auto file = base::read_file(*disk_, "log/offsets.log");
  ASSERT_OK(file);
  EXPECT_LT(file->size(), kJournalRewriteBytes);
  ASSERT_OK(end(9, true));
  EXPECT_EQ(store_->committed("g", scans_)->offset, 8);
  EXPECT_EQ(store_->committed("h", scans_)->offset, 399);
}

TEST_F(OffsetStoreTest, DropsTopicsGroupsAndSinglePartitions) {
  const TopicPartition other{"other", 1};
  ASSERT_OK(commit("g", 1, scans_));
  ASSERT_OK(commit("g", 2, other));
  ASSERT_OK(commit("h", 3, scans_));
  ASSERT_OK(wait([&](OffsetStore::Done done) { store_->forget("g", {other}, std::move(done)); }));
  ASSERT_OK(wait([&](OffsetStore::Done done) { store_->erase("h", std::move(done)); }));
  lose_power();
  EXPECT_EQ(store_->committed("g"), (OffsetStore::Offsets{{scans_, 1}}));
  EXPECT_FALSE(store_->knows("h"));
  ASSERT_OK(store_->drop_topic("scans"));
  EXPECT_TRUE(store_->committed("g").empty());
}

TEST_F(OffsetStoreTest, CutsATornRoundAndRefusesDamageBeforeGoodLines) {
  ASSERT_OK(commit("g", 1, scans_));
  ASSERT_OK(commit("g", 2, scans_));
  store_.reset();
  const auto text = base::read_file(*disk_, "log/offsets.log");
  ASSERT_OK(text);
  for (std::size_t cut = 0; cut < text->size(); ++cut) {
    write_file(text->substr(0, cut));
    ASSERT_OK(OffsetStore::open(*disk_, "log"));
  }
  std::string damaged = *text;
  damaged[12] = damaged[12] == 'x' ? 'y' : 'x';
  write_file(damaged);
  const auto refused = OffsetStore::open(*disk_, "log");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, base::Code::kCorrupt);
}

TEST_F(OffsetStoreTest, SaysNoToAFullDiskAndYesOnceThereIsRoom) {
  ASSERT_OK(commit("g", 1, scans_));
  disk_->set_faults({.bytes_max = 120});
  const auto refused = commit("g", 2, scans_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, base::Code::kUnavailable);
  EXPECT_EQ(store_->committed("g", scans_)->offset, 1);
  disk_->set_faults({});
  ASSERT_OK(commit("g", 3, scans_));
  lose_power();
  EXPECT_EQ(store_->committed("g", scans_)->offset, 3);
}

TEST_F(OffsetStoreTest, TakesMetadataThatIsNoUtf8) {
  ASSERT_OK(wait([&](OffsetStore::Done done) {
    store_->commit("g", {{scans_, {1, -1, "\xff\xfe", 1}}}, std::move(done));
  }));
  open();
  EXPECT_EQ(store_->committed("g", scans_)->offset, 1);
}

TEST_F(OffsetStoreTest, CommitsThatMeetShareASync) {
  constexpr int kCommits = 20'000;
  std::atomic<int> left = kCommits;
  std::promise<void> all;
  for (int i = 0; i < kCommits; ++i) {
    store_->commit("g", {{{"scans", i % 50}, {i, -1, "", 1}}}, [&](const base::Result<>& done) {
      EXPECT_TRUE(done.has_value());
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().get();
  EXPECT_EQ(store_->committed("g", {"scans", 49})->offset, kCommits - 1);
}

}  // namespace
}  // namespace eventlog
