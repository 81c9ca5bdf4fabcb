// A pattern as an operator of a pipeline, and over history.
#pragma once

#include "stream/operator.h"

namespace stream {

// The plan of a model that is a pattern: its source and shape.
base::Result<Plan> plan_pattern(const runs::Model& model);

base::Result<std::unique_ptr<Operator>> make_pattern_operator(sql::Connection& connection,
                                                              const runs::Model& model,
                                                              const Relation& source);

}  // namespace stream
