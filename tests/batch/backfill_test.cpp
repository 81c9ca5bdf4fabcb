#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "batch/backfill_fixture.h"

namespace batch {
namespace {

using testing::HasSubstr;

TEST_F(BackfillTest, MendsHistoryWithWhatLiesDownstreamAndTellsWhatChanged) {
  ASSERT_NE(difference_to_right(), "");
  const std::string before = rows("gold.delays");
  const json ready = prepared(march(), {kRight, kMonths});
  ASSERT_EQ(ready.at("state"), "ready") << ready.dump(1);
  EXPECT_EQ(rows("gold.delays"), before) << "nothing is to be seen before it is published";
  const json diff = ready.at("report").at("tables").at(0).at("diff");
  EXPECT_EQ(diff.at("unexpected"), 0);
  EXPECT_GT(diff.at("changed"), 0);
  EXPECT_EQ(diff.at("columns").size(), 1U);
  EXPECT_EQ(diff.at("columns").at("minutes"), diff.at("changed"));
  EXPECT_EQ(diff.at("added"), 0);
  EXPECT_EQ(diff.at("removed"), 0);
  const json done = must(backfills_->publish(ready.at("backfill")));
  EXPECT_EQ(done.at("state"), "done");
  EXPECT_EQ(done.at("published").size(), 2U);
  EXPECT_EQ(difference_to_right(), "");
  const auto listed = must(runs::list_runs(world_.store(), 1, "gold.delays"));
  EXPECT_EQ(listed.at(0).at("mode"), "backfill");
  EXPECT_EQ(listed.at(0).at("model_version"), 2);
}

TEST_F(BackfillTest, IsUndoneAndDoneAgainInOneCommitEach) {
  const std::string before = rows("gold.delays");
  const std::string id = prepared(march(), {kRight, kMonths}).at("backfill");
  must(backfills_->publish(id));
  const auto version = world_.snapshot("gold.delays")->version();
  EXPECT_EQ(must(backfills_->undo(id)).at("state"), "undone");
  EXPECT_EQ(world_.snapshot("gold.delays")->version(), version + 1);
  EXPECT_EQ(difference(rows("gold.delays"), before), "");
  EXPECT_FALSE(backfills_->undo(id));
  EXPECT_EQ(must(backfills_->redo(id)).at("state"), "done");
  EXPECT_EQ(difference_to_right(), "");
}

TEST_F(BackfillTest, AnUndoIsRefusedWhenAPartWasWrittenSince) {
  const std::string id = prepared(march(), {kRight, kMonths}).at("backfill");
  must(backfills_->publish(id));
  must(daily_->run("gold.delays", DataInterval{"2013-03-09", "2013-03-09"}));
  const auto undone = backfills_->undo(id);
  ASSERT_FALSE(undone);
  EXPECT_EQ(undone.error().code, base::Code::kConflict);
  EXPECT_THAT(undone.error().message, HasSubstr("day=2013-03-09"));
}

TEST_F(BackfillTest, AChangeThatIsNotExpectedStopsIt) {
  const json refused = prepared(march("old.lane = 'L1'"), {kRight, kMonths});
  EXPECT_EQ(refused.at("state"), "refused");
  EXPECT_THAT(refused.at("error").get<std::string>(), HasSubstr("do not satisfy"));
  const auto published = backfills_->publish(refused.at("backfill"));
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, base::Code::kConflict);
}

TEST_F(BackfillTest, ASuiteThatIsNotMetStopsIt) {
  constexpr const char* kSuite = R"({"name": "delays", "expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "minutes", "max_value": 1}},
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 5}}]})";
  const std::string text = std::string(kRight).replace(4, 0, "quality: delays.json\n");
  backfills_ = std::make_unique<Backfills>(
      world_.services(), *daily_,
      BackfillOptions{.memory = "1GB",
                      .spill = {},
                      .suites = {{"delays.json", must(quality::parse_suite(kSuite, "d.json"))}}});
  const json refused = prepared(march(), {text.c_str(), kMonths});
  EXPECT_EQ(refused.at("state"), "refused") << refused.dump(1);
  EXPECT_THAT(refused.at("error").get<std::string>(), HasSubstr("1 of 2 expectations"));
  EXPECT_THAT(refused.at("error").get<std::string>(), HasSubstr("of minutes"));
}

