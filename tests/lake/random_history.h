// A table lives through a random history on any object store, beside a model in memory: every kind
// of change, several writers, and a fault at any write. At every moment the table is what the
// acknowledged changes made of it, or that with the one change whose outcome nobody knows.
//
// A failing history is told by its seed alone.
#pragma once

#include <string>

#include "sql/database.h"
#include "storage/object_store.h"

namespace lake_test {

struct HistoryStats {
  int changes = 0;
  int faults = 0;     // that came about
  int crashes = 0;    // among them
  int unknown = 0;    // changes that took effect without an answer
  int overtaken = 0;  // changes that met another writer's commit
};

// Lives it in the folder `path` of the store, which must be empty; "" when all held, what did not
// otherwise. The folder is left as it is.
std::string live_history(storage::ObjectStore& store, sql::Database& database,
                         const std::string& path, unsigned seed, HistoryStats& stats);

// The seeds to live: `usual` many from 1 on; WAYBILL_LAKE_HISTORIES says how many instead, and
// WAYBILL_LAKE_SEED the first.
struct Seeds {
  unsigned first = 1;
  unsigned count = 0;
};
Seeds history_seeds(unsigned usual);

}  // namespace lake_test
