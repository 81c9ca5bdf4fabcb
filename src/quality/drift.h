// Whether a measure or a distribution is out of the ordinary: robust scores within a weekly season,
// slow drifts (CUSUM), and distances of distributions with thresholds from the sizes of samples.
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quality {

// A measure of one day: volume, freshness, null share, mean.
struct Measure {
  std::int64_t day = 0;  // days since 1970
  double value = 0;
  bool backfilled = false;  // counts neither as an anomaly nor for what is usual
};

struct Anomaly {
  bool found = false;
  double score = 0;  // in robust standard deviations
  double expected = 0;
  double low = 0;  // the band that is usual
  double high = 0;
  std::size_t seen = 0;  // days that say what is usual
  std::string method;    // "weekday", "all days", "cusum", "too few days"
};

struct DriftOptions {
  double false_alarms = 0.001;  // of a day that is as usual; sets the width of the band
  std::size_t days_min = 14;    // fewer give no verdict
  std::size_t season_min = 6;   // same weekdays; fewer: all days
  double deviation_min = 0;     // less than that from day to day is no difference
  bool counts = false;          // values are counts: they vary at least by their root
};

// The newest day against the days before it.
Anomaly judge_newest(const std::vector<Measure>& measures, const DriftOptions& options = {});
// A shift that is small each day and lasts: cumulated robust scores of the newest days. `slack`
// and `limit` in standard deviations.
Anomaly judge_drift(const std::vector<Measure>& measures, double slack = 0.5, double limit = 5,
                    const DriftOptions& options = {});

// The population stability index of two samples counted into the same bins, each count plus half.
double stability_index(const std::vector<std::int64_t>& before,
                       const std::vector<std::int64_t>& now);
// The index above which so many samples of one distribution lie by chance: it is distributed as
// (1/n + 1/m) times chi-square of bins - 1.
double stability_threshold(std::int64_t before, std::int64_t now, std::size_t bins,
                           double false_alarms);
double stability_p_value(double index, std::int64_t before, std::int64_t now, std::size_t bins);
// The greatest distance of two samples' distribution functions (Kolmogorov-Smirnov), and how likely
// it is by chance.
double ks_distance(std::vector<double> before, std::vector<double> now);
double ks_p_value_of_two(double distance, std::int64_t before, std::int64_t now);

// Which of many p values are too small: Benjamini-Hochberg's share of false ones among the found
// (`rate`), or with Bonferroni's correction at most one false in 1 / rate rounds.
std::vector<bool> too_unlikely(const std::vector<double>& p_values, double rate,
                               bool bonferroni = false);

}  // namespace quality
