// Joins: what an epoch brings on one side against all that is kept of the others.
//
// Inner joins of streams and of changes by the rule of differences: each side's new rows meet the
// others' old ones, and new ones once. Left and as-of joins of two streams wait for the watermark:
// a left row without a partner is given when none can come any more; an as-of row when every row
// that it could mean has come.
#pragma once

#include "stream/stage.h"

namespace stream {

struct JoinSide {
  Rows rows = {};
  std::string alias = {};
  std::vector<StageColumn> needed = {};  // that the SELECT names
  std::string where = {};                // of its own, over its columns; may be empty
  std::string drop_us =
      {};                  // SQL over it: when the watermark is past this, it can be dropped; or ""
  std::string bound = {};  // for people: what bounds it
};

struct JoinParts {
  enum class Kind : std::uint8_t { kInner, kLeft, kAsOf };
  Kind kind = Kind::kInner;
  std::string name;   // of its tables on the connection
  std::string state;  // prefix of its keys in the store
  std::vector<JoinSide> sides;
  // The SELECT, side i being the table side_table(name, i); with kWeight when a side has changes.
  // Of kLeft: what it is for rows with a partner, and for left rows without one (where the right
  // side has the column _wb_partner, which is then null).
  std::string select;
  std::string unmatched;
  std::vector<StageColumn> columns;
  std::map<std::string, std::int64_t> lags;
  // kAsOf: SQL over a side's columns: the times that are compared (in microseconds), and the right
  // side's part of the equalities.
  std::string left_time;
  std::string right_time;
  std::vector<std::string> right_key;
};

// What the tree of a join calls a side.
std::string side_table(const std::string& stage, std::size_t side);

base::Result<std::unique_ptr<Stage>> make_join_stage(sql::Connection& connection, JoinParts parts);

}  // namespace stream
