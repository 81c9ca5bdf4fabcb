// Models of several stages: joins, groups, windows, unions, subqueries (stream/stage_plan.h).
#pragma once

#include "stream/operator.h"

namespace stream {

base::Result<std::unique_ptr<Operator>> make_composed_operator(
    sql::Connection& connection, const runs::Model& model, Plan plan,
    const std::map<std::string, Relation>& known);

}  // namespace stream
