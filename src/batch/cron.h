// Cron expressions: "0 2 * * *", with seconds in front "30 0 2 * * *", or "@daily".
//
// Fields: [second] minute hour day-of-month month day-of-week, with * ? lists, ranges (also over
// the end: fri-mon), steps (*/5, 10-50/5, 10/5), names, L (last day; L5 or 5L: last Friday), 1#2
// (the second Monday), 15W (the weekday nearest to the 15th of its month), H (a value by the name's
// hash). Days are those of either day field when both are restricted, as in every cron.
// Summer time: a time that the clock skips comes once, right after the gap; one that it shows twice
// comes once, the first time. Expressions of every hour follow the hours that pass instead.
// Threads: values.
#pragma once

#include <array>
#include <bitset>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "batch/time_zone.h"

namespace batch {

class Cron {
 public:
  // kInvalid names the field, or says that no day ever fits. `hashed` is what H goes by.
  static base::Result<Cron> parse(std::string_view text, std::string_view hashed = "");

  const std::string& text() const { return text_; }
  // The first time after, and the last before; nullopt when there is none within 100 years.
  std::optional<base::TimestampUs> next(base::TimestampUs after_us, const TimeZone& zone) const;
  std::optional<base::TimestampUs> previous(base::TimestampUs before_us,
                                            const TimeZone& zone) const;

 private:
  friend class CronReader;
  // Seconds since 1970-01-01 of a clock on the wall.
  using LocalS = std::int64_t;
  std::optional<LocalS> first_in(LocalS from, LocalS to) const;  // [from, to)
  std::optional<LocalS> last_in(LocalS from, LocalS to) const;
  bool month_fits(std::int64_t day) const;
  bool day_fits(std::int64_t day) const;
  std::optional<int> first_second(int from) const;  // of a day
  std::optional<int> last_second(int to) const;     // at or before
  bool follows_hours() const { return hours_.all(); }

  std::string text_;
  std::bitset<60> seconds_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  std::array<std::bitset<7>, 5> nth_weekdays_;
  std::bitset<7> last_weekdays_;
  std::bitset<32> nearest_weekdays_;
  bool last_day_ = false;
  bool last_workday_ = false;
  bool any_day_ = true;
  bool any_weekday_ = true;
};

// What a run at `at_us` is about: everything since the time before it.
struct RunInterval {
  base::TimestampUs start_us = 0;
  base::TimestampUs end_us = 0;
};
RunInterval interval_ending(const Cron& cron, const TimeZone& zone, base::TimestampUs at_us);

}  // namespace batch
