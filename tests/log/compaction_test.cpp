// Compaction against a map: whatever is appended, rolled back, compacted and cut by power failures,
// reading everything gives the last committed value of every key.
#include <gtest/gtest.h>

#include <future>
#include <random>

#include "log/embedded_log.h"
#include "log/key_offsets.h"
#include "log/log_fixture.h"
#include "log/simulated_disk.h"

namespace eventlog {
namespace {

const TopicPartition kT{"t", 0};

class CompactionTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    reopen();
    ASSERT_OK(log_->create_topic({.name = "t",
                                  .cleanup = Cleanup::kCompact,
                                  .segment_bytes_max = 4096,
                                  .tombstone_retention_us = kTombstones}));
  }
  void reopen() {
    log_.reset();
    auto log = open_embedded_log(*disk_, clock_, {.directory = "/data"});
    ASSERT_OK(log);
    log_ = *std::move(log);
  }
  void cut_power(std::uint64_t seed) {
    auto left = disk_->after_power_cut(seed);
    log_.reset();
    disk_ = std::move(left);
    reopen();
  }

  // A random batch of a producer's transaction, or of none; nullopt as a value is a tombstone.
  using Change = std::pair<std::string, std::optional<std::string>>;
  std::vector<Change> append(std::int64_t producer, bool transactional) {
    BatchBuilder builder;
    std::vector<Change> changes;
    builder.set_producer(producer, 0, sequences_[producer]);
    if (transactional) builder.set_transactional();
    const int count = 1 + static_cast<int>(random_() % 5);
    for (int i = 0; i < count; ++i) {
      Change& change = changes.emplace_back(fmt::format("key-{}", random_() % 40), std::nullopt);
      if (random_() % 5 != 0) {
        change.second = fmt::format("{}-", next_value_++) + std::string(random_() % 60, 'v');
        builder.add(change.first, *change.second, 1000 + next_value_);
      } else {
        builder.add_tombstone(change.first, 1000 + next_value_);
      }
    }
    EXPECT_TRUE(log_->append_and_wait(kT, builder.finish()).has_value());
    sequences_[producer] += count;
    return changes;
  }

  void end(std::int64_t producer, bool commit) {
    std::promise<base::Result<AppendResult>> promise;
    log_->end_transaction(kT, producer, 0, commit,
                          [&](auto result) { promise.set_value(std::move(result)); });
    EXPECT_TRUE(promise.get_future().get().has_value());
  }

  struct Read {
    std::map<std::string, std::string> map;
    std::vector<Offset> offsets;
    int tombstones = 0;
  };
  Read read_all(std::size_t bytes_max, Offset from = 0) {
    Read all;
    Offset last = from - 1;
    for (Offset next = from;;) {
      const auto read = log_->read(kT, next, bytes_max);
      EXPECT_TRUE(read.has_value()) << read.error().to_string();
      if (!read) return all;
      for (const auto batch : read->batches) {
        EXPECT_TRUE(for_each_record(batch, [&](const RecordView& record) {
                      if (record.offset < from) return;
                      EXPECT_GT(record.offset, last);
                      last = record.offset;
                      all.offsets.push_back(last);
                      all.tombstones += record.null_value ? 1 : 0;
                      if (record.null_value) {
                        all.map.erase(std::string(*record.key));
                      } else {
                        all.map[std::string(*record.key)] = record.value;
                      }
                    }).has_value());
      }
      if (read->next_offset == next) return all;
      next = read->next_offset;
    }
  }

