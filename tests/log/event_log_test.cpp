#include "log/embedded_log.h"
#include "log/event_log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "log/log_fixture.h"
#include "log/round_mark.h"

namespace eventlog {
namespace {

class EventLogTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    log_.reset();
    log_ = open_log(base::posix_file_system(), clock_, folder_.path());
    ASSERT_NE(log_, nullptr);
  }
  AppendResult append(const TopicPartition& partition, std::vector<std::byte> batch) {
    auto result = log_->append_and_wait(partition, std::move(batch));
    EXPECT_TRUE(result.has_value()) << result.error().to_string();
    return result.value_or(AppendResult{-1, -1, false});
  }

  TemporaryFolder folder_;
  base::ManualClock clock_{1'700'000'000 * base::kUsPerSecond};
  std::unique_ptr<EmbeddedLog> log_;
  const TopicPartition scans_{"scans", 0};
};

TEST_F(EventLogTest, GivesBackWhatWasAppendedAcrossReopening) {
  ASSERT_OK(log_->create_topic({.name = "scans", .partitions = 2}));
  EXPECT_EQ(append(scans_, batch_of({"a", "b"})).last_offset, 1);
  EXPECT_EQ(append(scans_, batch_of({"c"})).base_offset, 2);
  EXPECT_EQ(append({"scans", 1}, batch_of({"z"})).base_offset, 0);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(read_values(*log_, scans_), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(read_values(*log_, scans_, 1), (std::vector<std::string>{"b", "c"}));
    EXPECT_EQ(read_values(*log_, {"scans", 1}), (std::vector<std::string>{"z"}));
    const auto info = log_->topic("scans");
    ASSERT_OK(info);
    EXPECT_EQ(info->end_offsets, (std::vector<Offset>{3, 1}));
    EXPECT_EQ(info->config.partitions, 2);
    reopen();
  }
}

TEST_F(EventLogTest, NamesTopicsThatAreWrongMissingOrThere) {
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  const std::vector<std::tuple<std::string, TopicConfig, base::Code>> cases{
      {"exists", {.name = "scans"}, base::Code::kAlreadyExists},
      {"empty name", {.name = ""}, base::Code::kInvalid},
      {"dots", {.name = ".."}, base::Code::kInvalid},
      {"slash", {.name = "a/b"}, base::Code::kInvalid},
      {"long name", {.name = std::string(250, 'a')}, base::Code::kInvalid},
      {"no partition", {.name = "x", .partitions = 0}, base::Code::kInvalid}};
  for (const auto& [what, config, code] : cases) {
    const auto created = log_->create_topic(config);
    ASSERT_FALSE(created.has_value()) << what;
    EXPECT_EQ(created.error().code, code) << what;
  }
  EXPECT_EQ(log_->topic("nope").error().code, base::Code::kNotFound);
  EXPECT_EQ(log_->delete_topic("nope").error().code, base::Code::kNotFound);
  EXPECT_EQ(log_->read({"scans", 1}, 0, 1).error().code, base::Code::kNotFound);
  EXPECT_EQ(log_->append_and_wait({"nope", 0}, batch_of({"a"})).error().code,
            base::Code::kNotFound);
}

TEST_F(EventLogTest, RefusesABatchWhoseChecksumFails) {
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  auto batch = batch_of({"hello"});
  batch.back() ^= std::byte{1};
  EXPECT_EQ(log_->append_and_wait(scans_, std::move(batch)).error().code, base::Code::kCorrupt);
  EXPECT_TRUE(read_values(*log_, scans_).empty());
}

TEST_F(EventLogTest, RollsSegmentsAndReadsAcrossThem) {
  ASSERT_OK(log_->create_topic({.name = "scans", .segment_bytes_max = 4096}));
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    expected.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i % 50) * 4, '.'));
    append(scans_, batch_of({expected.back()}));
  }
  append(scans_, batch_of({std::string(9000, 'L')}));  // larger than a segment
  expected.emplace_back(9000, 'L');
  append(scans_, batch_of({"after"}));
  expected.emplace_back("after");
  EXPECT_GT(segment_files(folder_.path(), "scans").size(), 10U);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(read_values(*log_, scans_), expected);
    EXPECT_EQ(read_values(*log_, scans_, 0, 1), expected);  // one batch at a time
    for (Offset from = 0; from < static_cast<Offset>(expected.size()); from += 7) {
      const auto rest = read_values(*log_, scans_, from);
      EXPECT_EQ(rest.size(), expected.size() - static_cast<std::size_t>(from));
      EXPECT_EQ(rest.front(), expected[static_cast<std::size_t>(from)]);
    }
    if (round == 1) {  // an index is only derived data
      for (const auto& file : segment_files(folder_.path(), "scans")) {
        std::filesystem::remove(base::Path(file).replace_extension(".index"));
      }
    }
    reopen();
  }
}

