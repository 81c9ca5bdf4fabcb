// The ledger of runs: what every run took in and where each row of it went.
//
// A run is (model version, input interval, target). Its record is written in the same state change
// that moves the consumed offsets, so that the ledger and the position never disagree.
// Threads: values and free functions over a state::Store.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "log/event_log.h"
#include "state/store.h"

namespace runs {

// Where rows went: in = out + late + dead + the sum of filtered, for each partition and run.
// A model whose rows are not its source's rows one by one (joins, groups, latest rows) counts what
// it took into its result as `out`, and what it gave in a line under its own table's name as
// `made`: rows of an append table, changes of a keyed one.
struct Counts {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t late = 0;
  std::int64_t dead = 0;
  std::int64_t made = 0;
  std::map<std::string, std::int64_t> filtered;  // by name: "where", "duplicate"

  bool balanced() const;
  Counts& operator+=(const Counts& other);
};
nlohmann::json to_json(const Counts& counts);
Counts counts_from_json(const nlohmann::json& json);

struct Interval {  // offsets [from, to) of one partition; or a table's version
  eventlog::TopicPartition source;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

struct Run {
  std::string id;     // "gold.hub_throughput/000000000042"
  std::string model;  // the table it writes
  int model_version = 0;
  std::string mode;  // "streaming", "daily"
  std::string pipeline;
  std::int64_t epoch = 0;
  std::vector<Interval> inputs;
  // Where its rows came from: partitions of topics; a table whose rows have no place in a topic,
  // and the schedule of daily runs, count as one partition, 0.
  std::map<eventlog::TopicPartition, Counts> by_source;
  std::int64_t table_version = -1;  // -1: this run left the table alone
  base::TimestampUs started_us = 0;
  std::int64_t elapsed_us = 0;

  Counts total() const;
};
nlohmann::json to_json(const Run& run);  // as GET /v1/runs shows it

// Puts the run and the new sums of its model into the change.
base::Result<> record_run(const state::Store& store, const Run& run, state::WriteSet& changes);
// Remembers, once, what the sources of a model had given out before the model's first run: rows
// that a model added later never takes in.
base::Result<> record_beginning(const state::Store& store, const std::string& model,
                                const std::vector<std::string>& sources, state::WriteSet& changes);
// What record_beginning() remembered, by model and topic partition.
base::Result<std::map<std::string, std::map<eventlog::TopicPartition, std::int64_t>>> beginnings(
    const state::Store& store);
// Newest first.
base::Result<std::vector<nlohmann::json>> list_runs(const state::Store& store, std::size_t limit,
                                                    const std::string& model);

// The sums of all runs of a model by topic partition.
struct LedgerLine {
  std::string model;
  eventlog::TopicPartition source;
  Counts counts;
};
base::Result<std::vector<LedgerLine>> ledger(const state::Store& store);
// What a model gave to those who read it, by where its rows are counted.
std::map<eventlog::TopicPartition, std::int64_t> given_by(const std::string& model,
                                                          const std::vector<LedgerLine>& lines);

}  // namespace runs
