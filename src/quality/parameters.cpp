#include "quality/parameters.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <map>
#include <vector>

#include "quality/arguments.h"

namespace quality {
namespace {

using nlohmann::json;

constexpr int kDepthMax = 64;
constexpr std::size_t kExpressionBytesMax = 4096;

struct Value {
  enum class Kind : std::uint8_t { kNumber, kTime, kSpan };
  Kind kind = Kind::kNumber;
  double number = 0;   // or seconds
  bool whole = false;  // a number that was written without a fraction
};

std::unexpected<base::Error> wrong(const std::string& text, const std::string& why) {
  return wrong_argument(fmt::format("$PARAMETER '{}': {}", text, why),
                        "name a parameter of the suite, or write an expression such as "
                        "rows * 0.9 or now() - timedelta(days=1)");
}

json time_text(double seconds) {
  const std::chrono::sys_time<std::chrono::microseconds> at(
      std::chrono::microseconds(std::llround(seconds * 1e6)));
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const auto rest = (at - day).count();
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     rest / 3'600'000'000, rest / 60'000'000 % 60, rest / 1'000'000 % 60,
                     rest % 1'000'000);
}

class Expression {
 public:
  Expression(const std::string& text, const json& values, base::TimestampUs now_us)
      : text_(text), values_(values), now_us_(now_us) {}

  base::Result<json> value() {
    const Value found = TRY(sum());
    skip();
    if (at_ < text_.size()) return wrong(text_, fmt::format("'{}' is too much", text_.substr(at_)));
    if (found.kind == Value::Kind::kTime) return time_text(found.number);
    if (found.kind == Value::Kind::kSpan) return json(found.number);
    if (std::floor(found.number) == found.number && std::abs(found.number) < 9e15)
      return json(static_cast<std::int64_t>(found.number));
    return json(found.number);
  }

