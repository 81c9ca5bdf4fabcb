// The work of a project in units, and which of them this process does.
//
// A unit is a topic's pipeline, the daily models, the drop folders, the simulated fleet or the
// maintenance of tables. On the embedded log one process does all of them, with one store. On Kafka
// the workers of a project share them out (log/kafka_units.h): each unit has a store whose
// changelog is on Kafka, this process follows all of them and owns those of the units that it was
// given. Threads: add() and start() from one thread, before anything else; the rest from any.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "cli/project.h"
#include "log/kafka_units.h"
#include "quality/alerts.h"
#include "runs/replicated_store.h"

namespace cli {

struct UnitWork {
  std::function<base::Result<>()> prepare;   // loads the state; tried again when it fails
  std::function<void(std::stop_token)> run;  // until it is stopped
  bool is_source = false;                    // sources end before what takes their records
};

class Units {
 public:
  // Opens the stores of units with these names.
  static base::Result<std::unique_ptr<Units>> open(const Project& project, eventlog::EventLog* log,
                                                   quality::Alerts& alerts,
                                                   const base::Clock& clock,
                                                   const std::vector<std::string>& names);
  ~Units() { stop(); }

  state::Store& store(const std::string& unit);
  std::vector<const state::Store*> stores() const;
  bool shared() const { return !project_.log.empty(); }

  // On the embedded log prepares at once, and an error is the caller's.
  base::Result<> add(const std::string& unit, UnitWork work);
  // `address` is where others find this worker.
  base::Result<> start(const std::string& address);
  void stop();

  bool running(const std::string& unit) const;
  // What its owner wrote: {"worker", "address"}; null when nobody has it yet, or without workers.
  nlohmann::json owner(const std::string& unit) const;
  // Takes in what other workers have committed.
  base::Result<> follow();
  // The changes of each store, to see whether one moved in between.
  std::map<std::string, std::uint64_t> changes() const;
  std::int64_t changed_us(const std::string& unit) const;  // steady clock

 private:
  struct Unit {
    UnitWork work;
    std::unique_ptr<runs::ReplicatedStore> replica;
    std::atomic<bool> running = false;
    std::unique_ptr<base::TaskGroup> tasks = std::make_unique<base::TaskGroup>();
  };

  Units(const Project& project, eventlog::EventLog* log, quality::Alerts& alerts,
        const base::Clock& clock)
      : project_(project), log_(log), alerts_(alerts), clock_(clock) {}
  base::Result<> open_replicas(const std::vector<std::string>& names);
  base::Result<> make_state_topic(int partitions);
  void work_on(const std::string& name, Unit& unit, std::stop_token stop);
  base::Result<> take_over(Unit& unit);
  void follow_all(std::stop_token stop);

  const Project& project_;
  eventlog::EventLog* log_;  // null on the embedded log: only its lock comes first
  quality::Alerts& alerts_;
  const base::Clock& clock_;
  std::unique_ptr<state::Store> store_;  // embedded: of all units
  std::vector<eventlog::UnitPlace> places_;
  std::map<std::string, Unit> units_;
  std::string owner_;
  std::unique_ptr<eventlog::UnitShare> share_;
  base::TaskGroup followers_;
};

}  // namespace cli
