// How much of what was found a validation's result tells: Great Expectations' result formats.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace quality {

struct ResultFormat {
  enum class Level : std::uint8_t { kBoolean, kBasic, kSummary, kComplete };
  // Unexpected values that COMPLETE lists at most.
  static constexpr std::size_t kListedMax = 1'000'000;

  Level level = Level::kSummary;
  std::size_t partial_count = 20;
  std::vector<std::string> index_columns;
  bool include_rows = false;
  bool exclude_values = false;
  bool index_query = true;

  // A name, or an object with `result_format`, `partial_unexpected_count`,
  // `unexpected_index_column_names`, `include_unexpected_rows`, `exclude_unexpected_values`,
  // `return_unexpected_index_query`. What it leaves out is as in `otherwise`.
  static base::Result<ResultFormat> from(const nlohmann::json& given,
                                         const ResultFormat& otherwise);
};

}  // namespace quality
