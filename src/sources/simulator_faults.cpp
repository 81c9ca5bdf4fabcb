// How the simulator's events leave it: at once, late, twice, or not at all.
#include <algorithm>
#include <cmath>

#include "sources/random.h"
#include "sources/simulator.h"

namespace sources {

void Simulator::emit_position(Truck& truck, EventSink& sink) {
  const Place place = place_of(truck);
  constexpr double kNoise = 0.00004;  // about 4 m, as GPS has
  const double lat = place.lat + uniform(truck.random, -kNoise, kNoise);
  const Position position{.time_us = truck.at_us,
                          .truck = index_of(truck),
                          .shipment = truck.shipment,
                          .lat = lat,
                          .lon = place.lon + uniform(truck.random, -kNoise, kNoise),
                          .speed_kmh = truck.phase == Phase::kDriving ? truck.speed_kmh : 0,
                          .heading = place.heading,
                          .status = truck.status,
                          .carrier = truck.carrier};
  const double draw = uniform(truck.random, 0, 1);
  const FaultRates& faults = options_.faults;
  const auto interval = static_cast<double>(options_.position_interval_us);
  if (truck.orderly > 0) --truck.orderly;
  if (draw < faults.disordered_position && truck.orderly == 0) {
    truck.orderly = 4;  // so that its successor is there before it
    const double wait = interval * uniform(truck.random, 1.3, 3);
    return delay({.send_us = truck.at_us + static_cast<std::int64_t>(wait),
                  .kind = Delay::kDisordered,
                  .position = position});
  }
  sink.position(position);
  if (draw >= faults.disordered_position &&
      draw < faults.disordered_position + faults.duplicate_position) {
    const double wait = interval * uniform(truck.random, 0, 2);
    delay({.send_us = truck.at_us + static_cast<std::int64_t>(wait),
           .kind = Delay::kDuplicatePosition,
           .position = position});
  }
}

void Simulator::emit_scan(Truck& truck, ScanType type, EventSink& sink) {
  const Scan scan{.time_us = truck.at_us,
                  .number = ++scans_,
                  .shipment = truck.shipment,
                  .truck = index_of(truck),
                  .hub = truck.hub,
                  .type = type,
                  .carrier = truck.carrier};
  send_scan(scan, next_random(truck.random), sink);
}

void Simulator::send_scan(const Scan& scan, std::uint64_t draw, EventSink& sink) {
  if (!events_flow(scan.time_us)) return;
  std::uint64_t state = draw;
  const double kind = uniform(state, 0, 1);
  const FaultRates& faults = options_.faults;
  if (kind < faults.missed_scan) return tell_scan("missed_scan", scan, 0, sink);
  if (kind < faults.missed_scan + faults.late_scan) {
    const double seconds = uniform(state, 180, 1200);
    return delay({.send_us = scan.time_us + static_cast<std::int64_t>(seconds * base::kUsPerSecond),
                  .kind = Delay::kLateScan,
                  .scan = scan});
  }
  sink.scan(scan);
  if (kind < faults.missed_scan + faults.late_scan + faults.duplicate_scan) {
    const double seconds = uniform(state, 0, 60);
    delay({.send_us = scan.time_us + static_cast<std::int64_t>(seconds * base::kUsPerSecond),
           .kind = Delay::kDuplicateScan,
           .scan = scan});
  }
}

namespace {
constexpr auto kLater = [](const auto& a, const auto& b) {
  return a.send_us != b.send_us ? a.send_us > b.send_us : a.order > b.order;
};
}  // namespace

void Simulator::delay(Delayed item) {
  item.order = ++delayed_count_;
  delayed_.push_back(item);
  std::ranges::push_heap(delayed_, kLater);
}

void Simulator::send_delayed(base::TimestampUs until_us, EventSink& sink) {
  while (!delayed_.empty() && delayed_.front().send_us < until_us) {
    std::ranges::pop_heap(delayed_, kLater);
    const Delayed item = delayed_.back();
    delayed_.pop_back();
    switch (item.kind) {
      case Delay::kDelivery:
        send_scan(item.scan, mix(options_.seed ^ item.scan.number), sink);
        break;
      case Delay::kDuplicateScan:
        sink.scan(item.scan);
        tell_scan("duplicate_scan", item.scan, item.send_us, sink);
        break;
      case Delay::kLateScan:
        sink.scan(item.scan);
        tell_scan("late_scan", item.scan, item.send_us, sink);
        break;
      case Delay::kDuplicatePosition:
        sink.position(item.position);
        tell_position("duplicate_position", item.position, item.send_us, sink);
        break;
      case Delay::kDisordered:
        sink.position(item.position);
        tell_position("disordered_position", item.position, item.send_us, sink);
        break;
    }
  }
}

void Simulator::tell_scan(std::string_view fault, const Scan& scan, base::TimestampUs sent_us,
                          EventSink& sink) {
  std::string event;
  writer_.append(scan, event);
  std::string text = fmt::format(R"({{"fault":"{}",)", fault);
  if (sent_us != 0) text += fmt::format(R"("sent_at":"{}",)", base::format_rfc3339(sent_us));
  sink.truth(text + event.substr(1));
}

// `until_us`: when it was sent, or when the breakdown ends.
void Simulator::tell_position(std::string_view fault, const Position& position,
                              base::TimestampUs until_us, EventSink& sink) {
  std::string text = fmt::format(R"({{"fault":"{}","truck_id":")", fault);
  EventWriter::append_truck_id(position.truck, text);
  text += R"(","event_time":")";
  writer_.append_time(position.time_us, text);
  text += fmt::format(R"(","{}":"{}","lat":{:.6f},"lon":{:.6f}}})",
                      fault == "breakdown" ? "until" : "sent_at", base::format_rfc3339(until_us),
                      position.lat, position.lon);
  sink.truth(text);
}

void Simulator::tell_jam(const Corridor& corridor, const Jam& jam, base::TimestampUs now_us,
                         EventSink& sink) {
  sink.truth(fmt::format(
      R"({{"fault":"jam","corridor":"{}-{}","event_time":"{}","until":"{}","from_km":{:.1f},"to_km":{:.1f},"speed_factor":{:.2f}}})",
      network_.hubs()[corridor.a].id, network_.hubs()[corridor.b].id, base::format_rfc3339(now_us),
      base::format_rfc3339(jam.until_us), jam.from_m / 1000, jam.to_m / 1000, jam.factor));
}

}  // namespace sources
