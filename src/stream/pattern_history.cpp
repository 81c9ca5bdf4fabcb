#include "stream/pattern_history.h"

#include <algorithm>

#include "stream/operator.h"
#include "stream/pattern_reader.h"

namespace stream {
namespace {

constexpr std::int64_t kSliceRows = 500'000;  // about so many rows are taken at a time
constexpr std::int64_t kSlicesMax = 10'000;
constexpr std::size_t kCompactFrom = 1'000'000;

struct Slices {
  std::int64_t rows = 0;
  base::TimestampUs from_us = 0;
  base::TimestampUs to_us = 0;  // of the last row, and one more
  std::int64_t width_us = 1;
};

base::Result<Slices> slices_of(sql::Connection& connection, const std::string& input,
                               const std::string& time, const std::string& condition) {
  const auto counted =
      TRY(connection.query(fmt::format("SELECT count(*), min({0}), max({0}) FROM {1} WHERE {2}",
                                       time, sql::quote_name(input), condition)));
  Slices slices{.rows = counted->int_at(0, 0),
                .from_us = counted->int_at(1, 0),
                .to_us = counted->int_at(2, 0) + 1};
  const std::int64_t count = std::clamp<std::int64_t>(slices.rows / kSliceRows, 1, kSlicesMax);
  slices.width_us = (slices.to_us - slices.from_us) / count + 1;
  return slices;
}

}  // namespace

base::Result<PatternFound> match_history(sql::Connection& connection, const runs::Model& model,
                                         const std::string& scan, const columns::Schema& source,
                                         const PatternPeriod& period, const std::string& output) {
  const std::string input = "history for " + model.table;
  const auto reader = TRY(PatternReader::make(connection, model, source, input));
  TRY(connection.execute(fmt::format("DROP TABLE {0}; CREATE OR REPLACE TEMP VIEW {0} AS {1}",
                                     sql::quote_name(input), scan)));
  const std::string time = reader->time_us();
  std::string wanted = fmt::format("{} IS NOT NULL", time);
  if (!reader->where().empty()) wanted += fmt::format(" AND {}", reader->where());
  if (source.find("_error")) wanted += " AND _error IS NULL";
  if (period.from_us != INT64_MIN) wanted += fmt::format(" AND {} >= {}", time, period.from_us);
  if (period.to_us != INT64_MAX)
    wanted += fmt::format(" AND {} < {}", time, period.to_us + reader->pattern().within_us);
  const Slices slices = TRY(slices_of(connection, input, time, wanted));
  PatternEngine& engine = reader->engine();
  std::vector<std::string> parts;
  PatternFound found{.rows = slices.rows};
  const auto collect = [&](base::TimestampUs watermark_us) -> base::Result<> {
    std::vector<PatternMatch> matches = engine.advance(watermark_us);
    std::erase_if(matches, [&](const PatternMatch& match) {
      return match.held.front().row.time_us >= period.to_us;
    });
    if (matches.empty()) return {};
    for (const PatternMatch& match : matches) found.timeouts += match.timed_out ? 1 : 0;
    const std::string part = fmt::format("part {} of {}", parts.size(), output);
    found.matches += TRY(reader->output().write(connection, engine, matches, reader->kept(), part));
    parts.push_back("SELECT * FROM " + sql::quote_name(part));
    return {};
  };
  for (base::TimestampUs at_us = slices.from_us; slices.rows > 0 && at_us < slices.to_us;
       at_us += slices.width_us) {
    TRY(reader->take(connection, input,
                     fmt::format("{0} AND {1} >= {2} AND {1} < {3}", wanted, time, at_us,
                                 at_us + slices.width_us)));
    TRY(collect(std::min(at_us + slices.width_us - 1, period.complete_us)));
    if (engine.rows_held() > kCompactFrom && engine.rows_held() > 2 * engine.rows_live())
      engine.compact();
  }
  TRY(collect(std::min(kNoRowsAfterUs, period.complete_us)));
  if (parts.empty()) {
    TRY(reader->output().write(connection, engine, {}, reader->kept(), output));
  } else {
    TRY(connection.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}",
                                       sql::quote_name(output), fmt::join(parts, " UNION ALL "))));
  }
  TRY(connection.execute("DROP VIEW IF EXISTS " + sql::quote_name(input)));
  return found;
}

}  // namespace stream
