#include "quality/alerts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/logging.h"
#include "base/metrics.h"
#include "quality/probability.h"

namespace quality {
namespace {

using nlohmann::json;

constexpr std::size_t kFileBytesMax = 16UL << 20;

}  // namespace

base::Result<> Alerts::keep_in(const base::Path& file) {
  const std::scoped_lock lock(mutex_);
  const auto text = base::read_file(base::posix_file_system(), file, kFileBytesMax);
  if (!text && text.error().code != base::Code::kNotFound) return std::unexpected(text.error());
  if (text) {
    const json kept = json::parse(*text, nullptr, false);
    if (!kept.is_array())
      return base::fail_with(base::Code::kCorrupt,
                             fmt::format("{} is not a list of alerts", file.string()),
                             "remove the file: alerts begin anew without it");
    for (const json& one : kept) {
      Alert alert{.id = one.value("id", ""),
                  .severity = one.value("severity", ""),
                  .summary = one.value("summary", ""),
                  .since_us = one.value("since_us", base::TimestampUs{0}),
                  .resolved_us = {}};
      if (one.contains("resolved_us")) alert.resolved_us = one["resolved_us"].get<std::int64_t>();
      alerts_.emplace(alert.id, alert);
    }
  }
  file_ = file;
  return {};
}

void Alerts::save() {
  if (file_.empty()) return;
  json list = json::array();
  for (const auto& [id, alert] : alerts_) {
    json one{{"id", alert.id},
             {"severity", alert.severity},
             {"summary", alert.summary},
             {"since_us", alert.since_us}};
    if (alert.resolved_us) one["resolved_us"] = *alert.resolved_us;
    list.push_back(std::move(one));
  }
  const auto written = base::write_file_durably(base::posix_file_system(), file_, list.dump());
  if (!written) spdlog::error("alerts are not kept: {}", written.error().to_string());
}

void Alerts::raise(const std::string& id, const std::string& severity, const std::string& summary,
                   base::TimestampUs now_us) {
  const std::scoped_lock lock(mutex_);
  auto [it, fresh] = alerts_.try_emplace(id, Alert{.id = id,
                                                   .severity = severity,
                                                   .summary = summary,
                                                   .since_us = now_us,
                                                   .resolved_us = {}});
  const bool again = !fresh && it->second.resolved_us.has_value();
  if (again) it->second.since_us = now_us;
  it->second.severity = severity;
  it->second.summary = summary;
  it->second.resolved_us.reset();
  if (!fresh && !again) return;
  save();
  spdlog::warn("alert {}: {}", id, summary);
  base::counter("waybill_alerts_total", "Alerts raised.", {{"severity", severity}}).Increment();
  if (alerts_.size() <= kAlertsMax) return;
  const auto oldest =
      std::min_element(alerts_.begin(), alerts_.end(), [](const auto& a, const auto& b) {
        return std::pair(!a.second.resolved_us.has_value(), a.second.since_us) <
               std::pair(!b.second.resolved_us.has_value(), b.second.since_us);
      });
  alerts_.erase(oldest);
}

void Alerts::resolve(const std::string& id, base::TimestampUs now_us) {
  const std::scoped_lock lock(mutex_);
  const auto it = alerts_.find(id);
  if (it == alerts_.end() || it->second.resolved_us) return;
  it->second.resolved_us = now_us;
  save();
  spdlog::info("alert {} is resolved", id);
}

void Alerts::watch_error_rate(const std::string& id, const std::string& model, std::int64_t bad,
                              std::int64_t total, base::TimestampUs now_us) {
  Window window;
  {
    const std::scoped_lock lock(mutex_);
    Window& sum = windows_[id];
    sum.bad += bad;
    sum.total += total;
    if (sum.total < kErrorRowsMin) return;
    window = sum;
    const bool above =
        static_cast<double>(sum.bad) > kErrorShareMax * static_cast<double>(sum.total);
    const bool sure = wilson_lower(sum.bad, sum.total, kErrorDeviations) > kErrorShareMax;
    if (above && !sure && sum.total < kErrorRowsMax) return;  // more rows will tell
    sum = {};
  }
  const double share = static_cast<double>(window.bad) / static_cast<double>(window.total);
  if (share <= kErrorShareMax) {
    resolve(id, now_us);
    return;
  }
  if (wilson_lower(window.bad, window.total, kErrorDeviations) <= kErrorShareMax) return;
  raise(id, "error",
        fmt::format("{}: {} of {} rows ({:.1f} %) went to the dead letters, above {:.0f} %", model,
                    window.bad, window.total, share * 100, kErrorShareMax * 100),
        now_us);
}

std::vector<Alert> Alerts::list() const {
  std::vector<Alert> alerts;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [id, alert] : alerts_) alerts.push_back(alert);
  }
  std::sort(alerts.begin(), alerts.end(),
            [](const Alert& a, const Alert& b) { return a.since_us > b.since_us; });
  return alerts;
}

}  // namespace quality
