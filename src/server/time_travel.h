// `FROM silver.scans AT (VERSION => 3)` and `AT (TIMESTAMP => '2026-01-01')` in a client's text.
//
// DuckDB's parser takes the clause behind the alias, people write it in front of it as well; both
// are found here, on tokens, and replaced by the name of a view of that version.
// Threads: pure functions.
#pragma once

#include <string>
#include <vector>

namespace server {

struct TimeTravel {
  std::vector<std::string> name;  // "silver", "scans", as looked up
  bool by_time = false;
  std::string value;      // SQL of the version or of the time
  std::string alias;      // of the table in this query, quoted; "" when the text behind it has one
  std::size_t begin = 0;  // of the name, to the end of the clause
  std::size_t end = 0;
};

std::vector<TimeTravel> find_time_travels(const std::string& sql);
// `views`: what stands for each of them, as SQL.
std::string replace_time_travels(const std::string& sql, const std::vector<TimeTravel>& travels,
                                 const std::vector<std::string>& views);

}  // namespace server
