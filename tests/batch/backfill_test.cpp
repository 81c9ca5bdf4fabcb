#include "batch/backfill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "../stream/world.h"
#include "batch/legs.h"

namespace batch {
namespace {

using nlohmann::json;
using stream_test::Judge;
using stream_test::must;
using stream_test::Record;
using stream_test::World;
using testing::HasSubstr;

// The planted mistake: minutes of March are halved.
constexpr const char* kWrong = R"(---
table: gold.delays
version: 1
mode: daily at 02:00
key: [day, lane]
partition: [day]
---
SELECT day, lane, count(*) AS legs,
       sum(CASE WHEN month(day) = 3 THEN delay / 2 ELSE delay END) AS minutes
FROM silver.legs GROUP BY ALL)";

constexpr const char* kRight = R"(---
table: gold.delays
version: 2
mode: daily at 02:00
key: [day, lane]
partition: [day]
---
SELECT day, lane, count(*) AS legs, CAST(sum(delay) AS DOUBLE) AS minutes
FROM silver.legs GROUP BY ALL)";

constexpr const char* kMonths = R"(---
table: gold.months
version: 1
mode: daily at 03:00
key: [month]
---
SELECT month(day) AS month, sum(minutes) AS minutes FROM gold.delays GROUP BY ALL)";

class BackfillTest : public testing::Test {
 protected:
  BackfillTest() : world_(kTopic, {model(kLegs)}, {}) {
    must(world_.start());
    land(0, 600);
    open({kWrong, kMonths});
    must(daily_->run("gold.delays"));
    must(daily_->run("gold.months"));
  }
  ~BackfillTest() override { close(); }

