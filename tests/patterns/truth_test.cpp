// The shipped patterns against the faults that the simulated fleet says it injected.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/file_system.h"
#include "sources/corridors.h"
#include "sources/simulator.h"
#include "stream/pattern.h"
#include "stream/pattern_history.h"

namespace stream {
namespace {

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

constexpr base::TimestampUs kStartUs = 1'790'000'000LL * base::kUsPerSecond;
constexpr std::int64_t kMinuteUs = 60 * base::kUsPerSecond;

struct Scan {
  base::TimestampUs time_us = 0;
  std::string type;
  std::string hub;
  bool missed = false;
};
struct Breakdown {
  std::string truck;
  base::TimestampUs from_us = 0;
  base::TimestampUs until_us = 0;
};

columns::Schema schema_of(const std::vector<std::pair<const char*, columns::Type>>& fields) {
  columns::Schema schema;
  for (const auto& [name, type] : fields) schema.fields.push_back({name, type, true});
  return schema;
}

using columns::Type;
const columns::Schema kScans = schema_of({{"event_id", Type::kString},
                                          {"event_time", Type::kTimestamp},
                                          {"shipment_id", Type::kString},
                                          {"scan_type", Type::kString},
                                          {"hub_id", Type::kString},
                                          {"truck_id", Type::kString},
                                          {"carrier", Type::kString},
                                          {"_partition", Type::kInt32},
                                          {"_offset", Type::kInt64}});
const columns::Schema kPositions = schema_of({{"truck_id", Type::kString},
                                              {"event_time", Type::kTimestamp},
                                              {"lat", Type::kFloat64},
                                              {"lon", Type::kFloat64},
                                              {"speed_kmh", Type::kFloat64},
                                              {"carrier", Type::kString},
                                              {"shipment_id", Type::kString},
                                              {"_partition", Type::kInt32},
                                              {"_offset", Type::kInt64}});

// What the fleet sent, as the silver tables have it, and what really happened.
class World final : public sources::EventSink {
 public:
  explicit World(sources::SimulatorOptions options)
      : simulator_(std::move(options)), writer_(simulator_.writer()) {}

  void run_to(base::TimestampUs time_us) { simulator_.step_to(time_us, *this); }

  void position(const sources::Position& event) override {
    std::string truck;
    sources::EventWriter::append_truck_id(event.truck, truck);
    if (!seen_.insert(fmt::format("{}/{}", truck, event.time_us)).second) return;
    auto& to = positions.columns;
    to[0].append_text(truck);
    to[1].append_int(event.time_us);
    to[2].append_double(event.lat);
    to[3].append_double(event.lon);
    to[4].append_double(static_cast<double>(event.speed_kmh));
    to[5].append_text("c");
    if (event.shipment == 0) {
      to[6].append_null();
    } else {
      to[6].append_text(std::to_string(event.shipment));
    }
    to[7].append_int(0);
    to[8].append_int(static_cast<std::int64_t>(positions.rows()) - 1);
  }
  void scan(const sources::Scan& event) override {
    std::string id;
    writer_.append_event_id(event.number, id);
    if (!seen_.insert(id).second) return;
    std::string shipment;
    writer_.append_shipment_id(event.shipment, shipment);
    const std::string type(sources::scan_type_name(event.type));
    const std::string hub(sources::Network::europe().hubs()[event.hub].id);
    auto& to = scans.columns;
    to[0].append_text(id);
    to[1].append_int(event.time_us);
    to[2].append_text(shipment);
    to[3].append_text(type);
    to[4].append_text(hub);
    to[5].append_text("t");
    to[6].append_text("c");
    to[7].append_int(0);
    to[8].append_int(static_cast<std::int64_t>(scans.rows()) - 1);
    shipments[shipment].push_back({event.time_us, type, hub, false});
  }
  void order(const sources::Order&) override {}
  void weather(const sources::Weather&) override {}
  void truth(std::string_view json) override {
    const auto fault = nlohmann::json::parse(json);
    if (fault.at("fault") == "missed_scan") {
      shipments[fault.at("shipment_id")].push_back(
          {must(base::parse_timestamp(fault.at("event_time").get<std::string>())),
           fault.at("scan_type"), fault.at("hub_id"), true});
    } else if (fault.at("fault") == "breakdown") {
      breakdowns.push_back({fault.at("truck_id"),
                            must(base::parse_timestamp(fault.at("event_time").get<std::string>())),
                            must(base::parse_timestamp(fault.at("until").get<std::string>()))});
    }
  }

