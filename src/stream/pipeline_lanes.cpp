// The models of an epoch side by side: each on a connection of its own, after those that it reads,
// whose rows it is given as batches without another copy.
#include <algorithm>

#include "base/check.h"
#include "stream/pipeline.h"
#include "stream/step.h"
#include "stream/task_graph.h"

namespace stream {
namespace {

base::Result<std::shared_ptr<const columns::Batch>> rows_of(sql::Connection& connection,
                                                            const std::string& select) {
  const auto result = TRY(connection.query(select));
  return std::make_shared<const columns::Batch>(TRY(result->batch()));
}

std::string standing_table(const std::string& table) { return "standing rows of " + table; }

}  // namespace

std::shared_ptr<const columns::Batch> no_rows(const Relation& relation) {
  columns::Schema schema = relation.schema;
  if (relation.changes) schema.fields.push_back({kWeight, columns::Type::kInt64, false});
  return std::make_shared<const columns::Batch>(columns::Batch(std::move(schema)));
}

// A keyed table's rows as they stand; "" when its operator does not keep them.
std::string standing_of(const Operator& op) {
  return op.served().empty() ? op.current() : "SELECT * FROM " + sql::quote_name(op.served());
}

// A table of the project that no model here writes is of the connection of all.
sql::Connection& Pipeline::connection_of_writer(const std::string& table) const {
  const auto lane = lanes_.find(table);
  return lane == lanes_.end() ? *connection_ : *lane->second;
}

sql::Connection& Pipeline::connection_of(const Operator& op) const {
  return connection_of_writer(op.model().table);
}

// The connections on which operators read a table.
std::vector<sql::Connection*> Pipeline::readers_of(const std::string& table) const {
  if (!side_by_side()) return {connection_.get()};
  std::vector<sql::Connection*> readers;
  for (const auto& op : operators_) {
    if (std::ranges::count(op->plan().sources, table) > 0) readers.push_back(&connection_of(*op));
  }
  return readers;
}

// Places in operators_ of the models that one reads or looks up.
std::vector<std::size_t> Pipeline::sources_of(std::size_t op) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < op; ++i) {
    const std::string& table = operators_[i]->model().table;
    if (std::ranges::count(operators_[op]->plan().sources, table) > 0) found.push_back(i);
  }
  return found;
}

// What those that read its table need of it, as batches where they are on other connections.
base::Result<> Pipeline::hand_over(const Operator& op, Handed& handed) const {
  // What a model that sits this epoch out holds can be looked up all the same.
  handed.standing = is_active(op) ? op.current() : standing_of(op);
  if (!side_by_side()) return {};
  const std::string& table = op.model().table;
  bool is_taken_in = false;
  bool is_looked_up = false;
  for (const Operator* reader : active_) {
    if (std::ranges::count(reader->plan().sources, table) == 0) continue;
    const bool takes =
        std::ranges::any_of(reader->inputs(), [&](const Relation& r) { return r.table == table; });
    (takes ? is_taken_in : is_looked_up) = true;
  }
  handed.rows = no_rows(op.output());
  sql::Connection& connection = connection_of(op);
  if (is_taken_in && is_active(op)) {
    columns::Schema schema = op.output().schema;
    if (op.output().changes) schema.fields.push_back({kWeight, columns::Type::kInt64, false});
    handed.rows = TRY(rows_of(
        connection, cast_to(schema, "SELECT * FROM " + sql::quote_name(rows_table(table)))));
  }
  // A served table is the database's.
  if (!is_looked_up || handed.standing.empty() || !op.served().empty()) return {};
  handed.standing_rows = TRY(rows_of(connection, handed.standing));
  return {};
}

// Puts what the models before it have handed over into the places where it reads them; one that is
// given rows of the lake is `alone`.
base::Result<> Pipeline::take_over(const Operator& op, const std::vector<Handed>& handed,
                                   bool alone, Epoch& epoch) const {
  for (std::size_t i = 0; i < handed.size(); ++i) {
    const std::string& table = operators_[i]->model().table;
    if (std::ranges::count(op.plan().sources, table) == 0) continue;
    epoch.standing[table] = handed[i].standing;
    if (!side_by_side()) continue;
    if (!alone) TRY(epoch.connection.share(rows_table(table), handed[i].rows));
    if (handed[i].standing_rows == nullptr) continue;
    TRY(epoch.connection.share(standing_table(table), handed[i].standing_rows));
    epoch.standing[table] = "SELECT * FROM " + sql::quote_name(standing_table(table));
  }
  return {};
}

