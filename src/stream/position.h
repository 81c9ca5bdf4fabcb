// What a pipeline keeps of where it stands: the plan of the epoch that was begun last, and the
// position after the one that was committed last. Keys and values: docs/architecture.md.
//
// Pure, except for reads of a store. Topics of one's own may have belonged to another pipeline
// before a model joined or parted them: adopt() takes their positions over.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "log/event_log.h"
#include "runs/ledger.h"
#include "state/store.h"

namespace stream {

using Offsets = std::map<eventlog::TopicPartition, eventlog::Offset>;

struct EpochPlan {
  std::int64_t number = 0;
  base::TimestampUs now_us = 0;
  std::vector<runs::Interval> intervals = {};
  std::map<std::string, std::int64_t> versions = {};  // of static tables
  std::string model = {};  // only this one and those behind it run, over rows of the lake; "": all
};

// Where a model stands that does not run with every epoch: it is paused, runs at times, or is built
// anew. What it has not taken in yet it is given from the lake.
struct Pace {
  bool paused = false;
  bool anew = false;  // its table is to be replaced by the first rows
  base::TimestampUs ran_us = 0;
  Offsets offsets = {};
  std::string held = {};   // the rule with `severity: stop` that paused it; "" = a person did
  Offsets consented = {};  // records that came before stop no more: a person has let it go on
};

struct Position {
  std::int64_t epoch = 0;
  Offsets offsets = {};
  // Pipelines whose topics these were, and whose last epoch is to be run again under their name.
  std::set<std::string> unfinished = {};
};

std::string plan_key(const std::string& pipeline);
std::string position_key(const std::string& pipeline);
std::string pace_key(const std::string& table);
std::string to_text(const EpochPlan& plan);
std::string to_text(const Pace& pace);
base::Result<std::optional<Pace>> read_pace(const state::Store& store, const std::string& table);
std::string to_text(const Position& position);
base::Result<std::optional<EpochPlan>> read_plan(const state::Store& store,
                                                 const std::string& pipeline);
base::Result<std::optional<Position>> read_position(const state::Store& store,
                                                    const std::string& pipeline);

// What other pipelines have left behind of topics that are this one's now.
struct Adopted {
  Position position;
  state::WriteSet changes;  // takes the position over, away from them
};
// nullopt when nobody had any of these topics. kInvalid when an unfinished epoch has topics that
// are not of this pipeline.
base::Result<std::optional<Adopted>> adopt(const state::Store& store, const std::string& pipeline,
                                           const std::vector<std::string>& topics);

}  // namespace stream
