#include "quality/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quality/monitor_days.h"

namespace quality {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kFirst = 20'000;  // a day, since 1970
constexpr int kDays = 60;

Monitor monitor_of(const std::string& more = "") {
  auto monitor = parse_monitor(
      "table: silver.deliveries\ntime: t\nnulls: [kg]\nmeans: [kg]\ndrift: [kg, mode]\n" + more,
      "quality/deliveries.yaml");
  EXPECT_TRUE(monitor) << monitor.error().to_string();
  return monitor ? *monitor : Monitor{};
}

// Deliveries of sixty days, a hundred on Sundays and a thousand on others; weights and modes spread
// alike.
class Deliveries : public ::testing::Test {
 protected:
  void SetUp() override {
    database_ = std::move(*sql::Database::open({}));
    connection_ = std::move(*database_->connect());
    run(fmt::format(
        "CREATE TABLE d AS SELECT make_timestamptz((day * 86400 + (i * 86400) // n) * 1000000) AS "
        "t, CASE WHEN hash(i, day, 1) % 50 = 0 THEN NULL ELSE 10 + (hash(i, day, 2) % 1000) / 10.0 "
        "END AS kg, CASE hash(i, day, 3) % 10 WHEN 0 THEN 'air' WHEN 1 THEN 'sea' ELSE 'road' END "
        "AS mode, day FROM (SELECT day, CASE day % 7 WHEN 3 THEN 100 ELSE 1000 + CAST(hash(day) % "
        "40 AS BIGINT) END AS n FROM range({}, {}) days(day)), LATERAL range(n) rows(i)",
        kFirst, kFirst + kDays));
  }
  void run(const std::string& sql) {
    const auto done = connection_->execute(sql);
    ASSERT_TRUE(done) << done.error().to_string();
  }
  // Measures two hours after the end of the newest day.
  Measured measured(const Monitor& monitor, const DayRanges& backfilled = {},
                    std::int64_t newest = kFirst + kDays - 1) {
    auto found = measure(*connection_, "d", monitor, backfilled,
                         (newest + 1) * base::kUsPerDay + 7200 * base::kUsPerSecond);
    EXPECT_TRUE(found) << found.error().to_string();
    return found ? *std::move(found) : Measured{};
  }
  static const Series& of(const Measured& measured, const std::string& key) {
    const auto it =
        std::ranges::find_if(measured.series, [&](const Series& one) { return one.key() == key; });
    EXPECT_NE(it, measured.series.end()) << key;
    return *it;
  }
  static std::vector<std::string> found(const Measured& measured) {
    std::vector<std::string> keys;
    for (const Series& series : measured.series) {
      if (!series.points.empty() && series.points.back().verdict.found)
        keys.push_back(series.key());
    }
    return keys;
  }

  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> connection_;
};

TEST_F(Deliveries, AUsualDayIsNoAnomalyAndEveryMeasureHasItsDays) {
  const Measured all = measured(monitor_of());
  EXPECT_THAT(found(all), ::testing::IsEmpty());
  std::vector<std::string> keys;
  for (const Series& series : all.series) keys.push_back(series.key());
  EXPECT_THAT(keys, ::testing::ElementsAre("volume", "silence_hours", "null_share/kg", "mean/kg",
                                           "ks/kg", "psi/mode"));
  EXPECT_EQ(all.newest, kFirst + kDays - 1);
  for (const Series& series : all.series) {
    EXPECT_EQ(series.points.size(), 57U) << series.key();
    EXPECT_EQ(series.points.back().day, all.newest);
  }
  EXPECT_EQ(of(all, "volume").points.back().verdict.method, "weekday");
}

TEST_F(Deliveries, AQuietSundayIsUsualAndADayLikeASundayIsNot) {
  const std::int64_t sunday = kFirst + 51;
  ASSERT_EQ(sunday % 7, 3);
  EXPECT_THAT(found(measured(monitor_of(), {}, sunday)), ::testing::IsEmpty());
  run(fmt::format("DELETE FROM d WHERE day = {} AND rowid % 10 <> 0", kFirst + kDays - 1));
  const Measured all = measured(monitor_of());
  EXPECT_THAT(found(all), ::testing::Contains("volume"));
  EXPECT_THAT(anomaly_text(monitor_of(), of(all, "volume")), HasSubstr(" rows on 2024-12-02, usually "));
}

TEST_F(Deliveries, ADayWithoutRowsIsAnAnomalyOfVolumeAndFreshness) {
  const Measured all = measured(monitor_of(), {}, kFirst + kDays);
  EXPECT_THAT(found(all), ::testing::IsSupersetOf({"volume", "silence_hours"}));
  EXPECT_EQ(of(all, "volume").points.back().value, 0);
  EXPECT_NEAR(of(all, "silence_hours").points.back().value, 24, 0.1);
  EXPECT_NEAR(*all.silent_hours, 26, 0.1);
}

TEST_F(Deliveries, NullsThatGrowAreFoundAndAreNoDriftOfTheOthers) {
  run(fmt::format("UPDATE d SET kg = NULL WHERE day = {} AND rowid % 5 = 0", kFirst + kDays - 1));
  EXPECT_THAT(found(measured(monitor_of())), ::testing::ElementsAre("null_share/kg"));
}

TEST_F(Deliveries, ADistributionThatShiftsIsFoundByItsColumn) {
  run(fmt::format("UPDATE d SET mode = 'sea' WHERE day = {} AND mode = 'road' AND rowid % 4 = 0",
                  kFirst + kDays - 1));
  EXPECT_THAT(found(measured(monitor_of())), ::testing::ElementsAre("psi/mode"));
  // Wider, with the same middle: the mean does not see it.
  run(
      fmt::format("UPDATE d SET kg = CASE WHEN kg < 60 THEN 10.01 ELSE 109.8 END WHERE day = {} "
                  "AND kg IS NOT NULL",
                  kFirst + kDays - 1));
  EXPECT_THAT(found(measured(monitor_of())), ::testing::UnorderedElementsAre("ks/kg", "psi/mode"));
}

TEST_F(Deliveries, ABackfilledDayIsNoAnomaly) {
  const std::int64_t newest = kFirst + kDays - 1;
  run(fmt::format("DELETE FROM d WHERE day = {} AND rowid % 10 <> 0", newest));
  ASSERT_THAT(found(measured(monitor_of())), ::testing::Not(::testing::IsEmpty()));
  const Measured all = measured(monitor_of(), {{newest - 1, newest}});
  EXPECT_THAT(found(all), ::testing::IsEmpty());
  EXPECT_TRUE(of(all, "volume").points.back().backfilled);
}

TEST_F(Deliveries, DaysOfATableOfThePastEndWithItsRows) {
  const Measured all = measured(monitor_of("days: data\n"), {}, kFirst + 400);
  EXPECT_EQ(all.newest, kFirst + kDays - 2);  // the last one has no later row
  EXPECT_THAT(found(all), ::testing::IsEmpty());
}

TEST_F(Deliveries, ATimeThatIsNoneIsRefusedByName) {
  Monitor monitor = monitor_of();
  monitor.time = "mode";
  const auto answer = measure(*connection_, "d", monitor, {}, 0);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().to_string(), HasSubstr("mode of silver.deliveries is no time"));
}

