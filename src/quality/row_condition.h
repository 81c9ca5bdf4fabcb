// Row conditions of expectations as SQL: pandas' query syntax, Great Expectations' own
// (col("x").notNull()), condition objects of version 1, and plain SQL.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace quality {

// `condition` is a text or an object; `parser` is empty (SQL), "sql", "spark", "pandas",
// "great_expectations" or "great_expectations__experimental__". kInvalid names the part.
base::Result<std::string> row_condition_sql(const nlohmann::json& condition,
                                            const std::string& parser);

}  // namespace quality
