// Late rows, and runs that are repeated, reordered or cut off.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "../stream/world.h"
#include "batch/daily.h"
#include "batch/legs.h"

namespace batch {
namespace {

using stream_test::Judge;
using stream_test::must;
using stream_test::Record;
using stream_test::World;
using testing::HasSubstr;

constexpr const char* kSelect =
    "SELECT day, lane, count(*) AS legs, CAST(sum(delay) AS BIGINT) AS minutes FROM silver.legs "
    "GROUP BY ALL";

std::string text_of(const std::string& late) {
  return fmt::format(
      "---\ntable: gold.delays\nmode: daily at 02:00\nkey: [day, lane]\npartition: "
      "[day]\n{}---\n{}",
      late.empty() ? "" : "late: " + late + "\n", kSelect);
}

class LateTest : public testing::Test {
 protected:
  LateTest() : world_(kTopic, {must(runs::parse_model(kLegs, "models/legs.sql"))}, {}) {
    must(world_.start());
    today_ = static_cast<int>(world_.clock().now_us() / base::kUsPerDay);
  }
  DailyModels daily(const std::string& late) {
    return {world_.services(), {must(runs::parse_model(text_of(late), "models/delays.sql"))}};
  }
  // One leg of each lane, `ago` days before the first day of the test.
  void land(int ago) {
    std::vector<Record> records;
    for (int i = 0; i < 3; ++i)
      records.push_back({"L" + std::to_string(i),
                         fmt::format(R"({{"lane":"L{}","day":"{}","delay":{}}})", i, day(ago), i)});
    world_.append(records);
    must(world_.drain());
  }
  std::string day(int ago) const { return base::format_date(today_ - ago); }
  std::int64_t legs(int ago) {
    return Judge().number(
        fmt::format("SELECT coalesce(sum(legs), 0) FROM ({}) WHERE day = DATE '{}'",
                    world_.snapshot("gold.delays")->scan_sql(), day(ago)));
  }
  std::string difference_to_right() {
    Judge judge;
    judge.run(
        fmt::format("CREATE VIEW silver.legs AS {}", world_.snapshot("silver.legs")->scan_sql()));
    return judge.difference(world_.snapshot("gold.delays")->scan_sql(), kSelect);
  }
  void next_day() { world_.clock().advance_us(base::kUsPerDay); }

  World world_;
  int today_ = 0;
};

TEST_F(LateTest, ReprocessWritesTheNamedDaysBeforeTheNewOnesAnew) {
  DailyModels models = daily("reprocess 2 days");
  for (const int ago : {5, 4, 3, 2, 1, 0}) land(ago);
  must(models.run("gold.delays"));
  EXPECT_EQ(legs(1), 3);
  EXPECT_EQ(legs(0), 0) << "a day that is not over is not written";
  next_day();
  land(1);  // late by one day: within
  land(4);  // late by four days: beyond
  must(models.run("gold.delays"));
  EXPECT_EQ(legs(0), 3);
  EXPECT_EQ(legs(1), 6);
  EXPECT_EQ(legs(4), 3);
}

TEST_F(LateTest, BufferWaitsAndThenLeavesTheDayAsItIs) {
  DailyModels models = daily("buffer 6 hours");
  for (const int ago : {2, 1}) land(ago);
  must(models.run("gold.delays"));
  const bool over = world_.clock().now_us() % base::kUsPerDay >= 6 * 3600 * base::kUsPerSecond;
  EXPECT_EQ(legs(1), over ? 3 : 0);
  EXPECT_EQ(legs(2), 3);
  next_day();
  land(2);
  land(0);
  must(models.run("gold.delays"));
  EXPECT_EQ(legs(2), 3) << "what comes after the buffer changes nothing";
  EXPECT_EQ(legs(1), 3);
}

TEST_F(LateTest, UpsertTakesRowsHoweverLate) {
  DailyModels models = daily("upsert");
  for (const int ago : {9, 1}) land(ago);
  must(models.run("gold.delays"));
  const auto before = to_json(world_.snapshot("gold.delays")->files());
  must(models.run("gold.delays"));
  EXPECT_EQ(to_json(world_.snapshot("gold.delays")->files()), before) << "nothing differs";
  land(9);
  must(models.run("gold.delays"));
  EXPECT_EQ(legs(9), 6);
  EXPECT_EQ(difference_to_right(), "");
}

// Written anew, or merged by its key.
class IntervalTest : public LateTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Late, IntervalTest, testing::Values("", "upsert"));

TEST_P(IntervalTest, WritesItsPartitionsAlone) {
  DailyModels models = daily(GetParam());
  for (const int ago : {3, 2, 1}) land(ago);
  must(models.run("gold.delays"));
  for (const int ago : {3, 2, 1}) land(ago);
  must(models.run("gold.delays", DataInterval{day(2), day(2)}));
  EXPECT_EQ(legs(3), 3);
  EXPECT_EQ(legs(2), 6);
  EXPECT_EQ(legs(1), 3);
}

TEST_F(LateTest, AnIntervalIsTheSameHoweverItsDaysAreWritten) {
  DailyModels models = daily("");
  land(2);
  must(models.run("gold.delays"));
  std::string slashes = day(2);
  std::ranges::replace(slashes, '-', '/');
  for (const std::string& written : {" " + day(2), slashes}) {
    must(models.run("gold.delays", DataInterval{written, written}));
    EXPECT_EQ(legs(2), 3) << written;
  }
  const auto ran = models.run("gold.delays", DataInterval{"yesterday", day(2)});
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message, HasSubstr("'yesterday' is no value"));
  EXPECT_EQ(legs(2), 3);
}