base::Result<> Pipeline::transform_one(std::size_t at, const EpochPlan& plan,
                                       std::vector<Handed>& handed) {
  Operator& op = *operators_[at];
  Handed& mine = handed[at];
  if (is_active(op)) {
    const Step step(name_, "transform " + op.model().table);
    const std::int64_t started_us = steady_us();
    const bool alone = op.model().table == plan.model;
    Epoch epoch = epoch_on(connection_of(op), plan);
    TRY(take_over(op, handed, alone, epoch));
    if (alone) TRY(give_from_lake(plan, op));
    epoch.rows_wait = rows_wait(op, plan);
    epoch.stops = stops(plan, op);
    mine.outcome = TRY(op.process(epoch));
    if (!mine.outcome.stopped_by.empty()) return stopped_by(op, mine.outcome);
    if (alone) TRY(take_back_sources(op));
    mine.elapsed_us = steady_us() - started_us;
  }
  return hand_over(op, mine);
}

base::Result<> Pipeline::transform(const EpochPlan& plan, std::vector<runs::Run>& runs,
                                   std::vector<TableChange>& changes) {
  std::vector<Handed> handed(operators_.size());
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < operators_.size(); ++i)
    tasks.push_back({[&, i] { return transform_one(i, plan, handed); }, sources_of(i)});
  TRY(run_tasks(tasks, options_.parallelism));
  for (std::size_t i = 0; i < operators_.size(); ++i) {
    const Operator& op = *operators_[i];
    if (!is_active(op)) continue;
    Outcome& outcome = handed[i].outcome;
    for (const auto& [source, counts] : outcome.counts) {
      CHECK(counts.balanced(), "{} epoch {}: rows of {} from {}/{} do not add up: {}", name_,
            plan.number, op.model().table, source.topic, source.partition,
            runs::to_json(counts).dump());
    }
    runs.push_back(run_of(plan, op.model().table, op.model().version));
    runs.back().by_source = std::move(outcome.counts);
    works_[op.model().table].elapsed_us = handed[i].elapsed_us;
    // Dead letters first: no moment shows good rows whose bad neighbours are nowhere.
    if (!outcome.dead.empty())
      changes.push_back(append_rows(kDeadLetters, op.model().table, outcome.dead, 1));
    for (TableChange& change : outcome.changes) changes.push_back(std::move(change));
  }
  return {};
}

// The changes from one on, each model's in their order and after those of the models that it reads.
// The versions that they made; -1 for none, and for the changes before.
base::Result<std::vector<lake::Version>> Pipeline::commit_all(
    const EpochPlan& plan, const std::vector<TableChange>& changes, std::size_t from) {
  std::vector<lake::Version> versions(changes.size(), -1);
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < operators_.size(); ++i) {
    const auto commit = [&, i]() -> base::Result<> {
      Epoch epoch = epoch_on(connection_of(*operators_[i]), plan);
      for (std::size_t c = from; c < changes.size(); ++c) {
        if (changes[c].writer == operators_[i]->model().table)
          versions[c] = TRY(commit_change(epoch, changes[c]));
      }
      return {};
    };
    tasks.push_back({commit, sources_of(i)});
  }
  TRY(run_tasks(tasks, options_.parallelism));
  return versions;
}

// Calls `work` for each operator of the epoch, with its place among them.
base::Result<> Pipeline::each_active(
    const std::function<base::Result<>(Operator&, std::size_t)>& work) {
  std::vector<Task> tasks;
  for (const auto& op : operators_) {
    if (is_active(*op)) tasks.push_back({[&, at = tasks.size()] { return work(*op, at); }, {}});
  }
  return run_tasks(tasks, options_.parallelism);
}

}  // namespace stream
