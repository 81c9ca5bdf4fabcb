// Who has written a table: the ids of Delta's `txn` actions.
#pragma once

#include <string>
#include <vector>

#include "lake/table.h"

namespace lake {

// Of a snapshot that a Table gave.
std::vector<std::string> applications(const Snapshot& snapshot);

}  // namespace lake
