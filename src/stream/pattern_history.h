// A pattern over rows that are in the lake already: the same engine, the same matches and ids as
// the pipeline's, with nothing late.
//
// Threads: one (the connection's).
#pragma once

#include "base/clock.h"
#include "runs/model.h"
#include "sql/database.h"

namespace stream {

struct PatternPeriod {  // of the first row of a match, [from, to)
  base::TimestampUs from_us = INT64_MIN;
  base::TimestampUs to_us = INT64_MAX;
  // Up to here all rows are in the table: later ends are still open.
  base::TimestampUs complete_us = INT64_MAX;
};
struct PatternFound {
  std::int64_t rows = 0;     // looked at
  std::int64_t matches = 0;  // rows of `output`
  std::int64_t timeouts = 0;
};

// Runs the pattern over `scan` (a SELECT of its source's rows, with `source` as its columns) and
// leaves its matches in the temporary table `output`. A match that begins before `to_us` is
// followed to its end; what begins before `from_us` is not known, so a row there that would have
// been inside of such a match may begin one.
base::Result<PatternFound> match_history(sql::Connection& connection, const runs::Model& model,
                                         const std::string& scan, const columns::Schema& source,
                                         const PatternPeriod& period, const std::string& output);

}  // namespace stream
