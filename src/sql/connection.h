#pragma once

#include <memory>

#include "sql/database.h"
#include "sql/handles.h"
#include "sql/shared_batches.h"

namespace sql {

std::unique_ptr<Connection> make_connection(std::shared_ptr<DatabaseHandle> database,
                                            std::shared_ptr<SharedBatches> batches,
                                            ConnectionHandle handle);

}  // namespace sql
