// Statistics of a Parquet file: from what DuckDB's COPY returns to what an `add` action holds.
// Pure. Source: PROTOCOL.md, "Per-file Statistics".
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lake/state.h"

namespace lake {

// `columns` is RETURN_STATS' column_statistics as a JSON object by quoted physical column name.
// Partition columns have no statistics, nor have columns after the first
// delta.dataSkippingNumIndexedCols (32). Bounds that JSON or the protocol cannot hold exactly are
// widened or left out, never narrowed.
std::string print_stats(const State& state, std::int64_t rows, const nlohmann::json& columns);

// The first column that must not be null and has nulls; "" when there is none.
std::string null_violation(const std::vector<SparkField>& fields, const nlohmann::json& columns);

}  // namespace lake