  columns::Batch scans{kScans};
  columns::Batch positions{kPositions};
  std::map<std::string, std::vector<Scan>> shipments;  // all that happened, in order
  std::vector<Breakdown> breakdowns;

 private:
  sources::Simulator simulator_;
  sources::EventWriter writer_;
  std::set<std::string> seen_;
};

class PatternTruth : public testing::Test {
 protected:
  static constexpr base::TimestampUs kEndUs = kStartUs + 24 * 60 * kMinuteUs;

  static World& world() {
    static World* const kWorld = [] {
      sources::SimulatorOptions options;
      options.trucks = 400;
      options.start_us = kStartUs;
      options.history_from_us = kStartUs;
      options.position_interval_us = 120 * base::kUsPerSecond;
      options.faults.missed_scan = 0.1;
      options.faults.late_scan = 0.05;
      options.faults.breakdowns_per_hour = 0.1;
      auto* made = new World(options);
      made->run_to(kEndUs);
      for (auto& [id, scans] : made->shipments)
        std::sort(scans.begin(), scans.end(),
                  [](const Scan& a, const Scan& b) { return a.time_us < b.time_us; });
      return made;
    }();
    return *kWorld;
  }

  // `key|time` of each match, by the columns named.
  std::multiset<std::string> found(const std::string& name, const std::string& key,
                                   const std::string& time) {
    const base::Path file =
        base::Path(WAYBILL_SOURCE_DIR) / "projects/logistics/patterns" / (name + ".yaml");
    const std::string text = must(base::read_file(base::posix_file_system(), file, 1UL << 20));
    const auto database = must(sql::Database::open({.threads = 1}));
    const auto connection = must(database->connect());
    const bool of_scans = text.find("source: silver.scans") != std::string::npos;
    must(connection->put("sent", of_scans ? world().scans : world().positions));
    stream::PatternPeriod period;
    period.complete_us = kEndUs - 30 * kMinuteUs;
    must(stream::match_history(*connection, must(stream::pattern_model(text, file.string())),
                               "SELECT * FROM sent", of_scans ? kScans : kPositions, period,
                               "found"));
    const auto rows =
        must(connection->query(fmt::format("SELECT {}, epoch_us({}) FROM found", key, time)));
    std::multiset<std::string> list;
    for (std::size_t row = 0; row < rows->rows(); ++row)
      list.insert(fmt::format("{}|{}", rows->text(0, row), rows->int_at(1, row)));
    return list;
  }
};

bool follows(const std::string& before, const std::string& after) {
  static const std::set<std::pair<std::string, std::string>> kPairs{
      {"pickup", "departure"},
      {"departure", "arrival"},
      {"arrival", "departure"},
      {"arrival", "out_for_delivery"},
      {"out_for_delivery", "delivered"}};
  return kPairs.contains({before, after});
}

constexpr base::TimestampUs kCompleteUs = kStartUs + (24 * 60 - 30) * kMinuteUs;

// Pairs of scans that were sent one behind the other, and how many were missed between them.
template <class F>
void each_pair(const std::map<std::string, std::vector<Scan>>& shipments, F&& f) {
  for (const auto& [shipment, scans] : shipments) {
    const Scan* before = nullptr;
    int missed = 0;
    for (const Scan& scan : scans) {
      if (scan.missed) {
        ++missed;
        continue;
      }
      if (before != nullptr && scan.time_us <= kCompleteUs) f(shipment, *before, scan, missed);
      before = &scan;
      missed = 0;
    }
  }
}

TEST_F(PatternTruth, MissedScansAreTheOnesThatWereMissedBetweenOthers) {
  std::multiset<std::string> want;
  int single = 0;
  each_pair(world().shipments,
            [&](const auto& shipment, const Scan& before, const Scan& after, int missed) {
              if (missed == 0) EXPECT_TRUE(follows(before.type, after.type)) << shipment;
              if (missed == 1) EXPECT_FALSE(follows(before.type, after.type)) << shipment;
              if (missed == 0 || follows(before.type, after.type)) return;
              single += missed == 1 ? 1 : 0;
              want.insert(fmt::format("{}|{}", shipment, before.time_us));
            });
  EXPECT_EQ(found("missed_scan", "shipment_id", "before_time"), want);
  EXPECT_GT(single, 20);
}

TEST_F(PatternTruth, NotDeliveredAreThoseWhoseLastScanWasMissed) {
  std::multiset<std::string> want;
  for (const auto& [shipment, scans] : world().shipments) {
    for (std::size_t i = 0; i + 1 < scans.size(); ++i) {
      if (scans[i].type != "out_for_delivery" || scans[i].missed) continue;
      if (scans[i].time_us + 240 * kMinuteUs <= kCompleteUs && scans[i + 1].missed)
        want.insert(fmt::format("{}|{}", shipment, scans[i].time_us));
    }
  }
  EXPECT_EQ(found("not_delivered", "shipment_id", "out_since"), want);
  EXPECT_GT(want.size(), 3U);
}

TEST_F(PatternTruth, LongDwellsAreArrivalsWhoseNextScanWasMissed) {
  std::multiset<std::string> want;
  for (const auto& [shipment, scans] : world().shipments) {
    for (std::size_t i = 0; i < scans.size(); ++i) {
      if (scans[i].type != "arrival" || scans[i].missed) continue;
      const base::TimestampUs until_us = scans[i].time_us + 75 * kMinuteUs;
      if (until_us > kCompleteUs) continue;
      bool goes_on = false;
      for (std::size_t j = i + 1; j < scans.size() && scans[j].time_us < until_us; ++j)
        goes_on = goes_on || (!scans[j].missed && scans[j].type != "arrival");
      if (goes_on) continue;
      EXPECT_TRUE(i + 1 < scans.size() && scans[i + 1].missed) << shipment;
      want.insert(fmt::format("{}|{}", shipment, scans[i].time_us));
    }
  }
  EXPECT_EQ(found("long_dwell", "shipment_id", "arrived_at"), want);
  EXPECT_GT(want.size(), 10U);
}

TEST_F(PatternTruth, WrongHubsAreWhereADepartureAndAnArrivalWereMissed) {
  std::multiset<std::string> want;
  each_pair(world().shipments,
            [&](const auto& shipment, const Scan& before, const Scan& after, int missed) {
              const bool leaves = after.type == "departure" || after.type == "out_for_delivery";
              if (before.type != "arrival" || !leaves || before.hub == after.hub) return;
              EXPECT_GE(missed, 2) << shipment;
              want.insert(fmt::format("{}|{}", shipment, before.time_us));
            });
  EXPECT_EQ(found("wrong_hub", "shipment_id", "match_start"), want);
  EXPECT_GT(want.size(), 0U);
}

TEST_F(PatternTruth, StuckTrucksAreTheOnesThatBrokeDownForAnHour) {
  const std::multiset<std::string> have = found("stuck_truck", "truck_id", "standing_since");
  std::size_t certain = 0;
  for (const Breakdown& breakdown : world().breakdowns) {
    const std::int64_t lasts_us = breakdown.until_us - breakdown.from_us;
    if (lasts_us < 60 * kMinuteUs || breakdown.from_us < kStartUs + 3 * kMinuteUs) continue;
    if (breakdown.from_us + 66 * kMinuteUs > kCompleteUs) continue;
    ++certain;
    const auto match = std::find_if(have.begin(), have.end(), [&](const std::string& line) {
      const std::int64_t since_us = std::stoll(line.substr(line.find('|') + 1));
      return line.starts_with(breakdown.truck + "|") && since_us <= breakdown.from_us &&
             since_us > breakdown.from_us - 50 * kMinuteUs;  // it may have rested just before
    });
    EXPECT_TRUE(match != have.end()) << breakdown.truck << " " << breakdown.from_us;
  }
  EXPECT_GT(certain, 10U);
  // A rest beside a wait at a hub makes an hour, too.
  const auto broke_down = [&](const std::string& line) {
    const std::int64_t since_us = std::stoll(line.substr(line.find('|') + 1));
    return std::any_of(
        world().breakdowns.begin(), world().breakdowns.end(), [&](const Breakdown& breakdown) {
          return line.starts_with(breakdown.truck + "|") &&
                 breakdown.from_us < since_us + 60 * kMinuteUs && breakdown.until_us > since_us;
        });
  };
  const auto real = static_cast<std::size_t>(std::count_if(have.begin(), have.end(), broke_down));
  EXPECT_GE(real, certain);
  EXPECT_LE(have.size() - real, have.size() / 10);
}

}  // namespace
}  // namespace stream
