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
#include "stream/state_log.h"

namespace stream {

// The temporary table of a connection that holds an epoch's rows of a table.
std::string rows_table(const std::string& table);
// The weight of a row of a keyed table's changes: 1 for a row that came, -1 for one that went.
inline constexpr const char* kWeight = "_wb_w";

// A table as the models that read it see it.
struct Relation {
  std::string table = {};       // its lake name
  columns::Schema schema = {};  // without kWeight
  // Its epochs' rows are changes with kWeight: the table is keyed.
  bool changes = false;
  // No streaming model writes it: it is read as it stands when an epoch begins.
  bool is_static = false;
  std::vector<std::string> key = {};
  std::vector<std::string> topics = {};  // that its rows come from

  // Whether each row has a place in a topic (`_partition`, `_offset`, and `_topic` where there is
  // more than one).
  bool has_places() const;
};

// What is to happen to one lake table when the epoch commits.
struct TableChange {
  enum class Kind : std::uint8_t { kAppend, kUpsert, kReplace };
  Kind kind = Kind::kAppend;
  std::string table = {};             // lake name
  std::string writer = {};            // the model that writes it
  std::string select = {};            // the rows (kUpsert: of the temporary table `changed`)
  std::string changed = {};           // kUpsert
  std::string gone = {};              // kUpsert: temporary table of keys that go; may be empty
  std::vector<std::string> key = {};  // kUpsert
  std::int64_t rows = 0;
};
// All rows of the temporary table `from` are appended.
TableChange append_rows(std::string table, std::string writer, const std::string& from,
                        std::int64_t rows);

// The rows of one epoch on their way through the models.
struct Epoch {
  sql::Connection& connection;
  std::int64_t number = 0;
  std::string run_id(const std::string& model) const;
  base::TimestampUs now_us = 0;
  bool stops = true;       // rules with `severity: stop` hold the model that runs back
  bool rows_wait = false;  // for the model that runs: models before it have not given all
  std::map<std::string, int> partitions;  // of each topic
  // SELECTs of the rows of keyed tables as they stand, of operators that have run.
  std::map<std::string, std::string> standing = {};
};

using Counts = std::map<eventlog::TopicPartition, runs::Counts>;

struct Outcome {
  Counts counts;
  std::vector<TableChange> changes;
  std::string dead;  // temporary table of dead letters, empty when there are none
  // The rule that holds the model back, and by how many rows: nothing of the outcome counts. ""
  // when there is none.
  std::string stopped_by;
};

class Operator {
 public:
  virtual ~Operator() = default;
  const runs::Model& model() const { return model_; }
  const Plan& plan() const { return plan_; }
  // The tables that it takes in; those that it only looks up are not among them.
  const std::vector<Relation>& inputs() const { return inputs_; }
  // Columns of the table that it writes.
  const columns::Schema& schema() const { return output_.schema; }
  // What models after it read.
  const Relation& output() const { return output_; }
  // Further lake tables that it may write (the late table), by name.
  virtual std::map<std::string, columns::Schema> side_tables() const { return {}; }
  // Whether the rows in its table are as many as the rows that it took in and kept.
  virtual bool row_for_row() const { return model_.key.empty(); }

  // False when the state was kept by another text of the model: it must be built anew.
  base::Result<bool> fits(const state::Store& store) const;
  // The beginning of all its keys in the store.
  std::string state_prefix() const { return "op/" + model_.table + "/"; }
  // Loads the state of the last committed epoch.
  virtual base::Result<> restore(const state::Store& store, sql::Connection& connection) = 0;
  // Reads this epoch's rows of its sources, the temporary tables rows_table(source).
  virtual base::Result<Outcome> process(Epoch& epoch) = 0;
  virtual base::Result<> keep(Epoch& epoch, const state::Store& store,
                              state::WriteSet& changes) = 0;
  virtual base::Result<> committed(sql::Connection& connection) = 0;
  // True when time alone has something to do: an epoch without rows would close windows.
  virtual bool waits_for_time(base::TimestampUs) const { return false; }
  // From now on another model reads its table, and needs the rows that go.
  virtual void be_read() {}
  // A SELECT of the keyed table's rows as this epoch leaves them; valid from process() on. Empty:
  // not kept.
  virtual std::string current() const { return ""; }
  // The table (of the engine's database) that look-ups read; empty: not served.
  virtual std::string served() const { return ""; }
  // A SELECT of the served rows that the epoch under way has put in or replaced; empty: not served.
  virtual std::string changed_rows() const { return ""; }
  // What it keeps, as of the epoch that was committed last.
  virtual StateSize state_size() const { return {}; }
  // The event time up to which its input is complete; nullopt: it has none.
  virtual std::optional<base::TimestampUs> watermark() const { return std::nullopt; }
  // Its plan, its state and what bounds it, for people.
  virtual nlohmann::json explain(sql::Connection& connection) const = 0;

 protected:
  Operator(runs::Model model, Plan plan, std::vector<Relation> inputs, Relation output);

  // The kept columns and keys, in words; "" for a model without state.
  virtual std::string kept_as() const = 0;
  void note_kept(state::WriteSet& changes) const;
  const Relation& input() const { return inputs_.front(); }

  runs::Model model_;
  Plan plan_;
  std::vector<Relation> inputs_;
  Relation output_;
  std::string input_table_;   // this epoch's rows of the first input
  std::string output_table_;  // and of its own table
};

// Checks the model against its sources' schemas (binding its SQL on `connection`) and makes its
// operator. `known` holds every table that it may read. `suite` may be null.
base::Result<std::unique_ptr<Operator>> make_operator(sql::Connection& connection,
                                                      const runs::Model& model,
                                                      const std::map<std::string, Relation>& known,
                                                      const quality::Suite* suite);

// Makes rows_table() of a relation, without rows.
std::string rows_table_sql(const Relation& relation);
// Where the rows of a relation are counted, as SQL over them: the topic, and the partition.
std::string topic_sql(const Relation& relation);
std::string partition_sql(const Relation& relation);
// Rows by their place, of a table of the connection that holds rows of the relation.
base::Result<std::map<eventlog::TopicPartition, std::int64_t>> count_by_source(
    sql::Connection& connection, const Relation& relation, const std::string& table,
    const std::string& where = "");

}  // namespace stream
