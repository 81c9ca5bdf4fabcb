// Segment files over their life: reserved in steps, prepared ahead, used again after retention, cut
// by power failures at any moment; durability by topic; many partitions.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "log/embedded_log.h"
#include "log/log_fixture.h"
#include "log/round_mark.h"
#include "log/simulated_disk.h"

namespace eventlog {
namespace {

const base::ManualClock kClock{1'700'000'000 * base::kUsPerSecond};
const TopicPartition kT{"t", 0};

std::vector<std::string> values_from_start(const EventLog& log, const TopicPartition& at) {
  const auto info = log.topic(at.topic);
  return read_values(log, at, info->start_offsets[static_cast<std::size_t>(at.partition)]);
}

// Segments of 1 MiB, so that files are prepared and used again, and a retention of two of them.
class UsedFiles : public testing::TestWithParam<int> {
 protected:
  void live(SimulatedDisk& disk, EmbeddedLog& log, std::chrono::milliseconds life) {
    std::atomic<bool> over{false};
    std::jthread producer([&] {
      while (!over) {
        const auto partition = static_cast<Partition>(random_() % 2);
        std::vector<std::string> values(1 + random_() % 3);
        for (auto& value : values) {
          value =
              fmt::format("{:08}", next_value_++) + std::string(20'000 + random_() % 60'000, 'v');
        }
        log.append({"t", partition}, batch_of(values), [this, partition, values](const auto& done) {
          const std::scoped_lock lock(mutex_);
          if (!recording_ || !done) return;
          for (std::size_t i = 0; i < values.size(); ++i) {
            told_[{partition, done->base_offset + static_cast<Offset>(i)}] = values[i].substr(0, 8);
          }
        });
        if (random_() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
      }
    });
    const auto end = std::chrono::steady_clock::now() + life;
    while (std::chrono::steady_clock::now() < end) {
      ASSERT_OK(log.enforce_retention(kClock.now_us()));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    {
      const std::scoped_lock lock(mutex_);
      recording_ = false;
    }
    left_ = disk.after_power_cut(static_cast<std::uint64_t>(next_value_) + 1);
    over = true;
  }

  void check(const EventLog& log) {
    const auto info = log.topic("t");
    ASSERT_OK(info);
    std::map<std::pair<Partition, Offset>, std::string> now;
    for (Partition p = 0; p < 2; ++p) {
      Offset offset = info->start_offsets[static_cast<std::size_t>(p)];
      std::string last;
      for (const std::string& value : values_from_start(log, {"t", p})) {
        EXPECT_LT(last, value.substr(0, 8));
        last = value.substr(0, 8);
        now[{p, offset++}] = last;
      }
    }
    for (const auto& [at, value] : told_) {
      if (at.second < info->start_offsets[static_cast<std::size_t>(at.first)]) continue;
      ASSERT_TRUE(now.contains(at)) << "acknowledged and lost: " << at.first << " " << at.second;
      EXPECT_EQ(now[at], value);
    }
    told_ = std::move(now);
  }

  const std::uint64_t seed_ = static_cast<std::uint64_t>(GetParam());
  std::mt19937_64 random_{seed_};
  std::unique_ptr<SimulatedDisk> left_;
  std::atomic<int> next_value_{0};
  std::mutex mutex_;
  bool recording_ = false;
  std::map<std::pair<Partition, Offset>, std::string> told_;
};

TEST_P(UsedFiles, NeverShowOldBytesAfterAPowerCut) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  auto disk = std::make_unique<SimulatedDisk>(seed_);
  for (int generation = 0; generation < 3 && !HasFailure(); ++generation) {
    auto log = open_log(*disk, kClock, "/data", 4UL << 20);
    ASSERT_NE(log, nullptr);
    if (generation == 0) {
      ASSERT_OK(log->create_topic({.name = "t",
                                   .partitions = 2,
                                   .retention_bytes = 2 << 20,
                                   .segment_bytes_max = 1 << 20}));
    }
    check(*log);
    recording_ = true;
    live(*disk, *log, std::chrono::milliseconds(60 + seed_ * 13 % 50));
    log.reset();
    disk = std::move(left_);
  }
  const auto log = open_log(*disk, kClock, "/data");
  ASSERT_NE(log, nullptr);
  check(*log);
}

INSTANTIATE_TEST_SUITE_P(Seeds, UsedFiles, testing::Range(1, 9));

TEST(SegmentFiles, AreUsedAgainAndReadersKeepWhatTheyHold) {
  const TemporaryFolder folder;
  const auto log = open_log(base::posix_file_system(), kClock, folder.path());
  ASSERT_OK(
      log->create_topic({.name = "t", .retention_bytes = 2 << 20, .segment_bytes_max = 1 << 20}));
  std::vector<std::byte> first;
  base::Result<ReadResult> held;
  bool spare = false;
  for (int i = 0; i < 200; ++i) {
    ASSERT_OK(
        log->append_and_wait(kT, batch_of({fmt::format("{:08}", i) + std::string(50'000, 'x')})));
    if (i == 30) {
      held = log->read(kT, i, 1);
      ASSERT_OK(held);
      first.assign(held->batches[0].begin(), held->batches[0].end());
    }
    ASSERT_OK(log->enforce_retention(kClock.now_us()));
    spare = spare || !std::filesystem::is_empty(folder.path() / "spare");
  }
  EXPECT_TRUE(spare);
  EXPECT_TRUE(std::ranges::equal(held->batches[0], first));
  const auto values = values_from_start(*log, kT);
  EXPECT_EQ(values.back().substr(0, 8), "00000199");
}

TEST(SegmentFiles, TakeLittleSpaceWhileTheyAreSmall) {
  const TemporaryFolder folder;
  const auto log = open_log(base::posix_file_system(), kClock, folder.path());
  ASSERT_OK(log->create_topic({.name = "t"}));
  ASSERT_OK(log->append_and_wait(kT, batch_of({"small"})));
  EXPECT_LE(std::filesystem::file_size(segment_files(folder.path(), "t").front()), 64U << 10U);
  for (int i = 0; i < 40; ++i) {
    ASSERT_OK(log->append_and_wait(kT, batch_of({std::string(100'000, 'x')})));
  }
  EXPECT_LE(std::filesystem::file_size(segment_files(folder.path(), "t").front()), 16U << 20U);
  EXPECT_EQ(read_values(*log, kT).size(), 41U);
}

TEST(DurabilityTest, WaitsForNoSyncUnlessItIsDisk) {
  SimulatedDisk disk(1);
  const auto log = open_log(disk, kClock, "/data");
  for (const auto durability : {Durability::kMemory, Durability::kOs}) {
    const std::string name = durability == Durability::kOs ? "os" : "memory";
    ASSERT_OK(log->create_topic({.name = name, .durability = durability}));
    ASSERT_OK(log->append_and_wait({name, 0}, batch_of({"first"})));
  }
  disk.set_faults({.fail_syncs = true});
  for (const char* name : {"os", "memory"}) {
    ASSERT_OK(log->append_and_wait({name, 0}, batch_of({"second"})));
    EXPECT_EQ(read_values(*log, {name, 0}), (std::vector<std::string>{"first", "second"}));
  }
  disk.set_faults({});
}

TEST(DurabilityTest, LosesOnlyTheEndWithoutSyncsAndNothingFromDiskOn) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    auto disk = std::make_unique<SimulatedDisk>(seed);
    auto log = open_embedded_log(*disk, kClock, {.directory = "/data"});
    ASSERT_OK(log);
    TopicConfig config{.name = "t", .durability = Durability::kOs, .segment_bytes_max = 2048};
    ASSERT_OK((*log)->create_topic(config));
    std::vector<std::string> sent;
    const auto append = [&] {
      sent.push_back(fmt::format("{:04}", sent.size()) + std::string(seed * 37 % 400, '.'));
      ASSERT_OK((*log)->append_and_wait(kT, batch_of({sent.back()})));
    };
    for (int i = 0; i < 40; ++i) append();
    std::size_t safe = 0;
    if (seed % 2 == 0) {
      config.durability = Durability::kDisk;
      ASSERT_OK((*log)->alter_topic(config));
      for (int i = 0; i < 20; ++i) append();
      safe = sent.size();
      if (seed % 4 == 0) {
        config.durability = Durability::kOs;
        ASSERT_OK((*log)->alter_topic(config));
        for (int i = 0; i < 20; ++i) append();
      }
    }
    auto left = disk->after_power_cut(seed);
    log->reset();
    disk = std::move(left);
    const auto after = open_log(*disk, kClock, "/data");
    ASSERT_NE(after, nullptr);
    const auto values = read_values(*after, kT);
    EXPECT_GE(values.size(), safe);
    ASSERT_LE(values.size(), sent.size());
    EXPECT_TRUE(std::equal(values.begin(), values.end(), sent.begin()));
  }
}

TEST(SegmentFiles, OfAnotherFormatAreRefusedAndLeftAlone) {
  SimulatedDisk disk(1);
  auto log = open_log(disk, kClock, "/data");
  ASSERT_OK(log->create_topic({.name = "t"}));
  log.reset();
  auto text = *base::read_file(disk, "/data/topics/t/topic.json");
  text.replace(text.find("\"format\": 2"), 11, "\"format\": 1");
  ASSERT_OK(base::write_file_durably(disk, "/data/topics/t/topic.json", text));
  const auto refused = open_embedded_log(disk, kClock, {.directory = "/data"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, base::Code::kUnsupported);
}

TEST(ManyPartitions, OpenInSecondsAfterACrash) {
  const TemporaryFolder folder("/dev/shm");
  const base::Path live = folder.path() / "live";
  constexpr int kPartitions = 2000;
  const auto log = open_log(base::posix_file_system(), kClock, live);
  ASSERT_OK(log->create_topic({.name = "t", .partitions = kPartitions}));
  std::vector<std::future<void>> done;
  for (Partition p = 0; p < kPartitions; ++p) {
    const auto promise = std::make_shared<std::promise<void>>();
    done.push_back(promise->get_future());
    log->append({"t", p}, batch_of({"x"}, p, 0), [promise](const auto& result) {
      EXPECT_TRUE(result.has_value());
      promise->set_value();
    });
  }
  for (auto& each : done) each.get();
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++files;
  }
  EXPECT_LT(files, 600U);
  const base::Path crashed = folder.path() / "crashed";
  std::filesystem::copy(live, crashed, std::filesystem::copy_options::recursive);
  const auto start = std::chrono::steady_clock::now();
  const auto again = open_log(base::posix_file_system(), kClock, crashed);
  ASSERT_NE(again, nullptr);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(again->last_sequence({"t", 1999}, 1999), 0);
}

}  // namespace
}  // namespace eventlog
