#include "quality/alerts.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace quality {
namespace {

TEST(Alerts, RaisedAgainItKeepsItsBeginningAndTakesTheNewSummary) {
  Alerts alerts;
  alerts.raise("lag/x", "warning", "10 behind", 100);
  alerts.raise("lag/x", "error", "99 behind", 200);
  ASSERT_EQ(alerts.list().size(), 1U);
  EXPECT_EQ(alerts.list()[0].since_us, 100);
  EXPECT_EQ(alerts.list()[0].summary, "99 behind");
  EXPECT_EQ(alerts.list()[0].severity, "error");
}

TEST(Alerts, ResolvedOnceAndRaisedAnewItBeginsAgain) {
  Alerts alerts;
  alerts.raise("a", "error", "x", 100);
  alerts.resolve("a", 200);
  alerts.resolve("a", 300);
  EXPECT_EQ(alerts.list()[0].resolved_us, 200);
  alerts.raise("a", "error", "y", 400);
  EXPECT_EQ(alerts.list()[0].since_us, 400);
  EXPECT_FALSE(alerts.list()[0].resolved_us);
  alerts.resolve("nobody", 500);
  EXPECT_EQ(alerts.list().size(), 1U);
}

TEST(Alerts, TheNewestStandsFirst) {
  Alerts alerts;
  alerts.raise("old", "error", "", 1);
  alerts.raise("new", "error", "", 2);
  EXPECT_EQ(alerts.list()[0].id, "new");
}

TEST(Alerts, AreBoundedAndResolvedOnesGoFirst) {
  Alerts alerts;
  alerts.raise("open", "error", "", 1);
  for (std::size_t i = 0; i < Alerts::kAlertsMax + 20; ++i) {
    const std::string id = "a" + std::to_string(i);
    alerts.raise(id, "error", "", static_cast<base::TimestampUs>(10 + i));
    alerts.resolve(id, static_cast<base::TimestampUs>(10 + i));
  }
  const auto list = alerts.list();
  EXPECT_EQ(list.size(), Alerts::kAlertsMax);
  EXPECT_EQ(list.back().id, "open");
}

TEST(Alerts, OutliveARestartInTheirFile) {
  const auto folder = std::filesystem::temp_directory_path() / "waybill-alerts-test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  {
    Alerts alerts;
    ASSERT_TRUE(alerts.keep_in(folder / "alerts.json"));
    alerts.raise("a", "error", "open", 100);
    alerts.raise("b", "warning", "over", 200);
    alerts.resolve("b", 300);
  }
  Alerts again;
  ASSERT_TRUE(again.keep_in(folder / "alerts.json"));
  ASSERT_EQ(again.list().size(), 2U);
  EXPECT_EQ(again.list()[0].resolved_us, 300);
  EXPECT_EQ(again.list()[1].summary, "open");
  EXPECT_EQ(again.list()[1].since_us, 100);
  again.raise("a", "error", "still open", 900);
  EXPECT_EQ(again.list()[1].since_us, 100);
  std::ofstream(folder / "alerts.json") << "{";
  Alerts broken;
  EXPECT_FALSE(broken.keep_in(folder / "alerts.json"));
  std::filesystem::remove_all(folder);
}

struct RateCase {
  std::string name;
  std::vector<std::pair<int, int>> batches;  // bad, total
  bool raised;
};

class ErrorRate : public ::testing::TestWithParam<RateCase> {};

TEST_P(ErrorRate, IsAnAlertAboveFivePercentOfEnoughRows) {
  Alerts alerts;
  for (const auto& [bad, total] : GetParam().batches)
    alerts.watch_error_rate("q", "silver.x", bad, total, 1);
  const auto list = alerts.list();
  EXPECT_EQ(!list.empty() && !list[0].resolved_us, GetParam().raised);
}

const RateCase kRates[] = {
    {"none", {{0, 1000}}, false},
    {"at_the_limit", {{5, 100}}, false},
    {"above", {{12, 100}}, true},
    {"perhaps_above", {{6, 100}}, false},
    {"surely_above_with_more_rows", {{6, 100}, {100, 1000}}, true},
    {"too_few_rows", {{49, 49}}, false},
    {"few_rows_add_up", {{3, 25}, {3, 25}}, true},
    {"many_small_good_ones", {{1, 25}, {0, 25}, {1, 30}}, false},
    {"back_under", {{50, 100}, {0, 100}}, false},
    {"not_yet_back_under", {{50, 100}, {0, 10}}, true},
    {"above_again", {{50, 100}, {0, 100}, {50, 100}}, true},
};

INSTANTIATE_TEST_SUITE_P(Batches, ErrorRate, ::testing::ValuesIn(kRates),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace quality
