#include "quality/drift.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "quality/probability.h"

namespace quality {
namespace {

// The median distance from the median of a normal distribution is so much of its deviation.
constexpr double kMadOfNormal = 0.6744897501960817;
// Few values tell the deviation badly: the band is wider by this factor of Student's kind.
double widening(std::size_t n) { return 1 + 4.0 / static_cast<double>(n); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

struct Usual {
  double middle = 0;
  double deviation = 0;
};

Usual usual_of(const std::vector<double>& values) {
  const double middle = median(values);
  std::vector<double> distances;
  double mean = 0;
  for (const double value : values) {
    distances.push_back(std::abs(value - middle));
    mean += distances.back();
  }
  double deviation = median(distances) / kMadOfNormal;
  // More than half are the same: the mean distance says more.
  if (deviation == 0) deviation = 1.2533 * mean / static_cast<double>(values.size());
  // No spread at all: a billionth of the value is a change.
  return {middle, std::max(deviation, 1e-9 * std::max(1.0, std::abs(middle)))};
}

std::vector<double> values_before(const std::vector<Measure>& measures, const Measure& newest,
                                  bool same_weekday) {
  std::vector<double> values;
  for (const Measure& one : measures) {
    if (one.backfilled || one.day >= newest.day) continue;
    if (same_weekday && (newest.day - one.day) % 7 != 0) continue;
    values.push_back(one.value);
  }
  return values;
}

}  // namespace

Anomaly judge_newest(const std::vector<Measure>& measures, const DriftOptions& options) {
  Anomaly anomaly{.method = "too few days"};
  if (measures.empty()) return anomaly;
  const Measure& newest = *std::ranges::max_element(measures, {}, &Measure::day);
  std::vector<double> values = values_before(measures, newest, false);
  anomaly.seen = values.size();
  if (values.size() < options.days_min) return anomaly;
  anomaly.method = "all days";
  if (auto season = values_before(measures, newest, true); season.size() >= options.season_min) {
    values = std::move(season);
    anomaly.method = "weekday";
    anomaly.seen = values.size();
  }
  Usual usual = usual_of(values);
  usual.deviation = std::max(usual.deviation, options.deviation_min);
  if (options.counts)
    usual.deviation = std::max(usual.deviation, std::sqrt(std::max(1.0, usual.middle)));
  const double width = normal_quantile(1 - options.false_alarms / 2) * widening(values.size());
  anomaly.expected = usual.middle;
  anomaly.score = (newest.value - usual.middle) / usual.deviation;
  anomaly.low = usual.middle - width * usual.deviation;
  anomaly.high = usual.middle + width * usual.deviation;
  anomaly.found = !newest.backfilled && std::abs(anomaly.score) > width;
  return anomaly;
}

Anomaly judge_drift(const std::vector<Measure>& measures, double slack, double limit,
                    const DriftOptions& options) {
  Anomaly anomaly{.method = "too few days"};
  std::vector<Measure> sorted;
  for (const Measure& one : measures) {
    if (!one.backfilled) sorted.push_back(one);
  }
  std::ranges::sort(sorted, {}, &Measure::day);
  anomaly.seen = sorted.size();
  if (sorted.size() < 2 * options.days_min) return anomaly;
  anomaly.method = "cusum";
  // The first half says what is usual, the second may have drifted away from it.
  const std::size_t half = sorted.size() / 2;
  std::vector<double> first;
  for (std::size_t i = 0; i < half; ++i) first.push_back(sorted[i].value);
  const Usual usual = usual_of(first);
  double up = 0;
  double down = 0;
  double greatest = 0;
  for (std::size_t i = half; i < sorted.size(); ++i) {
    const double score = (sorted[i].value - usual.middle) / usual.deviation;
    up = std::max(0.0, up + score - slack);
    down = std::max(0.0, down - score - slack);
    if (up > std::abs(greatest)) greatest = up;
    if (down > std::abs(greatest)) greatest = -down;
  }
  anomaly.expected = usual.middle;
  anomaly.low = usual.middle - slack * usual.deviation;
  anomaly.high = usual.middle + slack * usual.deviation;
  anomaly.score = greatest;
  anomaly.found = std::abs(greatest) > limit;
  return anomaly;
}

double stability_index(const std::vector<std::int64_t>& before,
                       const std::vector<std::int64_t>& now) {
  const auto total = [](const std::vector<std::int64_t>& counts) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0})) +
           0.5 * static_cast<double>(counts.size());
  };
  const double n = total(before);
  const double m = total(now);
  double index = 0;
  for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) {
    const double p = (static_cast<double>(before[i]) + 0.5) / n;
    const double q = (static_cast<double>(now[i]) + 0.5) / m;
    index += (q - p) * std::log(q / p);
  }
  return index;
}

double stability_threshold(std::int64_t before, std::int64_t now, std::size_t bins,
                           double false_alarms) {
  const double scale = 1.0 / static_cast<double>(before) + 1.0 / static_cast<double>(now);
  return scale * chi_square_quantile(1 - false_alarms, static_cast<double>(bins) - 1);
}

double stability_p_value(double index, std::int64_t before, std::int64_t now, std::size_t bins) {
  const double scale = 1.0 / static_cast<double>(before) + 1.0 / static_cast<double>(now);
  return chi_square_survival(index / scale, static_cast<double>(bins) - 1);
}

double ks_distance(std::vector<double> before, std::vector<double> now) {
  std::ranges::sort(before);
  std::ranges::sort(now);
  double distance = 0;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < before.size() && j < now.size()) {
    const double at = std::min(before[i], now[j]);
    while (i < before.size() && before[i] <= at) ++i;
    while (j < now.size() && now[j] <= at) ++j;
    distance =
        std::max(distance, std::abs(static_cast<double>(i) / static_cast<double>(before.size()) -
                                    static_cast<double>(j) / static_cast<double>(now.size())));
  }
  return distance;
}

double ks_p_value_of_two(double distance, std::int64_t before, std::int64_t now) {
  const double n =
      static_cast<double>(before) * static_cast<double>(now) / static_cast<double>(before + now);
  return ks_p_value(distance, n);
}

std::vector<bool> too_unlikely(const std::vector<double>& p_values, double rate, bool bonferroni) {
  std::vector<bool> found(p_values.size(), false);
  const auto count = static_cast<double>(p_values.size());
  if (bonferroni) {
    for (std::size_t i = 0; i < p_values.size(); ++i) found[i] = p_values[i] <= rate / count;
    return found;
  }
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return p_values[i]; });
  std::size_t taken = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    if (p_values[order[rank]] <= rate * static_cast<double>(rank + 1) / count) taken = rank + 1;
  }
  for (std::size_t rank = 0; rank < taken; ++rank) found[order[rank]] = true;
  return found;
}

}  // namespace quality