TEST_F(EventLogTest, RefusesOffsetsOutsideOfWhatIsKept) {
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  append(scans_, batch_of({"a"}));
  for (const Offset offset : {-1L, 2L, 1000L}) {
    const auto result = log_->read(scans_, offset, 100);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, base::Code::kInvalid);
    EXPECT_NE(result.error().message.find("0 to 1"), std::string::npos) << result.error().message;
  }
  EXPECT_TRUE(log_->read(scans_, 1, 100)->batches.empty());
}

TEST_F(EventLogTest, DropsWholeSegmentsBySizeButNeverTheActiveOne) {
  ASSERT_OK(
      log_->create_topic({.name = "scans", .retention_bytes = 10'000, .segment_bytes_max = 4096}));
  for (int i = 0; i < 100; ++i) append(scans_, batch_of({std::string(1000, 'x')}));
  const auto first = log_->read(scans_, 0, 1);
  ASSERT_OK(first);
  const auto dropped = log_->enforce_retention(clock_.now_us());
  ASSERT_OK(dropped);
  EXPECT_GT(*dropped, 20);
  const Offset start = log_->topic("scans")->start_offsets[0];
  EXPECT_GT(start, 80);
  EXPECT_EQ(read_values(*log_, scans_, start).size(), static_cast<std::size_t>(100 - start));
  EXPECT_EQ(log_->read(scans_, 0, 1).error().code, base::Code::kInvalid);
  EXPECT_TRUE(check_batch(first->batches[0]).has_value());  // still mapped
  reopen();
  EXPECT_EQ(log_->topic("scans")->start_offsets[0], start);
  EXPECT_EQ(read_values(*log_, scans_, start).size(), static_cast<std::size_t>(100 - start));
}

TEST_F(EventLogTest, DropsSegmentsByTheAgeOfTheirLastAppend) {
  ASSERT_OK(log_->create_topic({.name = "scans",
                                .retention_us = base::kUsPerDay,
                                .segment_age_max_us = base::kUsPerSecond}));
  append(scans_, batch_of({"old"}));
  clock_.advance_us(2 * base::kUsPerSecond);
  append(scans_, batch_of({"younger"}));  // rolled by age
  EXPECT_EQ(*log_->enforce_retention(clock_.now_us()), 0);
  clock_.advance_us(base::kUsPerDay + base::kUsPerSecond);
  EXPECT_EQ(*log_->enforce_retention(clock_.now_us()), 1);
  EXPECT_EQ(read_values(*log_, scans_, 1), (std::vector<std::string>{"younger"}));
  EXPECT_EQ(*log_->enforce_retention(clock_.now_us() + 100 * base::kUsPerDay), 0);
}

TEST_F(EventLogTest, FindsTheFirstOffsetAtATime) {
  ASSERT_OK(log_->create_topic({.name = "scans", .segment_bytes_max = 4096}));
  for (int i = 0; i < 100; ++i) append(scans_, batch_of({std::string(200, 'x')}, 1000 + 10 * i));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(*log_->offset_at_time(scans_, 0), 0);
    EXPECT_EQ(*log_->offset_at_time(scans_, 1'010'000), 1);
    EXPECT_EQ(*log_->offset_at_time(scans_, 1'010'001), 2);
    EXPECT_EQ(*log_->offset_at_time(scans_, 1'905'000), 91);
    EXPECT_EQ(*log_->offset_at_time(scans_, 1'990'001), 100);
    reopen();
  }
}

TEST_F(EventLogTest, AnswersARepeatedBatchOfAProducerAsADuplicateAlsoAfterReopening) {
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  EXPECT_EQ(log_->last_sequence(scans_, 7), std::nullopt);
  for (int i = 0; i < 8; ++i) append(scans_, batch_of({"a", "b"}, 7, 100 + 2 * i));
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(log_->last_sequence(scans_, 7), 115);
    for (int i = 3; i < 8; ++i) {
      const auto again = append(scans_, batch_of({"a", "b"}, 7, 100 + 2 * i));
      EXPECT_TRUE(again.duplicate);
      EXPECT_EQ(again.base_offset, 2 * i);
    }
    const auto too_old = log_->append_and_wait(scans_, batch_of({"a", "b"}, 7, 100));
    EXPECT_EQ(too_old.error().code, base::Code::kInvalid);
    const auto gap = log_->append_and_wait(scans_, batch_of({"a"}, 7, 118));
    EXPECT_EQ(gap.error().code, base::Code::kInvalid);
    EXPECT_NE(gap.error().message.find("118 came, 116 is next"), std::string::npos)
        << gap.error().message;
    if (round == 1) std::filesystem::remove(folder_.path() / "checkpoint");
    reopen();
  }
  EXPECT_EQ(read_values(*log_, scans_).size(), 16U);
}

TEST_F(EventLogTest, AnswersADuplicateThatArrivesInTheSameRound) {
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  std::vector<std::future<base::Result<AppendResult>>> futures;
  for (int i = 0; i < 50; ++i) {
    const auto promise = std::make_shared<std::promise<base::Result<AppendResult>>>();
    futures.push_back(promise->get_future());
    log_->append(scans_, batch_of({"x"}, 9, i / 2),
                 [promise](auto result) { promise->set_value(result); });
  }
  for (int i = 0; i < 50; ++i) {
    const auto result = futures[static_cast<std::size_t>(i)].get();
    ASSERT_OK(result);
    EXPECT_EQ(result->base_offset, i / 2);
    EXPECT_EQ(result->duplicate, i % 2 == 1);
  }
}

TEST_F(EventLogTest, FencesOlderEpochsAndWrapsSequences) {
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  append(scans_, batch_of({"a", "b"}, 7, 2147483646, 1));
  EXPECT_FALSE(append(scans_, batch_of({"c"}, 7, 0, 1)).duplicate);
  EXPECT_EQ(log_->append_and_wait(scans_, batch_of({"d"}, 7, 1, 0)).error().code,
            base::Code::kInvalid);
  EXPECT_EQ(log_->append_and_wait(scans_, batch_of({"d"}, 7, 5, 2)).error().code,
            base::Code::kInvalid);
  append(scans_, batch_of({"d"}, 7, 0, 2));
  EXPECT_EQ(log_->last_sequence(scans_, 7), 0);
}

TEST_F(EventLogTest, ForgetsAProducerAfterSevenDays) {
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  append(scans_, batch_of({"a"}, 7, 0));
  clock_.advance_us(8 * base::kUsPerDay);
  ASSERT_OK(log_->enforce_retention(clock_.now_us()));
  EXPECT_EQ(log_->last_sequence(scans_, 7), std::nullopt);
}

TEST_F(EventLogTest, KeepsTheOffsetsOfGroups) {
  ASSERT_OK(log_->create_topic({.name = "scans", .partitions = 2}));
  ASSERT_OK(log_->commit_offsets("bronze", {{scans_, 5}, {{"scans", 1}, 6}}));
  ASSERT_OK(log_->commit_offsets("gold", {{scans_, 1}}));
  ASSERT_OK(log_->commit_offsets("bronze", {{scans_, 9}}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(*log_->committed_offsets("bronze"),
              (std::map<TopicPartition, Offset>{{scans_, 9}, {{"scans", 1}, 6}}));
    EXPECT_TRUE(log_->committed_offsets("nobody")->empty());
    reopen();
  }
  {
    std::ofstream file(folder_.path() / "offsets.log", std::ios::app);
    file << "1234abcd {\"commits\":[{\"gro";  // a torn line
  }
  reopen();
  EXPECT_EQ(log_->committed_offsets("bronze")->at(scans_), 9);
  ASSERT_OK(log_->commit_offsets("bronze", {{scans_, 10}}));
  ASSERT_OK(log_->delete_topic("scans"));
  reopen();
  EXPECT_TRUE(log_->committed_offsets("bronze")->empty());
}

TEST_F(EventLogTest, CommitsOffsetsFromManyThreadsAndShortensTheFile) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 1; i <= 50; ++i) {
        std::map<TopicPartition, Offset> offsets;
        for (int p = 0; p < 100; ++p) offsets[{"scans", p}] = i;
        EXPECT_TRUE(log_->commit_offsets("group-" + std::to_string(t), offsets).has_value());
      }
    });
  }
  threads.clear();
  EXPECT_LT(std::filesystem::file_size(folder_.path() / "offsets.log"), 1200U << 10U);
  reopen();
  for (int t = 0; t < 4; ++t) {
    EXPECT_EQ(log_->committed_offsets("group-" + std::to_string(t))->at({"scans", 99}), 50);
  }
}