TEST_F(LateTest, AnIntervalThatEndsBeforeItBeginsIsRefused) {
  for (const char* late : {"", "upsert", "reprocess 2 days"}) {
    DailyModels models = daily(late);
    land(2);
    must(models.run("gold.delays", DataInterval{day(3), day(1)}));
    const auto before = world_.snapshot("gold.delays")->version();
    const auto ran = models.run("gold.delays", DataInterval{day(1), day(3)});
    ASSERT_FALSE(ran) << late;
    EXPECT_THAT(ran.error().message, HasSubstr("the first comes after the last"));
    EXPECT_EQ(world_.snapshot("gold.delays")->version(), before);
  }
}

TEST_F(LateTest, WhatCannotBeDoneIsNamedWithItsMend) {
  constexpr const char* kPlain =
      "---\ntable: gold.delays\nmode: daily at 02:00\nlate: {}\n---\n"
      "SELECT day, count(*) AS n FROM silver.legs GROUP BY ALL";
  for (const auto& [late, mend] :
       {std::pair{"upsert", "key:"}, std::pair{"reprocess 2 days", "partition:"}}) {
    DailyModels models{world_.services(),
                       {must(runs::parse_model(fmt::format(fmt::runtime(kPlain), late), "m.sql"))}};
    const auto ran = models.run("gold.delays");
    ASSERT_FALSE(ran);
    EXPECT_EQ(ran.error().file, "m.sql");
    EXPECT_THAT(ran.error().mend, HasSubstr(mend));
  }
}

// Runs of single days, in any order, any number of times, each possibly cut off at some write: once
// every day was run after its last rows came, the table is what one run over all would give.
TEST_F(LateTest, RunsRepeatedReorderedOrCutOffGiveTheSameTable) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  constexpr int kDays = 5;
  for (int i = 0; i < 12; ++i) land(below(kDays));
  int cut = 0;
  for (int i = 0; i < 60; ++i) {
    world_.clock().advance_us(base::kUsPerSecond);
    if (i < 40 && i % 10 == 9) land(below(kDays));
    const int ago = below(kDays);
    const bool faulty = below(2) == 0;
    if (faulty) world_.fault.cut_after(below(6), below(2) == 0);
    const bool ran =
        daily("").run("gold.delays", DataInterval{day(ago + below(2)), day(ago)}).has_value();
    world_.fault.steps_left = -1;
    if (!ran) {
      ++cut;
      must(world_.start());
      must(daily("").restore());
    }
  }
  std::vector<int> order{0, 1, 2, 3, 4};
  std::ranges::shuffle(order, random);
  for (const int ago : order) must(daily("").run("gold.delays", DataInterval{day(ago), day(ago)}));
  EXPECT_EQ(difference_to_right(), "");
  EXPECT_GT(cut, 3);
}

}  // namespace
}  // namespace batch
