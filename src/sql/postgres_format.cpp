// to_char.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "sql/postgres_functions.h"

namespace sql {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr auto kMonths =
    std::to_array<std::string_view>({"January", "February", "March", "April", "May", "June", "July",
                                     "August", "September", "October", "November", "December"});
constexpr auto kDays = std::to_array<std::string_view>(
    {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"});

struct Parts {
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  std::int64_t day_of_year = 0;
  std::int64_t weekday = 0;  // 0 is Sunday
  std::int64_t iso_year = 0;
  std::int64_t iso_week = 0;
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  std::int64_t micros = 0;
};

void split_time(std::int64_t micros, Parts& parts) {
  parts.hour = micros / 3'600'000'000;
  parts.minute = std::abs(micros / 60'000'000 % 60);
  parts.second = std::abs(micros / 1'000'000 % 60);
  parts.micros = std::abs(micros % 1'000'000);
}

Parts parts_of(std::int64_t micros) {
  using std::chrono::days;
  using std::chrono::sys_days;
  const std::int64_t day = micros >= 0 ? micros / kDayUs : -((-micros + kDayUs - 1) / kDayUs);
  const sys_days date{days{day}};
  const std::chrono::year_month_day ymd{date};
  Parts parts;
  parts.year = int{ymd.year()};
  parts.month = unsigned{ymd.month()};
  parts.day = unsigned{ymd.day()};
  parts.day_of_year = (date - sys_days{ymd.year() / 1 / 1}).count() + 1;
  parts.weekday = std::chrono::weekday{date}.c_encoding();
  // The week belongs to the year of its Thursday.
  const sys_days thursday = date + days{4 - (parts.weekday == 0 ? 7 : parts.weekday)};
  const std::chrono::year_month_day of_week{thursday};
  parts.iso_year = int{of_week.year()};
  parts.iso_week = (thursday - sys_days{of_week.year() / 1 / 1}).count() / 7 + 1;
  split_time(micros - day * kDayUs, parts);
  return parts;
}

enum class Letters : std::uint8_t { kUpper, kCapital, kLower };

std::string spelled(std::string_view name, Letters letters) {
  std::string text(name);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool upper = letters == Letters::kUpper || (letters == Letters::kCapital && i == 0);
    const auto c = static_cast<unsigned char>(text[i]);
    text[i] = static_cast<char>(upper ? std::toupper(c) : std::tolower(c));
  }
  return text;
}

// Walks over a format and writes what its patterns mean.
class TimeFormatter {
 public:
  TimeFormatter(const Parts& parts, std::string_view format) : parts_(parts), format_(format) {}

  std::string run() {
    while (!format_.empty()) {
      fill_ = !take("FM");
      if (!fill_) static_cast<void>(take("TM"));
      if (quoted() || clock() || calendar() || name()) continue;
      if (format_.empty()) break;
      out_ += format_.front();
      format_.remove_prefix(1);
    }
    return std::move(out_);
  }

 private:
  // Patterns are the same in lower case.
  bool take(std::string_view pattern) {
    if (format_.size() < pattern.size()) return false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (std::toupper(static_cast<unsigned char>(format_[i])) != pattern[i]) return false;
    }
    taken_ = format_.substr(0, pattern.size());
    format_.remove_prefix(pattern.size());
    return true;
  }

  bool quoted() {
    if (!format_.starts_with('"')) return false;
    format_.remove_prefix(1);
    const auto end = std::min(format_.find('"'), format_.size());
    out_ += format_.substr(0, end);
    format_.remove_prefix(std::min(end + 1, format_.size()));
    return true;
  }

  void number(std::int64_t value, int width) {
    out_ += fill_ ? fmt::format("{:0{}}", value, width) : fmt::format("{}", value);
    if (take("TH")) {
      const std::int64_t tens = value % 100;
      const std::int64_t ones = tens >= 11 && tens <= 13 ? 0 : value % 10;
      const auto* ending = ones == 1 ? "st" : ones == 2 ? "nd" : ones == 3 ? "rd" : "th";
      out_ += spelled(ending, taken_[0] == 'T' ? Letters::kUpper : Letters::kLower);
    }
  }

  bool clock() {
    const auto half = [&](std::string_view morning, std::string_view evening) {
      const bool lower = std::islower(static_cast<unsigned char>(taken_[0])) != 0;
      out_ += spelled(parts_.hour % 24 < 12 ? morning : evening,
                      lower ? Letters::kLower : Letters::kUpper);
    };
    if (take("HH24")) return number(parts_.hour, 2), true;
    if (take("HH12") || take("HH"))
      return number(parts_.hour % 12 == 0 ? 12 : parts_.hour % 12, 2), true;
    if (take("MI")) return number(parts_.minute, 2), true;
    if (take("SSSSS") || take("SSSS"))
      return number(parts_.hour * 3600 + parts_.minute * 60 + parts_.second, 1), true;
    if (take("SS")) return number(parts_.second, 2), true;
    if (take("MS") || take("FF3")) return number(parts_.micros / 1000, 3), true;
    if (take("US") || take("FF6")) return number(parts_.micros, 6), true;
    if (take("A.M.") || take("P.M.")) return half("a.m.", "p.m."), true;
    if (take("AM") || take("PM")) return half("am", "pm"), true;
    if (take("TZH")) return out_ += "+00", true;
    if (take("TZM")) return out_ += "00", true;
    if (take("TZ")) return out_ += taken_[0] == 't' ? "utc" : "UTC", true;
    if (take("OF")) return out_ += "+00", true;
    return false;
  }

  bool calendar() {
    if (take("Y,YYY"))
      return out_ += fmt::format("{},{:03}", parts_.year / 1000, parts_.year % 1000), true;
    if (take("YYYY")) return number(parts_.year, 4), true;
    if (take("IYYY")) return number(parts_.iso_year, 4), true;
    if (take("YYY")) return number(parts_.year % 1000, 3), true;
    if (take("YY")) return number(parts_.year % 100, 2), true;
    if (take("IYY")) return number(parts_.iso_year % 1000, 3), true;
    if (take("IY")) return number(parts_.iso_year % 100, 2), true;
    if (take("MM")) return number(parts_.month, 2), true;
    if (take("IDDD")) return number((parts_.iso_week - 1) * 7 + iso_weekday(), 3), true;
    if (take("DDD")) return number(parts_.day_of_year, 3), true;
    if (take("DD")) return number(parts_.day, 2), true;
    if (take("IW")) return number(parts_.iso_week, 2), true;
    if (take("ID")) return number(iso_weekday(), 1), true;
    if (take("WW")) return number((parts_.day_of_year - 1) / 7 + 1, 2), true;
    if (take("CC")) return number((parts_.year + 99) / 100, 2), true;
    if (take("Q")) return number((parts_.month + 2) / 3, 1), true;
    return false;
  }

  bool name() {
    const auto letters = [&] {
      const bool first = std::isupper(static_cast<unsigned char>(taken_[0])) != 0;
      const bool second = std::isupper(static_cast<unsigned char>(taken_[1])) != 0;
      return !first ? Letters::kLower : second ? Letters::kUpper : Letters::kCapital;
    };
    const auto month = [&] { return kMonths[static_cast<std::size_t>(parts_.month - 1)]; };
    const auto day = [&] { return kDays[static_cast<std::size_t>(parts_.weekday)]; };
    const auto whole = [&](std::string_view text) {
      out_ += fmt::format("{:<{}}", spelled(text, letters()), fill_ ? 9 : 0);
    };
    if (parts_.month > 0) {
      if (take("MONTH")) return whole(month()), true;
      if (take("MON")) return out_ += spelled(month().substr(0, 3), letters()), true;
      if (take("DAY")) return whole(day()), true;
      if (take("DY")) return out_ += spelled(day().substr(0, 3), letters()), true;
    }
    // Behind the longer patterns that begin with them.
    if (take("D")) return number(parts_.weekday + 1, 1), true;
    if (take("W")) return number((parts_.day - 1) / 7 + 1, 1), true;
    if (take("I")) return number(parts_.iso_year % 10, 1), true;
    if (take("Y")) return number(parts_.year % 10, 1), true;
    return false;
  }

  std::int64_t iso_weekday() const { return parts_.weekday == 0 ? 7 : parts_.weekday; }

  const Parts& parts_;
  std::string_view format_;
  std::string_view taken_;
  bool fill_ = true;  // no FM in front
  std::string out_;
};

// Walks over a format and takes from a text what its patterns mean.
class TimeParser {
 public:
  TimeParser(std::string_view text, std::string_view format)
      : whole_(text), text_(text), format_(format) {}