TEST_F(EventLogTest, ForgetsADeletedTopicAndStartsItsNamesakeAfresh) {
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  append(scans_, batch_of({"a"}));
  const auto held = log_->read(scans_, 0, 1);
  reopen();
  ASSERT_OK(log_->delete_topic("scans"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "topics" / "scans"));
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  EXPECT_EQ(append(scans_, batch_of({"b"})).base_offset, 0);
  reopen();
  EXPECT_EQ(read_values(*log_, scans_), (std::vector<std::string>{"b"}));
  EXPECT_TRUE(check_batch(held->batches[0]).has_value());
}

TEST_F(EventLogTest, RefusesASecondOpeningOfTheFolder) {
  const auto second =
      open_embedded_log(base::posix_file_system(), clock_, {.directory = folder_.path()});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, base::Code::kUnavailable);
}

TEST_F(EventLogTest, WakesAWaiterWhenOneOfItsPartitionsGetsData) {
  ASSERT_OK(log_->create_topic({.name = "scans", .partitions = 50}));
  std::vector<std::pair<TopicPartition, Offset>> positions;
  for (int p = 0; p < 50; ++p) positions.push_back({{"scans", p}, 0});
  EXPECT_FALSE(log_->wait_for_data(positions, 20'000));
  std::atomic<bool> woken{false};
  std::jthread waiter([&] { woken = log_->wait_for_data(positions, 30'000'000); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(woken);
  const auto start = std::chrono::steady_clock::now();
  append({"scans", 33}, batch_of({"a"}));
  waiter.join();
  EXPECT_TRUE(woken);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_TRUE(log_->wait_for_data(positions, 0));
  positions[33].second = 1;
  EXPECT_FALSE(log_->wait_for_data(positions, 1000));
}

TEST_F(EventLogTest, SlowsProducersDownWhenTheQueueIsFull) {
  log_.reset();
  log_ = open_log(base::posix_file_system(), clock_, folder_.path(), 50'000);
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  std::atomic<int> kept{0};
  std::atomic<int> refused{0};
  for (int i = 0; i < 500; ++i) {
    log_->append(scans_, batch_of({std::string(10'000, 'x')}),
                 [&](const base::Result<AppendResult>& result) {
                   if (result) {
                     ++kept;
                   } else {
                     EXPECT_EQ(result.error().code, base::Code::kUnavailable);
                     ++refused;
                   }
                 });
  }
  log_.reset();  // answers everything first
  EXPECT_EQ(kept + refused, 500);
  EXPECT_GT(refused, 0);
  reopen();
  EXPECT_EQ(read_values(*log_, scans_).size(), static_cast<std::size_t>(kept));
}

TEST_F(EventLogTest, LetsReadersFollowWhileProducersAppend) {
  ASSERT_OK(log_->create_topic({.name = "scans", .partitions = 2, .segment_bytes_max = 16'384}));
  constexpr int kBatches = 400;
  std::vector<std::jthread> threads;
  for (int p = 0; p < 2; ++p) {
    threads.emplace_back([this, p] {
      for (int i = 0; i < kBatches; ++i)
        append({"scans", p}, batch_of({std::to_string(2 * i), std::to_string(2 * i + 1)}));
    });
    for (int reader = 0; reader < 2; ++reader) {
      threads.emplace_back([this, p] {
        const TopicPartition at{"scans", p};
        Offset next = 0;
        while (next < 2 * kBatches) {
          if (!log_->wait_for_data({{at, next}}, 10'000'000)) FAIL() << "no data came";
          for (const std::string& value : read_values(*log_, at, next))
            ASSERT_EQ(value, std::to_string(next++));
        }
      });
    }
  }
  threads.clear();
}

TEST_F(EventLogTest, TellsADamagedBatchByFileAndByteWhenItIsRead) {
  ASSERT_OK(log_->create_topic({.name = "scans"}));
  append(scans_, batch_of({"first"}));
  append(scans_, batch_of({"second"}));
  log_.reset();
  const auto file = segment_files(folder_.path(), "scans").front();
  {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(kMarkSize + 61 + 6);
    stream.put('!');
  }
  reopen();  // the checkpoint covers it
  const auto result = log_->read(scans_, 0, 1);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, base::Code::kCorrupt);
  EXPECT_NE(
      result.error().message.find(file.filename().string() + fmt::format(", byte {}", kMarkSize)),
      std::string::npos)
      << result.error().message;
  EXPECT_EQ(read_values(*log_, scans_, 1), (std::vector<std::string>{"second"}));
}

}  // namespace
}  // namespace eventlog
