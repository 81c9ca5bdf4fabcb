// Days of a table: how they are counted, and how distributions of one day compare with others'.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quality/monitor.h"

namespace quality {

inline constexpr std::size_t kNumberBins = 20;
inline constexpr std::size_t kWordsMax = 30;  // different values that are counted apart

// Counts of one column in the same bins, by day.
struct Histogram {
  std::string column;
  bool numbers = false;
  std::map<std::int64_t, std::vector<std::int64_t>> days;
};

// The distance of each day's distribution from that of the others (same weekdays where there are
// enough), judged by how unlikely it is, over all columns of a day together, and by how far other
// days are.
std::vector<Series> judge_distributions(const std::vector<Histogram>& histograms,
                                        const DayRanges& backfilled, std::int64_t newest,
                                        const DriftOptions& options);

// Whether the day is in one of the ranges.
bool in_ranges(const DayRanges& ranges, std::int64_t day);

// The greatest distance of the distribution functions of counts in ordered bins.
double binned_ks_distance(const std::vector<std::int64_t>& before,
                          const std::vector<std::int64_t>& now);

}  // namespace quality
