#include "batch/daily.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../stream/world.h"

namespace batch {
namespace {

using stream_test::Judge;
using stream_test::must;
using stream_test::Record;
using stream_test::World;
using testing::HasSubstr;

constexpr const char* kTopic = R"(topic: legs
partitions: 2
key: lane
format: json
schema:
  lane: string not null
  late: integer
)";

constexpr const char* kLegs = R"(---
table: silver.legs
mode: streaming
---
SELECT lane, late FROM bronze.legs)";

constexpr const char* kOnTime = R"(---
table: gold.on_time
version: 4
mode: daily at 02:00
---
SELECT lane, count(*) AS legs, CAST(sum(late) AS BIGINT) AS late
FROM silver.legs
GROUP BY lane)";

class Daily : public testing::Test {
 protected:
  Daily() : world_(kTopic, {must(runs::parse_model(kLegs, "models/silver/legs.sql"))}, {}) {
    must(world_.start());
  }
  DailyModels daily(const std::string& text = kOnTime) {
    return {world_.services(), {must(runs::parse_model(text, "models/gold/on_time.sql"))}};
  }
  void land(int from, int to) {
    std::vector<Record> records;
    for (int i = from; i < to; ++i) {
      const std::string lane = "L" + std::to_string(i % 7);
      records.push_back({lane, fmt::format(R"({{"lane":"{}","late":{}}})", lane, i % 3)});
    }
    world_.append(records);
    must(world_.drain());
  }
  void expect_equal_to_batch() {
    Judge judge;
    judge.run(
        fmt::format("CREATE VIEW silver.legs AS {}", world_.snapshot("silver.legs")->scan_sql()));
    EXPECT_EQ(judge.difference(world_.snapshot("gold.on_time")->scan_sql(),
                               must(runs::parse_model(kOnTime, "x.sql")).sql),
              "");
  }

  World world_;
};

TEST_F(Daily, RunTwiceOverTheSameInputGivesTheSameTable) {
  land(0, 100);
  DailyModels models = daily();
  const auto first = must(models.run("gold.on_time"));
  expect_equal_to_batch();
  const auto before = world_.snapshot("gold.on_time");
  world_.clock().advance_us(base::kUsPerSecond);
  const auto second = must(models.run("gold.on_time"));
  Judge judge;
  EXPECT_EQ(judge.difference(world_.snapshot("gold.on_time")->scan_sql(), before->scan_sql()), "");
  EXPECT_EQ(first.total().out, 7);
  EXPECT_EQ(second.total().out, 7);
  EXPECT_EQ(first.model_version, 4);
  EXPECT_EQ(second.epoch, first.epoch + 1);
  EXPECT_GT(second.table_version, first.table_version);
}

TEST_F(Daily, ALaterRunSeesWhatCameSince) {
  land(0, 20);
  DailyModels models = daily();
  must(models.run("gold.on_time"));
  land(20, 90);
  must(models.run("gold.on_time"));
  expect_equal_to_batch();
}

TEST_F(Daily, ARunPinsAndRecordsTheVersionsItRead) {
  land(0, 20);
  DailyModels models = daily();
  const auto run = must(models.run("gold.on_time"));
  ASSERT_EQ(run.inputs.size(), 1U);
  EXPECT_EQ(run.inputs[0].source.topic, "silver.legs");
  EXPECT_EQ(run.inputs[0].to, world_.snapshot("silver.legs")->version());
  const auto listed = must(runs::list_runs(world_.store(), 10, "gold.on_time"));
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].at("run"), run.id);
  EXPECT_EQ(listed[0].at("mode"), "daily");
}

