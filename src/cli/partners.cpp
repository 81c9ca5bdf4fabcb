#include "cli/partners.h"

#include <algorithm>

#include "base/logging.h"
#include "quality/arguments.h"
#include "quality/probability.h"

namespace cli {
namespace {

using base::Result;
using nlohmann::json;

constexpr std::int64_t kAgainUs = 600 * base::kUsPerSecond;  // a window moves without writes
constexpr double kDeviations = quality::Alerts::kErrorDeviations;
constexpr std::size_t kWorstMax = 3;  // that an alert names

bool surely_above(std::int64_t bad, std::int64_t rows, double share) {
  return rows >= quality::Alerts::kErrorRowsMin &&
         quality::wilson_lower(bad, rows, kDeviations) > share;
}

double share_of(std::int64_t bad, std::int64_t rows) {
  return rows == 0 ? 0 : static_cast<double>(bad) / static_cast<double>(rows);
}

// Records of the window with their file and whether they are bad; `letters` empty: there are none.
std::string records_sql(const std::string& topic, const std::string& bronze,
                        const std::string& letters, base::TimestampUs from_us) {
  const std::string from = fmt::format("make_timestamptz({})", from_us);
  const std::string joined =
      letters.empty()
          ? "LEFT JOIN (SELECT 0 AS partition, 0 AS \"offset\" WHERE false) l"
          : fmt::format(
                "LEFT JOIN (SELECT DISTINCT partition, \"offset\" FROM ({}) WHERE topic = "
                "{} AND (time IS NULL OR time >= {})) l",
                letters, sql::quote_text(topic), from);
  return fmt::format(
      "SELECT coalesce(json_extract_string(b._headers, '$.{}'), '') AS file, b._time AS time, "
      "(b._error IS NOT NULL OR l.\"offset\" IS NOT NULL) AS bad FROM (SELECT _headers, _time, "
      "_error, _partition, _offset FROM ({}) WHERE _time >= {}) b {} ON l.partition = b._partition "
      "AND l.\"offset\" = b._offset",
      schema::kFileHeader, bronze, from, joined);
}

}  // namespace

Result<json> Partners::report_of(const std::string& topic, std::int64_t window_us) {
  const auto bronze = TRY(TRY(catalog_.table("bronze." + topic))->snapshot());
  const auto bronze_files = TRY(bronze->fetch());
  std::shared_ptr<const lake::Snapshot> letters;
  std::optional<storage::Hold> letters_files;
  if (const auto table = catalog_.table("dead_letters")) {
    letters = TRY((*table)->snapshot());
    letters_files = TRY(letters->fetch());
  }
  const auto connection = TRY(engine_.connect());
  TRY(connection->execute(fmt::format(
      "CREATE OR REPLACE TEMP TABLE partner_days AS SELECT file, CAST(floor(epoch_us(time) / {}) "
      "AS INTEGER) AS day, count(*) AS n, count(*) FILTER (bad) AS bad, min(epoch_us(time)) AS "
      "first_us, max(epoch_us(time)) AS last_us FROM ({}) GROUP BY ALL",
      base::kUsPerDay,
      records_sql(topic, bronze->scan_sql(), letters ? letters->scan_sql() : std::string(),
                  clock_.now_us() - window_us))));
  const double limit = project_.partners.errors;
  json answer{{"topic", topic}, {"days", json::array()}, {"files", json::array()}};
  std::int64_t rows = 0;
  std::int64_t bad = 0;
  const auto days = TRY(connection->query(
      "SELECT day, sum(n)::BIGINT, sum(bad)::BIGINT FROM partner_days GROUP BY 1 ORDER BY 1"));
  for (std::size_t i = 0; i < days->rows(); ++i) {
    rows += days->int_at(1, i);
    bad += days->int_at(2, i);
    answer["days"].push_back(
        {{"day", base::format_date(static_cast<std::int32_t>(days->int_at(0, i)))},
         {"rows", days->int_at(1, i)},
         {"bad", days->int_at(2, i)}});
  }
  const auto files = TRY(connection->query(
      fmt::format("SELECT file, sum(n)::BIGINT, sum(bad)::BIGINT, min(first_us), max(last_us) FROM "
                  "partner_days GROUP BY 1 ORDER BY 5 DESC, 1 LIMIT {}",
                  kFilesMax)));
  bool alert = surely_above(bad, rows, limit);
  for (std::size_t i = 0; i < files->rows(); ++i) {
    const std::int64_t n = files->int_at(1, i);
    const std::int64_t broken = files->int_at(2, i);
    const bool above = surely_above(broken, n, limit);
    alert = alert || above;
    answer["files"].push_back({{"file", files->text(0, i)},
                               {"rows", n},
                               {"bad", broken},
                               {"share", share_of(broken, n)},
                               {"low", quality::wilson_lower(broken, n, kDeviations)},
                               {"high", quality::wilson_upper(broken, n, kDeviations)},
                               {"alert", above},
                               {"first_at", base::format_rfc3339(files->int_at(3, i))},
                               {"last_at", base::format_rfc3339(files->int_at(4, i))}});
  }
  answer.update({{"rows", rows}, {"bad", bad}, {"share", share_of(bad, rows)}, {"alert", alert}});
  return answer;
}

Result<json> Partners::report(const std::string& topic, std::int64_t window_us) {
  json all = json::array();
  std::vector<std::string> names;
  for (const schema::TopicSchema& one : project_.topics) {
    names.push_back(one.topic.name);
    if (topic.empty() ? !one.files.has_value() : one.topic.name != topic) continue;
    auto report = report_of(one.topic.name, window_us);
    if (!report && report.error().code == base::Code::kNotFound) continue;  // nothing came yet
    all.push_back(TRY(std::move(report)));
  }
  if (!topic.empty() && std::ranges::find(names, topic) == names.end())
    return base::fail_with(base::Code::kNotFound,
                           fmt::format("there is no topic '{}'", topic.substr(0, 64)),
                           quality::nearest_of(topic, names, "the topics"));
  return all;
}

Result<> Partners::judge(const std::string& topic) {
  const json report = TRY(report_of(topic, project_.partners.window_us));
  const std::string id = "partner/" + topic;
  if (!report["alert"].get<bool>()) {
    alerts_.resolve(id, clock_.now_us());
    return {};
  }
  std::vector<json> files = report["files"];
  std::erase_if(files, [](const json& one) { return !one["alert"].get<bool>(); });
  std::ranges::sort(files, std::ranges::greater{},
                    [](const json& one) { return one["low"].get<double>(); });
  std::string worst;
  for (std::size_t i = 0; i < std::min(kWorstMax, files.size()); ++i)
    worst += fmt::format("{} {} ({} of {})", i == 0 ? "; worst:" : ",",
                         files[i]["file"].get<std::string>(), files[i]["bad"].dump(),
                         files[i]["rows"].dump());
  if (files.size() > kWorstMax) worst += fmt::format(" and {} more", files.size() - kWorstMax);
  alerts_.raise(
      id, "error",
      fmt::format("{}: {} of {} rows of the last {} are bad ({:.1f} %, allowed are "
                  "{:.1f} %){}",
                  topic, report["bad"].dump(), report["rows"].dump(),
                  base::format_duration(project_.partners.window_us),
                  report["share"].get<double>() * 100, project_.partners.errors * 100, worst),
      clock_.now_us());
  return {};
}

void Partners::tick() {
  const std::scoped_lock lock(mutex_);
  const auto version_of = [&](const std::string& name) -> lake::Version {
    const auto table = catalog_.table(name);
    if (!table) return -1;
    const auto snapshot = (*table)->snapshot(false);
    return snapshot ? (*snapshot)->version() : -1;
  };
  for (const schema::TopicSchema& topic : project_.topics) {
    if (!topic.files) continue;
    const std::string& name = topic.topic.name;
    const Seen now{version_of("bronze." + name), version_of("dead_letters"), clock_.now_us()};
    Seen& before = seen_[name];
    const bool same = now.bronze == before.bronze && now.letters == before.letters;
    if (now.bronze < 0 || (same && now.at_us - before.at_us < kAgainUs)) continue;
    before = now;
    if (const auto done = judge(name); !done)
      spdlog::warn("partners: {}: {}", name, done.error().to_string());
  }
}

}  // namespace cli
