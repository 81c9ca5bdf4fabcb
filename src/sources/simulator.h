// The simulated fleet: trucks that carry shipments between hubs, from a seed, so that two runs are
// the same. Jams, breakdowns, missed, doubled, late and disordered events are injected at known
// rates and told to the sink as the truth.
//
// Threads: one at a time. Invariants: no wall clock inside; what comes out depends on the options
// alone, however the time is cut into steps. About 80 bytes a truck.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sources/corridors.h"
#include "sources/events.h"

namespace sources {

// Shares of the events of their kind; breakdowns per hour of driving.
struct FaultRates {
  double missed_scan = 0.01;
  double duplicate_scan = 0.01;
  double late_scan = 0.01;  // sent 3 to 20 minutes after it happened
  double duplicate_position = 0.002;
  double disordered_position = 0.005;  // sent after its successor
  double breakdowns_per_hour = 0.004;
  double jams_per_corridor_hour = 0.25;
};

struct SimulatorOptions {
  std::uint32_t trucks = 1000;
  std::uint64_t seed = 7;
  base::TimestampUs start_us = 0;  // of the positions
  std::int64_t position_interval_us =
      10 * base::kUsPerSecond;  // on average, per truck; 40 ms to 15 minutes
  std::int64_t warm_up_us = 6 * 3600 * base::kUsPerSecond;  // the fleet drives before the start
  // Scans, orders and weather of the warm-up are sent from here on; positions only from the start.
  base::TimestampUs history_from_us = 0;
  std::string epoch = {};  // in the ids of shipments and scans; empty: of the start and the seed
  FaultRates faults = {};
};

class Simulator {
 public:
  explicit Simulator(SimulatorOptions options);

  // Simulates up to `time_us`, in whole slots of 20 ms, and gives the sink all that happens.
  void step_to(base::TimestampUs time_us, EventSink& sink);

  const SimulatorOptions& options() const { return options_; }
  // For the names of what this simulator emits.
  EventWriter writer() const { return EventWriter(options_.epoch); }

 private:
  enum class Phase : std::uint8_t {
    kIdle,
    kLoading,
    kStaging,
    kDriving,
    kAtHub,
    kUnloading,
    kBroken,
    kResting
  };
  struct Truck {
    base::TimestampUs at_us = 0;     // the state is of this time
    base::TimestampUs next_us = 0;   // of its next position
    base::TimestampUs until_us = 0;  // end of a phase that waits
    std::uint64_t random = 0;
    float travelled_m = 0;  // on the corridor, from where it was entered
    float speed_kmh = 0;
    float cruise_kmh = 0;
    float driven_s = 0;  // since the last rest
    std::uint32_t shipment = 0;
    std::uint32_t next_in_slot = 0;
    std::uint8_t hub = 0;  // here, or last left
    std::uint8_t dest = 0;
    std::uint8_t corridor = 0;
    bool backwards = false;  // from b to a
    Phase phase = Phase::kIdle;
    TruckStatus status = TruckStatus::kStopped;
    std::uint8_t carrier = 0;
    std::uint8_t orderly = 0;  // this many positions are sent in order before one may be held back
  };
  enum class Delay : std::uint8_t {
    kDelivery,
    kDuplicateScan,
    kLateScan,
    kDuplicatePosition,
    kDisordered
  };
  struct Delayed {  // sent later than now
    base::TimestampUs send_us = 0;
    std::uint64_t order = 0;  // among equal times
    Delay kind = Delay::kDelivery;
    Position position = {};
    Scan scan = {};
  };
  struct Jam {
    base::TimestampUs until_us = 0;
    float from_m = 0;  // from hub a
    float to_m = 0;
    float factor = 1;
  };
  struct HubWeather {
    float warmth = 0;   // departure from the season's temperature
    float wetness = 0;  // 0 … 1
    float wind = 0;     // 0 … 1
    float speed_factor = 1;
  };

  void run_slot(base::TimestampUs slot_us, EventSink& sink);
  void put_in_slot(std::uint32_t truck);
  void tick_minute(base::TimestampUs now_us, EventSink& sink);
  void start_jams(base::TimestampUs now_us, EventSink& sink);
  void change_weather(std::uint8_t hub, base::TimestampUs now_us, EventSink& sink);
  void send_delayed(base::TimestampUs until_us, EventSink& sink);

  void advance(Truck& truck, base::TimestampUs to_us, EventSink& sink);
  void drive(Truck& truck, base::TimestampUs to_us, EventSink& sink);
  bool stop_on_the_way(Truck& truck, double seconds, EventSink& sink);
  void arrive(Truck& truck, EventSink& sink);
  void end_wait(Truck& truck, EventSink& sink);
  void take_order(Truck& truck, EventSink& sink);
  void depart(Truck& truck);
  float speed_of(Truck& truck);
  Place place_of(const Truck& truck) const;

  void emit_position(Truck& truck, EventSink& sink);
  void emit_scan(Truck& truck, ScanType type, EventSink& sink);
  void send_scan(const Scan& scan, std::uint64_t draw, EventSink& sink);
  void delay(Delayed item);
  void tell_scan(std::string_view fault, const Scan& scan, base::TimestampUs sent_us,
                 EventSink& sink);
  void tell_position(std::string_view fault, const Position& position, base::TimestampUs sent_us,
                     EventSink& sink);
  void tell_jam(const Corridor& corridor, const Jam& jam, base::TimestampUs now_us,
                EventSink& sink);

  bool positions_flow(base::TimestampUs time_us) const { return time_us >= options_.start_us; }
  bool events_flow(base::TimestampUs time_us) const { return time_us >= options_.history_from_us; }
  std::uint32_t index_of(const Truck& truck) const {
    return static_cast<std::uint32_t>(&truck - trucks_.data());
  }

  SimulatorOptions options_;
  const Network& network_;
  std::vector<Truck> trucks_;
  std::vector<std::uint32_t> slots_;  // the timing wheel: heads of lists of trucks
  std::vector<Delayed> delayed_;      // a heap, the earliest on top
  std::vector<Jam> jams_;             // by corridor, at most one each
  std::vector<HubWeather> weather_;   // by hub
  EventWriter writer_;                // of the truth
  base::TimestampUs now_us_ = 0;      // start of the next slot
  std::uint64_t random_ = 0;          // of what is not a truck's
  std::uint64_t delayed_count_ = 0;
  std::uint32_t shipments_ = 0;
  std::uint32_t scans_ = 0;
};

}  // namespace sources
