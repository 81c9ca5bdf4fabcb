#include "quality/monitor_days.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace quality {
namespace {

constexpr double kDistanceMin = 0.003;  // from day to day less than this is no difference

using Counts = std::vector<std::int64_t>;

std::int64_t total(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

// What other days together are like: the same weekdays where there are enough of them.
struct Others {
  Counts counts;
  std::size_t days = 0;
  bool weekday = false;
};

Others others_than(const Histogram& histogram, std::int64_t day, std::int64_t newest,
                   const DriftOptions& options) {
  const auto sum = [&](bool weekday) {
    Others others{.counts = {}, .days = 0, .weekday = weekday};
    for (const auto& [other, counts] : histogram.days) {
      if (other == day || other >= newest) continue;
      if (weekday && (day - other) % 7 != 0) continue;
      others.counts.resize(std::max(others.counts.size(), counts.size()));
      for (std::size_t i = 0; i < counts.size(); ++i) others.counts[i] += counts[i];
      ++others.days;
    }
    return others;
  };
  Others season = sum(true);
  return season.days >= options.season_min ? season : sum(false);
}

struct Distance {
  double value = 0;
  double p = 1;
  std::size_t days = 0;
};

Distance distance_of(const Histogram& histogram, std::int64_t day, std::int64_t newest,
                     const DriftOptions& options) {
  const Others others = others_than(histogram, day, newest, options);
  const Counts& now = histogram.days.at(day);
  const std::int64_t n = total(others.counts);
  const std::int64_t m = total(now);
  if (n == 0 || m == 0) return {.value = 0, .p = 1, .days = others.days};
  if (histogram.numbers) {
    const double distance = binned_ks_distance(others.counts, now);
    return {distance, ks_p_value_of_two(distance, n, m), others.days};
  }
  const double index = stability_index(others.counts, now);
  return {index, stability_p_value(index, n, m, now.size()), others.days};
}

}  // namespace

bool in_ranges(const DayRanges& ranges, std::int64_t day) {
  return std::ranges::any_of(
      ranges, [&](const auto& range) { return range.first <= day && day <= range.second; });
}

double binned_ks_distance(const Counts& before, const Counts& now) {
  const auto n = static_cast<double>(std::max<std::int64_t>(1, total(before)));
  const auto m = static_cast<double>(std::max<std::int64_t>(1, total(now)));
  double distance = 0;
  double left = 0;
  double right = 0;
  for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) {
    left += static_cast<double>(before[i]) / n;
    right += static_cast<double>(now[i]) / m;
    distance = std::max(distance, std::abs(left - right));
  }
  return distance;
}

std::vector<Series> judge_distributions(const std::vector<Histogram>& histograms,
                                        const DayRanges& backfilled, std::int64_t newest,
                                        const DriftOptions& options) {
  std::vector<Series> all;
  DriftOptions distances_of = options;
  distances_of.deviation_min = kDistanceMin;
  std::map<std::int64_t, std::vector<std::pair<std::size_t, double>>> by_day;  // p values
  for (std::size_t i = 0; i < histograms.size(); ++i) {
    const Histogram& histogram = histograms[i];
    Series series{
        .measure = histogram.numbers ? "ks" : "psi", .column = histogram.column, .points = {}};
    std::vector<Measure> distances;
    for (const auto& [day, counts] : histogram.days) {
      if (day > newest) continue;
      const Distance distance = distance_of(histogram, day, newest, options);
      distances.push_back({.day = day, .value = distance.value});
      DayPoint point{.day = day,
                     .value = distance.value,
                     .backfilled = in_ranges(backfilled, day),
                     .verdict = judge_newest(distances, distances_of)};
      // Less than usual is no drift.
      point.verdict.found = point.verdict.found && point.verdict.score > 0 && !point.backfilled;
      by_day[day].emplace_back(i, distance.p);
      series.points.push_back(std::move(point));
    }
    all.push_back(std::move(series));
  }
  for (const auto& [day, values] : by_day) {
    std::vector<double> p_values;
    for (const auto& [i, p] : values) p_values.push_back(p);
    const std::vector<bool> unlikely = too_unlikely(p_values, options.false_alarms);
    for (std::size_t i = 0; i < values.size(); ++i) {
      for (DayPoint& point : all[values[i].first].points)
        if (point.day == day) point.verdict.found = point.verdict.found && unlikely[i];
    }
  }
  return all;
}

}  // namespace quality
