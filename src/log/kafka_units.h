// Shares named units of work out to the processes on one Kafka.
//
// The units are the partitions of a control topic: the first record of a partition names its unit,
// so that every process counts them alike and new units get partitions of their own. A consumer
// group over that topic gives each unit to one member, and to another one when the member leaves or
// was not heard of for the session's time. That is only who should work: who may write is decided
// by the unit's changelog (kafka_changelog.h). Threads: started() and stopped() are called from one
// thread, one at a time; stopped() has to return before another member may get the unit, and is
// called for a unit that was lost as well.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "log/event_log.h"
#include "log/kafka_url.h"

namespace eventlog {

struct UnitPlace {
  std::string name;
  Partition partition = 0;
  std::string id;  // of this creation of the unit
};

// The units' places in the control topic, which is made, or made larger, when it has to be.
base::Result<std::vector<UnitPlace>> place_units(EventLog& log, const std::string& topic,
                                                 const std::vector<std::string>& units);

struct UnitShareOptions {
  KafkaUrl url;
  std::string topic;
  std::string member;  // shows as the client's id in the group
  std::int64_t session_us = 10 * base::kUsPerSecond;
  std::vector<UnitPlace> units;
  std::function<void(const std::string&)> started;
  std::function<void(const std::string&)> stopped;
};

class UnitShare {
 public:
  virtual ~UnitShare() = default;
  // Leaves the group: stopped() is called for every unit, then others get them at once.
  virtual void stop() = 0;
};

base::Result<std::unique_ptr<UnitShare>> join_units(UnitShareOptions options);

}  // namespace eventlog
