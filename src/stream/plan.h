// How one model streams: its shape, and the SQL texts that are common to all shapes.
//
// The plan is a pure function of the model and DuckDB's own syntax tree; nothing is executed. What
// cannot stream is refused with the part of the SQL named and what to write instead. The stages of
// a composed model are planned when its sources' columns are known (stream/stage_plan.h).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "columns/batch.h"
#include "runs/model.h"
#include "sql/database.h"
#include "stream/tree.h"

namespace stream {

enum class Shape : std::uint8_t { kRowByRow, kDeduplicated, kLatest, kComposed, kPattern };
std::string_view shape_name(Shape shape);

struct Plan {
  Shape shape = Shape::kRowByRow;
  std::vector<std::string> sources;  // the tables that it reads: "silver.scans"
  Tree tree;                         // DuckDB's syntax tree of the SELECT
  // kDeduplicated, kLatest: PARTITION BY, as SQL over the input.
  std::vector<std::string> partitions;
  std::string where;  // as SQL over the one input; empty: none, or a composed model

  const std::string& source() const { return sources.front(); }
};

// The plan of a streaming model. kInvalid with file and line.
base::Result<Plan> plan_model(sql::Connection& connection, const runs::Model& model);

// The tables that a SELECT names.
std::vector<std::string> tables_of(const Tree& tree);

// The plan's SELECT reading `input` (a table of the connection) instead of its source, without its
// QUALIFY when `qualify` is false, with `extra` columns (names of the input, or SQL) at the end.
base::Result<std::string> select_from(sql::Connection& connection, const Plan& plan,
                                      const std::string& input, bool qualify,
                                      const std::vector<std::string>& extra);

// The columns of a SELECT on this connection, with the types that Waybill's tables have; kInvalid
// (with file and line of the model) when it does not bind or a column has no such type.
base::Result<columns::Schema> describe(sql::Connection& connection, const runs::Model& model,
                                       const std::string& select);
// `SELECT CAST(a AS BIGINT) AS a, … FROM (select)`: the select with exactly the schema's types.
std::string cast_to(const columns::Schema& schema, const std::string& select);
// CREATE OR REPLACE TEMP TABLE name (…) with no rows.
std::string empty_table(const std::string& name, const columns::Schema& schema);

}  // namespace stream