  base::Result<std::int64_t> run() {
    while (!format_.empty()) {
      if (number() || month_name() || half()) continue;
      if (wrong_) return base::fail(base::Code::kInvalid, "invalid value in \"{}\"", whole_);
      if (!text_.empty()) text_.remove_prefix(1);
      format_.remove_prefix(1);
    }
    if (twelve_) hour_ = hour_ % 12 + (evening_ ? 12 : 0);
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year_)),
                                           std::chrono::month(static_cast<unsigned>(month_)),
                                           std::chrono::day(static_cast<unsigned>(day_))};
    if (!date.ok() || hour_ > 23 || minute_ > 59 || second_ > 59) {
      return base::fail(base::Code::kInvalid, "date/time field value out of range: \"{}\"", whole_);
    }
    const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
    return days * kDayUs + hour_ * 3'600'000'000 + minute_ * 60'000'000 + second_ * 1'000'000 +
           micros_;
  }

 private:
  bool starts(std::string_view pattern) const {
    return format_.size() >= pattern.size() &&
           std::equal(pattern.begin(), pattern.end(), format_.begin(), [](char a, char b) {
             return a == std::toupper(static_cast<unsigned char>(b));
           });
  }

  bool number() {
    struct Part {
      std::string_view pattern;
      std::int64_t* into;
      std::size_t digits;
    };
    const Part parts[] = {{"YYYY", &year_, 4}, {"HH24", &hour_, 2}, {"HH12", &hour_, 2},
                          {"MI", &minute_, 2}, {"MM", &month_, 2},  {"DD", &day_, 2},
                          {"SS", &second_, 2}, {"US", &micros_, 6}, {"MS", &micros_, 3},
                          {"HH", &hour_, 2},   {"YY", &year_, 2}};
    const auto* const part =
        std::ranges::find_if(parts, [&](const Part& one) { return starts(one.pattern); });
    if (part == std::end(parts)) return false;
    std::size_t count = 0;
    std::int64_t value = 0;
    while (count < part->digits && count < text_.size() && text_[count] >= '0' &&
           text_[count] <= '9') {
      value = value * 10 + (text_[count++] - '0');
    }
    if (count == 0) {
      wrong_ = true;
      return false;
    }
    if (part->pattern == "MS") value *= 1000;
    if (part->pattern == "YY") value += value < 70 ? 2000 : 1900;
    twelve_ = twelve_ || part->pattern == "HH12" || part->pattern == "HH";
    *part->into = value;
    text_.remove_prefix(count);
    format_.remove_prefix(part->pattern.size());
    return true;
  }

  bool month_name() {
    if (!starts("MON")) return false;
    const auto name = spelled(text_.substr(0, 3), Letters::kCapital);
    const auto* const found = std::ranges::find_if(
        kMonths, [&](std::string_view one) { return one.substr(0, 3) == name; });
    if (found == kMonths.end()) {
      wrong_ = true;
      return false;
    }
    const bool whole = starts("MONTH");
    month_ = found - kMonths.begin() + 1;
    text_.remove_prefix(std::min(text_.size(), whole ? found->size() : 3));
    format_.remove_prefix(whole ? 5 : 3);
    return true;
  }

  bool half() {
    if (!starts("AM") && !starts("PM")) return false;
    evening_ = text_.size() >= 2 && (text_[0] == 'P' || text_[0] == 'p');
    text_.remove_prefix(std::min<std::size_t>(text_.size(), 2));
    format_.remove_prefix(2);
    return true;
  }

  const std::string_view whole_;
  std::string_view text_;
  std::string_view format_;
  std::int64_t year_ = 1;
  std::int64_t month_ = 1;
  std::int64_t day_ = 1;
  std::int64_t hour_ = 0;
  std::int64_t minute_ = 0;
  std::int64_t second_ = 0;
  std::int64_t micros_ = 0;
  bool evening_ = false;
  bool twelve_ = false;
  bool wrong_ = false;
};

