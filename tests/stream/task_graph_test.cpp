#include "stream/task_graph.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <mutex>

namespace stream {
namespace {

TEST(TaskGraph, OneThreadWorksInTheirOrder) {
  std::vector<int> order;
  std::vector<Task> tasks;
  for (int i = 0; i < 5; ++i)
    tasks.push_back(
        {[&, i]() -> base::Result<> { return order.push_back(i), base::Result<>(); }, {}});
  ASSERT_TRUE(run_tasks(tasks, 1));
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
}

TEST(TaskGraph, IndependentTasksRunAtTheSameTime) {
  std::latch both(2);  // neither ends before the other has begun
  const auto meet = [&]() -> base::Result<> {
    both.arrive_and_wait();
    return {};
  };
  EXPECT_TRUE(run_tasks({{meet, {}}, {meet, {}}}, 2));
}

TEST(TaskGraph, ATaskBeginsWhenThoseBeforeItHaveEnded) {
  for (int threads = 1; threads <= 4; ++threads) {
    std::atomic<int> ended = 0;
    std::vector<int> seen(4, -1);
    std::vector<Task> tasks;
    const std::vector<std::vector<std::size_t>> after{{}, {0}, {0}, {1, 2}};
    for (std::size_t i = 0; i < after.size(); ++i) {
      tasks.push_back({[&, i]() -> base::Result<> {
                         seen[i] = ended;
                         ++ended;
                         return {};
                       },
                       after[i]});
    }
    ASSERT_TRUE(run_tasks(tasks, threads));
    EXPECT_EQ(seen[0], 0);
    EXPECT_GE(seen[1], 1);
    EXPECT_GE(seen[2], 1);
    EXPECT_EQ(seen[3], 3);
  }
}

TEST(TaskGraph, AnErrorBeginsNothingMoreAndTheFirstInTheListIsGiven) {
  std::atomic<bool> ran = false;
  std::latch both(2);
  const auto fails = [&](const char* why) {
    return [&both, why]() -> base::Result<> {
      both.arrive_and_wait();
      return base::fail(base::Code::kInvalid, "{}", why);
    };
  };
  const auto done =
      run_tasks({{fails("first"), {}},
                 {fails("second"), {}},
                 {[&]() -> base::Result<> { return ran = true, base::Result<>(); }, {0}}},
                2);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "first");
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace stream
