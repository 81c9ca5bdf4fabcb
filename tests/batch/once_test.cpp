#include "batch/once.h"

#include <gtest/gtest.h>

#include "../stream/world.h"
#include "batch/daily.h"
#include "batch/project_runner.h"

namespace batch {
namespace {

using stream_test::Judge;
using stream_test::must;
using stream_test::World;

constexpr const char* kTopic = R"(topic: legs
partitions: 1
key: lane
format: json
schema:
  lane: string not null
)";

class OnceTest : public testing::Test {
 protected:
  OnceTest() : world_(kTopic, {}, {}) { must(world_.start()); }

  TaskOutcome run(const std::string& instance, bool append) {
    const stream::Services services = world_.services();
    ProjectRunner runner({.catalog = services.catalog,
                          .store = services.store,
                          .clock = services.clock,
                          .databases = {&services.database, &services.database},
                          .suites = {},
                          .folder = {},
                          .mark = "test",
                          .run_model = nullptr,
                          .table_has = nullptr});
    auto dag = std::make_shared<Dag>();
    dag->name = "d";
    Task task;
    task.name = "t";
    task.work = SqlTask{.sql = "SELECT '{{ run }}' AS run, 1 AS n",
                        .line = 1,
                        .into = "gold.effects",
                        .append = append};
    dag->tasks = {task};
    TaskCall call;
    call.dag = dag;
    call.task = &dag->tasks[0];
    call.values.run = instance;
    call.instance = instance;
    return runner.run(call, {});
  }
  std::int64_t rows(const std::string& where) {
    Judge judge;
    return judge.number(fmt::format("SELECT count(*) FROM ({}) WHERE {}",
                                    world_.snapshot("gold.effects")->scan_sql(), where));
  }

  World world_;
};

TEST_F(OnceTest, AnAppendCutOffAtAnyWriteIsThereOnceAfterItsTaskRanAgain) {
  ASSERT_EQ(run("first", true).kind, TaskOutcome::Kind::kDone);
  int settled = 0;
  for (int step = 1; step <= 12; ++step) {
    SCOPED_TRACE(step);
    const std::string instance = "i" + std::to_string(step);
    world_.fault.cut_after((step + 1) / 2, step % 2 == 0);
    const bool cut = run(instance, true).kind == TaskOutcome::Kind::kFailed;
    world_.fault.steps_left = -1;
    must(world_.start());
    const TaskOutcome again = run(instance, true);
    EXPECT_EQ(again.kind, TaskOutcome::Kind::kDone) << again.message;
    EXPECT_EQ(rows("run = '" + instance + "'"), 1);
    settled += cut && again.message == "had committed before" ? 1 : 0;
    EXPECT_EQ(run(instance, true).message, "had committed before");
  }
  EXPECT_GT(settled, 0) << "no cut fell between commit and mark";
  EXPECT_EQ(rows("true"), 13);
}

TEST_F(OnceTest, ACutOffInstanceIsSettledByTheNextOneThatCommitsToTheTable) {
  ASSERT_EQ(run("first", true).kind, TaskOutcome::Kind::kDone);
  int settled = 0;
  for (int writes = 1; writes <= 6; ++writes) {
    SCOPED_TRACE(writes);
    const std::string cut = "cut" + std::to_string(writes);
    world_.fault.cut_after(writes, true);
    const bool failed = run(cut, true).kind == TaskOutcome::Kind::kFailed;
    world_.fault.steps_left = -1;
    must(world_.start());
    ASSERT_EQ(run("other" + std::to_string(writes), true).kind, TaskOutcome::Kind::kDone);
    settled += failed && run(cut, true).message == "had committed before" ? 1 : 0;
    ASSERT_EQ(run(cut, true).kind, TaskOutcome::Kind::kDone);
    EXPECT_EQ(rows("run = '" + cut + "'"), 1);
  }
  EXPECT_GT(settled, 0) << "no cut fell between commit and mark";
}

TEST_F(OnceTest, AReplacedTableHoldsTheRowsOfTheLastInstance) {
  ASSERT_EQ(run("one", false).kind, TaskOutcome::Kind::kDone);
  ASSERT_EQ(run("two", false).kind, TaskOutcome::Kind::kDone);
  EXPECT_EQ(run("one", false).message, "had committed before");
  EXPECT_EQ(rows("true"), 1);
  EXPECT_EQ(rows("run = 'two'"), 1);
}

}  // namespace
}  // namespace batch