TEST_F(Daily, ABrokenRuleThatStopsFailsTheRunAndPublishesNothing) {
  const auto with = [&](const std::string& severity) {
    std::string text = kOnTime;
    text.replace(text.find("version"), 0, "quality: legs.json\n");
    return DailyModels(
        world_.services(), {must(runs::parse_model(text, "models/gold/on_time.sql"))},
        {{"legs.json",
          must(quality::parse_suite(
              R"({"name": "legs", "expectations": [{"type": "expect_column_values_to_be_between",
              "kwargs": {"column": "legs", "max_value": 5}, "meta": {"severity": ")" +
                  severity + "\"}}]}",
              "quality/legs.json"))}});
  };
  land(0, 14);
  DailyModels models = with("stop");
  must(models.run("gold.on_time"));
  const auto before = world_.snapshot("gold.on_time");
  land(14, 100);
  const auto refused = models.run("gold.on_time");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().to_string(),
              HasSubstr("do not meet 1 of 1 expectations of the suite legs: "
                        "expect_column_values_to_be_between of legs: 7 rows break it"));
  EXPECT_THAT(refused.error().to_string(), HasSubstr("models/gold/on_time.sql"));
  EXPECT_EQ(world_.snapshot("gold.on_time")->version(), before->version());
  EXPECT_EQ(must(runs::list_runs(world_.store(), 10, "gold.on_time")).size(), 1U);
  // A rule that only warns holds nothing back.
  DailyModels warned = with("warn");
  must(warned.run("gold.on_time"));
  expect_equal_to_batch();
}

TEST_F(Daily, AnUnknownModelIsRefusedWithTheNamesOfAll) {
  DailyModels models = daily();
  const auto run = models.run("gold.on_tme");
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, base::Code::kNotFound);
  EXPECT_THAT(run.error().message, HasSubstr("gold.on_tme"));
  EXPECT_THAT(run.error().mend, HasSubstr("gold.on_time"));
}

TEST_F(Daily, WrongSqlIsRefusedAtItsLineAndTheTableStaysAsItWas) {
  land(0, 20);
  must(daily().run("gold.on_time"));
  const auto before = world_.snapshot("gold.on_time")->version();
  DailyModels models = daily(
      "---\ntable: gold.on_time\nmode: daily at 02:00\n---\nSELECT lane,\nlte FROM silver.legs");
  const auto run = models.run("gold.on_time");
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().file, "models/gold/on_time.sql");
  EXPECT_EQ(run.error().line, 6) << run.error().to_string();
  EXPECT_EQ(world_.snapshot("gold.on_time")->version(), before);
}

// A run is cut off before or after each of its writes; what starts afterwards must give the table
// and exactly one record for each run that the table shows.
TEST_F(Daily, ARunCutOffAtAnyWriteIsRecordedOnceOrNotAtAll) {
  land(0, 20);
  must(daily().run("gold.on_time"));
  int recorded = 0;
  for (int step = 1; step <= 12; ++step) {
    SCOPED_TRACE(step);
    world_.clock().advance_us(base::kUsPerSecond);
    world_.fault.cut_after((step + 1) / 2, step % 2 == 0);
    const bool ran = daily().run("gold.on_time").has_value();
    world_.fault.steps_left = -1;
    must(world_.start());
    const std::int64_t committed =
        world_.snapshot("gold.on_time")->transaction_version("waybill/daily/gold.on_time");
    must(daily().restore());
    must(daily().restore());
    const auto listed = must(runs::list_runs(world_.store(), 100, "gold.on_time"));
    EXPECT_EQ(static_cast<std::int64_t>(listed.size()), committed);
    EXPECT_EQ(listed.at(0).at("run"), fmt::format("gold.on_time/{:012}", committed));
    EXPECT_EQ(world_.counts("gold.on_time").out, 7 * committed);
    recorded += !ran && committed > 1 ? 1 : 0;
    expect_equal_to_batch();
  }
  EXPECT_GT(recorded, 0) << "no cut fell between commit and record";
}

TEST_F(Daily, ForOneInstanceOfATaskItCommitsOnceWhereverItIsCutOff) {
  land(0, 20);
  must(daily().run("gold.on_time"));
  for (int step = 1; step <= 10; ++step) {
    SCOPED_TRACE(step);
    world_.clock().advance_us(base::kUsPerSecond);
    const std::string instance = "d/run-" + std::to_string(step) + "/t/1";
    const auto before = must(runs::list_runs(world_.store(), 100, "gold.on_time")).size();
    world_.fault.cut_after((step + 1) / 2, step % 2 == 0);
    static_cast<void>(daily().run("gold.on_time", {}, instance));
    world_.fault.steps_left = -1;
    must(world_.start());
    const auto first = must(daily().run("gold.on_time", {}, instance));
    const auto second = must(daily().run("gold.on_time", {}, instance));
    EXPECT_EQ(first.id, second.id);
    EXPECT_EQ(first.table_version, second.table_version);
    EXPECT_EQ(must(runs::list_runs(world_.store(), 100, "gold.on_time")).size(), before + 1);
  }
}

}  // namespace
}  // namespace batch