struct NumberShape {
  std::string digits;  // the places in front of the point and behind it: '9', '0' and ','
  std::string decimals;
  bool point = false;
  bool fill = true;
  bool sign_first = false;  // S in front
  bool sign_last = false;   // S or MI behind
  bool minus_last = false;  // MI: a blank instead of a plus
};

base::Result<NumberShape> parse_shape(std::string_view format) {
  NumberShape shape;
  const auto unknown = [&] {
    return base::fail_with(base::Code::kUnsupported,
                           fmt::format("to_char of a number does not know the format '{}'", format),
                           "use the patterns 9, 0, '.', ',', D, G, S, MI and FM");
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    const auto c = static_cast<char>(std::toupper(static_cast<unsigned char>(format[i])));
    const bool pair = i + 1 < format.size();
    const auto next =
        pair ? static_cast<char>(std::toupper(static_cast<unsigned char>(format[i + 1]))) : '\0';
    if (c == 'F' && next == 'M') {
      shape.fill = false;
      ++i;
    } else if (c == 'M' && next == 'I') {
      shape.sign_last = shape.minus_last = true;
      ++i;
    } else if (c == 'S') {
      (shape.digits.empty() && !shape.point ? shape.sign_first : shape.sign_last) = true;
    } else if ((c == '.' || c == 'D') && !shape.point) {
      shape.point = true;
    } else if (c == '9' || c == '0') {
      (shape.point ? shape.decimals : shape.digits) += c;
    } else if ((c == ',' || c == 'G') && !shape.point) {
      shape.digits += ',';
    } else {
      return unknown();
    }
  }
  return shape;
}

