// One model inside a pipeline: turns the rows of an epoch into staged changes of its table.
//
// Threads: one, the pipeline's; served() lookups come from others through their own connection.
// Invariant: process() changes nothing that outlives the epoch; keep() hands over the state to be
// written with the offsets; committed() makes the new state the served one. Running an epoch again
// after a crash gives the same rows, because the state is that of the epoch before.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "quality/suite.h"
#include "runs/ledger.h"
#include "runs/model.h"
#include "sql/database.h"
#include "state/store.h"
#include "stream/plan.h"

namespace stream {

// The temporary table of a connection that holds an epoch's rows of a table.
std::string rows_table(const std::string& table);

// What is to happen to one lake table when the epoch commits.
struct TableChange {
  enum class Kind : std::uint8_t { kAppend, kUpsert, kReplace };
  Kind kind = Kind::kAppend;
  std::string table;             // lake name
  std::string writer;            // the model that writes it
  std::string select;            // the rows (kUpsert: of the temporary table `changed`)
  std::string changed;           // kUpsert
  std::vector<std::string> key;  // kUpsert
  std::int64_t rows = 0;
};

// The rows of one epoch on their way through the models.
struct Epoch {
  sql::Connection& connection;
  std::int64_t number = 0;
  std::string run_id(const std::string& model) const;
  base::TimestampUs now_us = 0;
  std::string topic;   // root of the pipeline
  int partitions = 1;  // of the topic
};

struct Outcome {
  std::map<eventlog::Partition, runs::Counts> counts;
  std::vector<TableChange> changes;
  std::string dead;  // temporary table of dead letters, empty when there are none
};

class Operator {
 public:
  virtual ~Operator() = default;
  const runs::Model& model() const { return model_; }
  const Plan& plan() const { return plan_; }
  // Columns of the table that it writes, and of the rows that models after it read.
  const columns::Schema& schema() const { return schema_; }
  const std::string& output() const { return output_; }  // temporary table of this epoch's rows
  // Further lake tables that it may write (the late table), by name.
  virtual std::map<std::string, columns::Schema> side_tables() const { return {}; }

  // Loads the state of the last committed epoch.
  virtual base::Result<> restore(const state::Store& store, sql::Connection& connection) = 0;
  // Reads this epoch's rows of its source, the temporary table rows_table(plan().source).
  virtual base::Result<Outcome> process(Epoch& epoch) = 0;
  virtual base::Result<> keep(Epoch& epoch, const state::Store& store,
                              state::WriteSet& changes) = 0;
  virtual base::Result<> committed(sql::Connection& connection) = 0;
  // The table (of the engine's database) that look-ups read; empty: not served.
  virtual std::string served() const { return ""; }
  // A SELECT of the served rows that the epoch under way has put in or replaced; empty: not served.
  virtual std::string changed_rows() const { return ""; }

 protected:
  Operator(runs::Model model, Plan plan, columns::Schema input, columns::Schema schema);

  // State that was kept by another text of the model must not be read as this one's: `what`
  // describes the kept columns and keys.
  base::Result<> check_kept(const state::Store& store, const std::string& what) const;
  void note_kept(const std::string& what, state::WriteSet& changes) const;
  std::string state_prefix() const { return "op/" + model_.table + "/"; }

  runs::Model model_;
  Plan plan_;
  columns::Schema input_;
  columns::Schema schema_;
  std::string input_table_;
  std::string output_;
};

// Checks the model against its source's schema (binding its SQL on `connection`) and makes its
// operator. `suite` may be null.
base::Result<std::unique_ptr<Operator>> make_operator(sql::Connection& connection,
                                                      const runs::Model& model,
                                                      const columns::Schema& source,
                                                      const quality::Suite* suite);

// Rows by `_partition` of a table of the connection, under a condition.
base::Result<std::map<eventlog::Partition, std::int64_t>> count_by_partition(
    sql::Connection& connection, const std::string& table, const std::string& where = "");

}  // namespace stream
