// A statement that changes a table of the lake, taken apart: INSERT, UPDATE, DELETE, MERGE, CREATE
// TABLE and DROP TABLE. DuckDB's parser gives trees of SELECTs alone, so that the frame is read
// here, on tokens; every expression in it is judged as part of a SELECT before it is used.
//
// Source: PostgreSQL 15, documentation of these commands.
// Threads: pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "lake/dml.h"

namespace server {

struct SqlChange {
  enum class Kind { kInsert, kUpdate, kDelete, kMerge, kCreate, kCreateAs, kDrop };
  Kind kind = Kind::kInsert;
  std::vector<std::string> target;        // "sandbox", "hubs", as looked up
  bool if_exists = false;                 // DROP IF EXISTS, CREATE IF NOT EXISTS
  std::vector<std::string> columns = {};  // of INSERT; empty: all
  std::string select = {};                // of INSERT and CREATE AS; the source of MERGE
  // In expressions the table is `target`, MERGE's source `source`.
  std::vector<lake::Assignment> assignments = {};
  std::string condition = {};  // WHERE, or MERGE's ON
  std::vector<lake::MergeClause> clauses = {};
  std::string definition = {};  // what CREATE TABLE has in its brackets

  // SELECTs that hold every expression, for the check of what they read.
  std::vector<std::string> readings() const;
};

// kInvalid with "syntax error" for what cannot be read, kUnsupported for RETURNING and the like.
base::Result<SqlChange> parse_change(const std::string& sql);

}  // namespace server