TEST_F(BackfillTest, AnExpectationThatDoesNotBindIsNamed) {
  const json failed = prepared(march("old.lne = 'L1'"), {kRight, kMonths});
  EXPECT_EQ(failed.at("state"), "failed");
  EXPECT_THAT(failed.at("error").get<std::string>(), HasSubstr("old.lne = 'L1'"));
  EXPECT_EQ(failed.at("tables")[0].at("done"), 0) << "it is found before any part is run";
  const auto cost = backfills_->estimate(models({kRight, kMonths}), march("old.lne = 'L1'"));
  ASSERT_FALSE(cost);
  EXPECT_THAT(cost.error().to_string(), HasSubstr("old.lne = 'L1'"));
}

TEST_F(BackfillTest, AnExpectationOverRowsWithoutAKeyIsRefusedAtOnce) {
  std::string keyless = kRight;
  keyless.erase(keyless.find("key:"), std::string("key: [day, lane]\n").size());
  const auto begun = backfills_->begin({model(keyless), model(kMonths)}, march());
  ASSERT_FALSE(begun);
  EXPECT_THAT(begun.error().message, HasSubstr("has no key"));
  EXPECT_TRUE(must(backfills_->list()).empty());
}

TEST_F(BackfillTest, AnIntervalThatEndsBeforeItBeginsIsNamed) {
  JobRequest request = march();
  std::swap(request.from, request.to);
  const auto cost = backfills_->estimate(models({kRight, kMonths}), request);
  ASSERT_FALSE(cost);
  EXPECT_THAT(cost.error().message, HasSubstr("day=2013-03-31 to day=2013-03-01"));
}

TEST_F(BackfillTest, APartThatChangedMeanwhileIsRunAgainAlone) {
  const json ready = prepared(march(), {kRight, kMonths});
  land(600, 660);  // one more leg every day
  must(daily_->run("gold.delays", DataInterval{"2013-03-05", "2013-03-06"}));
  const json done = must(backfills_->publish(ready.at("backfill")));
  EXPECT_EQ(done.at("state"), "done");
  EXPECT_EQ(difference_to_right("day BETWEEN DATE '2013-03-05' AND DATE '2013-03-06'"), "");
  // The others were pinned before those legs came.
  EXPECT_EQ(Judge().number(fmt::format("SELECT sum(legs) FROM ({}) WHERE day = DATE '2013-03-07'",
                                       rows("gold.delays"))),
            10);
}

TEST_F(BackfillTest, WritesElsewhereInTheTableDoNotDisturbIt) {
  const json ready = prepared(march(), {kRight, kMonths});
  must(daily_->run("gold.delays", DataInterval{"2013-02-20", "2013-02-20"}));
  const auto version = world_.snapshot("gold.delays")->version();
  must(backfills_->publish(ready.at("backfill")));
  EXPECT_EQ(world_.snapshot("gold.delays")->version(), version + 1);
  EXPECT_EQ(difference_to_right(), "");
}

TEST_F(BackfillTest, OnePartThatFailsIsNamedTheRestIsDoneAndNothingIsToBeSeen) {
  constexpr const char* kFails = R"(---
table: gold.delays
version: 3
mode: daily at 02:00
key: [day, lane]
partition: [day]
---
SELECT day, lane, count(*) AS legs,
       CAST(sum(CASE WHEN day = DATE '2013-03-07' THEN error('no such day') ELSE delay END) AS DOUBLE) AS minutes
FROM silver.legs GROUP BY ALL)";
  const auto version = world_.snapshot("gold.delays")->version();
  JobRequest request = march();
  request.to = "2013-03-10";
  const json failed = prepared(request, {kFails, kMonths});
  EXPECT_EQ(failed.at("state"), "failed");
  EXPECT_THAT(failed.at("error").get<std::string>(), HasSubstr("day=2013-03-07"));
  EXPECT_THAT(failed.at("error").get<std::string>(), HasSubstr("no such day"));
  EXPECT_EQ(failed.at("tables").at(0).at("done"), 9);
  EXPECT_EQ(world_.snapshot("gold.delays")->version(), version);
}

