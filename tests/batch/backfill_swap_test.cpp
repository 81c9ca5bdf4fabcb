// Backfills that are cut off, and swaps that others write beside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "batch/backfill_fixture.h"

namespace batch {
namespace {

using testing::HasSubstr;

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
    ASSERT_EQ(difference_of_months(), "");
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
    ASSERT_EQ(difference_to_right("day = DATE '2013-03-03'"), "");
    daily_->set_models(models({kWrong, kMonths}));
    must(daily_->run("gold.delays", DataInterval{"2013-03-01", "2013-03-04"}));
    must(daily_->run("gold.months"));
  }
  EXPECT_GT(met, 0) << "no cut fell between the decision and the commit";
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
    ASSERT_EQ(difference_of_months(), "") << "before anything goes on";
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
    ASSERT_EQ(difference_to_right("day BETWEEN DATE '2013-03-01' AND DATE '2013-03-04'"), "");
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
