// What is remembered of a backfill, so that it survives its process: the job, and what came of each
// part. Records in the state store:
//   backfill/ID            JSON of Job
//   backfill-part/ID/T P   JSON of PartDone, of table T's part P (numbers as keys)
//   backfill-swap/ID/N     JSON of a swap that was done, for the way back
// Threads: values; free functions over a state::Store.
#pragma once

#include <string>
#include <vector>

#include "batch/swap.h"

namespace batch {

struct JobRequest {
  std::string model;
  std::string from;  // values of the first partition column, both included; "" = the whole table
  std::string to;
  std::string expect;  // as DiffRequest's
  int parallel = 10;
  bool publish = false;  // without asking, when the validation is good
};

struct JobTable {
  runs::Model model;  // the version that runs, whatever becomes of its file
  PartColumn column;
  std::vector<Part> parts;  // empty: not planned yet
  lake::Version base = -1;  // of the table, taken before the inputs
  nlohmann::json inputs = nlohmann::json::object();
};

struct Job {
  enum class State : std::uint8_t {
    kRunning,
    kFailed,  // a part did; nothing of it is to be seen
    kReady,   // validated, waits for the word
    kRefused,
    kPublishing,
    kDone,
    kUndone,
    kCancelled,
  };
  std::string id;
  JobRequest request;
  State state = State::kRunning;
  std::vector<JobTable> tables;  // the model, then what lies downstream, in reading order
  std::string error;
  nlohmann::json report;
  nlohmann::json published = nlohmann::json::array();  // [{"table","version","operation"}]
  base::TimestampUs started_us = 0;
  base::TimestampUs ended_us = 0;
};
std::string_view state_name(Job::State state);

struct PartDone {
  std::size_t table = 0;
  std::size_t part = 0;
  std::vector<lake::AddFile> out;  // the part's files of the base
  Staged staged;
  nlohmann::json inputs;
  std::string error;  // "" = done
  std::int64_t elapsed_us = 0;
};

nlohmann::json to_json(const Job& job);
base::Result<Job> job_from_json(const nlohmann::json& saved);
base::Result<std::optional<Job>> read_job(const state::Store& store, const std::string& id);
base::Result<std::vector<Job>> read_jobs(const state::Store& store);
std::string job_key(const std::string& id);

std::string part_key(const std::string& id, std::size_t table, std::size_t part);
std::string to_text(const PartDone& done);
base::Result<std::vector<PartDone>> read_parts(const state::Store& store, const std::string& id);
void forget_parts(const std::string& id, std::size_t table, state::WriteSet& changes);

void remember_swap(const std::string& id, const Swap& swap, state::WriteSet& changes);
// All swaps of the job as one: what was before the first, what is after the last.
base::Result<Swap> swaps_of(const state::Store& store, const std::string& id);
// The way back.
Swap reversed(Swap swap);

}  // namespace batch
