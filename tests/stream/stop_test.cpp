// Rules with `severity: stop`: the model is held back, the others go on, and a person lets it go
// on.
#include <gmock/gmock.h>

#include "stream/world.h"

namespace stream {
namespace {

using stream_test::Judge;
using stream_test::must;
using stream_test::Record;
using stream_test::World;
using testing::HasSubstr;

constexpr const char* kTopic = R"(topic: a
partitions: 2
key: k
format: json
schema:
  k: string
  v: bigint
)";

runs::Model model(const std::string& table, const std::string& header, const std::string& sql) {
  return must(runs::parse_model(
      fmt::format("---\ntable: {}\nmode: streaming\n{}---\n{}", table, header, sql),
      "models/test.sql"));
}

std::map<std::string, quality::Suite> suites() {
  return {{"checks.json", must(quality::parse_suite(R"({"name": "checks", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "v", "max_value": 1000},
     "meta": {"reason": "a unit is wrong", "severity": "stop"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "v", "min_value": 0},
     "meta": {"reason": "below zero", "severity": "quarantine"}}]})",
                                                    "quality/checks.json"))}};
}

class Stop : public testing::Test {
 protected:
  Stop()
      : world_(kTopic,
               {model("silver.checked", "quality: checks.json\n", "SELECT k, v FROM bronze.a"),
                model("silver.plain", "", "SELECT k, v FROM bronze.a"),
                model("gold.sums", "key: [k]\n",
                      "SELECT k, sum(v) AS total FROM silver.checked GROUP BY k")},
               suites()) {
    must(world_.start());
  }
  void send(const std::vector<int>& values) {
    std::vector<Record> records;
    for (const int v : values) {
      const std::string key = fmt::format("k{}", sent_++ % 3);
      records.push_back({key, fmt::format(R"({{"k":"{}","v":{}}})", key, v)});
    }
    world_.append(records);
  }
  void settle() {
    must(world_.drain());
    for (int i = 0; i < 6; ++i) must(world_.epoch());
  }
  std::int64_t rows(const std::string& table) {
    Judge judge;
    return judge.number(
        fmt::format("SELECT count(*) FROM ({})", world_.snapshot(table)->scan_sql()));
  }
  std::int64_t sum() {
    Judge judge;
    return judge.number(fmt::format("SELECT coalesce(CAST(sum(total) AS BIGINT), 0) FROM ({})",
                                    world_.snapshot("gold.sums")->scan_sql()));
  }
  std::string open_alert() {
    for (const quality::Alert& alert : world_.services().alerts.list()) {
      if (alert.id == "stop/silver.checked" && !alert.resolved_us) return alert.summary;
    }
    return "";
  }

  World world_;
  int sent_ = 0;
};

TEST_F(Stop, ABrokenRuleHoldsItsModelBackAndTheOthersGoOn) {
  send({1, 2, 3, -4});
  settle();
  EXPECT_EQ(rows("silver.checked"), 3);
  send({5, 6, 4000, 7});
  settle();
  EXPECT_EQ(rows("silver.checked"), 3);
  EXPECT_EQ(sum(), 6);
  EXPECT_EQ(rows("silver.plain"), 8);
  EXPECT_EQ(rows("bronze.a"), 8);
  EXPECT_EQ(rows("dead_letters"), 1);
  EXPECT_THAT(open_alert(), HasSubstr("1 row breaks the rule 'v: a unit is wrong', which stops"));
  EXPECT_THAT(open_alert(), HasSubstr("waybill models resume silver.checked"));
  EXPECT_THAT(must(world_.pipeline().explain("silver.checked"))["state_of_work"].dump(),
              HasSubstr("held back"));
}

TEST_F(Stop, ItStaysHeldBackOverARestart) {
  send({1, 4000});
  settle();
  must(world_.start());
  send({2, 3});
  settle();
  EXPECT_EQ(rows("silver.checked"), 0);
  EXPECT_EQ(rows("silver.plain"), 4);
}

TEST_F(Stop, WhoLetsItGoOnSendsWhatHadComeToTheDeadLettersAndNoMore) {
  send({1, 4000, 2});
  settle();
  send({3, 5000, -1});
  settle();
  EXPECT_EQ(rows("silver.checked"), 0);
  must(world_.pipeline().resume("silver.checked"));
  settle();
  EXPECT_EQ(open_alert(), "");
  EXPECT_EQ(rows("silver.checked"), 3);
  EXPECT_EQ(sum(), 6);
  EXPECT_EQ(rows("dead_letters"), 3);
  EXPECT_FALSE(world_.pipeline().is_behind("silver.checked"));
  const runs::Counts counts = world_.counts("silver.checked");
  EXPECT_EQ(counts.in, 6);
  EXPECT_EQ(counts.dead, 3);
  // Rows that come later stop again.
  send({4, 6000});
  settle();
  EXPECT_EQ(rows("silver.checked"), 3);
  EXPECT_NE(open_alert(), "");
}

TEST_F(Stop, ACutAtAnyWriteEndsWithTheModelHeldBackAndNothingLost) {
  int plain = 0;
  for (int steps = 1; steps < 14; ++steps) {
    send({1, 2});
    plain += 2;
    settle();
    const std::int64_t before = rows("silver.checked");
    send({3, 4000});
    plain += 2;
    world_.fault.cut_after(steps);
    for (int i = 0; i < 6 && world_.epoch(); ++i) {
    }
    world_.fault.steps_left = -1;
    must(world_.start());
    settle();
    ASSERT_EQ(rows("silver.checked"), before) << "cut off at write " << steps;
    ASSERT_EQ(rows("silver.plain"), plain) << "cut off at write " << steps;
    must(world_.pipeline().resume("silver.checked"));
    settle();
    ASSERT_EQ(rows("silver.checked"), before + 1) << "cut off at write " << steps;
    ASSERT_EQ(world_.counts("silver.checked").in, plain);
  }
}

}  // namespace
}  // namespace stream
