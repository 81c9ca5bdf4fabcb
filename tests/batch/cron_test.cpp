#include "batch/cron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace batch {
namespace {

using testing::HasSubstr;

base::TimestampUs at(const std::string& text) { return base::parse_timestamp(text).value(); }

struct Case {
  const char* name;
  const char* cron;
  const char* zone;
  const char* after;
  std::vector<const char*> next;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class CronTimes : public testing::TestWithParam<Case> {};

TEST_P(CronTimes, ComeInOrderAndPreviousGoesTheSameWayBack) {
  const Case& c = GetParam();
  const auto cron = Cron::parse(c.cron);
  ASSERT_TRUE(cron) << cron.error().to_string();
  const TimeZone zone = TimeZone::find(c.zone).value();
  base::TimestampUs now = at(c.after);
  for (const char* want : c.next) {
    const auto next = cron->next(now, zone);
    ASSERT_TRUE(next);
    EXPECT_EQ(base::format_rfc3339(*next), want);
    now = *next;
  }
  for (std::size_t i = c.next.size() - 1; i > 0; --i) {
    now = cron->previous(now, zone).value();
    EXPECT_EQ(base::format_rfc3339(now), c.next[i - 1]);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , CronTimes,
    testing::Values(
        Case{"Daily",
             "0 2 * * *",
             "UTC",
             "2026-01-01T02:00:00Z",
             {"2026-01-02T02:00:00Z", "2026-01-03T02:00:00Z"}},
        Case{"GapRunsOnceRightAfter",
             "30 2 * * *",
             "Europe/Berlin",
             "2026-03-28T12:00:00Z",
             {"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
        Case{"TwoTimesInAGapAreOne",
             "0,30 2 * * *",
             "Europe/Berlin",
             "2026-03-28T12:00:00Z",
             {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
        Case{"GapAndTheHourBehindItAreOne",
             "0 2,3 * * *",
             "Europe/Berlin",
             "2026-03-28T12:00:00Z",
             {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z"}},
        Case{"ShownTwiceRunsTheFirstTime",
             "30 2 * * *",
             "Europe/Berlin",
             "2026-10-24T12:00:00Z",
             {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
        Case{"EveryHourFollowsTheHours",
             "30 * * * *",
             "Europe/Berlin",
             "2026-10-24T23:00:00Z",
             {"2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z",
              "2026-10-25T02:30:00Z"}},
        Case{"EveryHourHasNoneInAGap",
             "30 * * * *",
             "Europe/Berlin",
             "2026-03-29T00:00:00Z",
             {"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"}},
        Case{"ADayThatTheClockSkips",
             "0 12 * * *",
             "Pacific/Apia",
             "2011-12-29T00:00:00Z",
             {"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},
        Case{"LeapDay", "0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", {"2104-02-29T00:00:00Z"}},
        Case{"LastDay",
             "0 0 L * *",
             "UTC",
             "2024-02-01T00:00:00Z",
             {"2024-02-29T00:00:00Z", "2024-03-31T00:00:00Z"}},
        Case{"LastFriday",
             "0 0 * * L5",
             "UTC",
             "2026-01-01T00:00:00Z",
             {"2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"}},
        Case{"SecondMonday",
             "0 0 * * mon#2",
             "UTC",
             "2026-01-01T00:00:00Z",
             {"2026-01-12T00:00:00Z", "2026-02-09T00:00:00Z"}},
        Case{"NearestWorkday",
             "0 0 15W * *",
             "UTC",
             "2026-02-01T00:00:00Z",
             {"2026-02-16T00:00:00Z", "2026-03-16T00:00:00Z", "2026-04-15T00:00:00Z"}},
        Case{"DaysOfEitherField",
             "0 0 13 * fri",
             "UTC",
             "2026-02-01T00:00:00Z",
             {"2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"}},
        Case{"RangeOverTheEnd",
             "0 22-1 * * sat-sun",
             "UTC",
             "2026-01-03T22:30:00Z",
             {"2026-01-03T23:00:00Z", "2026-01-04T00:00:00Z", "2026-01-04T01:00:00Z",
              "2026-01-04T22:00:00Z"}},
        Case{"Seconds",
             "*/20 0 2 * * *",
             "UTC",
             "2026-01-01T02:00:10Z",
             {"2026-01-01T02:00:20Z", "2026-01-01T02:00:40Z", "2026-01-02T02:00:00Z"}},
        Case{"Alias", "@weekly", "UTC", "2026-01-01T00:00:00Z", {"2026-01-04T00:00:00Z"}}),
    [](const auto& info) { return info.param.name; });

TEST(Cron, WhatCannotBeIsNamed) {
  const std::pair<const char*, const char*> wrong[] = {
      {"0 0 30 2 *", "no day ever fits"},     {"0 0 31 4,6 *", "no day ever fits"},
      {"61 * * * *", "'61' is no minute"},    {"* * *", "3 fields"},
      {"0 0 * foo *", "'foo' is no month"},   {"*/0 * * * *", "is no minute"},
      {"0 0 * * 1#6", "day of week"},         {"@reboot", "no such name"},
      {"0 0 1,,2 * *", "is no day of month"}, {"? * * * *", "not for a minute"},
      {"H * * * *", "H needs a name"}};
  for (const auto& [text, words] : wrong) {
    const auto cron = Cron::parse(text);
    ASSERT_FALSE(cron) << text;
    EXPECT_THAT(cron.error().message, HasSubstr(words)) << text;
    EXPECT_NE(cron.error().mend, "");
  }
}

TEST(Cron, HashedValuesStayTheSameForANameAndDifferBetweenNames) {
  const TimeZone zone = TimeZone::find("UTC").value();
  std::set<base::TimestampUs> times;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "dag" + std::to_string(i);
    const auto next = Cron::parse("H H * * *", name).value().next(0, zone);
    EXPECT_EQ(next, Cron::parse("H H * * *", name).value().next(0, zone));
    times.insert(next.value());
  }
  EXPECT_GT(times.size(), 30U);
}

TEST(Cron, AnIntervalReachesFromTheTimeBeforeToTheTimeOfTheRun) {
  const TimeZone zone = TimeZone::find("Europe/Berlin").value();
  const auto cron = Cron::parse("0 2 * * *").value();
  const auto interval = interval_ending(cron, zone, at("2026-03-30T00:00:00Z"));
  EXPECT_EQ(base::format_rfc3339(interval.start_us), "2026-03-29T01:00:00Z");
  EXPECT_EQ(interval.end_us, at("2026-03-30T00:00:00Z"));
}

TEST(TimeZones, AnUnknownOneIsRefusedWithTheNearest) {
  const auto zone = TimeZone::find("Europe/Berlen");
  ASSERT_FALSE(zone);
  EXPECT_THAT(zone.error().mend, HasSubstr("Europe/Berlin"));
}

}  // namespace
}  // namespace batch
