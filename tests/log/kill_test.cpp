// A process that is killed with SIGKILL at random moments, and what its producers were told.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mutex>
#include <random>
#include <thread>

#include "log/embedded_log.h"
#include "log/log_fixture.h"

namespace eventlog {
namespace {

constexpr int kPartitions = 2;
constexpr int kRounds = 10;

struct Told {
  Partition partition;
  Offset offset;
  std::int32_t sequence;
};

// The child: one producer per partition appends its sequence numbers, and tells of each
// acknowledgement through the pipe.
[[noreturn]] void append_until_killed(const base::Path& directory, int pipe) {
  const base::SystemClock clock;
  auto log = open_embedded_log(base::posix_file_system(), clock, {.directory = directory});
  if (!log) ::_exit(3);
  std::vector<std::jthread> producers;
  for (Partition p = 0; p < kPartitions; ++p) {
    producers.emplace_back([&log, p, pipe] {
      std::int32_t sequence = (*log)->last_sequence({"t", p}, p + 1).value_or(-1) + 1;
      for (;; ++sequence) {
        const std::size_t padding = static_cast<std::size_t>(sequence) * 7919 % 3000;
        auto batch =
            batch_of({std::to_string(sequence) + " " + std::string(padding, 'x')}, p + 1, sequence);
        (*log)->append({"t", p}, std::move(batch), [p, pipe, sequence](const auto& result) {
          if (!result) ::_exit(4);
          const Told told{p, result->base_offset, sequence};
          if (::write(pipe, &told, sizeof(told)) != sizeof(told)) ::_exit(5);
        });
        if (sequence % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(500));
      }
    });
  }
  producers.clear();
  ::_exit(6);
}

// Runs a child for that long; what it told before it died.
std::vector<Told> run_and_kill(const base::Path& directory, std::chrono::milliseconds life) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    append_until_killed(directory, ends[1]);
  }
  ::close(ends[1]);
  std::vector<Told> all;
  std::jthread reader([&] {
    Told told{};
    while (::read(ends[0], &told, sizeof(told)) == sizeof(told)) all.push_back(told);
  });
  std::this_thread::sleep_for(life);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
  reader.join();
  ::close(ends[0]);
  return all;
}

TEST(Kill, LosesNothingAcknowledgedAndDoublesNothing) {
  const TemporaryFolder folder;
  const base::SystemClock clock;
  {
    const auto log = open_log(base::posix_file_system(), clock, folder.path());
    ASSERT_OK(log->create_topic(
        {.name = "t", .partitions = kPartitions, .segment_bytes_max = 256 << 10}));
  }
  const auto seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  std::size_t told_count = 0;
  std::map<std::pair<Partition, Offset>, std::int32_t> told;
  for (int round = 0; round < kRounds; ++round) {
    for (const Told& each :
         run_and_kill(folder.path(), std::chrono::milliseconds(30 + random() % 120))) {
      told[{each.partition, each.offset}] = each.sequence;
      ++told_count;
    }
    const auto log = open_log(base::posix_file_system(), clock, folder.path());
    ASSERT_NE(log, nullptr);
    for (Partition p = 0; p < kPartitions; ++p) {
      const auto values = read_values(*log, {"t", p});
      for (std::size_t i = 0; i < values.size(); ++i) {
        // Sequences are the offsets when nothing is lost, doubled or out of order.
        ASSERT_EQ(std::stoul(values[i]), i);
      }
      const auto last = log->last_sequence({"t", p}, p + 1);
      EXPECT_EQ(last.value_or(-1) + 1, static_cast<std::int32_t>(values.size()));
      for (const auto& [at, sequence] : told) {
        if (at.first != p) continue;
        ASSERT_EQ(at.second, sequence);
        ASSERT_LT(at.second, static_cast<Offset>(values.size())) << "acknowledged and lost";
      }
    }
  }
  EXPECT_GT(told_count, 100U);
}

}  // namespace
}  // namespace eventlog
