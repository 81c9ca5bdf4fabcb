#include "quality/drift.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "quality/probability.h"

namespace quality {
namespace {

// Ten weeks in which Sundays have a tenth of the other days' volume.
std::vector<Measure> weeks(std::mt19937_64& random, int days) {
  std::normal_distribution<double> noise(0, 50);
  std::vector<Measure> measures;
  for (int day = 0; day < days; ++day)
    measures.push_back({.day = day, .value = (day % 7 == 0 ? 200 : 2000) + noise(random)});
  return measures;
}

TEST(Drift, AQuietSundayIsUsualAndAQuietMondayIsNot) {
  std::mt19937_64 random(7);
  auto measures = weeks(random, 70);
  measures.push_back({.day = 70, .value = 210});
  EXPECT_FALSE(judge_newest(measures).found);
  EXPECT_EQ(judge_newest(measures).method, "weekday");
  measures.push_back({.day = 71, .value = 210});
  EXPECT_TRUE(judge_newest(measures).found);
  EXPECT_LT(judge_newest(measures).score, 0);
}

TEST(Drift, ABackfilledDayIsNoAnomalyAndTeachesNothing) {
  std::mt19937_64 random(8);
  auto measures = weeks(random, 71);
  for (int week = 1; week <= 8; ++week)
    measures[static_cast<std::size_t>(71 - 7 * week)] = {
        .day = 71 - 7 * week, .value = 90'000, .backfilled = true};
  measures.push_back({.day = 71, .value = 90'000, .backfilled = true});
  EXPECT_FALSE(judge_newest(measures).found);
  measures.back().backfilled = false;
  EXPECT_TRUE(judge_newest(measures).found);
}

TEST(Drift, FewDaysGiveNoVerdict) {
  EXPECT_EQ(judge_newest({}).method, "too few days");
  EXPECT_FALSE(judge_newest({{.day = 1, .value = 1}, {.day = 2, .value = 1e9}}).found);
}

TEST(Drift, UsualDaysRaiseFewFalseAlarms) {
  std::mt19937_64 random(9);
  int alarms = 0;
  for (int round = 0; round < 2000; ++round) {
    if (judge_newest(weeks(random, 71 + round % 7)).found) ++alarms;
  }
  EXPECT_LT(alarms, 2000 * 0.03);
}

TEST(Drift, ASmallLastingShiftIsFoundByItsSum) {
  std::mt19937_64 random(10);
  std::normal_distribution<double> noise(100, 10);
  std::vector<Measure> measures;
  for (int day = 0; day < 60; ++day)
    measures.push_back({.day = day, .value = noise(random) + (day >= 40 ? 15 : 0)});
  EXPECT_TRUE(judge_drift(measures).found);
  EXPECT_GT(judge_drift(measures).score, 5);
}

std::vector<std::int64_t> counted(std::mt19937_64& random, int n, double shift) {
  std::normal_distribution<double> normal(shift, 1);
  std::vector<std::int64_t> bins(10);
  for (int i = 0; i < n; ++i)
    ++bins[static_cast<std::size_t>(std::min(9.0, std::floor(normal_cdf(normal(random)) * 10)))];
  return bins;
}

TEST(Drift, TheStabilityThresholdKeepsItsFalseAlarmsAtEverySize) {
  std::mt19937_64 random(11);
  for (const int n : {100, 1000, 10'000}) {
    int alarms = 0;
    const int rounds = 400;
    for (int round = 0; round < rounds; ++round) {
      const double index = stability_index(counted(random, n, 0), counted(random, n, 0));
      if (index > stability_threshold(n, n, 10, 0.01)) ++alarms;
    }
    EXPECT_LT(alarms, rounds * 0.04) << n;
    EXPECT_GT(stability_index(counted(random, n, 0), counted(random, n, 1)),
              stability_threshold(n, n, 10, 0.01))
        << n;
  }
}

TEST(Drift, TwoSamplesOfOneDistributionAreRarelyFarApart) {
  std::mt19937_64 random(12);
  std::normal_distribution<double> normal(0, 1);
  const auto sample = [&](double shift) {
    std::vector<double> values(300);
    for (double& value : values) value = normal(random) + shift;
    return values;
  };
  int alarms = 0;
  for (int round = 0; round < 400; ++round) {
    if (ks_p_value_of_two(ks_distance(sample(0), sample(0)), 300, 300) < 0.01) ++alarms;
  }
  EXPECT_LT(alarms, 16);
  EXPECT_LT(ks_p_value_of_two(ks_distance(sample(0), sample(1)), 300, 300), 1e-6);
}

TEST(Drift, ManyColumnsAreCorrectedFor) {
  std::vector<double> p(100, 0.5);
  p[3] = 0.004;  // one in a hundred columns is so unlikely by chance
  EXPECT_FALSE(too_unlikely(p, 0.05)[3]);
  EXPECT_FALSE(too_unlikely(p, 0.05, true)[3]);
  p[3] = 1e-6;
  EXPECT_TRUE(too_unlikely(p, 0.05)[3]);
  EXPECT_TRUE(too_unlikely(p, 0.05, true)[3]);
}

TEST(Drift, DistributionFunctionsAreThoseOfTheTables) {
  EXPECT_NEAR(normal_cdf(1.959964), 0.975, 1e-6);
  EXPECT_NEAR(chi_square_survival(16.918978, 9), 0.05, 1e-6);
  EXPECT_NEAR(chi_square_quantile(0.95, 9), 16.918978, 1e-4);
  EXPECT_NEAR(beta_cdf(2, 3, 0.5), 0.6875, 1e-9);
  EXPECT_NEAR(wilson_lower(10, 100, 1.959964), 0.0552, 1e-3);
}

}  // namespace
}  // namespace quality
