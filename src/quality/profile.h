// A suite proposed from data: what holds for all rows that there are, said as expectations.
#pragma once

#include "quality/check.h"

namespace quality {

// Great Expectations' JSON of 1.x. One scan finds counts, extremes and how many different values
// each column has; a second one lists the values of columns with few. Of a column with nulls the
// share is proposed with room for chance (Wilson's interval).
base::Result<nlohmann::json> propose_suite(sql::Connection& connection, const Rows& rows,
                                           const std::string& name);

}  // namespace quality
