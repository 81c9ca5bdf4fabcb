// What the lake's work costs on this machine.
#pragma once

#include <string>

#include "lake/table.h"

namespace lake_tool {

// Prints one "figure NAME VALUE UNIT" line per measurement; leaves its tables below `path`.
base::Result<> measure(storage::ObjectStore& store, sql::Database& database,
                       const std::string& path);

}  // namespace lake_tool
