// A pipeline: some topics and all streaming models downstream of them, moved on in epochs.
//
// An epoch is one run of every model over the same intervals of offsets. It commits in this order
// (after a crash the same plan is run again, and what is found committed is not done twice):
//   1. the plan (epoch, intervals, the time it counts as now, versions of static tables) is written
//      and synced;
//   2. the rows of every table are staged as Parquet files;
//   3. each table's Delta commit carries txn(waybill/pipeline/model/table, epoch), its files
//   durable
//      before it;
//   4. state, consumed offsets and run records go into one synced state change.
// Threads: run() owns a thread for epochs and one that reads and decodes ahead; the rest from any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "lake/catalog.h"
#include "log/event_log.h"
#include "quality/alerts.h"
#include "quality/suite.h"
#include "runs/ledger.h"
#include "runs/model.h"
#include "runs/served.h"
#include "schema/topic_schema.h"
#include "sql/database.h"
#include "state/store.h"
#include "stream/components.h"
#include "stream/operator.h"
#include "stream/position.h"
#include "stream/source_reader.h"

namespace stream {

inline constexpr const char* kDeadLetters = "dead_letters";

struct Services {
  eventlog::EventLog& log;
  lake::Catalog& catalog;
  sql::Database& database;
  state::Store& store;
  quality::Alerts& alerts;
  const base::Clock& clock;
  runs::ServedFollower* served = nullptr;  // may be null
};

struct PipelineOptions {
  std::int64_t epoch_us = base::kUsPerSecond;  // at most one commit in this time
  std::size_t rows_max = 400'000;              // of one epoch
  // How many models of an epoch run side by side, each on a connection of its own from 2 on; what
  // the tables hold does not depend on it, nor does what is kept.
  int parallelism = 1;
};

// A batch of a table's columns, with kWeight when its rows are changes.
std::shared_ptr<const columns::Batch> no_rows(const Relation& relation);
// A SELECT of a keyed table's rows as the last epoch left them; "" when nobody keeps them.
std::string standing_of(const Operator& op);

struct PipelineStatus {
  std::string name;
  std::string state;  // "running", "idle", "failed"
  std::string error;
  std::int64_t epoch = 0;
  std::vector<std::string> models;
  std::int64_t lag_records = 0;
  double lag_seconds = 0;  // age of the oldest record not yet committed; 0 when there is none
  double records_per_second = 0;
  base::TimestampUs committed_us = 0;
};

class Pipeline {
 public:
  // Binds every model of the component; creates the tables that are missing. `suites` by file name.
  static base::Result<std::unique_ptr<Pipeline>> make(
      Services services, const Component& component,
      const std::map<std::string, quality::Suite>& suites, const PipelineOptions& options);
  ~Pipeline();

  // Loads the last committed state; must come before the others.
  base::Result<> restore();
  // True when a whole epoch's rows have been read ahead.
  bool ready() const { return reader_->full(); }
  // One epoch over what the log has now; false when there is nothing new. For tests and benchmarks.
  base::Result<bool> run_epoch();
  // Epochs until asked to stop. A failing epoch is tried again with growing pauses (at most 30 s);
  // it shows in status() and as an alert. Ends early when records of a schema registry bring new
  // columns: a pipeline made for the evolved topics takes over.
  void run(std::stop_token stop);

  const std::string& name() const { return name_; }
  const std::vector<schema::TopicSchema>& topics() const { return topics_; }
  PipelineStatus status() const;
  // The epochs that the state names; planned is greater while one runs, wherever it does.
  struct Epochs {
    std::int64_t planned = 0;
    std::int64_t committed = 0;
  };
  base::Result<Epochs> epochs() const;
  // Offsets up to which each partition is committed.
  base::Result<Offsets> consumed() const;
  // Keeps epochs from starting while it is held, so that ledger and tables can be read as one.
  std::unique_lock<std::mutex> hold() const { return std::unique_lock(running_); }
  // Under that lock: another pipeline has taken over, and nobody steers this one's models any more.
  void retire(const std::unique_lock<std::mutex>& hold);
  // The table of the engine's database that look-ups of a model read; "" when not served.
  std::string served(const std::string& table) const;
  const std::vector<std::unique_ptr<Operator>>& operators() const { return operators_; }
  // The plan, the state and its bounds of one model. As the next three: kNotFound when it is not
  // one of its own.
  base::Result<nlohmann::json> explain(const std::string& table);
  // Every model's plan as of one of the last epochs, with what it did in it: topics, models,
  // stages. Does not wait for an epoch that runs.
  nlohmann::json running_plan();
  // A paused model takes nothing in until it goes on, then all that it missed. These three are
  // kUnavailable when the pipeline is retired: its successor is to be asked.
  base::Result<> pause(const std::string& table);
  base::Result<> resume(const std::string& table);
  // Builds a model's table and state anew from the lake, and those of the models behind it.
  base::Result<> rewind(const std::string& table);
  // Whether it has not yet taken in what the pipeline has.
  bool is_behind(const std::string& table) const;

