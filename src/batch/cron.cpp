#include "batch/cron.h"

#include <chrono>

namespace batch {
namespace {

constexpr std::int64_t kDayS = 86'400;
constexpr std::int64_t kHorizonS = 100 * 366 * kDayS;
constexpr int kPeriodsMax = 1000;  // of a zone's clock, in a hundred years

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

std::chrono::year_month_day date_of(std::int64_t day) {
  return std::chrono::year_month_day(
      std::chrono::sys_days(std::chrono::days(static_cast<int>(day))));
}

int days_in(const std::chrono::year_month_day& date) {
  const std::chrono::year_month_day_last last(date.year() /
                                              std::chrono::month_day_last(date.month()));
  return static_cast<int>(static_cast<unsigned>(last.day()));
}

int day_number(const std::chrono::year_month_day& date) {
  return static_cast<int>(static_cast<unsigned>(date.day()));
}

int weekday_of(std::int64_t day) {
  return static_cast<int>(
      std::chrono::weekday(std::chrono::sys_days(std::chrono::days(static_cast<int>(day))))
          .c_encoding());
}

// The weekday nearest to `wanted` in its month: Friday before a Saturday, Monday after a Sunday,
// never in another month.
int nearest_workday(std::int64_t day, const std::chrono::year_month_day& date, int wanted) {
  const int days = days_in(date);
  const int target = std::min(wanted, days);
  const int weekday = weekday_of(day - day_number(date) + target);
  if (weekday == 6) return target > 1 ? target - 1 : target + 2;
  if (weekday == 0) return target < days ? target + 1 : target - 2;
  return target;
}

template <std::size_t kSize>
int next_bit(const std::bitset<kSize>& bits, int from) {
  for (int i = from; i < static_cast<int>(kSize); ++i) {
    if (bits[static_cast<std::size_t>(i)]) return i;
  }
  return -1;
}

template <std::size_t kSize>
int previous_bit(const std::bitset<kSize>& bits, int from) {
  for (int i = from; i >= 0; --i) {
    if (bits[static_cast<std::size_t>(i)]) return i;
  }
  return -1;
}

}  // namespace

bool Cron::month_fits(std::int64_t day) const {
  return months_[static_cast<unsigned>(date_of(day).month())];
}

bool Cron::day_fits(std::int64_t day) const {
  const auto date = date_of(day);
  if (!months_[static_cast<unsigned>(date.month())]) return false;
  if (any_day_ && any_weekday_) return true;
  const int number = day_number(date);
  const int days = days_in(date);
  const auto weekday = static_cast<std::size_t>(weekday_of(day));
  bool by_day = days_[static_cast<std::size_t>(number)] || (last_day_ && number == days);
  for (int wanted = 1; wanted <= 31 && !by_day && nearest_weekdays_.any(); ++wanted) {
    by_day = nearest_weekdays_[static_cast<std::size_t>(wanted)] &&
             nearest_workday(day, date, wanted) == number;
  }
  if (last_workday_) by_day = by_day || nearest_workday(day, date, days) == number;
  const bool by_weekday = weekdays_[weekday] ||
                          nth_weekdays_[static_cast<std::size_t>((number - 1) / 7)][weekday] ||
                          (last_weekdays_[weekday] && number + 7 > days);
  if (any_day_) return by_weekday;
  if (any_weekday_) return by_day;
  return by_day || by_weekday;
}

std::optional<int> Cron::first_second(int from) const {
  for (int hour = next_bit(hours_, from / 3600); hour >= 0; hour = next_bit(hours_, hour + 1)) {
    const int rest = std::max(0, from - hour * 3600);
    for (int minute = next_bit(minutes_, rest / 60); minute >= 0;
         minute = next_bit(minutes_, minute + 1)) {
      const int second = next_bit(seconds_, std::max(0, rest - minute * 60));
      if (second >= 0) return hour * 3600 + minute * 60 + second;
    }
  }
  return std::nullopt;
}

std::optional<int> Cron::last_second(int to) const {
  for (int hour = previous_bit(hours_, to / 3600); hour >= 0;
       hour = previous_bit(hours_, hour - 1)) {
    const int rest = std::min(3599, to - hour * 3600);
    for (int minute = previous_bit(minutes_, rest / 60); minute >= 0;
         minute = previous_bit(minutes_, minute - 1)) {
      const int second = previous_bit(seconds_, std::min(59, rest - minute * 60));
      if (second >= 0) return hour * 3600 + minute * 60 + second;
    }
  }
  return std::nullopt;
}

std::optional<Cron::LocalS> Cron::first_in(LocalS from, LocalS to) const {
  int start = static_cast<int>(from - floor_divide(from, kDayS) * kDayS);
  for (std::int64_t day = floor_divide(from, kDayS); day * kDayS < to; start = 0) {
    if (!month_fits(day)) {
      const auto date = date_of(day);
      day += days_in(date) - day_number(date) + 1;
      continue;
    }
    if (day_fits(day)) {
      if (const auto second = first_second(start)) {
        const LocalS found = day * kDayS + *second;
        return found < to ? std::optional(found) : std::nullopt;
      }
    }
    ++day;
  }
  return std::nullopt;
}

std::optional<Cron::LocalS> Cron::last_in(LocalS from, LocalS to) const {
  const LocalS newest = to - 1;
  int end = static_cast<int>(newest - floor_divide(newest, kDayS) * kDayS);
  for (std::int64_t day = floor_divide(newest, kDayS); (day + 1) * kDayS > from;
       end = static_cast<int>(kDayS) - 1) {
    if (!month_fits(day)) {
      day -= day_number(date_of(day));
      continue;
    }
    if (day_fits(day)) {
      if (const auto second = last_second(end)) {
        const LocalS found = day * kDayS + *second;
        return found >= from ? std::optional(found) : std::nullopt;
      }
    }
    --day;
  }
  return std::nullopt;
}

std::optional<base::TimestampUs> Cron::next(base::TimestampUs after_us,
                                            const TimeZone& zone) const {
  std::int64_t from = floor_divide(after_us, base::kUsPerSecond) + 1;
  const std::int64_t horizon = from + kHorizonS;
  for (int i = 0; i < kPeriodsMax && from < horizon; ++i) {
    const TimeZone::Period period = zone.at(from);
    const std::int64_t before = zone.offset_before(period);
    LocalS least = from + period.offset_s;
    if (!follows_hours()) {
      // Times in a gap come at its end; times that are shown again have come already.
      if (from == period.begin_s && before < period.offset_s &&
          first_in(period.begin_s + before, period.begin_s + period.offset_s))
        return period.begin_s * base::kUsPerSecond;
      least = std::max(least, period.begin_s + before);
    }
    const LocalS end = std::min(period.end_s, horizon) + period.offset_s;
    if (const auto found = first_in(least, end))
      return (*found - period.offset_s) * base::kUsPerSecond;
    from = period.end_s;
  }
  return std::nullopt;
}

std::optional<base::TimestampUs> Cron::previous(base::TimestampUs before_us,
                                                const TimeZone& zone) const {
  std::int64_t to = -floor_divide(-before_us, base::kUsPerSecond);  // seconds before this one
  const std::int64_t horizon = to - kHorizonS;
  for (int i = 0; i < kPeriodsMax && to > horizon; ++i) {
    const TimeZone::Period period = zone.at(to - 1);
    const std::int64_t before = zone.offset_before(period);
    const std::int64_t begin = std::max(period.begin_s, horizon);
    LocalS least = begin + period.offset_s;
    if (!follows_hours()) least = std::max(least, begin + before);
    if (const auto found = last_in(least, to + period.offset_s))
      return (*found - period.offset_s) * base::kUsPerSecond;
    if (!follows_hours() && before < period.offset_s && begin == period.begin_s &&
        first_in(begin + before, begin + period.offset_s))
      return begin * base::kUsPerSecond;
    to = period.begin_s;
  }
  return std::nullopt;
}

RunInterval interval_ending(const Cron& cron, const TimeZone& zone, base::TimestampUs at_us) {
  return {.start_us = cron.previous(at_us, zone).value_or(at_us), .end_us = at_us};
}

}  // namespace batch