TEST_F(BackfillTest, ADryRunTellsTheCostAndWritesNothing) {
  const auto version = world_.snapshot("gold.delays")->version();
  const json cost = must(backfills_->estimate(models({kRight, kMonths}), march()));
  EXPECT_EQ(cost.at("partitions"), 31);
  EXPECT_EQ(cost.at("first"), "day=2013-03-01");
  EXPECT_EQ(cost.at("last"), "day=2013-03-31");
  ASSERT_EQ(cost.at("downstream").size(), 1U);
  EXPECT_EQ(cost.at("downstream")[0].at("table"), "gold.months");
  EXPECT_GT(cost.at("downstream")[0].at("rows_now").get<int>(), 0);
  EXPECT_GE(cost.at("rows_now").get<int>(), 31);
  EXPECT_GT(cost.at("bytes_now").get<int>(), 0);
  EXPECT_EQ(world_.snapshot("gold.delays")->version(), version);
}

TEST_F(BackfillTest, AStreamingModelIsRefusedWithTheWayThatThereIs) {
  const auto begun = backfills_->begin(
      models({kLegs}), JobRequest{.model = "silver.legs", .from = {}, .to = {}, .expect = {}});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, base::Code::kUnsupported);
  EXPECT_THAT(begun.error().mend, HasSubstr("models rewind silver.legs"));
}

TEST_F(BackfillTest, RowsWithAKeyThatAnotherRowHasAreRefused) {
  const std::string doubled = std::string(kRight) +
                              " UNION ALL SELECT day, lane, 1, 0.0 FROM "
                              "silver.legs WHERE day = DATE '2013-03-02'";
  const json refused = prepared(march(""), {doubled.c_str(), kMonths});
  EXPECT_EQ(refused.at("state"), "refused") << refused.dump(1);
  EXPECT_THAT(refused.at("error").get<std::string>(), HasSubstr("a key (day, lane) that another"));
  const json diff = refused.at("report").at("tables").at(0).at("diff");
  EXPECT_EQ(diff.at("new_rows"), diff.at("old_rows").get<int>() - diff.at("removed").get<int>() +
                                     diff.at("added").get<int>());
}

TEST_F(BackfillTest, RowsWithoutADayAreAPartOfTheWholeTable) {
  world_.append({{"L9", R"({"lane":"L9","day":null,"delay":30})"}});
  must(world_.drain());
  JobRequest request = march("");
  request.from = request.to = "";
  for (const int minutes : {30, 30}) {  // not there yet, then written anew
    const json ready = prepared(request, {kRight, kMonths});
    ASSERT_EQ(ready.at("state"), "ready") << ready.dump(1);
    must(backfills_->publish(ready.at("backfill")));
    EXPECT_EQ(Judge().number(fmt::format("SELECT sum(minutes) FROM ({}) WHERE day IS NULL",
                                         rows("gold.delays"))),
              minutes);
  }
  EXPECT_EQ(difference_to_right(), "");
}

TEST_F(BackfillTest, ADryRunOfAVersionWithAnotherColumnLeavesTheTableAsItIs) {
  const std::string more = std::string(kRight).replace(std::string(kRight).find(" AS minutes"), 11,
                                                       " AS minutes, max(delay) AS longest");
  const auto version = world_.snapshot("gold.delays")->version();
  EXPECT_EQ(must(backfills_->estimate(models({more.c_str(), kMonths}), march())).at("partitions"),
            31);
  EXPECT_EQ(world_.snapshot("gold.delays")->version(), version);
}

}  // namespace
}  // namespace batch