 private:
  Pipeline(Services services, const Component& component, PipelineOptions options);

  struct Target {
    std::shared_ptr<lake::Table> table;
    std::int64_t last_replace_us = 0;  // steady clock, of the last rewrite
    std::int64_t last_replace_cost_us = 0;
    bool behind = false;  // a rewrite was put off
  };
  struct StaticTable {
    std::shared_ptr<lake::Table> table;
    lake::Version loaded = -1;
  };

  base::Result<Operator*> find(const std::string& table) const;
  base::Result<> check_in_charge() const;
  nlohmann::json explained(const Operator& op) const;
  void note_work(const std::vector<runs::Run>& runs);
  void note_plan();
  bool is_live(const Operator& op) const { return !paces_.contains(op.model().table); }
  bool gives_places(const std::string& table) const;
  std::string source_without_places(const Operator& op) const;
  base::Result<> check_pace(const Operator& op) const;
  Offsets reach_of(const std::string& table) const;
  Offsets reach(const Operator& op) const;
  bool sources_agree(const Operator& op) const;
  std::set<std::string> topics_of(const Operator& op) const;
  bool rows_wait(const Operator& op, const EpochPlan& plan) const;
  base::Result<> restore_paces();
  base::Result<> begin_paces();
  base::Result<> build_anew(const std::vector<std::string>& tables, const std::string& why);
  base::Result<> build_anew_now(const std::string& table, const std::string& why);
  std::vector<std::string> with_readers(const std::string& table) const;
  base::Result<bool> run_behind(base::TimestampUs now_us);
  bool is_due(const Operator& op, base::TimestampUs now_us) const;
  EpochPlan plan_behind(const Operator& op, base::TimestampUs now_us) const;
  base::Result<> give_rows(sql::Connection& from, const std::string& select,
                           const std::string& table, const Operator& op) const;
  base::Result<std::string> select_planned(const EpochPlan& plan, const std::string& source) const;
  base::Result<> give_from_lake(const EpochPlan& plan, const Operator& op);
  base::Result<> take_back_sources(const Operator& op);
  base::Result<> find_active(const EpochPlan& plan);
  bool is_active(const Operator& op) const;
  base::Result<> replace_table(const EpochPlan& plan, std::vector<TableChange>& changes);
  void keep_pace(const EpochPlan& plan, state::WriteSet& changes);

