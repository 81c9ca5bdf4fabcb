// What the simulated fleet says: positions, scans, orders and weather, by number, and as the JSON
// that the project's topics take.
//
// Threads: values; an EventWriter by one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sources {

enum class TruckStatus : std::uint8_t { kMoving, kStopped, kJammed, kBrokenDown };
enum class ScanType : std::uint8_t { kPickup, kArrival, kDeparture, kOutForDelivery, kDelivered };
enum class Condition : std::uint8_t { kClear, kCloudy, kRain, kSnow, kFog, kStorm };

std::string_view status_name(TruckStatus status);
std::string_view scan_type_name(ScanType type);
std::string_view condition_name(Condition condition);

inline constexpr int kCarriers = 12;
inline constexpr int kCustomers = 24;

// Trucks count from 0 (T-000001), shipments and scans from 1 within the simulation's epoch; hubs
// are indices into Network::hubs(). Times are whole milliseconds.
struct Position {
  base::TimestampUs time_us = 0;
  std::uint32_t truck = 0;
  std::uint32_t shipment = 0;  // 0: empty
  double lat = 0;
  double lon = 0;
  float speed_kmh = 0;
  float heading = 0;  // degrees from north, clockwise
  TruckStatus status = TruckStatus::kStopped;
  std::uint8_t carrier = 0;
};

struct Scan {
  base::TimestampUs time_us = 0;
  std::uint32_t number = 0;
  std::uint32_t shipment = 0;
  std::uint32_t truck = 0;
  std::uint8_t hub = 0;
  ScanType type = ScanType::kPickup;
  std::uint8_t carrier = 0;
};

struct Order {
  base::TimestampUs time_us = 0;
  base::TimestampUs promised_us = 0;
  std::uint32_t shipment = 0;
  std::uint8_t customer = 0;
  std::uint8_t carrier = 0;
  std::uint8_t origin = 0;
  std::uint8_t dest = 0;
  float weight_kg = 0;
};

struct Weather {
  base::TimestampUs time_us = 0;
  std::uint8_t hub = 0;
  Condition condition = Condition::kClear;
  float temperature_c = 0;
  float wind_kmh = 0;
  float precipitation_mm = 0;
};

// Takes what a Simulator makes, in the order in which it is sent (not always that of event time).
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void position(const Position& event) = 0;
  virtual void scan(const Scan& event) = 0;
  virtual void order(const Order& event) = 0;
  virtual void weather(const Weather& event) = 0;
  // One JSON object: a fault that was injected, as it really was.
  virtual void truth(std::string_view json) = 0;
};

// Names and JSON of events. `epoch` stands in the ids of shipments, orders and scans, so that two
// simulations never share one.
class EventWriter {
 public:
  explicit EventWriter(std::string epoch) : epoch_(std::move(epoch)) {}

  // Appends one JSON object without a line break.
  void append(const Position& event, std::string& out);
  void append(const Scan& event, std::string& out);
  void append(const Order& event, std::string& out);
  void append(const Weather& event, std::string& out);

  static void append_truck_id(std::uint32_t truck, std::string& out);       // T-000001
  void append_shipment_id(std::uint32_t shipment, std::string& out) const;  // S-<epoch>-1
  void append_event_id(std::uint32_t scan, std::string& out) const;         // E-<epoch>-1
  void append_time(base::TimestampUs time_us, std::string& out);  // RFC 3339, milliseconds
  const std::string& epoch() const { return epoch_; }

 private:
  std::string epoch_;
  std::int64_t minute_ = INT64_MIN;  // whose text is kept
  std::string minute_text_;
};

// The name of an epoch that starts at `start_us`: its second in base 36.
std::string epoch_name(base::TimestampUs start_us);

}  // namespace sources
