#include "sources/simulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "recorder.h"

namespace sources {
namespace {

constexpr base::TimestampUs kStart = 1'790'000'000LL * base::kUsPerSecond;
constexpr std::int64_t kHour = 3600 * base::kUsPerSecond;

SimulatorOptions fleet(std::uint32_t trucks) { return {.trucks = trucks, .start_us = kStart}; }

Recorder run(const SimulatorOptions& options, std::int64_t for_us, std::int64_t step_us,
             bool with_text = false) {
  Simulator simulator(options);
  Recorder recorder(simulator.writer(), with_text);
  for (auto at = kStart; at < kStart + for_us; at += step_us) simulator.step_to(at, recorder);
  simulator.step_to(kStart + for_us, recorder);
  return recorder;
}

TEST(Simulator, TwoRunsOfOneSeedAreEqualHoweverTimeIsCut) {
  const Recorder one = run(fleet(100), kHour, kHour, true);
  const Recorder other = run(fleet(100), kHour, 777'777, true);
  EXPECT_GT(one.positions.size(), 35'000U);
  EXPECT_TRUE(one.text == other.text);
  EXPECT_EQ(one.truths, other.truths);
}

TEST(Simulator, AnotherSeedIsAnotherFleet) {
  SimulatorOptions options = fleet(50);
  options.seed = 8;
  EXPECT_FALSE(run(fleet(50), kHour / 6, kHour, true).text ==
               run(options, kHour / 6, kHour, true).text);
}

double metres_from_network(const Position& position) {
  double nearest = 1e12;
  for (const Corridor& corridor : Network::europe().corridors()) {
    for (std::size_t i = 0; i + 1 < corridor.places.size(); ++i) {
      const Place& a = corridor.places[i];
      const Place& b = corridor.places[i + 1];
      // A plane is good enough on a few kilometres.
      const double scale = std::cos(position.lat * 0.017453292519943295);
      const double dx = (b.lon - a.lon) * scale, dy = b.lat - a.lat;
      const double px = (position.lon - a.lon) * scale, py = position.lat - a.lat;
      const double f = std::clamp((px * dx + py * dy) / (dx * dx + dy * dy), 0.0, 1.0);
      nearest = std::min(nearest, std::hypot(px - f * dx, py - f * dy) * 111'195);
    }
  }
  return nearest;
}

TEST(Simulator, TrucksStayOnTheirCorridors) {
  const Recorder recorder = run(fleet(100), kHour / 4, kHour);
  for (std::size_t i = 0; i < recorder.positions.size(); i += 37) {
    EXPECT_LT(metres_from_network(recorder.positions[i]), 25) << i;
  }
}

TEST(Simulator, TrucksNeverJumpAndKeepToTheirSpeeds) {
  const Recorder recorder = run(fleet(150), 4 * kHour, kHour);
  std::map<std::uint32_t, std::vector<Position>> by_truck;
  for (const Position& position : recorder.positions) by_truck[position.truck].push_back(position);
  ASSERT_EQ(by_truck.size(), 150U);
  std::map<TruckStatus, int> statuses;
  for (auto& [truck, way] : by_truck) {
    std::ranges::sort(way, {}, &Position::time_us);
    for (std::size_t i = 1; i < way.size(); ++i) {
      ++statuses[way[i].status];
      const double seconds =
          static_cast<double>(way[i].time_us - way[i - 1].time_us) / base::kUsPerSecond;
      const double metres = distance_m(way[i - 1].lat, way[i - 1].lon, way[i].lat, way[i].lon);
      ASSERT_LT(metres, 40 * seconds + 20) << "truck " << truck << " at " << way[i].time_us;
      // At the end some are still held back.
      const bool settled = way[i].time_us < kStart + 4 * kHour - 60 * base::kUsPerSecond;
      if (settled) ASSERT_LT(seconds, 12) << "truck " << truck;
      if (way[i].status == TruckStatus::kMoving && way[i].speed_kmh > 0) {
        ASSERT_GE(way[i].speed_kmh, 60);
        ASSERT_LE(way[i].speed_kmh, 85);
      }
    }
  }
  for (const auto status : {TruckStatus::kMoving, TruckStatus::kStopped, TruckStatus::kJammed,
                            TruckStatus::kBrokenDown}) {
    EXPECT_GT(statuses[status], 100) << status_name(status);
  }
}

TEST(Simulator, ShipmentsGoFromOrderToDeliveryStepByStep) {
  SimulatorOptions options = fleet(100);
  options.faults = {.missed_scan = 0, .duplicate_scan = 0, .late_scan = 0};
  options.position_interval_us = kHour / 12;
  const Recorder recorder = run(options, 24 * kHour, kHour);
  std::map<std::uint32_t, std::vector<Scan>> by_shipment;
  for (const Scan& scan : recorder.scans) by_shipment[scan.shipment].push_back(scan);
  int delivered = 0;
  for (auto& [shipment, scans] : by_shipment) {
    std::ranges::sort(scans, {}, &Scan::time_us);
    if (scans.back().type != ScanType::kDelivered) continue;
    ++delivered;
    const auto order = std::ranges::find(recorder.orders, shipment, &Order::shipment);
    ASSERT_NE(order, recorder.orders.end());
    ASSERT_EQ(scans.front().type, ScanType::kPickup);
    EXPECT_EQ(scans.front().hub, order->origin);
    EXPECT_EQ(scans.back().hub, order->dest);
    EXPECT_LT(order->time_us, scans.front().time_us);
    for (std::size_t i = 1; i < scans.size(); ++i) {
      const bool leaves = scans[i].type == ScanType::kDeparture;
      ASSERT_EQ(leaves, scans[i - 1].type == ScanType::kPickup ||
                            (scans[i - 1].type == ScanType::kArrival &&
                             scans[i].type != ScanType::kOutForDelivery));
      ASSERT_LT(scans[i - 1].time_us, scans[i].time_us);
    }
  }
  EXPECT_GT(delivered, 100);
}

TEST(Simulator, InjectedFaultsAreAsManyAsTheTruthSaysAndAsTheRatesAsk) {
  SimulatorOptions options = fleet(1000);
  options.position_interval_us = kHour / 20;
  const Recorder recorder = run(options, 24 * kHour, kHour);
  std::map<std::uint32_t, int> sent;
  for (const Scan& scan : recorder.scans) ++sent[scan.number];
  const auto twice =
      std::ranges::count_if(sent, [](const auto& entry) { return entry.second == 2; });
  EXPECT_EQ(twice, recorder.count("duplicate_scan"));
  EXPECT_TRUE(std::ranges::none_of(sent, [](const auto& entry) { return entry.second > 2; }));

  for (const auto& truth : recorder.truths) {
    if (truth.at("fault") != "missed_scan") continue;
    const std::string id = truth.at("event_id");
    EXPECT_FALSE(
        sent.contains(static_cast<std::uint32_t>(std::stoul(id.substr(id.rfind('-') + 1)))))
        << id;
  }

  std::map<std::pair<std::uint32_t, base::TimestampUs>, int> places;
  std::map<std::uint32_t, base::TimestampUs> newest;
  long disordered = 0;
  for (const Position& position : recorder.positions) {
    const bool again = ++places[{position.truck, position.time_us}] > 1;
    if (!again && position.time_us < newest[position.truck]) ++disordered;
    newest[position.truck] = std::max(newest[position.truck], position.time_us);
  }
  EXPECT_EQ(std::ranges::count_if(places, [](const auto& entry) { return entry.second == 2; }),
            recorder.count("duplicate_position"));
  EXPECT_EQ(disordered, recorder.count("disordered_position"));

  const auto scans = static_cast<double>(sent.size());
  const auto positions = static_cast<double>(places.size());
  const FaultRates rates;
  EXPECT_NEAR(static_cast<double>(recorder.count("missed_scan")) / scans, rates.missed_scan, 0.003);
  EXPECT_NEAR(static_cast<double>(recorder.count("late_scan")) / scans, rates.late_scan, 0.003);
  EXPECT_NEAR(static_cast<double>(recorder.count("duplicate_position")) / positions,
              rates.duplicate_position, 0.0004);
  EXPECT_NEAR(static_cast<double>(disordered) / positions, rates.disordered_position, 0.0006);
  EXPECT_GT(recorder.count("breakdown"), 10);
  EXPECT_GT(recorder.count("jam"), 100);
}

TEST(Simulator, HistoryComesInOrderExceptForLateScans) {
  Simulator simulator(fleet(500));
  Recorder recorder(simulator.writer(), false);
  simulator.step_to(kStart, recorder);
  EXPECT_TRUE(recorder.positions.empty());
  ASSERT_GT(recorder.scans.size(), 500U);
  std::set<std::string> late;
  for (const auto& truth : recorder.truths) {
    if (truth.at("fault") == "late_scan" || truth.at("fault") == "duplicate_scan")
      late.insert(truth.at("event_id"));
  }
  base::TimestampUs newest = 0;
  for (const Scan& scan : recorder.scans) {
    newest = std::max(newest, scan.time_us);
    std::string id;
    recorder.writer.append_event_id(scan.number, id);
    if (!late.contains(id)) {
      EXPECT_GT(scan.time_us, newest - 120 * base::kUsPerSecond) << id;
    }
  }
}

TEST(Simulator, SaysNothingOfTheTimeBeforeItsHistoryBegins) {
  SimulatorOptions options = fleet(300);
  options.history_from_us = kStart - kHour;
  const Recorder recorder = run(options, kHour / 60, kHour);
  ASSERT_FALSE(recorder.scans.empty());
  for (const Scan& scan : recorder.scans) EXPECT_GE(scan.time_us, kStart - kHour);
  for (const Order& order : recorder.orders) EXPECT_GE(order.time_us, kStart - kHour);
}

TEST(Simulator, EventsAreJsonThatTheTopicsTake) {
  const Recorder recorder = run(fleet(50), kHour, kHour, true);
  std::size_t lines = 0;
  for (std::size_t at = 0; at < recorder.text.size(); ++lines) {
    const std::size_t end = recorder.text.find('\n', at);
    const auto json = nlohmann::json::parse(recorder.text.substr(at, end - at));
    const auto time = base::parse_timestamp(json.at("event_time").get<std::string>());
    ASSERT_TRUE(time);
    EXPECT_EQ(*time % base::kUsPerMs, 0);
    at = end + 1;
  }
  EXPECT_GT(lines, 10'000U);
}

TEST(EventWriter, WritesNegativeAndSmallNumbersExactly) {
  EventWriter writer("e");
  std::string text;
  writer.append(Position{.time_us = kStart + 7'000,
                         .truck = 41,
                         .shipment = 9,
                         .lat = -0.5,
                         .lon = -0.000'001,
                         .speed_kmh = 61.25F,
                         .heading = 359.96F,
                         .status = TruckStatus::kJammed,
                         .carrier = 1},
                text);
  EXPECT_EQ(
      text,
      R"({"truck_id":"T-000042","event_time":"2026-09-21T14:13:20.007Z","lat":-0.500000,"lon":-0.000001,)"
      R"("speed_kmh":61.3,"heading":360.0,"status":"jammed","carrier":"Alpina Cargo","shipment_id":"S-e-9"})");
}

TEST(Network, EveryHubReachesEveryOther) {
  const Network& network = Network::europe();
  EXPECT_GE(network.hubs().size(), 60U);
  EXPECT_GE(network.corridors().size(), 110U);
  for (std::uint8_t from = 0; from < network.hubs().size(); ++from) {
    for (std::uint8_t to = 0; to < network.hubs().size(); ++to) {
      std::uint8_t at = from;
      int hops = 0;
      while (at != to && hops++ < 40) {
        const Corridor& corridor = network.corridors()[network.next_corridor(at, to)];
        at = corridor.a == at ? corridor.b : corridor.a;
      }
      ASSERT_EQ(at, to) << network.hubs()[from].city << " to " << network.hubs()[to].city;
    }
  }
}

}  // namespace
}  // namespace sources
