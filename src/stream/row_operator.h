// Row-by-row and de-duplicating models: bronze to silver. The schema's verdict and the quality
// suite split off the dead letters here.
#pragma once

#include "stream/operator.h"

namespace stream {

base::Result<std::unique_ptr<Operator>> make_row_operator(sql::Connection& connection,
                                                          const runs::Model& model, Plan plan,
                                                          const Relation& input,
                                                          columns::Schema selected,
                                                          const quality::Suite* suite);

}  // namespace stream
