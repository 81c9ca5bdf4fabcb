// Cheaper SQL with the same rows, for what every row of an epoch goes through.
//
// Pure, except that expressions are bound and printed by a connection.
#pragma once

#include <optional>
#include <string>

#include "stream/tree.h"

namespace stream {

// The expression with time_bucket(constant of days or less, TIMESTAMPTZ) as arithmetic, which takes
// a small part of the time of the calendar's. `from`: what its columns are of. The time zone is
// UTC.
base::Result<Tree> with_plain_buckets(sql::Connection& connection, Tree expression,
                                      const std::string& from);

// A SELECT that gives each row once for every window over it, by unnest over time buckets, taken
// apart: rows that lie in the same bucket (the pane) can be added up before they are multiplied.
struct Panes {
  std::string rows;     // SELECT of its rows without the windows, with the panes they lie in
  std::string panes;    // the columns of these, `_wb_e0, _wb_e1`
  std::string windows;  // the unnest over the panes
  std::string column;   // what its values are called
};
// nullopt when it is no such SELECT.
base::Result<std::optional<Panes>> panes_of(sql::Connection& connection, const Tree& select);

// Whether the expression names this column.
bool names_column(const Tree& expression, const std::string& column);

}  // namespace stream