  static constexpr std::int64_t kTombstones = 1000 * base::kUsPerSecond;
  const std::uint64_t seed_ = static_cast<std::uint64_t>(GetParam());
  std::mt19937_64 random_{seed_};
  base::ManualClock clock_{1'700'000'000 * base::kUsPerSecond};
  std::unique_ptr<SimulatedDisk> disk_ = std::make_unique<SimulatedDisk>(seed_);
  std::unique_ptr<EmbeddedLog> log_;
  std::map<std::int64_t, std::int32_t> sequences_;
  int next_value_ = 0;
};

TEST_P(CompactionTest, KeepsTheLastCommittedValueOfEveryKey) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  std::map<std::string, std::string> expected;
  std::map<std::int64_t, std::vector<std::pair<Offset, Change>>> open;
  std::map<std::string, Offset> offset_of;  // of the change that is in `expected`
  const auto apply = [&](Offset offset, const Change& change) {
    if (offset_of.contains(change.first) && offset_of[change.first] > offset) return;
    offset_of[change.first] = offset;
    expected.erase(change.first);
    if (change.second) expected[change.first] = *change.second;
  };
  for (int step = 0; step < 400 && !HasFailure(); ++step) {
    const Offset at = log_->topic("t")->end_offsets[0];
    const std::int64_t producer = 1 + static_cast<std::int64_t>(random_() % 3);
    const auto dice = random_() % 20;
    if (dice < 9) {
      Offset offset = at;
      for (const Change& change : append(10 + producer, false)) apply(offset++, change);
    } else if (dice < 14) {
      Offset offset = at;
      for (const Change& change : append(producer, true)) {
        open[producer].emplace_back(offset++, change);
      }
    } else if (dice < 17) {
      const bool commit = random_() % 2 == 0;
      end(producer, commit);
      for (const auto& [offset, change] : open[producer]) {
        if (commit) apply(offset, change);
      }
      open[producer].clear();
    } else if (dice == 17) {
      clock_.advance_us(kTombstones / 3);
      ASSERT_OK(log_->enforce_retention(clock_.now_us()));
    } else if (dice == 18) {
      reopen();
    } else if (random_() % 2 == 0) {
      cut_power(random_());
    }
    // Values under an open transaction hide those behind its first offset.
    if (step % 40 != 39) continue;
    for (auto& [id, changes] : open) {
      end(id, true);
      for (const auto& [offset, change] : changes) apply(offset, change);
      changes.clear();
    }
    const Read all = read_all(random_() % 2 == 0 ? 1 : 3000);
    EXPECT_EQ(all.map, expected) << "step " << step;
    const Offset from = static_cast<Offset>(random_()) & 0xff;
    if (from < log_->topic("t")->end_offsets[0]) {
      const Read rest = read_all(1, from);
      EXPECT_TRUE(std::ranges::equal(
          rest.offsets,
          std::ranges::subrange(std::ranges::lower_bound(all.offsets, from), all.offsets.end())));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CompactionTest, testing::Range(1, 21));

using CompactionOnceTest = CompactionTest;

TEST_P(CompactionOnceTest, ShrinksAndForgetsTombstonesAfterTheirTime) {
  for (int i = 0; i < 300; ++i) append(1, false);
  ASSERT_OK(log_->enforce_retention(clock_.now_us()));
  const Read once = read_all(1 << 20);
  EXPECT_LT(once.offsets.size(), 200U);
  EXPECT_GT(once.tombstones, 0);
  clock_.advance_us(kTombstones + base::kUsPerSecond);
  ASSERT_OK(log_->enforce_retention(clock_.now_us()));
  const Read twice = read_all(1 << 20);
  EXPECT_EQ(twice.map, once.map);
  EXPECT_LT(twice.tombstones, once.tombstones);
  reopen();
  EXPECT_EQ(read_all(1).map, once.map);
  EXPECT_EQ(log_->topic("t")->start_offsets[0], 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CompactionOnceTest, testing::Range(1, 3));

TEST(KeyOffsets, RemembersTheLastOffsetOfEachKeyUpToItsBound) {
  KeyOffsets keys(5000);
  for (Offset i = 0; i < 20'000; ++i) EXPECT_TRUE(keys.put(std::to_string(i % 5000), i));
  for (Offset i = 0; i < 5000; ++i) EXPECT_EQ(keys.last(std::to_string(i)), 15'000 + i);
  EXPECT_FALSE(keys.put("one more", 1));
  EXPECT_EQ(keys.last("one more"), std::nullopt);
}

}  // namespace
}  // namespace eventlog
