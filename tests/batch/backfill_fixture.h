// A table of delays with a mistake in March, one of months downstream of it, and backfills of them.
#pragma once

#include <gtest/gtest.h>

#include <thread>

#include "../stream/world.h"
#include "batch/backfill.h"
#include "batch/legs.h"

namespace batch {

using nlohmann::json;
using stream_test::Judge;
using stream_test::must;
using stream_test::Record;
using stream_test::World;

// The planted mistake: minutes of March are halved.
inline constexpr const char* kWrong = R"(---
table: gold.delays
version: 1
mode: daily at 02:00
key: [day, lane]
partition: [day]
---
SELECT day, lane, count(*) AS legs,
       sum(CASE WHEN month(day) = 3 THEN delay / 2 ELSE delay END) AS minutes
FROM silver.legs GROUP BY ALL)";

inline constexpr const char* kRight = R"(---
table: gold.delays
version: 2
mode: daily at 02:00
key: [day, lane]
partition: [day]
---
SELECT day, lane, count(*) AS legs, CAST(sum(delay) AS DOUBLE) AS minutes
FROM silver.legs GROUP BY ALL)";

inline constexpr const char* kMonths = R"(---
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
  // Of the rows of some days from what the right version gives for them now, and of the months from
  // what they are made of.
  std::string difference_to_right(const std::string& days) {
    Judge judge;
    judge.run(fmt::format("CREATE VIEW silver.legs AS {}", rows("silver.legs")));
    const std::string wrong =
        judge.difference(fmt::format("SELECT * FROM ({}) WHERE {}", rows("gold.delays"), days),
                         fmt::format("SELECT * FROM ({}) WHERE {}", model(kRight).sql, days));
    return wrong + difference_of_months();
  }
  std::string difference_of_months() {
    Judge judge;
    judge.run(fmt::format("CREATE VIEW gold.delays AS {}", rows("gold.delays")));
    return judge.difference(rows("gold.months"), model(kMonths).sql);
  }
  std::string difference(const std::string& have, const std::string& want) {
    return Judge().difference(have, want);
  }

  World world_;
  std::unique_ptr<DailyModels> daily_;
  std::unique_ptr<Backfills> backfills_;
};

}  // namespace batch
