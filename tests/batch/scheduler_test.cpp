#include "batch/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/uuid.h"

namespace batch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

base::TimestampUs at(const std::string& text) { return must(base::parse_timestamp(text)); }

// Ends tasks as told by name, once per script entry; without one they are done.
class ScriptedRunner final : public TaskRunner {
 public:
  TaskOutcome run(const TaskCall& call, std::stop_token stop) override {
    TaskOutcome outcome;
    bool hangs = false;
    {
      const std::scoped_lock lock(mutex_);
      calls_.push_back(call.values.run + "/" + call.task->name);
      instances_.push_back(call.instance);
      auto& script = scripts_[call.task->name];
      if (!script.empty()) {
        outcome = script.front();
        script.erase(script.begin());
      }
      hangs = hanging_.contains(call.task->name);
    }
    while (hangs && !stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::scoped_lock lock(mutex_);
      if (released_.erase(call.task->name) > 0) return outcome;
      if (!hanging_.contains(call.task->name)) return outcome;
    }
    if (hangs) return {.kind = TaskOutcome::Kind::kCancelled};
    return outcome;
  }
  void script(const std::string& task, std::vector<TaskOutcome> outcomes) {
    const std::scoped_lock lock(mutex_);
    scripts_[task] = std::move(outcomes);
  }
  void hang(const std::string& task, bool hangs) {
    const std::scoped_lock lock(mutex_);
    if (hangs) hanging_.insert(task);
    if (!hangs) hanging_.erase(task);
  }
  // Lets one that hangs go on.
  void release(const std::string& task) {
    const std::scoped_lock lock(mutex_);
    released_.insert(task);
  }
  std::vector<std::string> calls() {
    const std::scoped_lock lock(mutex_);
    return calls_;
  }
  std::vector<std::string> instances() {
    const std::scoped_lock lock(mutex_);
    return instances_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<TaskOutcome>> scripts_;
  std::set<std::string> hanging_;
  std::set<std::string> released_;
  std::vector<std::string> calls_;
  std::vector<std::string> instances_;
};

TaskOutcome failure(const std::string& why = "it broke") {
  return {.kind = TaskOutcome::Kind::kFailed, .message = why};
}

Dag dag_of(const std::string& text, const std::string& name = "d") {
  return must(parse_dag(must(base::Yaml::parse(text, "dags/" + name + ".yaml")), name));
}

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() : folder_(std::filesystem::temp_directory_path() / ("dags-" + base::new_uuid())) {
    store_ = must(state::Store::open(folder_));
    clock_.set(at("2026-03-01T12:00:00Z"));
  }
  ~SchedulerTest() override {
    scheduler_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void open(const std::vector<std::string>& texts, SchedulerOptions options = {}) {
    std::vector<Dag> dags;
    for (std::size_t i = 0; i < texts.size(); ++i)
      dags.push_back(dag_of(texts[i], i == 0 ? "d" : "d" + std::to_string(i)));
    open_dags(std::move(dags), std::move(options));
  }
  void open_dags(std::vector<Dag> dags, SchedulerOptions options = {}) {
    scheduler_.reset();
    scheduler_ = std::make_unique<Scheduler>(*store_, runner_, alerts_, clock_, std::move(options));
    must(scheduler_->restore(std::move(dags)));
  }
  // Rounds until nothing has changed for a while.
  void settle() {
    for (int quiet = 0; quiet < 20;) {
      clock_.advance_us(200 * base::kUsPerMs);
      quiet = must(scheduler_->step()) ? 0 : quiet + 1;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::string state(const std::string& run, const std::string& task) {
    const auto view = must(scheduler_->run_view("d", run));
    for (const auto& t : view.at("tasks")) {
      if (t.at("task") == task) return t.at("state");
    }
    return "no such task";
  }
  std::string run_state(const std::string& run) {
    return must(scheduler_->run_view("d", run)).at("state");
  }

  std::filesystem::path folder_;
  base::ManualClock clock_;
  std::unique_ptr<state::Store> store_;
  quality::Alerts alerts_;
  ScriptedRunner runner_;
  std::unique_ptr<Scheduler> scheduler_;
};

constexpr const char* kChain = R"(
schedule: 0 2 * * *
tasks:
  gold: {shell: "true", depends_on: silver}
  bronze: {shell: "true"}
  silver: {shell: "true", depends_on: bronze}
)";

TEST_F(SchedulerTest, ARunComesAtItsTimeWithTheIntervalBeforeItAndTasksInTheirOrder) {
  open({kChain});
  settle();
  EXPECT_THAT(runner_.calls(), ElementsAre());
  clock_.set(at("2026-03-02T02:00:00Z"));
  settle();
  const std::string id = "scheduled-2026-03-02T02:00:00Z";
  EXPECT_THAT(runner_.calls(), ElementsAre(id + "/bronze", id + "/silver", id + "/gold"));
  const auto view = must(scheduler_->run_view("d", id));
  EXPECT_EQ(view.at("state"), "success");
  EXPECT_EQ(view.at("interval").at("start"), "2026-03-01T02:00:00Z");
  EXPECT_EQ(view.at("interval").at("end"), "2026-03-02T02:00:00Z");
}

TEST_F(SchedulerTest, MissedTimesCountOnceAndWithCatchUpEachOfThemRuns) {
  open({kChain, std::string("start: 2026-02-27\ncatch_up: true\n") + kChain});
  settle();
  EXPECT_EQ(must(scheduler_->runs("d", 10)).size(), 0U);
  EXPECT_EQ(must(scheduler_->runs("d1", 10)).size(), 2U);  // begins 27th 02:00 and 28th 02:00
  clock_.set(at("2026-03-05T12:00:00Z"));
  settle();
  EXPECT_EQ(must(scheduler_->runs("d", 10)).size(), 1U);
  EXPECT_EQ(must(scheduler_->runs("d1", 10)).size(), 6U);
}

TEST_F(SchedulerTest, AFailedTaskIsTriedAgainWithinItsBackoffAndThenFailsTheRun) {
  open({R"(
tasks:
  a: {shell: "x", retries: 2, retry_delay: 8 seconds, retry_delay_max: 10 seconds}
  b: {shell: "x", depends_on: a}
  c: {shell: "x", depends_on: a, trigger: all_done}
  d: {shell: "x", depends_on: a, trigger: one_failed}
)"});
  runner_.script("a", {failure(), failure(), failure("the third time")});
  const std::string id = must(scheduler_->trigger("d", {}));
  for (int i = 0; i < 300 && run_state(id) == "running"; ++i) settle();
  EXPECT_EQ(state(id, "a"), "failed");
  EXPECT_EQ(state(id, "b"), "upstream_failed");
  EXPECT_EQ(state(id, "c"), "success");
  EXPECT_EQ(state(id, "d"), "success");
  EXPECT_EQ(run_state(id), "failed");
  EXPECT_EQ(std::ranges::count(runner_.calls(), id + "/a"), 3);
  const auto alerts = alerts_.list();
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_THAT(alerts[0].summary, HasSubstr("the third time"));
}

TEST_F(SchedulerTest, TheOtherSidesRetryAfterIsWaitedFor) {
  open({"tasks: {a: {shell: x, retries: 1, retry_delay: 1ms}}"});
  TaskOutcome busy = failure("429");
  busy.retry_after_us = 60 * base::kUsPerSecond;
  runner_.script("a", {busy});
  const std::string id = must(scheduler_->trigger("d", {}));
  settle();
  EXPECT_EQ(state(id, "a"), "retry");
  clock_.advance_us(61 * base::kUsPerSecond);
  settle();
  EXPECT_EQ(state(id, "a"), "success");
}

TEST_F(SchedulerTest, ATaskPastItsTimeoutIsEndedAndItsLateEndDoesNotCount) {
  open({"tasks: {a: {shell: x, timeout: 5 seconds}}"});
  runner_.hang("a", true);
  const std::string id = must(scheduler_->trigger("d", {}));
  must(scheduler_->step());
  clock_.advance_us(6 * base::kUsPerSecond);
  settle();
  EXPECT_EQ(state(id, "a"), "failed");
  EXPECT_THAT(must(scheduler_->run_view("d", id)).at("tasks")[0].at("message").get<std::string>(),
              HasSubstr("timeout"));
}

TEST_F(SchedulerTest, AClearedTaskRunsAgainWithAllBehindItAsAnotherInstance) {
  open({kChain});
  const std::string id = must(scheduler_->trigger("d", {}));
  settle();
  EXPECT_THAT(must(scheduler_->clear("d", id, "silver", true)), ElementsAre("silver", "gold"));
  settle();
  EXPECT_EQ(run_state(id), "success");
  const std::string d = "d/" + id;
  EXPECT_THAT(runner_.instances(), ElementsAre(d + "/bronze/1", d + "/silver/1", d + "/gold/1",
                                               d + "/silver/2", d + "/gold/2"));
}

TEST_F(SchedulerTest, AMarkedTaskLetsThoseBehindItGoOn) {
  open({kChain});
  runner_.script("bronze", {failure()});
  const std::string id = must(scheduler_->trigger("d", {}));
  settle();
  EXPECT_EQ(run_state(id), "failed");
  EXPECT_EQ(state(id, "gold"), "upstream_failed");
  must(scheduler_->mark("d", id, "bronze", TaskState::kSuccess));
  settle();
  EXPECT_EQ(run_state(id), "success");
  EXPECT_EQ(state(id, "gold"), "success");
}

TEST_F(SchedulerTest, ATaskWhoseEndNobodyWroteRunsAgainAfterARestartAndOthersDoNot) {
  open({kChain});
  const std::string id = must(scheduler_->trigger("d", {}));
  runner_.hang("silver", true);
  for (int i = 0; i < 5000 && runner_.calls().size() < 2; ++i) {
    must(scheduler_->step());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_EQ(state(id, "silver"), "running");
  scheduler_.reset();  // nobody writes the end of silver
  runner_.hang("silver", false);
  open({kChain});
  settle();
  EXPECT_EQ(run_state(id), "success");
  EXPECT_THAT(runner_.calls(),
              ElementsAre(id + "/bronze", id + "/silver", id + "/silver", id + "/gold"));
}

TEST_F(SchedulerTest, AnOlderSchedulerCannotWriteOnceAnotherHasTakenOver) {
  open({kChain});
  const auto older = std::move(scheduler_);
  open({kChain});
  const auto refused = older->trigger("d", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kConflict);
  EXPECT_EQ(must(scheduler_->runs("d", 10)).size(), 0U);
}

TEST_F(SchedulerTest, AFullPoolDoesNotStandInTheWayOfOtherTasks) {
  SchedulerOptions options;
  options.pools = {{"api", 1}};
  open({R"(
tasks:
  a: {shell: x, pool: api, priority: 9}
  b: {shell: x, pool: api, priority: 9}
  c: {shell: x}
)"},
       options);
  runner_.hang("a", true);
  const std::string id = must(scheduler_->trigger("d", {}));
  settle();
  EXPECT_EQ(state(id, "a"), "running");
  EXPECT_EQ(state(id, "b"), "ready");
  EXPECT_EQ(state(id, "c"), "success");
  runner_.hang("a", false);
}

TEST_F(SchedulerTest, ABackfillHasItsOwnSlotsAndSoManyRunsSideBySide) {
  SchedulerOptions options;
  options.slots = {1, 3};
  open({std::string(kChain)}, options);
  runner_.hang("bronze", true);
  const auto ids = must(scheduler_->backfill(
      "d",
      {.from_us = at("2026-02-10"), .to_us = at("2026-02-20"), .parallel = 3, .parameters = {}}));
  EXPECT_EQ(ids.size(), 10U);
  settle();
  EXPECT_EQ(runner_.calls().size(), 3U);
  runner_.hang("bronze", false);
  settle();
  EXPECT_EQ(runner_.calls().size(), 30U);
}

TEST_F(SchedulerTest, APausedDagStartsNothingUntilItGoesOn) {
  open({kChain});
  must(scheduler_->pause("d", true));
  clock_.set(at("2026-03-04T02:00:00Z"));
  settle();
  EXPECT_THAT(runner_.calls(), ElementsAre());
  must(scheduler_->pause("d", false));
  settle();
  EXPECT_EQ(must(scheduler_->runs("d", 10)).size(), 1U);
}

TEST_F(SchedulerTest, ARunWaitsForTheTablesThatItNames) {
  bool has = false;
  base::TimestampUs asked_us = 0;
  SchedulerOptions options;
  options.table_has = [&](const std::string&, base::TimestampUs until_us) {
    asked_us = until_us;
    return has;
  };
  open({std::string("when: {tables: [silver.scans]}\n") + kChain}, options);
  settle();
  clock_.set(at("2026-03-02T02:00:00Z"));
  settle();
  EXPECT_EQ(must(scheduler_->runs("d", 10)).size(), 0U);
  EXPECT_EQ(asked_us, at("2026-03-02T02:00:00Z"));
  has = true;
  settle();
  EXPECT_EQ(must(scheduler_->runs("d", 10)).size(), 1U);
}

TEST_F(SchedulerTest, ADeadlineIsToldBeforeItIsMissedFromWhatTasksTookBefore) {
  open({std::string("deadline: 1 hour\n") + kChain});
  settle();
  runner_.hang("silver", true);
  // Four runs in which silver takes 20 minutes.
  for (int i = 0; i < 4; ++i) {
    const std::string id = must(scheduler_->trigger("d", {}));
    for (int n = 0; n < 5000 && state(id, "silver") != "running"; ++n) {
      must(scheduler_->step());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    clock_.advance_us(20 * 60 * base::kUsPerSecond);
    runner_.release("silver");
    settle();
    ASSERT_EQ(run_state(id), "success");
  }
  EXPECT_TRUE(alerts_.list().empty());
  // One that begins 50 minutes late has ten left.
  must(scheduler_->pause("d", true));
  clock_.set(at("2026-03-02T01:59:59Z"));
  must(scheduler_->pause("d", false));
  runner_.hang("bronze", true);
  clock_.set(at("2026-03-02T02:00:00Z"));
  settle();
  EXPECT_TRUE(alerts_.list().empty());
  clock_.set(at("2026-03-02T02:50:00Z"));
  settle();
  const auto alerts = alerts_.list();
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].severity, "warning");
  EXPECT_THAT(alerts[0].summary, HasSubstr("will miss its deadline 2026-03-02T03:00:00Z"));
  clock_.set(at("2026-03-02T03:00:01Z"));
  settle();
  EXPECT_EQ(alerts_.list()[0].severity, "error");
}

TEST_F(SchedulerTest, AskingTwiceWithOneIdMakesOneRunAndUnknownParametersAreRefused) {
  open({std::string("parameters: {region: eu}\n") + kChain});
  EXPECT_EQ(must(scheduler_->trigger("d", {.parameters = {{"region", "us"}}, .id = "mine"})),
            "mine");
  EXPECT_EQ(must(scheduler_->trigger("d", {.parameters = {}, .id = "mine"})), "mine");
  EXPECT_EQ(must(scheduler_->runs("d", 10)).size(), 1U);
  const auto wrong = scheduler_->trigger("d", {.parameters = {{"regoin", "us"}}});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().mend, HasSubstr("region"));
}

}  // namespace
}  // namespace batch
