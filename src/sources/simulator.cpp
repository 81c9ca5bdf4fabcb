#include "sources/simulator.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "sources/random.h"

namespace sources {
namespace {

constexpr std::int64_t kSlotUs = 20 * base::kUsPerMs;
constexpr std::size_t kSlots = 1 << 16;  // 21 minutes
constexpr std::uint32_t kNone = UINT32_MAX;
constexpr std::int64_t kMinuteUs = 60 * base::kUsPerSecond;
constexpr std::int64_t kWarmUpStepUs = kMinuteUs;
constexpr float kRestAfterS = 4.5F * 3600;  // as the law says
constexpr std::int64_t kIntervalMinUs = 2 * kSlotUs;
constexpr std::int64_t kIntervalMaxUs = 15 * kMinuteUs;  // must fit the wheel

base::TimestampUs whole_ms(base::TimestampUs us) { return us / base::kUsPerMs * base::kUsPerMs; }

}  // namespace

Simulator::Simulator(SimulatorOptions options)
    : options_(std::move(options)),
      network_(Network::europe()),
      slots_(kSlots, kNone),
      writer_("") {
  CHECK(options_.trucks > 0, "a fleet has at least one truck");
  options_.start_us = options_.start_us / kSlotUs * kSlotUs;
  options_.warm_up_us = options_.warm_up_us / kMinuteUs * kMinuteUs;
  options_.position_interval_us =
      std::clamp(options_.position_interval_us, kIntervalMinUs, kIntervalMaxUs);
  if (options_.epoch.empty()) {
    options_.epoch = epoch_name(options_.start_us +
                                static_cast<std::int64_t>(options_.seed % 60) * base::kUsPerSecond);
  }
  writer_ = writer();
  now_us_ = options_.start_us - options_.warm_up_us;
  random_ = options_.seed * 0x9E3779B97F4A7C15ULL + 1;
  jams_.resize(network_.corridors().size());
  weather_.resize(network_.hubs().size());
  for (HubWeather& hub : weather_) {
    hub = {.warmth = static_cast<float>(uniform(random_, -4, 4)),
           .wetness = static_cast<float>(uniform(random_, 0, 1)),
           .wind = static_cast<float>(uniform(random_, 0, 1))};
  }
  trucks_.resize(options_.trucks);
  for (std::uint32_t i = 0; i < options_.trucks; ++i) {
    Truck& truck = trucks_[i];
    truck.random = mix(options_.seed ^ mix(i + 1ULL));
    truck.at_us = now_us_;
    truck.until_us =
        whole_ms(now_us_ + static_cast<std::int64_t>(uniform(truck.random, 0, 120) * kMinuteUs));
    truck.next_us =
        whole_ms(now_us_ + static_cast<std::int64_t>(uniform(truck.random, 0, kWarmUpStepUs)));
    if (options_.warm_up_us == 0) {
      const double spread = static_cast<double>(options_.position_interval_us);
      truck.next_us =
          whole_ms(now_us_ + static_cast<std::int64_t>(uniform(truck.random, 0, spread)));
    }
    truck.cruise_kmh = static_cast<float>(uniform(truck.random, 68, 82));
    truck.hub = static_cast<std::uint8_t>(below(truck.random, network_.hubs().size()));
    truck.dest = truck.hub;
    truck.carrier = static_cast<std::uint8_t>(below(truck.random, kCarriers));
    put_in_slot(i);
  }
}

void Simulator::put_in_slot(std::uint32_t truck) {
  const auto slot = static_cast<std::size_t>(trucks_[truck].next_us / kSlotUs) % kSlots;
  trucks_[truck].next_in_slot = slots_[slot];
  slots_[slot] = truck;
}

void Simulator::step_to(base::TimestampUs time_us, EventSink& sink) {
  while (now_us_ + kSlotUs <= time_us) {
    if (now_us_ % kMinuteUs == 0) tick_minute(now_us_, sink);
    run_slot(now_us_, sink);
    now_us_ += kSlotUs;
    send_delayed(now_us_, sink);
  }
}

void Simulator::run_slot(base::TimestampUs slot_us, EventSink& sink) {
  std::uint32_t& head = slots_[static_cast<std::size_t>(slot_us / kSlotUs) % kSlots];
  std::uint32_t index = head;
  head = kNone;
  while (index != kNone) {
    Truck& truck = trucks_[index];
    const std::uint32_t following = truck.next_in_slot;
    if (following != kNone) __builtin_prefetch(&trucks_[following]);
    advance(truck, truck.next_us, sink);
    std::int64_t interval = kWarmUpStepUs;
    if (positions_flow(truck.next_us)) {
      emit_position(truck, sink);
      interval = options_.position_interval_us;
    }
    const double wait = static_cast<double>(interval) * uniform(truck.random, 0.9, 1.1);
    base::TimestampUs next = whole_ms(truck.next_us + static_cast<std::int64_t>(wait));
    if (!positions_flow(truck.next_us) &&
        positions_flow(next)) {  // the fleet starts to speak one by one
      const double first =
          uniform(truck.random, 0, static_cast<double>(options_.position_interval_us));
      next = std::max(truck.next_us + kSlotUs,
                      whole_ms(options_.start_us + static_cast<std::int64_t>(first)));
    }
    truck.next_us = next;
    put_in_slot(index);
    index = following;
  }
}

void Simulator::tick_minute(base::TimestampUs now_us, EventSink& sink) {
  start_jams(now_us, sink);
  const auto minute = static_cast<std::size_t>(now_us / kMinuteUs);
  for (std::size_t hub = minute % 10; hub < weather_.size(); hub += 10) {
    change_weather(static_cast<std::uint8_t>(hub), now_us, sink);
  }
}

void Simulator::start_jams(base::TimestampUs now_us, EventSink& sink) {
  for (std::size_t i = 0; i < jams_.size(); ++i) {
    const bool starts = uniform(random_, 0, 60) < options_.faults.jams_per_corridor_hour;
    if (!starts || jams_[i].until_us > now_us) continue;
    const Corridor& corridor = network_.corridors()[i];
    const double length = corridor.length_m * uniform(random_, 0.1, 0.3);
    const double from = uniform(random_, 0, corridor.length_m - length);
    jams_[i] = {.until_us = whole_ms(
                    now_us + static_cast<std::int64_t>(uniform(random_, 20, 90) * kMinuteUs)),
                .from_m = static_cast<float>(from),
                .to_m = static_cast<float>(from + length),
                .factor = static_cast<float>(uniform(random_, 0.1, 0.35))};
    if (events_flow(now_us)) tell_jam(corridor, jams_[i], now_us, sink);
  }
}

void Simulator::change_weather(std::uint8_t hub, base::TimestampUs now_us, EventSink& sink) {
  HubWeather& weather = weather_[hub];
  const auto drift = [&](float& value, double low, double high, double step) {
    value = static_cast<float>(
        std::clamp(static_cast<double>(value) + uniform(random_, -step, step), low, high));
  };
  drift(weather.warmth, -6, 6, 0.4);
  drift(weather.wetness, 0, 1, 0.06);
  drift(weather.wind, 0, 1, 0.05);
  constexpr double kTwoPi = 6.283185307179586;
  const Hub& at = network_.hubs()[hub];
  const double day =
      static_cast<double>(now_us % (365 * base::kUsPerDay)) / static_cast<double>(base::kUsPerDay);
  const double hour =
      static_cast<double>(now_us % base::kUsPerDay) / (3600.0 * base::kUsPerSecond) + at.lon / 15;
  const double season = -std::cos((day - 20) / 365 * kTwoPi);
  Weather event{.time_us = now_us, .hub = hub};
  const double celsius = 34 - 0.5 * at.lat + season * 9.5 - 4 * std::cos((hour - 3) / 24 * kTwoPi) +
                         static_cast<double>(weather.warmth);
  event.temperature_c = static_cast<float>(celsius);
  event.wind_kmh = 4 + 70 * weather.wind * weather.wind;
  event.precipitation_mm = weather.wetness > 0.7F ? (weather.wetness - 0.7F) * 20 : 0;
  if (event.precipitation_mm > 0) {
    event.condition = celsius < 1           ? Condition::kSnow
                      : event.wind_kmh > 55 ? Condition::kStorm
                                            : Condition::kRain;
  } else if (weather.wetness > 0.62F && weather.wind < 0.25F) {
    event.condition = Condition::kFog;
  } else {
    event.condition = weather.wetness > 0.4F ? Condition::kCloudy : Condition::kClear;
  }
  static constexpr std::array<float, 6> kSpeedFactors = {1.0F, 1.0F, 0.93F, 0.78F, 0.88F, 0.85F};
  weather.speed_factor = kSpeedFactors[static_cast<std::size_t>(event.condition)];
  if (events_flow(now_us)) sink.weather(event);
}

void Simulator::advance(Truck& truck, base::TimestampUs to_us, EventSink& sink) {
  while (truck.at_us < to_us) {
    if (truck.phase == Phase::kDriving) {
      drive(truck, to_us, sink);
    } else if (truck.until_us <= to_us) {
      truck.at_us = std::max(truck.at_us, truck.until_us);
      end_wait(truck, sink);
    } else {
      truck.at_us = to_us;
    }
  }
}

float Simulator::speed_of(Truck& truck) {
  const Corridor& corridor = network_.corridors()[truck.corridor];
  const Jam& jam = jams_[truck.corridor];
  truck.status = TruckStatus::kMoving;
  const double free = static_cast<double>(truck.cruise_kmh * weather_[truck.hub].speed_factor);
  double speed = std::clamp(free * uniform(truck.random, 0.95, 1.05), 60.0, 85.0);
  const float at = truck.backwards ? static_cast<float>(corridor.length_m) - truck.travelled_m
                                   : truck.travelled_m;
  if (jam.until_us > truck.at_us && at >= jam.from_m && at <= jam.to_m) {
    speed *= static_cast<double>(jam.factor);
    truck.status = TruckStatus::kJammed;
  }
  return static_cast<float>(speed);
}

// At most to `to_us`, to the end of the corridor, or to a stop.
void Simulator::drive(Truck& truck, base::TimestampUs to_us, EventSink& sink) {
  const double seconds = static_cast<double>(to_us - truck.at_us) / base::kUsPerSecond;
  if (stop_on_the_way(truck, seconds, sink)) return;
  truck.speed_kmh = speed_of(truck);
  const double metres_per_s = static_cast<double>(truck.speed_kmh) / 3.6;
  const double left_m =
      network_.corridors()[truck.corridor].length_m - static_cast<double>(truck.travelled_m);
  if (metres_per_s * seconds < left_m) {
    truck.travelled_m += static_cast<float>(metres_per_s * seconds);
    truck.driven_s += static_cast<float>(seconds);
    truck.at_us = to_us;
    return;
  }
  const double needed = std::max(left_m, 0.0) / metres_per_s;
  truck.driven_s += static_cast<float>(needed);
  truck.at_us = std::min(
      to_us, whole_ms(truck.at_us + static_cast<std::int64_t>(needed * base::kUsPerSecond) + 999));
  arrive(truck, sink);
}

bool Simulator::stop_on_the_way(Truck& truck, double seconds, EventSink& sink) {
  double minutes = 0;
  if (truck.driven_s > kRestAfterS) {
    truck.phase = Phase::kResting;
    truck.status = TruckStatus::kStopped;
    truck.driven_s = 0;
    minutes = 45;
  } else if (uniform(truck.random, 0, 1) < options_.faults.breakdowns_per_hour * seconds / 3600) {
    truck.phase = Phase::kBroken;
    truck.status = TruckStatus::kBrokenDown;
    minutes = uniform(truck.random, 30, 150);
  } else {
    return false;
  }
  truck.speed_kmh = 0;
  truck.until_us = whole_ms(truck.at_us + static_cast<std::int64_t>(minutes * kMinuteUs));
  if (truck.phase == Phase::kBroken && events_flow(truck.at_us)) {
    Position here{.time_us = truck.at_us, .truck = index_of(truck), .shipment = truck.shipment};
    const Place place = place_of(truck);
    here.lat = place.lat;
    here.lon = place.lon;
    tell_position("breakdown", here, truck.until_us, sink);
  }
  return true;
}

void Simulator::arrive(Truck& truck, EventSink& sink) {
  const Corridor& corridor = network_.corridors()[truck.corridor];
  truck.hub = truck.backwards ? corridor.a : corridor.b;
  truck.travelled_m = 0;
  truck.speed_kmh = 0;
  truck.status = TruckStatus::kStopped;
  emit_scan(truck, ScanType::kArrival, sink);
  truck.phase = truck.hub == truck.dest ? Phase::kUnloading : Phase::kAtHub;
  truck.until_us =
      whole_ms(truck.at_us + static_cast<std::int64_t>(uniform(truck.random, 15, 50) * kMinuteUs));
}

void Simulator::end_wait(Truck& truck, EventSink& sink) {
  const auto wait = [&](Phase phase, double from_minutes, double to_minutes) {
    truck.phase = phase;
    truck.until_us =
        whole_ms(truck.at_us + static_cast<std::int64_t>(
                                   uniform(truck.random, from_minutes, to_minutes) * kMinuteUs));
  };
  switch (truck.phase) {
    case Phase::kIdle:
      take_order(truck, sink);
      return wait(Phase::kLoading, 10, 40);
    case Phase::kLoading:
      emit_scan(truck, ScanType::kPickup, sink);
      return wait(Phase::kStaging, 2, 10);
    case Phase::kStaging:
    case Phase::kAtHub:
      emit_scan(truck, ScanType::kDeparture, sink);
      return depart(truck);
    case Phase::kUnloading: {
      emit_scan(truck, ScanType::kOutForDelivery, sink);
      // The last mile is another vehicle's; its scan is on its way already.
      Scan scan{.number = ++scans_,
                .shipment = truck.shipment,
                .truck = index_of(truck),
                .hub = truck.hub,
                .type = ScanType::kDelivered,
                .carrier = truck.carrier};
      scan.time_us = whole_ms(
          truck.at_us + static_cast<std::int64_t>(uniform(truck.random, 30, 180) * kMinuteUs));
      delay({.send_us = scan.time_us, .kind = Delay::kDelivery, .scan = scan});
      truck.shipment = 0;
      return wait(Phase::kIdle, 5, 60);
    }
    case Phase::kBroken:
    case Phase::kResting:
      truck.phase = Phase::kDriving;
      return;
    case Phase::kDriving:
      CHECK(false, "a driving truck does not wait");
  }
}

void Simulator::take_order(Truck& truck, EventSink& sink) {
  constexpr double kReachM = 900'000;
  do {
    truck.dest = static_cast<std::uint8_t>(below(truck.random, network_.hubs().size()));
  } while (truck.dest == truck.hub || (network_.distance_m(truck.hub, truck.dest) > kReachM &&
                                       uniform(truck.random, 0, 1) < 0.9));
  truck.shipment = ++shipments_;
  Order order{.time_us = truck.at_us,
              .shipment = truck.shipment,
              .carrier = truck.carrier,
              .origin = truck.hub,
              .dest = truck.dest};
  order.customer = static_cast<std::uint8_t>(below(truck.random, kCustomers));
  order.weight_kg = static_cast<float>(200 + 23'000 * std::pow(uniform(truck.random, 0, 1), 2));
  const double hours = network_.distance_m(truck.hub, truck.dest) / 1000 / 65 * 1.35 + 5;
  order.promised_us =
      (truck.at_us + static_cast<std::int64_t>(hours * 60) * kMinuteUs) / kMinuteUs * kMinuteUs;
  if (events_flow(truck.at_us)) sink.order(order);
}

void Simulator::depart(Truck& truck) {
  truck.corridor = network_.next_corridor(truck.hub, truck.dest);
  truck.backwards = network_.corridors()[truck.corridor].a != truck.hub;
  truck.travelled_m = 0;
  truck.phase = Phase::kDriving;
}

Place Simulator::place_of(const Truck& truck) const {
  const bool on_the_way = truck.phase == Phase::kDriving || truck.phase == Phase::kBroken ||
                          truck.phase == Phase::kResting;
  if (!on_the_way) {
    const Hub& hub = network_.hubs()[truck.hub];
    return {.lat = hub.lat, .lon = hub.lon};
  }
  const double travelled = static_cast<double>(truck.travelled_m);
  const double length = network_.corridors()[truck.corridor].length_m;
  Place place = network_.place(truck.corridor, truck.backwards ? length - travelled : travelled);
  if (truck.backwards)
    place.heading = place.heading < 180 ? place.heading + 180 : place.heading - 180;
  return place;
}

}  // namespace sources
