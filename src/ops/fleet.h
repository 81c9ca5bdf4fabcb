// The live fleet: the newest position of every truck, fed straight from the log (not from the
// lake), so that a truck is on screen within milliseconds whatever the lake is doing.
//
// Which topic and fields mean what is the project's `fleet:` in waybill.yaml; nothing is built in.
// Threads: update from one thread; everything else from any.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/yaml.h"
#include "columns/batch.h"

namespace ops {

struct FleetSpec {
  std::string topic;
  std::string id = "truck_id";
  std::string time = "event_time";
  std::string lat = "lat";
  std::string lon = "lon";
  std::string speed_kmh = "speed_kmh";  // optional fields: empty when the topic has none
  std::string heading = "heading";
  std::string status = "status";
  std::int64_t silent_after_us = 600 * base::kUsPerSecond;
};
base::Result<FleetSpec> parse_fleet(const base::Yaml& yaml);

using Handle = std::uint32_t;  // dense, from 0, stable while the process lives

struct TruckState {
  base::TimestampUs event_time_us = 0;
  std::uint32_t x = 0;              // Web Mercator, 0 … 2^32 - 1 from west
  std::uint32_t y = 0;              // from north
  std::uint16_t speed_dkmh = 0;     // 0.1 km/h
  std::uint8_t heading_half = 255;  // degrees / 2; 255 unknown
  std::uint8_t status = 0;          // index into statuses()
};

struct Box {  // degrees
  double west = -180, south = -90, east = 180, north = 90;
};

std::uint32_t mercator_x(double lon);
std::uint32_t mercator_y(double lat);
double mercator_lon(std::uint32_t x);
double mercator_lat(std::uint32_t y);

class Fleet {
 public:
  explicit Fleet(FleetSpec spec);
  Fleet(FleetSpec spec, const base::Clock& clock);
  ~Fleet();
  const FleetSpec& spec() const;

  // Rows of the topic (decoded by its schema). Older than what is known, without id or place,
  // outside the world, or more than a day ahead of the clock (it would hide all that follows):
  // skipped and counted by reason in waybill_fleet_positions_total.
  void update(const columns::Batch& batch);

  std::size_t size() const;
  std::size_t active(base::TimestampUs now_us) const;  // heard of within silent_after
  std::optional<TruckState> state(std::string_view id) const;
  std::string name(Handle handle) const;
  std::vector<std::string> statuses() const;

  // What one viewer has seen: gives the changes since, at most one copy of each truck. `budget`:
  // when more are in view, cells instead of trucks. A view is used by one thread at a time and ends
  // before its fleet.
  class View {
   public:
    virtual ~View() = default;
    virtual void look_at(const Box& box, std::size_t budget) = 0;
    // The next frames (docs/http-api.md), empty when nothing changed.
    virtual std::vector<std::string> frames(base::TimestampUs now_us) = 0;
  };
  std::unique_ptr<View> view();

  struct Entry {
    std::string id;
    TruckState state;
  };
  std::vector<Entry> in_box(const Box& box, std::size_t limit) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ops
