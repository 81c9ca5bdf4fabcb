// Transactions in partitions: the last stable offset, what committed readers see, fencing.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <thread>

#include "log/embedded_log.h"
#include "log/log_fixture.h"
#include "log/simulated_disk.h"

namespace eventlog {
namespace {

const base::ManualClock kClock{1'700'000'000 * base::kUsPerSecond};
const TopicPartition kT{"t", 0};

std::vector<std::byte> transactional(std::int64_t producer, std::int32_t sequence,
                                     const std::vector<std::string>& values,
                                     std::int16_t epoch = 0) {
  BatchBuilder builder;
  builder.set_producer(producer, epoch, sequence);
  builder.set_transactional();
  for (const std::string& value : values) builder.add("key", value, 1000);
  return builder.finish();
}

class PartitionTransactionTest : public testing::Test {
 protected:
  void SetUp() override {
    reopen();
    ASSERT_OK(log_->create_topic({.name = "t", .segment_bytes_max = 2048}));
  }
  void reopen(bool without_checkpoint = false) {
    log_.reset();
    if (without_checkpoint) static_cast<void>(disk_.remove("/data/checkpoint"));
    auto log = open_embedded_log(disk_, kClock, {.directory = "/data"});
    ASSERT_OK(log);
    log_ = *std::move(log);
  }
  base::Result<AppendResult> end(std::int64_t producer, bool commit, std::int16_t epoch = 0) {
    std::promise<base::Result<AppendResult>> promise;
    log_->end_transaction(kT, producer, epoch, commit,
                          [&](auto result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  std::pair<Refusal, Offset> store(std::vector<std::byte> batch) {
    std::promise<std::pair<Refusal, Offset>> promise;
    log_->store(kT, std::move(batch), [&](auto result, Refusal refusal) {
      promise.set_value({refusal, result ? result->base_offset : -1});
    });
    return promise.get_future().get();
  }
  // What read() gives, one batch at a time.
  std::vector<std::string> committed() {
    std::vector<std::string> values;
    for (Offset next = log_->topic("t")->start_offsets[0];;) {
      const auto read = log_->read(kT, next, 1);
      EXPECT_TRUE(read.has_value()) << read.error().to_string();
      for (const auto batch : read->batches) {
        EXPECT_TRUE(for_each_record(batch, [&](const RecordView& record) {
                      values.emplace_back(record.value);
                    }).has_value());
      }
      if (read->next_offset == next) break;
      next = read->next_offset;
    }
    return values;
  }

  SimulatedDisk disk_{1};
  std::unique_ptr<EmbeddedLog> log_;
};

TEST_F(PartitionTransactionTest, HidesRecordsUntilTheyAreCommitted) {
  EXPECT_EQ(store(transactional(1, 0, {"a", "b"})), std::pair(Refusal::kNone, Offset{0}));
  ASSERT_OK(log_->append_and_wait(kT, batch_of({"plain"})));
  for (int round = 0; round < 3; ++round) {
    const auto info = log_->topic("t");
    EXPECT_EQ(info->stable_offsets[0], 0);
    EXPECT_EQ(info->end_offsets[0], 3);
    EXPECT_TRUE(committed().empty());
    EXPECT_FALSE(log_->wait_for_data({{kT, 0}}, 1000));
    reopen(round == 1);
  }
  const auto ended = end(1, true);
  ASSERT_OK(ended);
  EXPECT_EQ(ended->base_offset, 3);
  EXPECT_EQ(committed(), (std::vector<std::string>{"a", "b", "plain"}));
  EXPECT_EQ(log_->topic("t")->stable_offsets[0], 4);
}

TEST_F(PartitionTransactionTest, LeavesOutWhatWasRolledBackAndNamesItToRawReaders) {
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::to_string(i);
    store(transactional(1, 2 * i, {"one-" + name + std::string(200, '.')}));
    store(transactional(2, 2 * i, {"two-" + name}));
    store(transactional(1, 2 * i + 1, {"one-again-" + name}));
    store(transactional(2, 2 * i + 1, {"two-again-" + name}));
    ASSERT_OK(end(1, i % 3 == 0));
    ASSERT_OK(end(2, i % 2 == 0));
  }
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::to_string(i);
    if (i % 3 == 0) expected.push_back("one-" + name + std::string(200, '.'));
    if (i % 2 == 0) expected.push_back("two-" + name);
    if (i % 3 == 0) expected.push_back("one-again-" + name);
    if (i % 2 == 0) expected.push_back("two-again-" + name);
  }
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(committed(), expected) << "round " << round;
    const auto raw = log_->fetch(kT, 0, 1 << 20, Isolation::kReadCommitted, true);
    ASSERT_OK(raw);
    EXPECT_EQ(raw->batches.size(), 120U);
    EXPECT_EQ(raw->next_offset, 120);
    EXPECT_EQ(raw->aborted.size(), 23U);
    EXPECT_EQ(raw->aborted.front().first_offset, 6 + 0);
    const auto middle = log_->fetch(kT, 13, 1, Isolation::kReadCommitted, true);
    ASSERT_OK(middle);
    EXPECT_EQ(middle->aborted.size(), 1U);
    EXPECT_EQ(log_->fetch(kT, 0, 1 << 20, Isolation::kReadUncommitted, true)->aborted.size(), 0U);
    reopen(round == 1);
  }
}

TEST_F(PartitionTransactionTest, FencesOlderEpochsWithAndWithoutAnOpenTransaction) {
  store(transactional(1, 0, {"a"}));
  ASSERT_OK(end(1, false, 1));
  EXPECT_EQ(store(transactional(1, 1, {"late"})).first, Refusal::kFencedEpoch);
  EXPECT_EQ(store(transactional(1, 3, {"gap"}, 1)).first, Refusal::kOutOfOrderSequence);
  EXPECT_EQ(store(transactional(1, 0, {"b"}, 1)).first, Refusal::kNone);
  ASSERT_OK(end(1, true, 1));
  const Offset before = log_->topic("t")->end_offsets[0];
  ASSERT_OK(end(1, true, 1));  // again: nothing is open
  ASSERT_OK(end(1, true, 2));
  EXPECT_EQ(log_->topic("t")->end_offsets[0], before);
  EXPECT_EQ(store(transactional(1, 1, {"late"}, 1)).first, Refusal::kFencedEpoch);
  EXPECT_FALSE(end(1, true, 1).has_value());
  EXPECT_EQ(committed(), (std::vector<std::string>{"b"}));
}

TEST_F(PartitionTransactionTest, TellsRefusalsApart) {
  ASSERT_OK(log_->create_topic({.name = "keyed", .cleanup = Cleanup::kCompact}));
  ASSERT_OK(log_->create_topic({.name = "small", .batch_bytes_max = 100}));
  const auto refusal_of = [&](const std::string& topic, std::vector<std::byte> batch) {
    std::promise<Refusal> promise;
    log_->store({topic, 0}, std::move(batch),
                [&](const auto&, Refusal refusal) { promise.set_value(refusal); });
    return promise.get_future().get();
  };
  auto corrupt = batch_of({"x"});
  corrupt.back() ^= std::byte{1};
  auto magic = batch_of({"x"});
  magic[16] = std::byte{1};
  EXPECT_EQ(refusal_of("nope", batch_of({"x"})), Refusal::kUnknownPartition);
  EXPECT_EQ(refusal_of("t", corrupt), Refusal::kCorrupt);
  EXPECT_EQ(refusal_of("t", magic), Refusal::kCorrupt);
  EXPECT_EQ(refusal_of("t", {}), Refusal::kCorrupt);
  EXPECT_EQ(refusal_of("keyed", batch_of({"x"})), Refusal::kInvalidRecord);
  EXPECT_EQ(refusal_of("small", batch_of({std::string(100, 'x')})), Refusal::kTooLarge);
  EXPECT_EQ(refusal_of("t", end_marker(1, 0, true, 0)), Refusal::kInvalidRecord);
  EXPECT_EQ(refusal_of("keyed", batch_of({"x"}, 1, 0)), Refusal::kNone);
}

TEST_F(PartitionTransactionTest, CallsWatchersForAppendsAndMovedStableOffsetsUntilTheyGo) {
  std::atomic<int> calls{0};
  auto watch = log_->watch({kT}, [&] { ++calls; });
  store(transactional(1, 0, {"a"}));
  for (int i = 0; i < 1000 && calls < 1; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(calls, 1);
  ASSERT_OK(end(1, true));
  for (int i = 0; i < 1000 && calls < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(calls, 2);
  watch.reset();
  ASSERT_OK(log_->append_and_wait(kT, batch_of({"x"})));
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(calls, 2);
}

TEST_F(PartitionTransactionTest, GivesProducerIdsOnlyOnceOverRestarts) {
  std::set<std::int64_t> seen;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1500; ++i) EXPECT_TRUE(seen.insert(*log_->new_producer_id()).second);
    reopen();
  }
}

TEST_F(PartitionTransactionTest, ChangesTopicsWhileTheyAreUsed) {
  ASSERT_OK(log_->append_and_wait(kT, batch_of({"a"})));
  auto config = log_->topic("t")->config;
  config.append_time = true;
  config.retention_us = 5;
  ASSERT_OK(log_->alter_topic(config));
  const auto stamped = log_->append_and_wait(kT, batch_of({"b"}));
  ASSERT_OK(stamped);
  EXPECT_EQ(stamped->append_time_ms, kClock.now_us() / 1000);
  ASSERT_OK(log_->add_partitions("t", 3));
  ASSERT_OK(log_->append_and_wait({"t", 2}, batch_of({"c"})));
  EXPECT_EQ(log_->add_partitions("t", 2).error().code, base::Code::kInvalid);
  config.partitions = 1;
  EXPECT_EQ(log_->alter_topic(config).error().code, base::Code::kInvalid);
  reopen();
  const auto info = log_->topic("t");
  EXPECT_EQ(info->end_offsets, (std::vector<Offset>{2, 0, 1}));
  EXPECT_EQ(info->config.retention_us, 5);
  EXPECT_EQ(log_->list_offset_at(kT, 1001)->offset, 1);
  EXPECT_EQ(log_->list_offset_at(kT, 1)->timestamp_ms, 1000);
  EXPECT_EQ(log_->list_greatest_time(kT)->offset, 1);
}

TEST_F(PartitionTransactionTest, MakesDeletedRecordsUnreadableForGood) {
  for (int i = 0; i < 40; ++i)
    ASSERT_OK(log_->append_and_wait(kT, batch_of({std::string(200, 'x')})));
  EXPECT_EQ(*log_->delete_records(kT, 25), 25);
  EXPECT_EQ(*log_->delete_records(kT, 5), 25);
  EXPECT_FALSE(log_->delete_records(kT, 41).has_value());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(log_->topic("t")->start_offsets[0], 25);
    EXPECT_FALSE(log_->read(kT, 24, 1).has_value());
    EXPECT_EQ(committed().size(), 15U);
    reopen();
  }
  EXPECT_EQ(*log_->delete_records(kT, -1), 40);
  EXPECT_TRUE(committed().empty());
  ASSERT_OK(log_->append_and_wait(kT, batch_of({"after"})));
  reopen();
  EXPECT_EQ(committed(), (std::vector<std::string>{"after"}));
}

}  // namespace
}  // namespace eventlog
