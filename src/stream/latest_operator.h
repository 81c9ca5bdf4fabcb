// Latest-by-key models: one row per key, upserted and served to look-ups.
#pragma once

#include "stream/operator.h"

namespace stream {

base::Result<std::unique_ptr<Operator>> make_latest_operator(sql::Connection& connection,
                                                             const runs::Model& model, Plan plan,
                                                             const Relation& input,
                                                             columns::Schema selected);

}  // namespace stream