  static runs::Model model(const std::string& text) {
    return must(runs::parse_model(text, "models/x.sql"));
  }
  static std::vector<runs::Model> models(const std::vector<const char*>& texts) {
    std::vector<runs::Model> all;
    for (const char* text : texts) all.push_back(model(text));
    return all;
  }
  void open(const std::vector<const char*>& texts) {
    daily_ = std::make_unique<DailyModels>(world_.services(), models(texts));
    backfills_ = std::make_unique<Backfills>(world_.services(), *daily_, BackfillOptions{});
    must(backfills_->restore());
    must(daily_->restore());
  }
  void close() {
    backfills_.reset();
    daily_.reset();
  }
  // A new process over what is on disk.
  void crash(const std::vector<const char*>& texts) {
    close();
    world_.fault.steps_left = -1;
    must(world_.start());
    open(texts);
  }
  // Rows of 60 days from 2013-02-15 on.
  void land(int from, int to) {
    std::vector<Record> records;
    for (int i = from; i < to; ++i)
      records.push_back({"L" + std::to_string(i % 3),
                         fmt::format(R"({{"lane":"L{}","day":"{}","delay":{}}})", i % 3,
                                     base::format_date(15751 + i % 60), i % 17)});
    world_.append(records);
    must(world_.drain());
  }
  json wait(const std::string& id) {
    for (int i = 0; i < 3000; ++i) {
      json shown = must(backfills_->show(id));
      if (shown.at("state") != "running") return shown;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    throw std::runtime_error("the backfill does not end");
  }
  static JobRequest march(const std::string& expect = "month(old.day) = 3") {
    return {.model = "gold.delays",
            .from = "2013-03-01",
            .to = "2013-03-31",
            .expect = expect,
            .parallel = 4};
  }
  json prepared(const JobRequest& request, const std::vector<const char*>& texts) {
    return wait(must(backfills_->begin(models(texts), request)));
  }
  std::string rows(const std::string& table) { return world_.snapshot(table)->scan_sql(); }
  // Of what the right version gives over all that is in silver.
  std::string difference_to_right() {
    Judge judge;
    judge.run(fmt::format("CREATE VIEW silver.legs AS {}", rows("silver.legs")));
    judge.run(fmt::format("CREATE VIEW gold.delays AS {}", model(kRight).sql));
    return judge.difference(rows("gold.delays"), model(kRight).sql) +
           judge.difference(rows("gold.months"), model(kMonths).sql);
  }
  std::string difference(const std::string& have, const std::string& want) {
    return Judge().difference(have, want);
  }

  World world_;
  std::unique_ptr<DailyModels> daily_;
  std::unique_ptr<Backfills> backfills_;
};

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
  Judge judge;
  judge.run(fmt::format("CREATE VIEW silver.legs AS {}", rows("silver.legs")));
  const std::string two = " WHERE day BETWEEN DATE '2013-03-05' AND DATE '2013-03-06'";
  EXPECT_EQ(judge.difference(fmt::format("SELECT * FROM ({}){}", rows("gold.delays"), two),
                             fmt::format("SELECT * FROM ({}){}", model(kRight).sql, two)),
            "");
  // The others were pinned before those legs came.
  EXPECT_EQ(judge.number(fmt::format("SELECT sum(legs) FROM ({}) WHERE day = DATE '2013-03-07'",
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

// The right version, which fails for days of more than 15 legs.
constexpr const char* kFull = R"(---
table: gold.delays
version: 2
mode: daily at 02:00
key: [day, lane]
partition: [day]
---
SELECT day, lane, CASE WHEN count(*) > 15 THEN error('the day is full') ELSE count(*) END AS legs,
       CAST(sum(delay) AS DOUBLE) AS minutes
FROM silver.legs GROUP BY ALL)";

TEST_F(BackfillTest, APartThatFailsWhenItIsRunAgainIsNeverPublishedAsEmpty) {
  const json ready = prepared(march(), {kFull, kMonths});
  ASSERT_EQ(ready.at("state"), "ready") << ready.dump(1);
  for (int i = 0; i < 10; ++i) land(600 + 60 * i, 660 + 60 * i);
  must(daily_->run("gold.delays", DataInterval{"2013-03-05", "2013-03-06"}));
  const auto version = world_.snapshot("gold.delays")->version();
  for (int i = 0; i < 2; ++i) {
    const auto published = backfills_->publish(ready.at("backfill"));
    ASSERT_FALSE(published);
    EXPECT_THAT(published.error().to_string(), HasSubstr("the day is full"));
    const json shown = must(backfills_->show(ready.at("backfill")));
    EXPECT_EQ(shown.at("state"), "failed");
    EXPECT_EQ(world_.snapshot("gold.delays")->version(), version);
  }
}

// Other legs come and are written, then the second run is cut off at any of its writes.
TEST_F(BackfillTest, CutOffWhileItRunsPartsAgainItCountsNothingStaleAsDone) {
  for (int step = 1; step < 12; ++step) {
    SCOPED_TRACE(step);
    JobRequest request = march();
    request.to = "2013-03-06";
    const json ready = prepared(request, {kRight, kMonths});
    ASSERT_EQ(ready.at("state"), "ready") << ready.dump(1);
    land(600 + 60 * step, 660 + 60 * step);
    must(daily_->run("gold.delays", DataInterval{"2013-03-05", "2013-03-06"}));
    world_.fault.cut_after(step);
    static_cast<void>(backfills_->publish(ready.at("backfill")));
    const std::string id = ready.at("backfill");
    crash({kWrong, kMonths});
    must(backfills_->resume());
    json state = wait(id);
    if (state.at("state") == "ready") state = must(backfills_->publish(id));
    ASSERT_EQ(state.at("state"), "done") << state.dump(1);
    Judge judge;
    judge.run(fmt::format("CREATE VIEW gold.delays AS {}", rows("gold.delays")));
    ASSERT_EQ(judge.difference(rows("gold.months"), model(kMonths).sql), "");
    must(backfills_->undo(id));
  }
}

TEST_F(BackfillTest, WhatOthersWroteWhileASwapWasCutOffIsRunAgain) {
  int met = 0;
  for (int step = 1; step < 24; ++step) {
    SCOPED_TRACE(step);
    JobRequest request = march();
    request.to = "2013-03-04";
    const std::string id = prepared(request, {kRight, kMonths}).at("backfill");
    world_.fault.cut_after(step);
    const bool whole = backfills_->publish(id).has_value();
    close();
    world_.fault.steps_left = -1;
    must(world_.start());
    if (whole) break;
    land(600 + 60 * step, 660 + 60 * step);
    DailyModels other(world_.services(), models({kWrong, kMonths}));
    must(other.run("gold.delays", DataInterval{"2013-03-03", "2013-03-03"}));
    open({kWrong, kMonths});
    json state = must(backfills_->show(id));
    met += state.at("state") == "running" ? 1 : 0;
    must(backfills_->resume());
    for (int i = 0; i < 3000 && state.at("state") != "done"; ++i) {
      state = wait(id);
      if (state.at("state") == "ready") static_cast<void>(backfills_->publish(id));
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    ASSERT_EQ(state.at("state"), "done") << state.dump(1);
    Judge judge;
    judge.run(fmt::format("CREATE VIEW silver.legs AS {}", rows("silver.legs")));
    const std::string part = " WHERE day = DATE '2013-03-03'";
    ASSERT_EQ(judge.difference(fmt::format("SELECT * FROM ({}){}", rows("gold.delays"), part),
                               fmt::format("SELECT * FROM ({}){}", model(kRight).sql, part)),
              "");
    judge.run(fmt::format("CREATE VIEW gold.delays AS {}", rows("gold.delays")));
    ASSERT_EQ(judge.difference(rows("gold.months"), model(kMonths).sql), "");
    daily_->set_models(models({kWrong, kMonths}));
    must(daily_->run("gold.delays", DataInterval{"2013-03-01", "2013-03-04"}));
    must(daily_->run("gold.months"));
  }
  EXPECT_GT(met, 0) << "no cut fell between the decision and the commit";
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

// Cut off before or after any of its writes, then started again and asked for the same: the tables
// are the wrong ones or the right ones, together, and in the end the right ones.
TEST_F(BackfillTest, CutOffAtAnyWriteItGoesOnAndIsWhole) {
  const std::string wrong_delays = rows("gold.delays");
  int published = 0;
  for (int step = 1; step < 400; step += step < 21 ? 1 : 3) {
    SCOPED_TRACE(step);
    JobRequest request = march();
    request.to = "2013-03-04";
    request.publish = true;
    request.parallel = 1;
    world_.fault.cut_after((step + 1) / 2, step % 2 == 0);
    const auto begun = backfills_->begin(models({kRight, kMonths}), request);
    if (begun) {
      for (int i = 0; i < 2000; ++i) {
        const auto shown = backfills_->show(*begun);
        const bool ended =
            shown && (shown->at("state") == "done" || shown->at("state") == "failed" ||
                      world_.fault.steps_left == 0);
        if (ended) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    const bool whole = world_.fault.steps_left > 0;
    crash({kWrong, kMonths});
    {  // before anything goes on, both tables are of one version
      Judge judge;
      judge.run(fmt::format("CREATE VIEW gold.delays AS {}", rows("gold.delays")));
      ASSERT_EQ(judge.difference(rows("gold.months"), model(kMonths).sql), "");
    }
    must(backfills_->resume());
    const std::string id = must(backfills_->list()).empty()
                               ? must(backfills_->begin(models({kRight, kMonths}), request))
                               : must(backfills_->list()).at(0).at("backfill").get<std::string>();
    const auto ended = [&](const std::string& one) {
      json state = wait(one);
      for (int i = 0; i < 3000; ++i) {
        if (state.at("state") != "ready" && state.at("state") != "publishing" &&
            state.at("state") != "running")
          break;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        state = must(backfills_->show(one));
      }
      return state;
    };
    json state = ended(id);
    if (state.at("state") == "failed")
      state = ended(must(backfills_->begin(models({kRight, kMonths}), request)));
    ASSERT_EQ(state.at("state"), "done") << state.dump(1);
    Judge judge;
    judge.run(fmt::format("CREATE VIEW silver.legs AS {}", rows("silver.legs")));
    const std::string part = " WHERE day BETWEEN DATE '2013-03-01' AND DATE '2013-03-04'";
    ASSERT_EQ(judge.difference(fmt::format("SELECT * FROM ({}){}", rows("gold.delays"), part),
                               fmt::format("SELECT * FROM ({}){}", model(kRight).sql, part)),
              "");
    judge.run(fmt::format("CREATE VIEW gold.delays AS {}", rows("gold.delays")));
    ASSERT_EQ(judge.difference(rows("gold.months"), model(kMonths).sql), "");
    must(backfills_->undo(state.at("backfill")));
    ASSERT_EQ(difference(rows("gold.delays"), wrong_delays), "");
    // Nothing of it is left for the next cut.
    state::WriteSet forget;
    forget.remove_range("backfill", "backfilm");
    must(world_.store().apply(forget));
    ++published;
    if (whole) break;
  }
  EXPECT_GT(published, 10);
}

}  // namespace
}  // namespace batch
