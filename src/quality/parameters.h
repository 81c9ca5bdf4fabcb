// Parameters of suites: {"$PARAMETER": "upstream_rows * 0.9"} in kwargs, worked out before an
// expectation is compiled.
//
// Pure, but for now(), which is given.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace quality {

// `kwargs` with every {"$PARAMETER": expression} replaced by its value: a number, a time as text,
// or what `values` has under that name. An expression has + - * / ^, brackets, now(),
// datetime(y, m, d, …), timedelta(days=…), abs, round, trunc, sin, cos, tan, exp, sgn, and names.
base::Result<nlohmann::json> with_parameters(const nlohmann::json& kwargs,
                                             const nlohmann::json& values,
                                             base::TimestampUs now_us);

}  // namespace quality
