#pragma once

#include <memory>

#include "sql/database.h"
#include "sql/handles.h"

namespace sql {

std::unique_ptr<Connection> make_connection(std::shared_ptr<DatabaseHandle> database,
                                            ConnectionHandle handle);

}  // namespace sql
