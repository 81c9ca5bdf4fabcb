// Columns that get another name or type, or go: every row is written anew, in one commit, so that
// readers of the lowest protocol see the old table or the new one.
//
// Threads: as the connection.
#pragma once

#include <string>

#include "lake/dml.h"

namespace lake {

struct ColumnChange {
  enum class Kind : std::uint8_t { kRename, kDrop, kRetype };
  Kind kind = Kind::kRename;
  std::string column;
  std::string to = {};     // kRename: the new name; kRetype: the type as DuckDB names it
  std::string value = {};  // kRetype: SQL over the row for the new value; "": the old one, cast
};

// kNotFound for a column that there is not, kAlreadyExists for a name that is taken, kInvalid for
// the last column, one that partitions or that a constraint names, and for values that the type
// does not take; kUnsupported for a table with column mapping.
base::Result<Changed> change_column(Table& table, sql::Connection& connection,
                                    const ColumnChange& what, const WriteOptions& options = {});

}  // namespace lake
