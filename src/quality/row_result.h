// The result of an expectation over rows as Great Expectations writes it.
#pragma once

#include "quality/check.h"
#include "quality/result_format.h"

namespace quality {

struct RowCounts {
  std::int64_t total = 0;
  std::int64_t judged = 0;  // not missing
  std::int64_t unexpected = 0;
};

// Reads the rows that break the check, where the format tells of them.
base::Result<Verdict> row_result(sql::Connection& connection, const Rows& rows, const Check& check,
                                 const RowCounts& counts, const ResultFormat& format);

}  // namespace quality
