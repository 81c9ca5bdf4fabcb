// New values of a row, by column. Pure.
#pragma once

#include <string>
#include <vector>

#include "lake/dml.h"
#include "lake/state.h"

namespace lake {

// One value per column of the table, in order; those that nothing is assigned to keep
// `otherwise`.column, or become NULL when it is "". kInvalid names a column that there is not.
base::Result<std::vector<std::string>> assigned_values(const State& state,
                                                       const std::vector<Assignment>& assignments,
                                                       const std::string& otherwise);

}  // namespace lake
