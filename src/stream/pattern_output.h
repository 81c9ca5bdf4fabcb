// Matches as rows of the pattern's table: the rows that the steps hold go to DuckDB as one long
// table, and the measures are one SELECT over it, grouped by match.
//
// In a measure `a.x` is x of the last row that step a holds, `x` of the last row of the match, an
// aggregate reads the rows of its step in order. Threads: one (the connection's).
#pragma once

#include <string>
#include <vector>

#include "stream/pattern.h"
#include "stream/pattern_engine.h"

namespace stream {

class PatternOutput {
 public:
  // `names` as for the conditions. kInvalid with file and line for a measure that does not bind.
  static base::Result<PatternOutput> make(const PatternNames& names, const Pattern& pattern,
                                          const runs::Model& model);

  // Columns of the source that rows in state must keep for the measures.
  const std::set<std::string>& columns() const { return columns_; }
  // Of the pattern's table.
  const columns::Schema& schema() const { return schema_; }

  // Creates the temporary table `output` with the matches' rows, replacing one of that name. `kept`
  // is the schema of the engine's rows. Gives how many rows there are.
  base::Result<std::int64_t> write(sql::Connection& connection, const PatternEngine& engine,
                                   const std::vector<PatternMatch>& matches,
                                   const columns::Schema& kept, const std::string& output) const;

 private:
  std::string table_;
  std::vector<std::string> steps_;
  std::set<std::string> columns_;
  columns::Schema schema_;
  std::string held_;    // the long table's name
  std::string select_;  // the table's rows from it
};

}  // namespace stream
