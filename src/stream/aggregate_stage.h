// GROUP BY by partial aggregates: an epoch's rows are grouped by DuckDB, what they add to each
// group is kept, and the groups that they touch are computed from what is kept of them.
#pragma once

#include <optional>

#include "stream/stage.h"
#include "stream/tree.h"

namespace stream {

struct AggregateParts {
  std::string name;   // of its tables on the connection
  std::string state;  // prefix of its keys in the store
  Rows input;
  std::string alias;                     // by which its SQL calls the input
  std::string where;                     // over the input; may be empty
  Tree map;                              // the SELECT that the input is a view of; null: a table
  std::vector<Tree> groups;              // over the input
  std::vector<std::string> group_names;  // of the columns that show them; "" where none does
  std::vector<Tree> items;               // the SELECT's columns, over the input
  std::vector<StageColumn> columns;      // and what they are called and are
  Tree having;                           // null: none
  // Groups whose value lies further behind are closed: by number of the group.
  std::map<std::size_t, std::int64_t> lags;
};

// nullptr when an aggregate has no partial form: then the rows themselves must be kept.
base::Result<std::unique_ptr<Stage>> make_aggregate_stage(sql::Connection& connection,
                                                          AggregateParts parts);

}  // namespace stream
