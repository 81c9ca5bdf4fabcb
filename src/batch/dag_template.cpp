#include "batch/dag_template.h"

#include <algorithm>

#include "base/edit_distance.h"
#include "base/json_text.h"
#include "base/percent.h"

namespace batch {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

base::Result<std::string> time_text(base::TimestampUs us, std::string_view filter) {
  if (filter.empty()) return base::format_rfc3339(us);
  if (filter == "date") return base::format_rfc3339(us).substr(0, 10);
  if (filter == "epoch") return std::to_string(us / base::kUsPerSecond);
  if (filter == "epoch_ms") return std::to_string(us / base::kUsPerMs);
  return base::fail_with(base::Code::kInvalid, fmt::format("there is no filter '{}'", filter),
                         "write | date, | epoch or | epoch_ms");
}

base::Result<std::string> value_of(std::string_view expression, const TemplateValues& values) {
  const auto bar = expression.find('|');
  const std::string name(trim(expression.substr(0, bar)));
  const std::string_view filter =
      bar == std::string_view::npos ? "" : trim(expression.substr(bar + 1));
  if (name == "interval.start") return time_text(values.interval.start_us, filter);
  if (name == "interval.end") return time_text(values.interval.end_us, filter);
  if (!filter.empty())
    return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is no time", name),
                           "leave the filter out");
  if (name == "dag") return values.dag;
  if (name == "run") return values.run;
  if (name == "task") return values.task;
  if (name == "attempt") return std::to_string(values.attempt);
  std::vector<std::string> known{"interval.start", "interval.end", "dag", "run", "task", "attempt"};
  for (const auto& [parameter, value] : values.parameters) {
    if (name == "parameters." + parameter) return value;
    known.push_back("parameters." + parameter);
  }
  const auto near = std::ranges::min_element(
      known, {}, [&](const std::string& other) { return base::edit_distance(name, other); });
  return base::fail_with(base::Code::kInvalid, fmt::format("nothing is called '{}'", name),
                         fmt::format("did you mean '{}'?", *near));
}

base::Result<std::string> quoted(const std::string& value, TemplatePlace place) {
  const bool plain = std::ranges::all_of(value, [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("-_.:/@+,=").contains(static_cast<char>(c));
  });
  std::string out;
  switch (place) {
    case TemplatePlace::kText:
      if (std::ranges::any_of(value, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        return base::fail_with(base::Code::kInvalid, "a value has control characters",
                               "give the parameter without line ends");
      return value;
    case TemplatePlace::kSql:
      for (const char c : value) out += c == '\'' ? std::string("''") : std::string(1, c);
      return out;
    case TemplatePlace::kShell:
      if (plain && !value.empty()) return value;
      for (const char c : value) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
      return "'" + out + "'";
    case TemplatePlace::kUrl:
      return base::percent_encode(value, base::kUnreserved);
    case TemplatePlace::kJson:
      base::append_json_text(value, out);
      return out.substr(1, out.size() - 2);
  }
  return value;
}

}  // namespace

base::Result<std::string> render(const std::string& text, const TemplateValues& values,
                                 TemplatePlace place) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t open = text.find("{{", at);
    if (open == std::string::npos) return out + text.substr(at);
    const std::size_t close = text.find("}}", open);
    if (close == std::string::npos)
      return base::fail_with(base::Code::kInvalid, "'{{' has no '}}' behind it", "close it");
    out += text.substr(at, open - at);
    const std::string value =
        TRY(value_of(std::string_view(text).substr(open + 2, close - open - 2), values));
    out += TRY(quoted(value, place));
    at = close + 2;
  }
}

base::Result<> check_template(const std::string& text, const Dag& dag) {
  TemplateValues values;
  values.parameters = dag.parameters;
  TRY(render(text, values, TemplatePlace::kUrl));
  return {};
}

}  // namespace batch