TEST(Monitor, AFileThatIsWrongIsRefusedWithItsLineAndTheMend) {
  const std::map<std::string, std::string> cases{
      {"table: a.b\n", "time"},
      {"table: a.b\ntime: t\nnulls: [a]\ndrfit: [x]\n", "drift"},
      {"table: a.b\ntime: t\nreference: 3 days\n", "14 to 400 days"},
      {"table: a.b\ntime: t\nreference: 500 days\n", "14 to 400 days"},
      {"table: a.b\ntime: t\nfreshness: soon\n", "soon"},
      {"table: a.b\ntime: t\nfalse_alarms: 2\n", "false alarms"},
      {"table: a.b\ntime: t\ndays: never\n", "days cannot be 'never'"},
      {"table: a.b\ntime: t\nseverity: loud\n", "critical, error, warning or info"}};
  for (const auto& [text, expected] : cases) {
    const auto monitor = parse_monitor(text, "quality/x.yaml");
    ASSERT_FALSE(monitor) << text;
    EXPECT_THAT(monitor.error().to_string(), HasSubstr(expected)) << text;
    EXPECT_THAT(monitor.error().to_string(), HasSubstr("quality/x.yaml"));
  }
  const auto monitor = parse_monitor("table: a.b\ntime: t\nfreshness: 2 hours\n", "q/x.yaml");
  ASSERT_TRUE(monitor);
  EXPECT_EQ(monitor->silence_us_max, 7200 * base::kUsPerSecond);
  EXPECT_EQ(monitor->name, "x");
}

TEST(Monitor, AColumnThatIsNotThereIsRefusedWithTheNearestName) {
  const columns::Schema schema{{{"t", columns::Type::kTimestamp},
                                {"kg", columns::Type::kFloat64},
                                {"modes", columns::Type::kString}}};
  const auto answer = check_columns(monitor_of(), schema);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().to_string(), HasSubstr("no column 'mode'"));
  EXPECT_THAT(answer.error().mend, HasSubstr("modes"));
}

}  // namespace
}  // namespace quality
