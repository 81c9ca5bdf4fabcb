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

}  // namespace
}  // namespace stream
