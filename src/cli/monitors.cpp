#include "cli/monitors.h"

#include <algorithm>

#include "base/logging.h"
#include "batch/backfill_job.h"
#include "quality/arguments.h"

namespace cli {
namespace {

using base::Result;
using nlohmann::json;

std::string key_of(const std::string& name) { return "monitor/" + name; }

// Points of before the days that were measured now stay as they were.
void keep_older(const json& before, json& series) {
  for (json& now : series) {
    for (const json& old : before) {
      if (old["measure"] != now["measure"] || old["column"] != now["column"]) continue;
      json points = json::array();
      const std::string first = now["points"].empty() ? "9999" : now["points"][0].value("day", "");
      for (const json& point : old.value("points", json::array())) {
        if (point.value("day", "") < first) points.push_back(point);
      }
      for (json& point : now["points"]) points.push_back(std::move(point));
      if (points.size() > Monitors::kPointsMax)
        points.erase(points.begin(),
                     points.end() - static_cast<std::ptrdiff_t>(Monitors::kPointsMax));
      now["points"] = std::move(points);
    }
  }
}

}  // namespace

Result<json> Monitors::saved(const std::string& name) const {
  const auto text = TRY(store_.get(key_of(name)));
  if (!text) return json::object();
  json kept = json::parse(*text, nullptr, false);
  return kept.is_object() ? kept : json::object();
}

// Days that backfills have written anew, up to the day on which they did.
Result<quality::DayRanges> Monitors::backfilled(const std::string& table) const {
  quality::DayRanges ranges;
  for (const batch::Job& job : TRY(batch::read_jobs(batch_))) {
    const bool writes = std::ranges::any_of(
        job.tables, [&](const batch::JobTable& one) { return one.model.table == table; });
    if (!writes || job.state != batch::Job::State::kDone) continue;
    const std::int64_t ended = job.ended_us / base::kUsPerDay;
    const auto from = base::parse_date(job.request.from);
    const auto to = base::parse_date(job.request.to);
    ranges.emplace_back(from ? *from : 0, std::min<std::int64_t>(ended, to ? *to : ended));
  }
  return ranges;
}

void Monitors::tell(const quality::Monitor& monitor, const quality::Measured& measured) {
  for (const quality::Series& series : measured.series) {
    if (series.points.empty()) continue;
    const std::string id = fmt::format("monitor/{}/{}", monitor.name, series.key());
    const quality::DayPoint& newest = series.points.back();
    if (newest.day == measured.newest && newest.verdict.found) {
      alerts_.raise(id, monitor.severity, quality::anomaly_text(monitor, series), clock_.now_us());
    } else {
      alerts_.resolve(id, clock_.now_us());
    }
  }
  tell_silence(monitor, measured);
}

void Monitors::tell_silence(const quality::Monitor& monitor, const quality::Measured& measured) {
  if (monitor.silence_us_max == 0 || !measured.silent_hours) return;
  const std::string id = fmt::format("monitor/{}/freshness", monitor.name);
  if (*measured.silent_hours * 3600 * base::kUsPerSecond <=
      static_cast<double>(monitor.silence_us_max))
    return alerts_.resolve(id, clock_.now_us());
  alerts_.raise(id, monitor.severity,
                fmt::format("{}: its newest row is {:.1f} hours old, above {}", monitor.table,
                            *measured.silent_hours, base::format_duration(monitor.silence_us_max)),
                clock_.now_us());
}

Result<json> Monitors::measure(const quality::Monitor& monitor) {
  const std::scoped_lock lock(measuring_);
  const base::TimestampUs now_us = clock_.now_us();
  const json before = TRY(saved(monitor.name));
  json kept{{"measured_us", now_us}, {"series", before.value("series", json::array())}};
  const auto measured = [&]() -> Result<quality::Measured> {
    const auto snapshot = TRY(TRY(catalog_.table(monitor.table))->snapshot());
    TRY(quality::check_columns(monitor, snapshot->metadata().schema));
    const auto connection = TRY(engine_.connect());
    const auto hold = TRY(snapshot->fetch());
    return quality::measure(*connection, fmt::format("({}) AS monitored", snapshot->scan_sql()),
                            monitor, TRY(backfilled(monitor.table)), now_us);
  }();
  const std::string id = "monitor/" + monitor.name;
  if (measured) {
    json series = json::array();
    for (const quality::Series& one : measured->series) series.push_back(quality::to_json(one));
    keep_older(kept["series"], series);
    kept["series"] = std::move(series);
    kept["newest"] = base::format_date(static_cast<std::int32_t>(measured->newest));
    if (measured->silent_hours) kept["silent_hours"] = *measured->silent_hours;
    tell(monitor, *measured);
    alerts_.resolve(id, now_us);
  } else {
    kept["error"] = measured.error().to_string();
    // A table that nothing has written yet is none to worry about.
    if (measured.error().code != base::Code::kNotFound)
      alerts_.raise(id, "warning",
                    fmt::format("monitor {}: {}", monitor.name, measured.error().to_string()),
                    now_us);
  }
  state::WriteSet changes;
  changes.put(key_of(monitor.name), kept.dump());
  TRY(store_.apply(changes));
  return kept;
}

void Monitors::tick() {
  for (const auto& [name, monitor] : project_.monitors) {
    const auto before = saved(name);
    const base::TimestampUs last_us =
        before ? before->value("measured_us", base::TimestampUs{0}) : 0;
    if (clock_.now_us() - last_us < monitor.every_us) continue;
    if (const auto done = measure(monitor); !done)
      spdlog::error("monitor {}: {}", name, done.error().to_string());
  }
}

Result<json> Monitors::run(const std::string& name) {
  const auto it = project_.monitors.find(name);
  if (it != project_.monitors.end()) {
    TRY(measure(it->second));
    return shown(it->second);
  }
  std::vector<std::string> names;
  for (const auto& [one, monitor] : project_.monitors) names.push_back(one);
  return base::fail_with(base::Code::kNotFound,
                         fmt::format("there is no monitor '{}'", name.substr(0, 64)),
                         quality::nearest_of(name, names, "the monitors"));
}

Result<json> Monitors::list() const {
  json all = json::array();
  for (const auto& [name, monitor] : project_.monitors) all.push_back(TRY(shown(monitor)));
  return all;
}

Result<json> Monitors::shown(const quality::Monitor& monitor) const {
  json one = TRY(saved(monitor.name));
  const base::TimestampUs measured_us = one.value("measured_us", base::TimestampUs{0});
  one.erase("measured_us");
  one["measured_at"] = measured_us == 0 ? json() : json(base::format_rfc3339(measured_us));
  one.update({{"monitor", monitor.name},
              {"file", monitor.file},
              {"table", monitor.table},
              {"severity", monitor.severity},
              {"false_alarms", monitor.false_alarms},
              {"every_seconds", static_cast<double>(monitor.every_us) / 1e6}});
  if (!one.contains("series")) one["series"] = json::array();
  return one;
}

}  // namespace cli
