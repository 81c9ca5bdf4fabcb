#include "base/clock.h"

#include <array>
#include <charconv>
#include <cmath>

namespace base {

TimestampUs SystemClock::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string format_date(std::int32_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string format_rfc3339(TimestampUs us) {
  std::int64_t days = us / kUsPerDay;
  std::int64_t rest = us % kUsPerDay;
  if (rest < 0) {
    rest += kUsPerDay;
    --days;
  }
  const std::int64_t seconds = rest / kUsPerSecond;
  const std::int64_t fraction = rest % kUsPerSecond;
  std::string text = fmt::format("{}T{:02}:{:02}:{:02}", format_date(static_cast<std::int32_t>(days)),
                                 seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (fraction != 0) text += fmt::format(".{:06}", fraction);
  return text + "Z";
}

namespace {

// Reads exactly `digits` decimal digits at `text[at]`; -1 when they are not there.
int read_digits(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// Days since the epoch, or nothing when the month or day is out of range.
bool days_from_civil(int year, int month, int day, std::int64_t& days) {
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return false;
  days = std::chrono::sys_days{date}.time_since_epoch().count();
  return true;
}

bool read_date(std::string_view text, std::int64_t& days) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return false;
  const int year = read_digits(text, 0, 4);
  const int month = read_digits(text, 5, 2);
  const int day = read_digits(text, 8, 2);
  return year >= 0 && month >= 0 && day >= 0 && days_from_civil(year, month, day, days);
}

// "Z", "", "+02:00", "+0200", "+02": microseconds to subtract.
bool read_offset(std::string_view text, std::int64_t& offset_us) {
  offset_us = 0;
  if (text.empty() || text == "Z" || text == "z" || text == " UTC" || text == "UTC") return true;
  const int sign = text[0] == '+' ? 1 : text[0] == '-' ? -1 : 0;
  const int hours = read_digits(text, 1, 2);
  if (sign == 0 || hours < 0 || hours > 23) return false;
  int minutes = 0;
  if (text.size() > 3) {
    minutes = read_digits(text, text[3] == ':' ? 4 : 3, 2);
    if (minutes < 0 || minutes > 59 || text.size() != (text[3] == ':' ? 6U : 5U)) return false;
  }
  offset_us = sign * (hours * 3600LL + minutes * 60LL) * kUsPerSecond;
  return true;
}

}  // namespace

Result<std::int32_t> parse_date(std::string_view text) {
  std::int64_t days = 0;
  if (text.size() != 10 || !read_date(text, days)) {
    return fail(Code::kInvalid, "not a date (YYYY-MM-DD): '{}'", text.substr(0, 64));
  }
  return static_cast<std::int32_t>(days);
}

Result<TimestampUs> parse_timestamp(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::kInvalid, "not a timestamp (RFC 3339): '{}'", text.substr(0, 64));
  };
  std::int64_t days = 0;
  if (!read_date(text, days)) return bad();
  if (text.size() == 10) return days * kUsPerDay;
  if (text[10] != 'T' && text[10] != ' ' && text[10] != 't') return bad();
  const int hour = read_digits(text, 11, 2);
  const int minute = read_digits(text, 14, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || text[13] != ':') return bad();
  std::size_t at = 16;
  int second = 0;
  std::int64_t fraction_us = 0;
  if (at < text.size() && text[at] == ':') {
    second = read_digits(text, 17, 2);
    if (second < 0 || second > 60) return bad();
    at = 19;
    if (at < text.size() && text[at] == '.') {
      std::int64_t unit = 100'000;
      for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) {
        fraction_us += (text[at] - '0') * unit;
      }
    }
  }
  std::int64_t offset_us = 0;
  if (!read_offset(text.substr(at), offset_us)) return bad();
  return days * kUsPerDay + ((hour * 60LL + minute) * 60 + second) * kUsPerSecond + fraction_us -
         offset_us;
}

namespace {

struct Unit {
  std::string_view name;
  std::int64_t us;
};

constexpr std::array<Unit, 24> kUnits{{{"us", 1},
                                       {"ms", kUsPerMs},
                                       {"millisecond", kUsPerMs},
                                       {"milliseconds", kUsPerMs},
                                       {"s", kUsPerSecond},
                                       {"sec", kUsPerSecond},
                                       {"second", kUsPerSecond},
                                       {"seconds", kUsPerSecond},
                                       {"m", 60 * kUsPerSecond},
                                       {"min", 60 * kUsPerSecond},
                                       {"minute", 60 * kUsPerSecond},
                                       {"minutes", 60 * kUsPerSecond},
                                       {"h", 3600 * kUsPerSecond},
                                       {"hour", 3600 * kUsPerSecond},
                                       {"hours", 3600 * kUsPerSecond},
                                       {"d", kUsPerDay},
                                       {"day", kUsPerDay},
                                       {"days", kUsPerDay},
                                       {"w", 7 * kUsPerDay},
                                       {"week", 7 * kUsPerDay},
                                       {"weeks", 7 * kUsPerDay},
                                       {"y", 365 * kUsPerDay},
                                       {"year", 365 * kUsPerDay},
                                       {"years", 365 * kUsPerDay}}};

}  // namespace

Result<std::int64_t> parse_duration_us(std::string_view text) {
  const auto bad = [&] {
    return fail_with(Code::kInvalid, fmt::format("not a duration: '{}'", text.substr(0, 64)),
                     "write a number and a unit, for example 250ms, 5 minutes, 1 hour, 2 days");
  };
  double total = 0;
  std::size_t at = 0;
  bool any = false;
  while (at < text.size()) {
    while (at < text.size() && text[at] == ' ') ++at;
    if (at == text.size()) break;
    double number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (error != std::errc{} || !(number >= 0)) return bad();
    at = static_cast<std::size_t>(end - text.data());
    while (at < text.size() && text[at] == ' ') ++at;
    std::size_t stop = at;
    while (stop < text.size() && text[stop] >= 'a' && text[stop] <= 'z') ++stop;
    const std::string_view name = text.substr(at, stop - at);
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (candidate.name == name) unit = &candidate;
    }
    if (unit == nullptr) return bad();
    total += number * static_cast<double>(unit->us);
    at = stop;
    any = true;
  }
  if (!any || total > 9e18) return bad();
  return static_cast<std::int64_t>(std::llround(total));
}

std::string format_duration(std::int64_t us) {
  const double value = static_cast<double>(us);
  if (us < kUsPerMs) return fmt::format("{} us", us);
  if (us < kUsPerSecond) return fmt::format("{:.1f} ms", value / 1e3);
  if (us < 120 * kUsPerSecond) return fmt::format("{:.1f} s", value / 1e6);
  if (us < 7200 * kUsPerSecond) return fmt::format("{:.1f} min", value / 6e7);
  if (us < 2 * kUsPerDay) return fmt::format("{:.1f} h", value / 3.6e9);
  return fmt::format("{:.1f} d", value / 8.64e10);
}

}  // namespace base
