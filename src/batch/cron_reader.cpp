// The text of a cron expression, read field by field.
#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <vector>

#include "batch/cron.h"

namespace batch {
namespace {

constexpr std::size_t kTextMax = 256;

struct FieldSpec {
  std::string_view name;
  int least;
  int greatest;
  const std::map<std::string, int, std::less<>>* names;
};

const std::map<std::string, int, std::less<>> kNoNames;
const std::map<std::string, int, std::less<>> kMonths{
    {"jan", 1}, {"feb", 2}, {"mar", 3}, {"apr", 4},  {"may", 5},  {"jun", 6},
    {"jul", 7}, {"aug", 8}, {"sep", 9}, {"oct", 10}, {"nov", 11}, {"dec", 12}};
const std::map<std::string, int, std::less<>> kWeekdays{
    {"sun", 0}, {"mon", 1}, {"tue", 2}, {"wed", 3}, {"thu", 4}, {"fri", 5}, {"sat", 6}};
const std::map<std::string, std::string, std::less<>> kAliases{
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"}};

const FieldSpec kFields[] = {{"second", 0, 59, &kNoNames}, {"minute", 0, 59, &kNoNames},
                             {"hour", 0, 23, &kNoNames},   {"day of month", 1, 31, &kNoNames},
                             {"month", 1, 12, &kMonths},   {"day of week", 0, 6, &kWeekdays}};
constexpr std::size_t kDayOfMonth = 3;
constexpr std::size_t kDayOfWeek = 5;

std::vector<std::string> split(std::string_view text, char at, bool keep_empty) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    const bool ends = at == ' ' ? std::isspace(static_cast<unsigned char>(c)) != 0 : c == at;
    if (ends) {
      if (keep_empty || !parts.back().empty()) parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (!keep_empty && parts.back().empty()) parts.pop_back();
  return parts;
}

std::uint32_t hash_of(std::string_view name, std::size_t field) {
  std::uint64_t hash = 14695981039346656037ULL ^ field;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return static_cast<std::uint32_t>((hash ^ (hash >> 29)) * 2654435761ULL >> 16);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 4 &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

class CronReader {
 public:
  CronReader(std::string_view text, std::string_view hashed) : text_(text), hashed_(hashed) {}
  base::Result<Cron> read();

 private:
  std::unexpected<base::Error> wrong(const std::string& why, const std::string& mend) const {
    return base::fail_with(base::Code::kInvalid, fmt::format("cron '{}': {}", text_, why), mend);
  }
  std::unexpected<base::Error> wrong_item(const FieldSpec& field, const std::string& item) const;
  base::Result<int> value(const FieldSpec& field, const std::string& text) const;
  base::Result<std::vector<int>> values(std::size_t index, std::string item) const;
  base::Result<bool> day_of_month(const std::string& item);
  base::Result<bool> day_of_week(const std::string& item);
  base::Result<> field(std::size_t index, const std::string& text);
  void set(std::size_t index, int value);
  bool ever_fits() const;

  std::string text_;
  std::string_view hashed_;
  Cron cron_;
};

std::unexpected<base::Error> CronReader::wrong_item(const FieldSpec& field,
                                                    const std::string& item) const {
  return wrong(fmt::format("'{}' is no {}", item, field.name),
               fmt::format("write numbers from {} to {}{}, *, ranges (2-5), lists (1,4) or steps "
                           "(*/10)",
                           field.least, field.greatest, field.names->empty() ? "" : ", names"));
}

base::Result<int> CronReader::value(const FieldSpec& field, const std::string& text) const {
  if (const auto it = field.names->find(text); it != field.names->end()) return it->second;
  if (!is_number(text)) return wrong_item(field, text);
  const int number = std::stoi(text);
  const int greatest = field.names == &kWeekdays ? 7 : field.greatest;
  if (number < field.least || number > greatest) return wrong_item(field, text);
  return number;
}

// H, H/5 or H(2-9) becomes a value, a start with a step, or a value of the range.
base::Result<std::vector<int>> CronReader::values(std::size_t index, std::string item) const {
  const FieldSpec& field = kFields[index];
  const std::string whole = item;
  int step = 1;
  bool stepped = false;
  if (const auto slash = item.find('/'); slash != std::string::npos) {
    const std::string text = item.substr(slash + 1);
    if (!is_number(text) || std::stoi(text) == 0) return wrong_item(field, whole);
    step = std::stoi(text);
    stepped = true;
    item.resize(slash);
  }
  int low = field.least;
  int high = field.greatest;
  if (item == "h" || (item.starts_with("h(") && item.ends_with(")"))) {
    if (hashed_.empty()) return wrong("H needs a name to go by", "write a number instead");
    if (const auto dash = item.find('-'); item.size() > 1) {
      if (dash == std::string::npos) return wrong_item(field, whole);
      low = TRY(value(field, item.substr(2, dash - 2)));
      high = TRY(value(field, item.substr(dash + 1, item.size() - dash - 2)));
      if (low > high) return wrong_item(field, whole);
    } else if (index == kDayOfMonth) {
      high = 28;
    }
    const int span = stepped ? std::min(step, high - low + 1) : high - low + 1;
    low += static_cast<int>(hash_of(hashed_, index) % static_cast<std::uint32_t>(span));
    if (!stepped) high = low;
  } else if (item != "*") {
    const auto dash = item.find('-');
    low = TRY(value(field, item.substr(0, dash)));
    if (dash != std::string::npos) {
      const std::string end = item.substr(dash + 1);
      high = index == kDayOfMonth && end == "l" ? 31 : TRY(value(field, end));
    } else if (!stepped) {
      high = low;
    }
  }
  const int size = field.greatest - field.least + 1;
  if (low > high && index == kDayOfWeek && low == 7) low = 0;
  if (low > high) high += size;  // over the end
  std::vector<int> all;
  for (int v = low; v <= high; v += step) all.push_back(field.least + (v - field.least) % size);
  return all;
}

// What only days of the month can be; false for a plain item.
base::Result<bool> CronReader::day_of_month(const std::string& item) {
  const FieldSpec& field = kFields[kDayOfMonth];
  if (item == "l") {
    cron_.last_day_ = true;
    return true;
  }
  if (item == "lw" || item == "wl") {
    cron_.last_workday_ = true;
    return true;
  }
  if (item.size() < 2 || (!item.ends_with('w') && !item.starts_with('w'))) return false;
  const std::string number = item.ends_with('w') ? item.substr(0, item.size() - 1) : item.substr(1);
  cron_.nearest_weekdays_.set(static_cast<std::size_t>(TRY(value(field, number))));
  return true;
}

base::Result<bool> CronReader::day_of_week(const std::string& item) {
  const FieldSpec& field = kFields[kDayOfWeek];
  if (const auto hash = item.find('#'); hash != std::string::npos) {
    const std::string nth = item.substr(hash + 1);
    if (nth.size() != 1 || nth[0] < '1' || nth[0] > '5')
      return wrong(fmt::format("'{}' is no day of week", item), "write 1#2 for the second Monday");
    for (const int day : TRY(values(kDayOfWeek, item.substr(0, hash))))
      cron_.nth_weekdays_[static_cast<std::size_t>(nth[0] - '1')].set(
          static_cast<std::size_t>(day));
    return true;
  }
  const bool in_front = item.starts_with('l') && item.size() > 1;
  if (!in_front && !(item.ends_with('l') && item.size() > 1)) return false;
  const std::string day = in_front ? item.substr(1) : item.substr(0, item.size() - 1);
  cron_.last_weekdays_.set(static_cast<std::size_t>(TRY(value(field, day)) % 7));
  return true;
}

void CronReader::set(std::size_t index, int number) {
  const auto bit = static_cast<std::size_t>(number);
  switch (index) {
    case 0:
      cron_.seconds_.set(bit);
      break;
    case 1:
      cron_.minutes_.set(bit);
      break;
    case 2:
      cron_.hours_.set(bit);
      break;
    case 3:
      cron_.days_.set(bit);
      break;
    case 4:
      cron_.months_.set(bit);
      break;
    default:
      cron_.weekdays_.set(bit);
      break;
  }
}

base::Result<> CronReader::field(std::size_t index, const std::string& text) {
  const FieldSpec& field = kFields[index];
  if (text == "?" && index != kDayOfMonth && index != kDayOfWeek)
    return wrong(fmt::format("'?' stands for no day, not for a {}", field.name), "write *");
  const std::string plain = text == "?" ? "*" : text;
  for (const std::string& item : split(plain, ',', true)) {
    if (index == kDayOfMonth && TRY(day_of_month(item))) continue;
    if (index == kDayOfWeek && TRY(day_of_week(item))) continue;
    for (const int number : TRY(values(index, item))) set(index, number);
  }
  // Only * leaves the choice to the other field; a list of all days is every day.
  if (index == kDayOfMonth) cron_.any_day_ = plain == "*";
  if (index == kDayOfWeek) cron_.any_weekday_ = plain == "*";
  return {};
}

bool CronReader::ever_fits() const {
  using std::chrono::sys_days;
  const std::int64_t from = sys_days(std::chrono::year(2000) / 1 / 1).time_since_epoch().count();
  const std::int64_t to = sys_days(std::chrono::year(2400) / 1 / 1).time_since_epoch().count();
  return cron_.first_in(from * 86'400, to * 86'400).has_value();
}

base::Result<Cron> CronReader::read() {
  if (text_.size() > kTextMax)
    return base::fail_with(base::Code::kLimit, "the cron expression is too long",
                           fmt::format("write at most {} characters", kTextMax));
  std::string lower = text_;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (const auto it = kAliases.find(lower); it != kAliases.end()) lower = it->second;
  if (lower.starts_with("@"))
    return wrong("there is no such name",
                 "write @hourly, @daily, @weekly, @monthly or @yearly, or five fields");
  const auto fields = split(lower, ' ', false);
  if (fields.size() != 5 && fields.size() != 6)
    return wrong(fmt::format("it has {} fields", fields.size()),
                 "write five: minute hour day-of-month month day-of-week; or six with the second "
                 "in front");
  const std::size_t skipped = 6 - fields.size();
  if (skipped == 1) cron_.seconds_.set(0);
  for (std::size_t i = 0; i < fields.size(); ++i) TRY(field(i + skipped, fields[i]));
  cron_.text_ = text_;
  if (!ever_fits())
    return wrong("no day ever fits it", "name a day that the month has, such as 28 for February");
  return cron_;
}

base::Result<Cron> Cron::parse(std::string_view text, std::string_view hashed) {
  return CronReader(text, hashed).read();
}

}  // namespace batch