// The places in front of the point, without sign; blanks in front of the first digit.
std::string whole_places(const NumberShape& shape, const std::string& digits, bool is_zero) {
  const auto zero = shape.digits.find('0');
  const auto places = static_cast<std::size_t>(
      std::count_if(shape.digits.begin(), shape.digits.end(), [](char c) { return c != ','; }));
  std::string out;
  std::size_t place = 0;
  bool begun = false;
  for (std::size_t i = 0; i < shape.digits.size(); ++i) {
    const bool separator = shape.digits[i] == ',';
    if (!begun && !separator) {
      const bool shown = place + digits.size() >= places && !is_zero;
      const bool last = is_zero && place + 1 == places && !shape.point;
      begun = shown || last || (zero != std::string::npos && i >= zero);
    }
    if (separator) {
      out += begun ? ',' : ' ';
      continue;
    }
    const auto from_end = places - place;
    const char digit = from_end <= digits.size() ? digits[digits.size() - from_end] : '0';
    out += begun ? digit : ' ';
    ++place;
  }
  return out;
}

}  // namespace

std::string format_time(std::int64_t micros, std::string_view format) {
  return TimeFormatter(parts_of(micros), format).run();
}

base::Result<std::int64_t> parse_time(std::string_view text, std::string_view format) {
  return TimeParser(text, format).run();
}

std::string format_interval(IntervalValue value, std::string_view format) {
  Parts parts;
  parts.year = value.months / 12;
  parts.month = value.months % 12;
  parts.day = value.days;
  split_time(value.micros, parts);
  return TimeFormatter(parts, format).run();
}

base::Result<std::string> format_number(double value, std::string_view format) {
  const auto shape = TRY(parse_shape(format));
  // Half away from zero, as numeric rounds; the shortest text of the value decides what a half is.
  const auto scale = static_cast<int>(shape.decimals.size());
  const double power = std::pow(10.0, scale);
  const double scaled = std::abs(value) * power;
  const double rounded =
      std::abs(scaled) < 1e15 ? std::floor(scaled + 0.5 + 1e-9) / power : std::abs(value);
  const auto text = fmt::format("{:.{}f}", rounded, scale);
  const auto point = std::min(text.find('.'), text.size());
  auto digits = text.substr(0, point);
  auto decimals = point < text.size() ? text.substr(point + 1) : std::string();
  const bool is_zero = digits == "0";
  const auto places = static_cast<std::size_t>(
      std::count_if(shape.digits.begin(), shape.digits.end(), [](char c) { return c != ','; }));
  std::string out;
  if (!is_zero && digits.size() > places) {
    for (const char c : shape.digits) out += c == ',' ? ',' : '#';
    decimals = std::string(decimals.size(), '#');
  } else {
    out = whole_places(shape, digits, is_zero);
  }
  if (!shape.fill) {
    const auto last_zero = shape.decimals.rfind('0');
    const auto kept = last_zero == std::string::npos ? 0 : last_zero + 1;
    while (decimals.size() > kept && decimals.back() == '0') decimals.pop_back();
  }
  const bool negative = std::signbit(value) && rounded != 0;
  const auto first = std::min(out.find_first_not_of(' '), out.size());
  if (shape.sign_last) {
    out = out.substr(shape.fill ? 0 : first);
  } else {
    const auto* sign = negative ? "-" : shape.sign_first ? "+" : shape.fill ? " " : "";
    out = (shape.fill ? out.substr(0, first) : std::string()) + sign + out.substr(first);
  }
  if (shape.point) out += "." + decimals;
  if (shape.sign_last) out += negative ? "-" : shape.minus_last ? (shape.fill ? " " : "") : "+";
  return out;
}

}  // namespace sql
