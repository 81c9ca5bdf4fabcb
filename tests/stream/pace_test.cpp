// Models that do not run with every epoch: paused, at times, built anew. Their tables end as if
// they had run with every epoch.
#include "stream/world.h"

namespace stream {
namespace {

using stream_test::Judge;
using stream_test::must;
using stream_test::Record;
using stream_test::World;

constexpr const char* kTopic = R"(topic: a
partitions: 2
key: k
format: json
schema:
  id: string not null
  event_time: timestamp not null
  k: string
  v: bigint
)";

constexpr const char* kRows = "SELECT id, k, v, event_time FROM bronze.a WHERE v <> 7";
constexpr const char* kSums =
    "SELECT k, count(*) AS n, sum(v) AS total FROM silver.rows GROUP BY k";

runs::Model model(const std::string& table, const std::string& mode, const std::string& header,
                  const std::string& sql) {
  return must(runs::parse_model(
      fmt::format("---\ntable: {}\nmode: {}\n{}---\n{}", table, mode, header, sql),
      "models/test.sql"));
}

std::vector<runs::Model> models(const std::string& mode = "streaming",
                                const std::string& sums = kSums) {
  return {model("silver.rows", "streaming", "", kRows),
          model("gold.sums", mode, "key: [k]\n", sums)};
}

class Pace : public testing::Test {
 protected:
  Pace() : world_(kTopic, models(), {}) { must(world_.start()); }

  void append(int count) {
    std::vector<Record> records;
    for (int i = 0; i < count; ++i, ++sent_) {
      const std::string key = fmt::format("k{}", sent_ % 3);
      records.push_back(
          {key, fmt::format(R"({{"id":"{}","event_time":"2026-09-21T14:00:00Z","k":"{}","v":{}}})",
                            sent_, key, sent_ % 11)});
    }
    world_.append(records);
  }
  void settle() {
    must(world_.drain());
    for (int i = 0; i < 6; ++i) must(world_.epoch());
  }
  std::string difference(const std::string& sql = kSums) {
    Judge judge;
    judge.run("CREATE TABLE silver.rows AS " + world_.snapshot("silver.rows")->scan_sql());
    return judge.difference(world_.snapshot("gold.sums")->scan_sql(), sql);
  }
  std::int64_t counted() {
    Judge judge;
    return judge.number(fmt::format("SELECT coalesce(CAST(sum(n) AS BIGINT), 0) FROM ({})",
                                    world_.snapshot("gold.sums")->scan_sql()));
  }