  base::Result<> make_operators(const std::vector<runs::Model>& models,
                                const std::map<std::string, quality::Suite>& suites);
  base::Result<> know_statics(const std::vector<runs::Model>& models,
                              std::map<std::string, Relation>& known);
  base::Result<> open_tables();
  base::Result<> open_table(const std::string& name, const columns::Schema& schema,
                            const std::vector<std::string>& partition, std::int64_t keep_us);
  base::Result<> pin_statics(EpochPlan& plan) const;
  base::Result<> load_statics(const EpochPlan& plan);
  base::Result<> adopt();
  base::Result<> refuse_strange_tables() const;
  base::Result<> replay(const EpochPlan& plan, const std::string& pipeline);
  base::Result<> restore_now();
  bool stops(const EpochPlan& plan, const Operator& op) const;
  std::unexpected<base::Error> stopped_by(const Operator& op, const Outcome& outcome);
  base::Result<bool> hold_back(const EpochPlan& plan);
  void consent(const std::string& table, Pace& pace);
  bool waits_for_time(base::TimestampUs now_us) const;
  base::Result<> execute(EpochPlan plan, EpochInput input, const std::string& pipeline);
  Epoch epoch_on(sql::Connection& connection, const EpochPlan& plan) const;
  base::Result<> share(const EpochPlan& plan, EpochInput input, std::vector<runs::Run>& runs,
                       std::vector<TableChange>& changes);
  runs::Run run_of(const EpochPlan& plan, const std::string& table, int version) const;
  // What one operator leaves of an epoch for those after it.
  struct Handed {
    std::shared_ptr<const columns::Batch> rows = nullptr;  // null: on the connection of all
    std::string standing = {};                             // a SELECT; "" when standing_rows are it
    std::shared_ptr<const columns::Batch> standing_rows = nullptr;
    Outcome outcome = {};
    std::int64_t elapsed_us = 0;
  };
  bool side_by_side() const { return !lanes_.empty(); }
  sql::Connection& connection_of(const Operator& op) const;
  sql::Connection& connection_of_writer(const std::string& table) const;
  std::vector<sql::Connection*> readers_of(const std::string& table) const;
  std::vector<std::size_t> sources_of(std::size_t op) const;
  base::Result<> hand_over(const Operator& op, Handed& handed) const;
  base::Result<> take_over(const Operator& op, const std::vector<Handed>& handed, bool alone,
                           Epoch& epoch) const;
  base::Result<> transform_one(std::size_t at, const EpochPlan& plan, std::vector<Handed>& handed);
  base::Result<> transform(const EpochPlan& plan, std::vector<runs::Run>& runs,
                           std::vector<TableChange>& changes);
  base::Result<std::vector<lake::Version>> commit_all(const EpochPlan& plan,
                                                      const std::vector<TableChange>& changes,
                                                      std::size_t from);
  base::Result<> each_active(const std::function<base::Result<>(Operator&, std::size_t)>& work);
  base::Result<lake::Version> commit_change(Epoch& epoch, const TableChange& change);
  base::Result<lake::Version> stage_and_commit(Epoch& epoch, const TableChange& change,
                                               Target& target);
  base::Result<lake::Version> merge_and_commit(Epoch& epoch, const TableChange& change,
                                               Target& target);
  bool put_off(const TableChange& change, const Target& target) const;
  base::Result<> finish(const EpochPlan& plan, std::vector<runs::Run>& runs);
  base::Result<> find_behind();
  // The operators whose rows somebody follows; what they hold now, as a whole.
  std::vector<const Operator*> followed() const;
  base::Result<> give_out_served();
  // Rewrites that were put off, when it is time for them or at once.
  base::Result<> catch_up_rewrites(bool at_once);
  std::string app_id(const std::string& writer, const std::string& table) const;
  void measure() const;
  void watch_quality(const std::vector<runs::Run>& runs);
  void publish(std::size_t records, std::int64_t elapsed_us);
  void fail(const base::Error& error);
  bool evolves(const base::Error& error) const;

  Services services_;
  std::vector<schema::TopicSchema> topics_;
  PipelineOptions options_;
  std::string name_;
  std::string committing_as_;  // the name in the txn: name_, but for an epoch of another's
  std::unique_ptr<sql::Connection> connection_;
  std::unique_ptr<sql::Connection> landing_connection_;  // bronze
  // Of each model, by table, when they run side by side; else all run on connection_.
  std::map<std::string, std::unique_ptr<sql::Connection>> lanes_;
  std::vector<std::unique_ptr<Operator>> operators_;  // sources before readers
  std::map<std::string, Target> targets_;             // by lake name
  std::map<std::string, StaticTable> statics_;        // by lake name
  std::unique_ptr<SourceReader> reader_;
  Offsets committed_;
  // Of models that do not run with every epoch, by table. Written under running_ and mutex_, read
  // under either.
  std::map<std::string, Pace> paces_;
  std::vector<const Operator*> active_;  // of the epoch under way
  struct Held {
    std::string table;
    std::string reason;
  };
  std::optional<Held> held_;    // by the epoch that failed last; written under mutex_
  bool ran_behind_ = false;     // the last epoch was one model's
  bool retired_ = false;        // guarded by running_
  std::int64_t epoch_ = 0;      // last committed
  mutable std::mutex running_;  // held for an epoch, from plan to commit
  mutable std::mutex mutex_;    // guards status_, writes to paces_
  PipelineStatus status_;
  // For running_plan(). What each model did in its last epoch, by table; guarded by running_.
  struct Work {
    std::int64_t epoch = 0;
    std::int64_t elapsed_us = 0;
    runs::Counts counts;
  };
  std::map<std::string, Work> works_;
  std::atomic<std::int64_t> plan_asked_us_ = 0;  // steady clock
  nlohmann::json plan_;                          // guarded by mutex_
};

}  // namespace stream
