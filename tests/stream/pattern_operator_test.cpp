// A pattern's table in a pipeline equals the same pattern over the rows that the lake has in the
// end, however they came and wherever the process was cut off.
#include <random>

#include "stream/pattern.h"
#include "stream/pattern_history.h"
#include "stream/world.h"

namespace stream {
namespace {

using stream_test::Judge;
using stream_test::kStartUs;
using stream_test::must;
using stream_test::Record;
using stream_test::World;

constexpr const char* kScans = R"(---
table: silver.scans
mode: streaming
time: event_time
---
SELECT event_id, event_time, shipment_id, hub_id, amount, grade FROM bronze.scans)";

constexpr const char* kDelays = R"(table: gold.delays
source: silver.scans
key: [shipment_id]
time: event_time
watermark: 2 minutes
within: 4 minutes
pattern: gone (seen{1,3} | odd) -> back
define:
  gone: grade = 'a' AND amount > 20
  seen: amount >= gone.amount - 30 AND count(seen) < 4
  back: hub_id <> gone.hub_id AND event_time - gone.event_time < INTERVAL '200 seconds'
measures:
  from_hub: gone.hub_id
  seen_amount: avg(seen.amount)
  seen_hubs: string_agg(seen.hub_id, ',')
  scans: count(*)
  took_s: date_diff('second', gone.event_time, back.event_time)
emit: both
)";

constexpr const char* kSilences = R"(table: gold.silences
source: bronze.scans
key: [shipment_id]
time: event_time
watermark: 2 minutes
where: amount < 90
pattern: begun not again within 90 seconds
define:
  begun: grade = 'b'
  again: grade IN ('b', 'c') AND hub_id IS NOT DISTINCT FROM begun.hub_id
measures:
  hub: begun.hub_id
)";

constexpr const char* kRuns = R"(table: gold.runs_of_grades
source: silver.scans
key: [shipment_id]
time: event_time
watermark: 2 minutes
within: 10 minutes
pattern: low{2,} high
define:
  low: amount < 60
  high: amount >= 60 AND amount > max(low.amount)
measures:
  lowest: min(low.amount)
after_match: to last high
rows: all
)";

constexpr const char* kPatterns[] = {kDelays, kSilences, kRuns};
constexpr const char* kTables[] = {"gold.delays", "gold.silences", "gold.runs_of_grades"};
constexpr const char* kSources[] = {"silver.scans", "bronze.scans", "silver.scans"};

World make_world(int partitions) {
  std::vector<runs::Model> models{must(runs::parse_model(kScans, "models/silver/scans.sql"))};
  for (const char* text : kPatterns) models.push_back(must(pattern_model(text, "patterns/x.yaml")));
  return World(fmt::format("topic: scans\npartitions: {}\nkey: shipment_id\nformat: json\nschema:\n"
                           "  event_id: string not null\n  event_time: timestamp not null\n"
                           "  shipment_id: string not null\n  hub_id: string\n  amount: bigint\n"
                           "  grade: string\n",
                           partitions),
               std::move(models), {});
}

class Workload {
 public:
  Workload(std::uint32_t seed, int lag_s) : random_(seed), lag_s_(lag_s) {}
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool chance(int percent) { return pick(100) < percent; }

