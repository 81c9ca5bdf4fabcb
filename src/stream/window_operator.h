// Windowed models: groups of a time bucket, corrected as rows arrive until the watermark closes the
// window; rows that come later go to the late table.
#pragma once

#include "stream/operator.h"

namespace stream {

base::Result<std::unique_ptr<Operator>> make_window_operator(sql::Connection& connection,
                                                             const runs::Model& model, Plan plan,
                                                             const columns::Schema& input,
                                                             columns::Schema selected);

}  // namespace stream
