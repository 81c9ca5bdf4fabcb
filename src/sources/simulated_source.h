// The simulated fleet as a source of `waybill up`: it follows the clock and appends to the event
// log.
//
// A restart carries on where it stopped: the simulation is run again from its start, silently as
// far as the log holds its records. After a long pause a new epoch of the simulation begins
// instead, whose shipments have ids of their own. State: DATA/simulation.json. Threads: start and
// stop from one thread, records() from any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "base/yaml.h"
#include "sources/log_sink.h"

namespace sources {

struct SimulateOptions {  // `simulate:` of waybill.yaml
  std::uint32_t trucks = 2000;
  std::uint64_t seed = 7;
  std::int64_t position_interval_us = 10 * base::kUsPerSecond;
  std::int64_t history_us =
      6 * 3600 * base::kUsPerSecond;  // scans and orders before the first start
  bool truth = true;                  // the injected faults go to DATA/truth-EPOCH.jsonl
};
base::Result<SimulateOptions> parse_simulate(const base::Yaml& yaml);

class SimulatedSource {
 public:
  SimulatedSource(eventlog::EventLog& log, const std::vector<schema::TopicSchema>& topics,
                  const base::Clock& clock, base::FileSystem& disk, base::Path data,
                  SimulateOptions options);
  ~SimulatedSource() { stop(); }

  // Begins in the background; kInvalid when no topic takes a simulated stream.
  base::Result<> start();
  void stop();
  std::int64_t records() const { return records_.load(); }

 private:
  struct Epoch {
    base::TimestampUs start_us = 0;
    base::TimestampUs history_from_us = 0;
    base::TimestampUs sent_to_us = 0;
    std::uint64_t seed = 0;
    std::uint32_t trucks = 0;
    std::int64_t position_interval_us = 0;
  };

  base::Result<Epoch> load_or_begin() const;
  base::Result<> save(const Epoch& epoch) const;
  void run(std::stop_token stop, Epoch epoch);
  base::Result<> follow_clock(std::stop_token stop, Epoch& epoch);

  eventlog::EventLog& log_;
  std::vector<schema::TopicSchema> topics_;
  const base::Clock& clock_;
  base::FileSystem& disk_;
  base::Path data_;
  SimulateOptions options_;
  std::atomic<std::int64_t> records_ = 0;
  base::TaskGroup tasks_;
};

}  // namespace sources
