// The changes of random histories: what each does to a table, and to the model beside it.
#pragma once

#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "lake/dml.h"

namespace lake_test {

struct Row {
  std::int64_t id = 0;
  std::string p;
  std::int64_t v = 0;
  std::map<std::string, std::int64_t> more = {};  // columns that came later
};

struct Content {
  std::vector<std::string> columns = {};  // after id, p, v
  std::vector<Row> rows = {};

  // As a query gives them: the names of the columns, then "1|p0|5|…", sorted.
  std::vector<std::string> lines() const;
};

struct Condition {
  std::string sql;
  std::function<bool(const Row&)> holds;
};

// What a step does to the table, and what it does to the model.
struct Step {
  std::string name;
  std::function<base::Result<>(lake::Table&, sql::Connection&)> run;
  std::function<void(Content&)> apply = [](Content&) {};
  bool forgets = false;  // older versions may not be readable after it
};

// Draws changes at random.
class Steps {
 public:
  Steps(std::mt19937& random, bool partitioned) : random_(random), partitioned_(partitioned) {}

  // The number gives new columns their names; `versions` from `readable` on can be restored.
  Step any(int number, const std::map<lake::Version, Content>& versions, lake::Version readable);
  // What another writer may put in between.
  Step rival(int number);

  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  bool chance(int in) { return pick(in) == 0; }

 private:
  Row any_row();
  std::vector<Row> any_rows(bool distinct);
  Condition any_condition();
  Step append_step();
  Step overwrite_step();
  Step overwrite_partitions_step();
  Step replace_step();
  Step delete_step();
  Step update_step();
  Step merge_step();
  Step optimize_step();
  Step restore_step(const std::map<lake::Version, Content>& versions, lake::Version readable);
  Step vacuum_step();
  Step clean_log_step();
  Step add_column_step(int number);
  Step evolving_append_step(int number);

  std::mt19937& random_;
  const bool partitioned_;
};

}  // namespace lake_test
