// A SELECT whose rows depend on the input rows of one key alone (window functions, row_number() <=
// n, aggregates without parts, sessions): the rows of each key are kept, and the keys that an epoch
// touches are computed anew.
#pragma once

#include "stream/stage.h"
#include "stream/tree.h"

namespace stream {

struct RecomputeParts {
  std::string name;   // of its tables on the connection
  std::string state;  // prefix of its keys in the store
  Rows input;
  std::string alias;                 // by which the SQL of keys calls the input
  std::string where;                 // over the input, when it may be dropped early; may be empty
  std::vector<StageColumn> needed;   // columns of the input that are kept
  std::vector<Tree> keys;            // over the input
  std::string select;                // reads touched(name); its hidden columns are _wb_k0 …
  std::vector<StageColumn> columns;  // that it gives
  std::map<std::string, std::int64_t> lags;  // of these
  // What bounds the state: by number of the key, how far behind the watermark it can be; or a time
  // column and after how long a silent key is forgotten; or a QUALIFY over the kept rows which
  // leaves the rows that can still be given.
  std::map<std::size_t, std::int64_t> key_lags;
  std::string time;
  std::int64_t ttl_us = 0;
  std::string best;
  // Of `best` for first places alone: `max(value)`, which all of them have; may be empty.
  std::string best_of;
  std::string best_value;
};

// The table that the SELECT of a stage reads.
std::string touched_table(const std::string& stage);

base::Result<std::unique_ptr<Stage>> make_recompute_stage(sql::Connection& connection,
                                                          RecomputeParts parts);

}  // namespace stream
