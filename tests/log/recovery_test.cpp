// What opening does with what crashes, power cuts and bad bytes leave.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "base/logging.h"
#include "log/embedded_log.h"
#include "log/log_fixture.h"
#include "log/round_mark.h"
#include "log/simulated_disk.h"

namespace eventlog {
namespace {

const base::ManualClock kClock{1'700'000'000 * base::kUsPerSecond};

// A folder as it is in the middle of a process' life: three batches in one segment, each a round.
class TornTail : public testing::Test {
 protected:
  void SetUp() override {
    const base::Path live = folder_.path() / "live";
    const auto log = open_log(base::posix_file_system(), kClock, live);
    ASSERT_NE(log, nullptr);
    ASSERT_OK(log->create_topic({.name = "t", .segment_bytes_max = 16'384}));
    for (const char* value : {"one", "two", "three"}) {
      const auto batch = batch_of({value, std::string(20, '.')}, 5, sequence_);
      batch_size_ = batch.size();
      ASSERT_OK(log->append_and_wait({"t", 0}, batch));
      sequence_ += 2;
    }
    std::filesystem::copy(live, crashed_, std::filesystem::copy_options::recursive);
    std::filesystem::remove(crashed_ / "checkpoint");
    const base::Path segment = segment_files(crashed_, "t").front();
    std::ifstream stream(segment, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(stream), {});
    end_ = 3 * kMarkSize + 2 * (batch_size_ - 2) + batch_size_;  // "three" is two longer
  }

  // Opens a copy whose segment has these bytes.
  base::Result<std::unique_ptr<EventLog>> open_with(const std::string& bytes) {
    opened_ = folder_.path() / ("opened-" + std::to_string(++copies_));
    std::filesystem::copy(crashed_, opened_, std::filesystem::copy_options::recursive);
    std::ofstream(segment_files(opened_, "t").front(), std::ios::binary | std::ios::trunc) << bytes;
    return open_embedded_log(base::posix_file_system(), kClock, {.directory = opened_});
  }

  void expect_two_batches_and_a_working_log(const std::string& bytes, const std::string& what) {
    SCOPED_TRACE(what);
    auto log = open_with(bytes);
    ASSERT_OK(log);
    std::vector<std::string> expected{"one", std::string(20, '.'), "two", std::string(20, '.')};
    EXPECT_EQ(read_values(**log, {"t", 0}), expected);
    EXPECT_EQ((*log)->last_sequence({"t", 0}, 5), 3);
    ASSERT_OK((*log)->append_and_wait({"t", 0}, batch_of({"again"}, 5, 4)));
    expected.emplace_back("again");
    log->reset();
    const auto reopened = open_log(base::posix_file_system(), kClock, opened_);
    ASSERT_NE(reopened, nullptr);
    EXPECT_EQ(read_values(*reopened, {"t", 0}), expected);
    std::filesystem::remove_all(opened_);
  }

  TemporaryFolder folder_{"/dev/shm"};  // hundreds of openings
  const base::Path crashed_ = folder_.path() / "crashed";
  base::Path opened_;
  int copies_ = 0;
  int sequence_ = 0;
  std::size_t batch_size_ = 0;  // of the last batch
  std::string bytes_;
  std::size_t end_ = 0;  // behind the last batch
};

TEST_F(TornTail, KeepsAllThreeWhenNothingIsTorn) {
  ASSERT_NE(bytes_[end_ - 2], '\0');
  ASSERT_EQ(bytes_.find_first_not_of('\0', end_), std::string::npos);
  const auto log = open_with(bytes_);
  ASSERT_OK(log);
  EXPECT_EQ(read_values(**log, {"t", 0}).size(), 6U);
  EXPECT_EQ((*log)->last_sequence({"t", 0}, 5), 5);
}

TEST_F(TornTail, IsCutAtEveryByteOfTheLastBatch) {
  for (std::size_t lost = 2; lost <= batch_size_ + kMarkSize; ++lost) {
    std::string bytes = bytes_;
    bytes.resize(end_ - lost);
    expect_two_batches_and_a_working_log(bytes, fmt::format("file ends {} bytes early", lost));
    bytes.resize(bytes_.size());
    expect_two_batches_and_a_working_log(bytes, fmt::format("last {} bytes are zeros", lost));
  }
}

TEST_F(TornTail, IsCutWhereGarbageBegins) {
  std::mt19937 random(42);
  for (std::size_t lost = 1; lost <= batch_size_ + kMarkSize; lost += 3) {
    std::string bytes = bytes_;
    for (std::size_t i = end_ - lost; i < end_ + 700; ++i)
      bytes[i] = static_cast<char>(random() | 1U);
    expect_two_batches_and_a_working_log(bytes, fmt::format("garbage in the last {} bytes", lost));
  }
}

TEST_F(TornTail, OfZerosInFrontOfLaterBytesIsCutToo) {
  std::string bytes = bytes_;
  const std::size_t third = end_ - batch_size_ - kMarkSize;
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(third), kMarkSize + 20, '\0');
  expect_two_batches_and_a_working_log(bytes, "the mark and the header's start are lost");
}

TEST_F(TornTail, IsCorruptionWhenALaterRoundStandsBehindTheBadBatch) {
  const std::size_t second = kMarkSize + batch_size_ - 2;
  for (std::size_t at = second; at < second + kMarkSize + batch_size_ - 2; ++at) {
    // The leader epoch is under no checksum and means nothing here.
    if (at >= second + kMarkSize + 12 && at < second + kMarkSize + 16) continue;
    std::string bytes = bytes_;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    const auto log = open_with(bytes);
    ASSERT_FALSE(log.has_value()) << at;
    EXPECT_EQ(log.error().code, base::Code::kCorrupt);
    const std::size_t named = at < second + kMarkSize ? second : second + kMarkSize;
    EXPECT_NE(log.error().message.find(fmt::format("00000000000000000000.log, byte {}:", named)),
              std::string::npos)
        << at << ": " << log.error().message;
  }
}

TEST_F(TornTail, IsCorruptionWhenAFileIsShorterThanTheCheckpointSays) {
  const base::Path live = folder_.path() / "live";
  const base::Path segment = segment_files(live, "t").front();
  std::filesystem::resize_file(segment, end_ - 1);
  const auto log = open_embedded_log(base::posix_file_system(), kClock, {.directory = live});
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(log.error().code, base::Code::kCorrupt);
  std::filesystem::remove(segment);
  const auto gone = open_embedded_log(base::posix_file_system(), kClock, {.directory = live});
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, base::Code::kCorrupt);
}

TEST(FullDisk, RefusesWithAMendKeepsNothingHalfAndGoesOn) {
  SimulatedDisk disk(1);
  auto log = open_log(disk, kClock, "/data");
  ASSERT_OK(log->create_topic({.name = "t", .segment_bytes_max = 4096}));
  disk.set_faults({.bytes_max = 30'000});
  std::vector<std::string> kept;
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) {
    const std::string value = std::to_string(i) + std::string(500, '.');
    const auto result = log->append_and_wait({"t", 0}, batch_of({value}, 3, i));
    if (result) {
      kept.push_back(value);
      continue;
    }
    refused = true;
    EXPECT_EQ(result.error().code, base::Code::kUnavailable);
    EXPECT_NE(result.error().mend.find("free space"), std::string::npos)
        << result.error().to_string();
  }
  ASSERT_TRUE(refused);
  EXPECT_GT(kept.size(), 10U);
  EXPECT_EQ(read_values(*log, {"t", 0}), kept);
  disk.set_faults({});
  const auto next = static_cast<std::int32_t>(kept.size());
  ASSERT_OK(log->append_and_wait({"t", 0}, batch_of({"after"}, 3, next)));
  kept.emplace_back("after");
  log.reset();
  EXPECT_EQ(read_values(*open_log(disk, kClock, "/data"), {"t", 0}), kept);
}

TEST(FailedSyncDeathTest, StopsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        base::start_logging("error");
        SimulatedDisk disk(1);
        const auto log = open_log(disk, kClock, "/data");
        static_cast<void>(log->create_topic({.name = "t"}));
        disk.set_faults({.fail_syncs = true});
        static_cast<void>(log->append_and_wait({"t", 0}, batch_of({"x"})));
      },
      testing::ExitedWithCode(75), "could not be synced");
}

// A random workload from a seed, cut by a power failure again and again. Everything acknowledged
// is there at its offset, everything refused is not, nothing is doubled, and the order holds.
class PowerCut : public testing::TestWithParam<int> {
 protected:
  struct Told {
    std::map<std::pair<Partition, Offset>, std::string> kept;
    std::set<std::string> refused;
  };

  // Appends until the power goes; what is left is in the returned disk.
  std::unique_ptr<SimulatedDisk> live_until_the_cut(SimulatedDisk& disk, EventLog& log) {
    std::atomic<bool> over{false};
    recording_ = true;
    std::unique_ptr<SimulatedDisk> left;
    std::jthread producer([&] {
      while (!over) {
        const auto partition = static_cast<Partition>(random_() % 2);
        std::vector<std::string> values(1 + random_() % 4);
        for (std::string& value : values) {
          value = fmt::format("{:08}", next_value_++) + std::string(random_() % 900, 'v');
        }
        log.append(
            {"t", partition}, batch_of(values), [this, partition, values](const auto& result) {
              const std::scoped_lock lock(mutex_);
              if (!recording_) return;
              for (std::size_t i = 0; i < values.size(); ++i) {
                if (result)
                  told_.kept[{partition, result->base_offset + static_cast<Offset>(i)}] = values[i];
                if (!result) told_.refused.insert(values[i]);
              }
            });
        if (random_() % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(2000 + seed_ * 977 % 15'000));
    {
      const std::scoped_lock lock(mutex_);
      recording_ = false;
    }
    left = disk.after_power_cut(static_cast<std::uint64_t>(next_value_) + 1);
    over = true;
    return left;
  }

  void check(const EventLog& log) {
    std::set<std::string> seen;
    for (Partition p = 0; p < 2; ++p) {
      const auto values = read_values(log, {"t", p});
      EXPECT_TRUE(std::is_sorted(values.begin(), values.end(), [](const auto& a, const auto& b) {
        return a.substr(0, 8) < b.substr(0, 8);
      }));
      for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_TRUE(seen.insert(values[i]).second) << "doubled: " << values[i].substr(0, 8);
        EXPECT_FALSE(told_.refused.contains(values[i]))
            << "refused and kept: " << values[i].substr(0, 8);
        const auto kept = told_.kept.find({p, static_cast<Offset>(i)});
        if (kept != told_.kept.end()) {
          EXPECT_EQ(kept->second, values[i]) << "at offset " << i;
          told_.kept.erase(kept);
        }
      }
    }
    EXPECT_TRUE(told_.kept.empty()) << told_.kept.size() << " acknowledged records are lost";
    // What is there now stays for the next generations.
    for (Partition p = 0; p < 2; ++p) {
      Offset offset = 0;
      for (const std::string& value : read_values(log, {"t", p})) told_.kept[{p, offset++}] = value;
    }
  }

  const std::uint64_t seed_ = static_cast<std::uint64_t>(GetParam());
  std::mt19937_64 random_{seed_};
  std::atomic<int> next_value_{0};
  std::mutex mutex_;
  bool recording_ = false;
  Told told_;
};

TEST_P(PowerCut, LosesNothingAcknowledgedAndDoublesNothing) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  auto disk = std::make_unique<SimulatedDisk>(seed_);
  for (int generation = 0; generation < 4 && !HasFailure(); ++generation) {
    disk->set_faults({});
    auto log = open_log(*disk, kClock, "/data", 1UL << 20);
    ASSERT_NE(log, nullptr);
    if (generation == 0) {
      ASSERT_OK(log->create_topic({.name = "t", .partitions = 2, .segment_bytes_max = 24'000}));
    }
    check(*log);
    disk->set_faults({.fail_writes_percent = seed_ % 2 == 0 ? 0 : 10});
    auto left = live_until_the_cut(*disk, *log);
    log.reset();
    disk = std::move(left);
  }
  const auto log = open_log(*disk, kClock, "/data");
  ASSERT_NE(log, nullptr);
  check(*log);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PowerCut, testing::Range(1, 41));

}  // namespace
}  // namespace eventlog