  Record next() {
    ++count_;
    const std::string key = fmt::format("S-{}", pick(7));
    if (chance(3)) return {key, "{oops"};
    const base::TimestampUs time_us =
        kStartUs + (std::int64_t{count_} * 2'000 - pick(lag_s_ * 1000)) * base::kUsPerMs;
    std::string value =
        fmt::format(R"({{"event_id":"E-{}","shipment_id":"{}","event_time":"{}")", count_, key,
                    base::format_rfc3339(time_us / 1'000'000 * 1'000'000));
    if (!chance(6)) value += fmt::format(R"(,"hub_id":"H{}")", pick(4));
    if (!chance(6)) value += fmt::format(R"(,"amount":{})", pick(100));
    if (!chance(6)) value += fmt::format(R"(,"grade":"{}")", static_cast<char>('a' + pick(3)));
    return {key, value + "}"};
  }
  std::vector<Record> next(int count) {
    std::vector<Record> records;
    for (int i = 0; i < count; ++i) records.push_back(next());
    return records;
  }

 private:
  std::mt19937 random_;
  int lag_s_;
  int count_ = 0;
};

void play(World& world, Workload& workload) {
  const auto arm = [&](int percent) {
    world.fault.steps_left = workload.chance(percent) ? workload.pick(16) : -1;
    world.fault.last_is_done = workload.chance(50);
  };
  const auto start_again = [&] {
    arm(25);
    while (!world.start()) arm(25);
  };
  for (int step = 0; step < 9; ++step) {
    world.append(workload.next(1 + workload.pick(60)));
    if (workload.chance(45)) arm(100);
    const bool alive = workload.chance(70) ? world.drain().has_value() : world.epoch().has_value();
    if (!alive) start_again();
    if (!workload.chance(15)) continue;
    world.fault.steps_left = -1;
    must(world.start());
  }
  world.fault.steps_left = -1;
  must(world.start());
  world.append(workload.next(30));
  must(world.drain());
  world.end_cleanly();
}

// What the pattern finds in the rows that were not late, as far as the pipeline's watermark goes.
void expect_as_in_history(World& world, const char* text, const std::string& table,
                          const std::string& source) {
  const auto meta = must(world.store().get("op/" + table + "/meta"));
  ASSERT_TRUE(meta.has_value());
  const std::int64_t watermark_us = nlohmann::json::parse(*meta).at("watermark_us");
  Judge judge;
  const auto rows = world.snapshot(source);
  const std::string scan = fmt::format(
      "SELECT * FROM ({}) s WHERE (_partition, _offset) NOT IN (SELECT (_partition, "
      "_offset) FROM ({}) l)",
      rows->scan_sql(), world.snapshot(table + "_late")->scan_sql());
  PatternPeriod period;
  period.complete_us = watermark_us;
  const PatternFound found =
      must(match_history(judge.connection(), must(pattern_model(text, "patterns/x.yaml")), scan,
                         rows->metadata().schema, period, "found"));
  EXPECT_EQ(judge.difference(world.snapshot(table)->scan_sql(), "SELECT * FROM found"), "")
      << table;
  EXPECT_EQ(world.snapshot(table)->rows(), found.matches);
}

void expect_equal(World& world) {
  for (std::size_t i = 0; i < std::size(kPatterns); ++i)
    expect_as_in_history(world, kPatterns[i], kTables[i], kSources[i]);
  const runs::Audit audit = audit_of(world);
  for (const runs::Check& check : audit.checks)
    EXPECT_TRUE(check.ok) << check.name << ": " << check.detail;
}

class PatternEquality : public testing::TestWithParam<std::uint32_t> {};

TEST_P(PatternEquality, TablesAreWhatHistoryGives) {
  SCOPED_TRACE(fmt::format("seed {}", GetParam()));
  Workload workload(GetParam(), 100);
  World world = make_world(1 + workload.pick(3));
  must(world.start());
  play(world, workload);
  for (const char* table : kTables) {
    EXPECT_EQ(world.snapshot(std::string(table) + "_late")->rows(), 0);
    EXPECT_GT(world.snapshot(table)->rows(), 0) << table;
  }
  expect_equal(world);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PatternEquality, testing::Range(1U, 9U));

std::string scan_at(int event, base::TimestampUs time_us, const char* key, const char* grade) {
  return fmt::format(
      R"({{"event_id":"E-{}","shipment_id":{},"event_time":"{}","hub_id":"H","amount":20,"grade":"{}"}})",
      event, key, base::format_rfc3339(time_us), grade);
}

TEST(PatternRows, FarAheadOfTheClockAreLateAndHoldNothingBack) {
  World world = make_world(1);
  must(world.start());
  const base::TimestampUs now_us = world.clock().now_us();
  const base::TimestampUs year_9999_us = 253'402'000'000LL * base::kUsPerSecond;
  world.append({{"S", scan_at(1, now_us - 900 * base::kUsPerSecond, "\"S\"", "b")},
                {"S", scan_at(2, year_9999_us, "\"S\"", "b")},
                {"S", scan_at(3, now_us - 700 * base::kUsPerSecond, "\"S\"", "a")}});
  must(world.drain());
  world.append({{"S", scan_at(4, now_us, "\"S\"", "a")}});
  must(world.drain());
  world.end_cleanly();
  EXPECT_EQ(world.snapshot("gold.silences")->rows(), 1);
  EXPECT_EQ(world.snapshot("gold.silences_late")->rows(), 1);
  EXPECT_EQ(world.counts("gold.silences").late, 1);
  EXPECT_EQ(world.counts("gold.silences").out, 3);
}

class PatternLateness : public testing::TestWithParam<std::uint32_t> {};

TEST_P(PatternLateness, LateRowsAreInTheLateTableAndNowhereElse) {
  SCOPED_TRACE(fmt::format("seed {}", GetParam()));
  Workload workload(GetParam(), 500);
  World world = make_world(1 + workload.pick(3));
  must(world.start());
  play(world, workload);
  EXPECT_GT(world.snapshot("gold.delays_late")->rows(), 0);
  expect_equal(world);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PatternLateness, testing::Range(101U, 105U));

}  // namespace
}  // namespace stream
