// Upsert by key: what keyed tables do with each batch of changed rows.
//
// Threads: as the transaction and the connection.
#pragma once

#include <string>
#include <vector>

#include "lake/table.h"

namespace lake {

struct Upserted {
  std::int64_t rows_inserted = 0;
  std::int64_t rows_updated = 0;
};

// Replaces the rows of `changed_table` (a table or view of `connection` with the columns of
// `table`) by `keys`, and adds those whose key is new: old rows are taken out of their files, the
// changed ones become a file of their own, with what small files hold. Adds, removes and reads are
// put on the transaction, which the caller commits; it makes the files durable. Nulls count as
// equal. A row may move from one partition to another when the partition columns are not all among
// the keys. kInvalid when two changed rows have one key, or for keys that are no columns.
base::Result<Upserted> stage_upsert(Table& table, sql::Connection& connection,
                                    Transaction& transaction, const std::string& changed_table,
                                    const std::vector<std::string>& keys);

}  // namespace lake
