// What SQL finds out about a table's days.
#include <algorithm>
#include <cmath>

#include "quality/arguments.h"
#include "quality/monitor.h"
#include "quality/monitor_days.h"

namespace quality {
namespace {

using sql::Kind;

// From day to day less than this is no difference.
constexpr double kHoursMin = 0.05;
constexpr double kShareMin = 0.001;

// The days to look at, and how SQL says so.
struct Span {
  std::int64_t first = 0;   // day
  std::int64_t newest = 0;  // the last day that has ended
  std::string day;          // SQL: the row's day
  std::string where;        // SQL: rows of these days
};

// A moment as a value of the column's type, so that files and row groups can be left out.
std::string moment(Kind kind, base::TimestampUs at_us) {
  if (kind == Kind::kDate)
    return fmt::format("DATE '{}'",
                       base::format_date(static_cast<std::int32_t>(at_us / base::kUsPerDay)));
  return fmt::format("make_timestamp{}({})", kind == Kind::kTimestampTz ? "tz" : "", at_us);
}

base::Result<Kind> kind_of(sql::Connection& connection, const std::string& rows,
                           const std::string& column) {
  const auto none = TRY(
      connection.query(fmt::format("SELECT {} FROM {} LIMIT 0", sql::quote_name(column), rows)));
  return none->columns()[0].kind;
}

base::Result<Span> span_of(sql::Connection& connection, const std::string& rows,
                           const Monitor& monitor, base::TimestampUs now_us) {
  const Kind kind = TRY(kind_of(connection, rows, monitor.time));
  const bool timed = kind == Kind::kDate || kind == Kind::kTimestamp || kind == Kind::kTimestampTz;
  if (!timed)
    return std::unexpected(
        base::Error{.code = base::Code::kInvalid,
                    .message = fmt::format("{} of {} is no time", monitor.time, monitor.table),
                    .mend = "name a column of type timestamp or date"}
            .at(monitor.file, 1));
  const std::string time = sql::quote_name(monitor.time);
  Span span;
  span.day = fmt::format("epoch_us({}) // {}", time, base::kUsPerDay);
  if (monitor.by_clock) {
    span.newest = (now_us - monitor.settle_us) / base::kUsPerDay - 1;
  } else {
    const auto newest = TRY(connection.query(fmt::format(
        "SELECT max(epoch_us({0})) FROM {1} WHERE {0} <= {2}", time, rows, moment(kind, now_us))));
    span.newest = (newest->int_at(0, 0) - monitor.settle_us) / base::kUsPerDay - 1;
  }
  span.first = span.newest - monitor.reference_days;
  span.where = fmt::format("{} >= {} AND {} < {}", time, moment(kind, span.first * base::kUsPerDay),
                           time, moment(kind, (span.newest + 1) * base::kUsPerDay));
  return span;
}

// Values of one measure by day, where there is one.
using Values = std::map<std::int64_t, double>;

Series judged(std::string measure, std::string column, const Values& values,
              const DayRanges& backfilled, const DriftOptions& options) {
  Series series{.measure = std::move(measure), .column = std::move(column), .points = {}};
  std::vector<Measure> before;
  for (const auto& [day, value] : values) {
    const bool anew = in_ranges(backfilled, day);
    before.push_back({.day = day, .value = value, .backfilled = anew});
    series.points.push_back({day, value, anew, judge_newest(before, options)});
    before.back().backfilled = false;  // as it is now it tells what is usual
  }
  return series;
}

struct DayValues {
  Values volume;
  Values silence;
  std::vector<Values> nulls;
  std::vector<Values> means;
};

base::Result<DayValues> day_values(sql::Connection& connection, const std::string& rows,
                                   const Monitor& monitor, const Span& span) {
  std::string select;
  for (const std::string& column : monitor.nulls)
    select += fmt::format(", count({})", sql::quote_name(column));
  for (const std::string& column : monitor.means)
    select += fmt::format(", avg({})", sql::quote_name(column));
  const auto found = TRY(connection.query(fmt::format(
      "SELECT {} AS day, count(*), max(epoch_us({})){} FROM {} WHERE {} GROUP BY 1 ORDER BY 1",
      span.day, sql::quote_name(monitor.time), select, rows, span.where)));
  DayValues values;
  values.nulls.resize(monitor.nulls.size());
  values.means.resize(monitor.means.size());
  for (std::size_t row = 0; row < found->rows(); ++row) {
    const std::int64_t day = found->int_at(0, row);
    const double count = found->double_at(1, row);
    values.volume[day] = count;
    values.silence[day] = static_cast<double>((day + 1) * base::kUsPerDay - found->int_at(2, row)) /
                          (3600.0 * base::kUsPerSecond);
    std::size_t at = 3;
    for (Values& nulls : values.nulls) nulls[day] = 1 - found->double_at(at++, row) / count;
    for (Values& means : values.means) {
      if (!found->is_null(at, row)) means[day] = found->double_at(at, row);
      ++at;
    }
  }
  if (values.volume.empty()) return values;
  // A day without rows, between days with some and the newest, is a day with none.
  double silent = 0;
  for (std::int64_t day = values.volume.begin()->first; day <= span.newest; ++day) {
    const auto [it, empty] = values.volume.try_emplace(day, 0);
    silent = empty ? silent + 24 : values.silence.at(day);
    values.silence[day] = silent;
  }
  return values;
}

// SQL for the bin of a number: how many of the edges it is above.
base::Result<std::string> number_bin(sql::Connection& connection, const std::string& rows,
                                     const std::string& name, const Span& span) {
  std::vector<std::string> shares;
  for (std::size_t i = 1; i < kNumberBins; ++i)
    shares.push_back(fmt::format("{}", static_cast<double>(i) / kNumberBins));
  const auto edges = TRY(connection.query(fmt::format(
      "SELECT DISTINCT unnest(quantile_disc(CAST({0} AS DOUBLE), [{1}])) AS edge FROM {2} "
      "WHERE {3} AND {0} IS NOT NULL ORDER BY 1",
      name, fmt::join(shares, ", "), rows, span.where)));
  std::string bin = "0";
  for (std::size_t row = 0; row < edges->rows(); ++row)
    bin += fmt::format(" + CAST({} > {} AS INTEGER)", name,
                       fmt::format("CAST('{}' AS DOUBLE)", edges->text(0, row)));
  return bin;
}

// SQL for the bin of any other value: the most frequent ones have their own.
base::Result<std::string> word_bin(sql::Connection& connection, const std::string& rows,
                                   const std::string& name, const Span& span) {
  const auto words = TRY(connection.query(
      fmt::format("SELECT CAST({0} AS VARCHAR) FROM {1} WHERE {2} AND {0} IS NOT NULL GROUP BY 1 "
                  "ORDER BY count(*) DESC, 1 LIMIT {3}",
                  name, rows, span.where, kWordsMax)));
  std::string bin = fmt::format("CASE CAST({} AS VARCHAR)", name);
  for (std::size_t row = 0; row < words->rows(); ++row)
    bin += fmt::format(" WHEN {} THEN {}", sql::quote_text(words->text(0, row)), row);
  return words->rows() == 0 ? std::string("0") : bin + fmt::format(" ELSE {} END", words->rows());
}

base::Result<Histogram> histogram_of(sql::Connection& connection, const std::string& rows,
                                     const std::string& column, const Span& span) {
  const std::string name = sql::quote_name(column);
  Histogram histogram{
      .column = column, .numbers = is_number(TRY(kind_of(connection, rows, column))), .days = {}};
  const std::string bin = histogram.numbers ? TRY(number_bin(connection, rows, name, span))
                                            : TRY(word_bin(connection, rows, name, span));
  const std::size_t bins = std::max(kNumberBins, kWordsMax + 1);
  const auto counts = TRY(connection.query(
      fmt::format("SELECT {}, {}, count(*) FROM {} WHERE {} AND {} IS NOT NULL GROUP BY 1, 2",
                  span.day, bin, rows, span.where, name)));
  std::size_t used = 1;
  for (std::size_t row = 0; row < counts->rows(); ++row) {
    auto& day = histogram.days[counts->int_at(0, row)];
    day.resize(bins);
    const auto at = static_cast<std::size_t>(counts->int_at(1, row));
    day[at] = counts->int_at(2, row);
    used = std::max(used, at + 1);
  }
  for (auto& [day, values] : histogram.days) values.resize(used);
  return histogram;
}

}  // namespace

base::Result<Measured> measure(sql::Connection& connection, const std::string& rows,
                               const Monitor& monitor, const DayRanges& backfilled,
                               base::TimestampUs now_us) {
  const Span span = TRY(span_of(connection, rows, monitor, now_us));
  const DriftOptions options{.false_alarms = monitor.false_alarms};
  const DayValues values = TRY(day_values(connection, rows, monitor, span));
  Measured measured;
  measured.newest = span.newest;
  const auto add = [&](const char* name, const std::string& column, const Values& of,
                       double deviation_min = 0, bool counts = false) {
    DriftOptions its = options;
    its.deviation_min = deviation_min;
    its.counts = counts;
    measured.series.push_back(judged(name, column, of, backfilled, its));
  };
  if (monitor.volume) add("volume", "", values.volume, 0, true);
  if (monitor.freshness) add("silence_hours", "", values.silence, kHoursMin);
  for (std::size_t i = 0; i < monitor.nulls.size(); ++i)
    add("null_share", monitor.nulls[i], values.nulls[i], kShareMin);
  for (std::size_t i = 0; i < monitor.means.size(); ++i)
    add("mean", monitor.means[i], values.means[i]);
  std::vector<Histogram> histograms;
  for (const std::string& column : monitor.drift)
    histograms.push_back(TRY(histogram_of(connection, rows, column, span)));
  for (Series& one : judge_distributions(histograms, backfilled, span.newest, options))
    measured.series.push_back(std::move(one));
  const auto newest = TRY(connection.query(
      fmt::format("SELECT max(epoch_us({})) FROM {}", sql::quote_name(monitor.time), rows)));
  if (!newest->is_null(0, 0))
    measured.silent_hours =
        static_cast<double>(now_us - newest->int_at(0, 0)) / (3600.0 * base::kUsPerSecond);
  return measured;
}

}  // namespace quality