 private:
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string word() {
    skip();
    const std::size_t from = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  text_[at_] == '_' || text_[at_] == '.' || text_[at_] == ':'))
      ++at_;
    return text_.substr(from, at_ - from);
  }

  base::Result<Value> sum() {
    if (++depth_ > kDepthMax) return wrong(text_, "it is nested too deeply");
    Value left = TRY(product());
    while (true) {
      const double sign = take('+') ? 1 : take('-') ? -1 : 0;
      if (sign == 0) break;
      const Value right = TRY(product());
      using Kind = Value::Kind;
      const bool times = left.kind == Kind::kTime && right.kind == Kind::kTime;
      if (times && sign > 0) return wrong(text_, "times cannot be added");
      if (times) left.kind = Kind::kSpan;
      if (left.kind == Kind::kSpan && right.kind == Kind::kTime) left.kind = Kind::kTime;
      left.number += sign * right.number;
    }
    --depth_;
    return left;
  }
  base::Result<Value> product() {
    Value left = TRY(power());
    while (true) {
      if (take('*')) {
        const Value right = TRY(power());
        left.number *= right.number;
        if (right.kind == Value::Kind::kSpan) left.kind = right.kind;
      } else if (take('/')) {
        const Value right = TRY(power());
        if (right.number == 0) return wrong(text_, "it divides by zero");
        left.number /= right.number;
      } else {
        return left;
      }
    }
  }
  base::Result<Value> power() {
    Value base = TRY(atom());
    if (take('^')) base.number = std::pow(base.number, TRY(power()).number);
    return base;
  }

  base::Result<Value> atom() {
    if (++depth_ > kDepthMax) return wrong(text_, "it is nested too deeply");
    Value found;
    if (take('-')) {
      found = TRY(atom());
      found.number = -found.number;
    } else if (take('(')) {
      found = TRY(sum());
      if (!take(')')) return wrong(text_, "a bracket is not closed");
    } else {
      found = TRY(named(word()));
    }
    --depth_;
    return found;
  }

  base::Result<Value> named(const std::string& name) {
    if (name.empty()) return wrong(text_, "a value is missing");
    if (std::isdigit(static_cast<unsigned char>(name[0])) != 0 || name[0] == '.') {
      char* end = nullptr;
      const double number = std::strtod(name.c_str(), &end);
      if (*end != '\0') return wrong(text_, fmt::format("'{}' is no number", name));
      return Value{.number = number};
    }
    if (take('(')) return call(name);
    if (name == "PI") return Value{.number = 3.14159265358979323846};
    if (name == "E") return Value{.number = 2.71828182845904523536};
    if (values_.contains(name)) {
      if (values_[name].is_number()) return Value{.number = values_[name].get<double>()};
      return wrong(text_, fmt::format("'{}' is no number", name));
    }
    std::vector<std::string> known;
    for (const auto& [key, value] : values_.items()) known.push_back(key);
    return wrong(text_, fmt::format("there is no parameter '{}'; {}", name,
                                    nearest_of(name, known, "the parameters")));
  }

  base::Result<Value> call(const std::string& name) {
    std::vector<double> list;
    double span = 0;
    static const std::map<std::string, double> kUnits = {
        {"weeks", 604800}, {"days", 86400},        {"hours", 3600},       {"minutes", 60},
        {"seconds", 1},    {"milliseconds", 1e-3}, {"microseconds", 1e-6}};
    while (!take(')')) {
      const std::size_t from = at_;
      const std::string key = word();
      if (kUnits.contains(key) && take('=')) {
        span += kUnits.at(key) * TRY(sum()).number;
      } else {
        at_ = from;
        list.push_back(TRY(sum()).number);
      }
      if (!take(',') && (skip(), at_ >= text_.size() || text_[at_] != ')'))
        return wrong(text_, "a bracket is not closed");
    }
    if (name == "now" || name == "datetime.now")
      return Value{.kind = Value::Kind::kTime, .number = static_cast<double>(now_us_) / 1e6};
    if (name == "timedelta")
      return Value{.kind = Value::Kind::kSpan,
                   .number = span + (list.empty() ? 0 : list[0] * 86400)};
    if (name == "datetime" || name == "date") return date(list);
    static const std::map<std::string, double (*)(double)> kFunctions = {
        {"sin", [](double x) { return std::sin(x); }},
        {"cos", [](double x) { return std::cos(x); }},
        {"tan", [](double x) { return std::tan(x); }},
        {"exp", [](double x) { return std::exp(x); }},
        {"abs", [](double x) { return std::abs(x); }},
        {"trunc", [](double x) { return std::trunc(x); }},
        {"round", [](double x) { return std::nearbyint(x); }},
        {"sgn", [](double x) { return x > 0   ? 1.0
                                      : x < 0 ? -1.0
                                              : 0.0; }}};
    const auto it = kFunctions.find(name);
    if (it == kFunctions.end()) return wrong(text_, fmt::format("'{}' is no function", name));
    if (list.size() != 1) return wrong(text_, fmt::format("'{}' takes one number", name));
    return Value{.number = it->second(list[0])};
  }

  base::Result<Value> date(std::vector<double> parts) {
    if (parts.size() < 3 || parts.size() > 7)
      return wrong(text_, "datetime takes year, month, day and up to four parts of the time");
    parts.resize(7, 0);
    const std::chrono::year_month_day day(
        std::chrono::year(static_cast<int>(parts[0])),
        std::chrono::month(static_cast<unsigned>(std::max(0.0, parts[1]))),
        std::chrono::day(static_cast<unsigned>(std::max(0.0, parts[2]))));
    if (!day.ok()) return wrong(text_, "there is no such day");
    const auto days = std::chrono::sys_days(day).time_since_epoch().count();
    return Value{.kind = Value::Kind::kTime,
                 .number = static_cast<double>(days) * 86400 + parts[3] * 3600 + parts[4] * 60 +
                           parts[5] + parts[6] / 1e6};
  }

  const std::string& text_;
  const json& values_;
  base::TimestampUs now_us_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

base::Result<json> replaced(const json& value, const json& values, base::TimestampUs now_us,
                            int depth) {
  if (depth > kDepthMax) return wrong("…", "kwargs are nested too deeply");
  if (value.is_array()) {
    json list = json::array();
    for (const json& one : value) list.push_back(TRY(replaced(one, values, now_us, depth + 1)));
    return list;
  }
  if (!value.is_object()) return value;
  const auto it = value.find("$PARAMETER");
  if (it == value.end()) {
    json object = json::object();
    for (const auto& [key, one] : value.items())
      object[key] = TRY(replaced(one, values, now_us, depth + 1));
    return object;
  }
  if (!it->is_string()) return wrong(it->dump(), "it is no text");
  const std::string text = it->get<std::string>();
  if (text.size() > kExpressionBytesMax) return wrong(text.substr(0, 40), "it is too long");
  if (values.contains(text)) return values[text];
  if (value.contains("$PARAMETER." + text)) return value["$PARAMETER." + text];
  return Expression(text, values, now_us).value();
}

}  // namespace

base::Result<json> with_parameters(const json& kwargs, const json& values,
                                   base::TimestampUs now_us) {
  return replaced(kwargs, values.is_object() ? values : json::object(), now_us, 0);
}

}  // namespace quality