  World world_;
  int sent_ = 0;
};

TEST_F(Pace, APausedModelTakesNothingInUntilItGoesOn) {
  append(20);
  settle();
  const std::int64_t before = counted();
  must(world_.pipeline().pause("gold.sums"));
  append(30);
  settle();
  EXPECT_EQ(counted(), before);
  must(world_.start());  // it stays paused over a restart
  append(5);
  settle();
  EXPECT_EQ(counted(), before);
  must(world_.pipeline().resume("gold.sums"));
  settle();
  EXPECT_EQ(difference(), "");
  EXPECT_FALSE(world_.pipeline().is_behind("gold.sums"));
  append(9);
  settle();
  EXPECT_EQ(difference(), "");
}

TEST_F(Pace, TheRunningPlanSaysWhatEachModelReadsAndDid) {
  append(22);  // v = 7 twice
  settle();
  const nlohmann::json plan = world_.pipeline().running_plan();
  EXPECT_EQ(plan["topics"], nlohmann::json::array({"a"}));
  ASSERT_EQ(plan["models"].size(), 2U);
  const nlohmann::json& rows = plan["models"][0];
  const nlohmann::json& sums = plan["models"][1];
  EXPECT_EQ(rows["reads"][0], (nlohmann::json{{"table", "bronze.a"}, {"static", false}}));
  EXPECT_EQ(sums["reads"][0]["table"], "silver.rows");
  EXPECT_EQ(sums["stages"][0]["rows"], 3);
  EXPECT_EQ(sums["state_of_work"], "with every epoch");
  EXPECT_EQ(rows["last"]["in"], 22);
  EXPECT_EQ(rows["last"]["out"], 20);
  EXPECT_EQ(sums["last"]["in"], 20);
  EXPECT_EQ(sums["last"]["made"], 3);
  must(world_.pipeline().pause("gold.sums"));
  EXPECT_EQ(world_.pipeline().running_plan()["models"][1]["state_of_work"], "paused");
}

TEST_F(Pace, AModelBuiltAnewHasTheSameRows) {
  append(40);
  settle();
  must(world_.pipeline().rewind("gold.sums"));
  append(10);
  settle();
  EXPECT_EQ(difference(), "");
  must(world_.pipeline().rewind("silver.rows"));
  settle();
  EXPECT_EQ(difference(), "");
  EXPECT_EQ(world_.counts("silver.rows").in, sent_);
}

TEST_F(Pace, ARewindThatIsCutOffAnywhereIsFinished) {
  for (int steps = 1; steps < 16; ++steps) {
    append(7);
    settle();
    must(world_.pipeline().rewind("silver.rows"));
    world_.fault.steps_left = steps;
    for (int i = 0; i < 6 && world_.epoch(); ++i) {
    }
    world_.fault.steps_left = -1;
    must(world_.start());
    settle();
    ASSERT_EQ(difference(), "") << "cut off at write " << steps;
  }
}

TEST_F(Pace, AnotherTextIsBuiltAnewFromTheLake) {
  append(40);
  settle();
  const std::string other = "SELECT k, count(*) AS n, max(v) AS total FROM silver.rows GROUP BY k";
  world_.change_models(models("streaming", other));
  must(world_.start());
  append(3);
  settle();
  EXPECT_EQ(difference(other), "");
}

TEST_F(Pace, ANewModelTakesInWhatWasThereBefore) {
  append(25);
  settle();
  auto more = models();
  more.push_back(model("gold.highest", "streaming", "key: [k]\n",
                       "SELECT k, max(total) AS best FROM gold.sums GROUP BY k"));
  world_.change_models(more);
  must(world_.start());
  append(25);
  settle();
  Judge judge;
  EXPECT_EQ(judge.difference(
                world_.snapshot("gold.highest")->scan_sql(),
                fmt::format("SELECT k, total FROM ({})", world_.snapshot("gold.sums")->scan_sql())),
            "");
}

TEST_F(Pace, ChangingTheModeLosesAndDoublesNothing) {
  append(10);
  settle();
  world_.change_models(models("every 5 minutes"));
  must(world_.start());
  append(10);
  settle();
  append(10);
  settle();
  EXPECT_LT(counted(), 30);  // the next run is not due
  world_.clock().advance_us(301 * base::kUsPerSecond);
  settle();
  EXPECT_EQ(difference(), "");
  append(10);
  settle();
  world_.change_models(models());
  must(world_.start());
  append(10);
  settle();
  EXPECT_EQ(difference(), "");
}

std::vector<runs::Model> chain(const std::string& first, const std::string& second) {
  return {model("silver.rows", first, "", kRows),
          model("silver.more", second, "", "SELECT id, k, v, event_time FROM silver.rows"),
          model("gold.sums", "streaming", "key: [k]\n",
                "SELECT k, count(*) AS n, sum(v) AS total FROM silver.more GROUP BY k")};
}

TEST_F(Pace, AModelTakesInOnlyWhatTheModelBeforeItHasWritten) {
  world_.change_models(chain("every 1 hour", "every 10 minutes"));
  must(world_.start());
  for (int step = 0; step < 20; ++step) {
    append(7);
    settle();
    world_.clock().advance_us(601 * base::kUsPerSecond);
    settle();
    if (step % 5 == 3) must(world_.start());
    EXPECT_EQ(difference(), "") << "step " << step;
  }
  world_.clock().advance_us(3601 * base::kUsPerSecond);
  settle();
  world_.clock().advance_us(601 * base::kUsPerSecond);
  settle();
  EXPECT_EQ(difference(), "");
  EXPECT_EQ(world_.counts("silver.rows").in, sent_);
  EXPECT_EQ(counted(), world_.counts("silver.rows").out);
}

TEST_F(Pace, AModelPausedBehindAPausedOneMissesNothing) {
  world_.change_models(chain("streaming", "streaming"));
  must(world_.start());
  append(10);
  settle();
  for (const bool first_goes_on_first : {true, false}) {
    must(world_.pipeline().pause("silver.rows"));
    append(10);
    settle();
    must(world_.pipeline().pause("silver.more"));
    append(10);
    settle();
    must(world_.pipeline().resume(first_goes_on_first ? "silver.rows" : "silver.more"));
    append(10);
    settle();
    must(world_.pipeline().resume(first_goes_on_first ? "silver.more" : "silver.rows"));
    settle();
    EXPECT_EQ(difference(), "");
    EXPECT_FALSE(world_.pipeline().is_behind("silver.more"));
    EXPECT_EQ(world_.counts("silver.rows").in, sent_);
  }
}

// One offset does not say what it has of both: it stays behind until they agree.
TEST_F(Pace, AModelOverSourcesThatStandAtDifferentPlacesMissesNothing) {
  const std::string both =
      "SELECT id, v FROM silver.rows UNION ALL SELECT id, v FROM bronze.a WHERE v = 7";
  const auto union_of = [&](const std::string& mode) {
    return std::vector<runs::Model>{model("silver.rows", "every 1 hour", "", kRows),
                                    model("silver.both", mode, "", both)};
  };
  const auto expect_whole = [&] {
    world_.clock().advance_us(3601 * base::kUsPerSecond);
    settle();
    settle();
    Judge judge;
    EXPECT_EQ(judge.difference(
                  fmt::format("SELECT id, v FROM ({})", world_.snapshot("silver.both")->scan_sql()),
                  fmt::format("SELECT id, v FROM ({})", world_.snapshot("bronze.a")->scan_sql())),
              "");
  };
  append(20);
  settle();
  world_.change_models(union_of("streaming"));
  must(world_.start());
  append(20);
  settle();
  expect_whole();
  for (int i = 0; i < 2; ++i) {  // its hour has passed: it runs with the first of them
    append(20);
    settle();
  }
  EXPECT_FALSE(world_.pipeline().pause("silver.both"));  // it has the rows of one of them
  world_.change_models(union_of("every 5 minutes"));
  must(world_.start());
  append(20);
  settle();
  expect_whole();
}

TEST_F(Pace, AFirstStartRemembersWhereAModelThatRunsAtTimesStands) {
  world_.change_models(models("every 5 minutes"));
  must(world_.start());
  append(10);
  must(world_.drain());
  must(world_.start());
  settle();
  world_.clock().advance_us(301 * base::kUsPerSecond);
  settle();
  EXPECT_EQ(difference(), "");
}

TEST_F(Pace, OnePeriodTakesInAllThatWaits) {
  world_.change_models(models("every 5 minutes"));
  world_.options.rows_max = 8;
  must(world_.start());
  append(5);
  settle();
  append(60);
  settle();
  world_.clock().advance_us(301 * base::kUsPerSecond);
  for (int i = 0; i < 40; ++i) must(world_.epoch());
  EXPECT_EQ(difference(), "");
}

TEST_F(Pace, AModelCannotRunAtTimesOverATableOfChanges) {
  auto more = models();
  more.push_back(model("gold.highest", "every 5 minutes", "key: [n]\n",
                       "SELECT n, max(total) AS best FROM gold.sums GROUP BY n"));
  world_.change_models(more);
  const auto started = world_.start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().to_string().find("gold.sums"), std::string::npos)
      << started.error().to_string();
}

}  // namespace
}  // namespace stream
