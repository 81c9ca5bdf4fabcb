#include "quality/monitor.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/yaml.h"
#include "quality/arguments.h"
#include "quality/monitor_days.h"

namespace quality {
namespace {

using nlohmann::json;

constexpr std::size_t kMonitorBytesMax = 1UL << 20;
constexpr std::int64_t kEveryUsMin = base::kUsPerSecond;

base::Result<> read_settings(const base::Yaml& yaml, Monitor& monitor) {
  monitor.reference_days = static_cast<int>(
      TRY(yaml.duration_us_or("reference", monitor.reference_days * base::kUsPerDay)) /
      base::kUsPerDay);
  if (monitor.reference_days < 14 || monitor.reference_days > kReferenceDaysMax)
    return yaml.fail_here(
        fmt::format("a reference has 14 to {} days", kReferenceDaysMax),
        "write 'reference: 8 weeks': fewer than 14 days do not tell what is usual");
  monitor.every_us = TRY(yaml.duration_us_or("every", monitor.every_us));
  monitor.settle_us = TRY(yaml.duration_us_or("settle", monitor.settle_us));
  if (monitor.every_us < kEveryUsMin || monitor.settle_us < 0)
    return yaml.fail_here("'every' is at least a second, and 'settle' is not negative",
                          "write 'every: 15 minutes'");
  const std::string days = TRY(yaml.text_or("days", "clock"));
  if (days != "clock" && days != "data")
    return yaml.fail_here(fmt::format("days cannot be '{}'", days.substr(0, 64)),
                          "write 'days: clock', or 'days: data' for tables of the past");
  monitor.by_clock = days == "clock";
  monitor.false_alarms = TRY(yaml.number_or("false_alarms", monitor.false_alarms));
  if (!(monitor.false_alarms >= 1e-9 && monitor.false_alarms <= 0.2))
    return yaml.fail_here("the share of false alarms is outside of 0.000000001 to 0.2",
                          "write 'false_alarms: 0.001'");
  monitor.severity = TRY(yaml.text_or("severity", monitor.severity));
  static const std::set<std::string> kSeverities{"critical", "error", "warning", "info"};
  if (!kSeverities.contains(monitor.severity))
    return yaml.fail_here("there is no such severity", "write critical, error, warning or info");
  return {};
}

base::Result<> read_freshness(const base::Yaml& yaml, Monitor& monitor) {
  if (!yaml.has("freshness")) return {};
  if (const auto plain = yaml.boolean_or("freshness", true)) {
    monitor.freshness = *plain;
    return {};
  }
  monitor.silence_us_max = TRY(yaml.duration_us_or("freshness", 0));
  if (monitor.silence_us_max > 0) return {};
  return yaml.fail_here("'freshness' is no time", "write 'freshness: 2 hours' or true");
}

std::string unit_text(const Series& series, double value) {
  if (series.measure == "volume") return fmt::format("{:.0f} rows", value);
  if (series.measure == "silence_hours") return fmt::format("{:.1f} h without rows", value);
  if (series.measure == "null_share")
    return fmt::format("{:.2f} % of {} missing", value * 100, series.column);
  if (series.measure == "mean") return fmt::format("a mean {} of {:.6g}", series.column, value);
  return fmt::format("a distribution of {} that is {:.4f} away ({})", series.column, value,
                     series.measure == "ks" ? "KS distance" : "PSI");
}

}  // namespace

base::Result<Monitor> parse_monitor(const std::string& text, const std::string& file) {
  const base::Yaml yaml = TRY(base::Yaml::parse(text, file));
  TRY(yaml.only({"table", "time", "nulls", "means", "drift", "volume", "freshness", "reference",
                 "every", "settle", "days", "false_alarms", "severity"}));
  Monitor monitor;
  monitor.name = base::Path(file).stem().string();
  monitor.file = file;
  monitor.table = TRY(yaml.text("table"));
  monitor.time = TRY(yaml.text("time"));
  monitor.nulls = TRY(yaml.texts_or_none("nulls"));
  monitor.means = TRY(yaml.texts_or_none("means"));
  monitor.drift = TRY(yaml.texts_or_none("drift"));
  if (monitor.nulls.size() + monitor.means.size() + monitor.drift.size() > kMonitoredColumnsMax)
    return yaml.fail_here(fmt::format("a monitor has at most {} columns", kMonitoredColumnsMax),
                          "split it");
  monitor.volume = TRY(yaml.boolean_or("volume", true));
  TRY(read_freshness(yaml, monitor));
  TRY(read_settings(yaml, monitor));
  return monitor;
}

base::Result<std::map<std::string, Monitor>> load_monitors(const base::Path& project) {
  std::map<std::string, Monitor> monitors;
  base::FileSystem& disk = base::posix_file_system();
  for (const std::string& name : TRY(disk.list(project / "quality"))) {
    if (!name.ends_with(".yaml")) continue;
    const base::Path path = project / "quality" / name;
    Monitor monitor =
        TRY(parse_monitor(TRY(base::read_file(disk, path, kMonitorBytesMax)), path.string()));
    monitors.emplace(monitor.name, std::move(monitor));
  }
  return monitors;
}

base::Result<> check_columns(const Monitor& monitor, const columns::Schema& schema) {
  std::vector<std::string> wanted{monitor.time};
  for (const auto* list : {&monitor.nulls, &monitor.means, &monitor.drift})
    wanted.insert(wanted.end(), list->begin(), list->end());
  std::vector<std::string> names;
  for (const columns::Field& field : schema.fields) names.push_back(field.name);
  for (const std::string& column : wanted) {
    if (schema.find(column)) continue;
    return std::unexpected(
        base::Error{.code = base::Code::kInvalid,
                    .message = fmt::format("{} has no column '{}'", monitor.table, column),
                    .mend = nearest_of(column, names, "its columns")}
            .at(monitor.file, 1));
  }
  return {};
}

std::string anomaly_text(const Monitor& monitor, const Series& series) {
  const DayPoint& newest = series.points.back();
  const Anomaly& verdict = newest.verdict;
  const std::string day = base::format_date(static_cast<std::int32_t>(newest.day));
  const bool distance = series.measure == "ks" || series.measure == "psi";
  const std::string usual =
      distance ? fmt::format("other days at most {:.4f}", verdict.high)
               : fmt::format("usually {:.6g} to {:.6g}", std::max(0.0, verdict.low), verdict.high);
  return fmt::format("{}: {} on {}, {} (by {} of {} days; {} false alarms a usual day)",
                     monitor.table, unit_text(series, newest.value), day, usual, verdict.method,
                     verdict.seen, monitor.false_alarms);
}

json to_json(const Series& series) {
  json points = json::array();
  for (const DayPoint& point : series.points) {
    json one{{"day", base::format_date(static_cast<std::int32_t>(point.day))},
             {"value", point.value},
             {"found", point.verdict.found},
             {"method", point.verdict.method}};
    if (point.backfilled) one["backfilled"] = true;
    if (point.verdict.method != "too few days") {
      one["expected"] = point.verdict.expected;
      one["low"] = point.verdict.low;
      one["high"] = point.verdict.high;
      one["score"] = point.verdict.score;
    }
    points.push_back(std::move(one));
  }
  return {{"measure", series.measure}, {"column", series.column}, {"points", points}};
}

}  // namespace quality
