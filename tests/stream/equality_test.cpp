// The tables of a pipeline equal DuckDB's answer to the same SQL over all records at once, however
// the records came and wherever the process was cut off.
#include <random>

#include "stream/world.h"

namespace stream {
namespace {

using stream_test::audit_of;
using stream_test::failed_checks;
using stream_test::Judge;
using stream_test::kStartUs;
using stream_test::must;
using stream_test::Record;
using stream_test::World;

constexpr const char* kLines = R"(---
table: silver.lines
mode: streaming
time: event_time
---
SELECT event_id, event_time, upper(grade) AS grade, amount
FROM bronze.scans
WHERE amount < 60)";

constexpr const char* kScans = R"(---
table: silver.scans
mode: streaming
time: event_time
ttl: 1 day
quality: scans.json
---
SELECT event_id, event_time, shipment_id, hub_id, amount, grade, _partition, _offset
FROM bronze.scans
WHERE amount IS NULL OR amount <> 50
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY _offset) = 1)";

constexpr const char* kLatest = R"(---
table: gold.latest
mode: streaming
time: event_time
key: [shipment_id]
---
SELECT shipment_id, event_time, hub_id, amount
FROM silver.scans
WHERE grade <> 'd'
QUALIFY row_number() OVER (PARTITION BY shipment_id ORDER BY event_time DESC, _offset DESC) = 1)";

constexpr const char* kSums = R"(---
table: gold.sums
mode: streaming
time: event_time
watermark: 2 minutes
key: [hub_id, window_start, date]
partition: [date]
---
SELECT hub_id,
       time_bucket(INTERVAL '1 minute', event_time) AS window_start,
       CAST(event_time AS DATE) AS date,
       count(*) AS scans,
       count(DISTINCT shipment_id) AS shipments,
       sum(amount) AS amount,
       max(event_time) AS newest
FROM silver.scans
GROUP BY ALL)";

constexpr const char* kSuite = R"({"name": "scans", "expectations": [
  {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": 10}}]})";

std::string topic_yaml(int partitions) {
  return fmt::format(R"(topic: scans
partitions: {}
key: shipment_id
format: json
schema:
  event_id: string not null
  event_time: timestamp not null
  shipment_id: string not null
  hub_id: string
  amount: bigint
  grade: string
)",
                     partitions);
}

std::vector<runs::Model> models() {
  std::vector<runs::Model> list;
  for (const char* text : {kSums, kLatest, kScans, kLines})
    list.push_back(must(runs::parse_model(text, "models/test.sql")));
  return list;
}

World make_world(int partitions) {
  return World(topic_yaml(partitions), models(),
               {{"scans.json", must(quality::parse_suite(kSuite, "quality/scans.json"))}});
}

class Workload {
 public:
  Workload(std::uint32_t seed, int lag_s) : random_(seed), lag_s_(lag_s) {}

  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool chance(int percent) { return pick(100) < percent; }

  // Each record is at most `lag_s` older than the newest before it.
  Record next() {
    const bool again = !sent_.empty() && chance(12);
    const auto [event, shipment] =
        again ? sent_[static_cast<std::size_t>(pick(static_cast<int>(sent_.size())))]
              : std::pair{static_cast<int>(sent_.size()), pick(25)};
    if (!again) sent_.emplace_back(event, shipment);
    ++count_;
    const std::string key = fmt::format("S-{}", shipment);
    if (chance(3)) return {key, "{oops"};
    const base::TimestampUs time_us =
        kStartUs + (std::int64_t{count_} * 2'000 - pick(lag_s_ * 1000)) * base::kUsPerMs;
    std::string value = fmt::format(R"({{"event_id":"E-{}","shipment_id":"{}")", event, key);
    if (!chance(2)) value += fmt::format(R"(,"event_time":"{}")", base::format_rfc3339(time_us));
    value += chance(8) ? R"(,"hub_id":null)" : fmt::format(R"(,"hub_id":"H{}")", pick(6));
    if (chance(2)) {
      value += R"(,"amount":"many")";
    } else if (!chance(8)) {
      value += fmt::format(R"(,"amount":{})", chance(10) ? 50 : pick(100));
    }
    if (!chance(8)) value += fmt::format(R"(,"grade":"{}")", static_cast<char>('a' + pick(4)));
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
  std::vector<std::pair<int, int>> sent_;
  int count_ = 0;
};

void expect_equal_to_batch(World& world, std::int64_t records) {
  Judge judge;
  const auto table = [&](const std::string& name) { return world.snapshot(name)->scan_sql(); };
  judge.run(fmt::format("CREATE TABLE landed AS {}", table("bronze.scans")));
  EXPECT_EQ(judge.number("SELECT count(*) FROM landed"), records);
  EXPECT_EQ(judge.number("SELECT count(DISTINCT (_partition, _offset)) FROM landed"), records);
  judge.run("CREATE VIEW bronze.scans AS SELECT * FROM landed WHERE _error IS NULL");
  const auto model_sql = [](const char* text) {
    return must(runs::parse_model(text, "models/test.sql")).sql;
  };
  EXPECT_EQ(judge.difference(fmt::format("SELECT * EXCLUDE (_partition, _offset) FROM ({})",
                                         table("silver.lines")),
                             model_sql(kLines)),
            "");
  // The suite judges rows before duplicates of them are dropped.
  judge.run(
      "CREATE OR REPLACE VIEW bronze.scans AS SELECT * FROM landed WHERE _error IS NULL AND "
      "(amount IS NULL OR amount >= 10)");
  EXPECT_EQ(judge.difference(table("silver.scans"), model_sql(kScans)), "");
  judge.run(fmt::format("CREATE TABLE silver.scans AS {}", model_sql(kScans)));
  EXPECT_EQ(judge.difference(table("gold.latest"), model_sql(kLatest)), "");
  EXPECT_EQ(judge.difference(table("gold.sums"), model_sql(kSums)), "");
  EXPECT_EQ(world.snapshot("gold.sums_late")->rows(), 0);
  EXPECT_EQ(judge.difference(
                fmt::format("SELECT model, partition, \"offset\" FROM ({})", table("dead_letters")),
                "SELECT m, _partition, _offset FROM landed, (VALUES ('silver.lines'), "
                "('silver.scans')) models(m) WHERE _error IS NOT NULL OR "
                "(m = 'silver.scans' AND amount < 10)"),
            "");
}

// Appends in random cuts, with epochs and cut-offs in between; everything is taken in at the end.
// Returns how many records it appended.
std::int64_t play(World& world, Workload& workload) {
  std::int64_t records = 0;
  const auto arm = [&](int percent) {
    world.fault.steps_left = workload.chance(percent) ? workload.pick(22) : -1;
    world.fault.last_is_done = workload.chance(50);
  };
  const auto start_again = [&] {
    arm(25);  // it may be cut off while it starts, too
    while (!world.start()) arm(25);
  };
  for (int step = 0; step < 9; ++step) {
    const int count = 1 + workload.pick(50);
    world.append(workload.next(count));
    records += count;
    if (workload.chance(45)) arm(100);
    const bool alive = workload.chance(70) ? world.drain().has_value() : world.epoch().has_value();
    if (!alive) start_again();
    if (!workload.chance(15)) continue;
    world.fault.steps_left = -1;
    must(world.start());
  }
  world.fault.steps_left = -1;
  must(world.start());
  world.append(workload.next(5));
  must(world.drain());
  world.end_cleanly();
  return records + 5;
}

void expect_balanced(World& world) {
  for (const auto& line : must(runs::ledger(world.store())))
    EXPECT_TRUE(line.counts.balanced()) << line.model << runs::to_json(line.counts).dump();
  const runs::Audit audit = audit_of(world);
  EXPECT_TRUE(audit.balanced()) << failed_checks(audit);
}

class Equality : public testing::TestWithParam<std::uint32_t> {};

TEST_P(Equality, TablesAreWhatOneBatchOverAllRecordsGives) {
  SCOPED_TRACE(fmt::format("seed {}", GetParam()));
  Workload workload(GetParam(), 100);
  World world = make_world(1 + workload.pick(3));
  must(world.start());
  const std::int64_t records = play(world, workload);
  expect_equal_to_batch(world, records);
  expect_balanced(world);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Equality, testing::Range(1U, 21U));

class Lateness : public testing::TestWithParam<std::uint32_t> {};

// Which rows are late depends on the cuts; that each is counted once, or late, does not.
TEST_P(Lateness, EveryRowIsInItsWindowOrInTheLateTable) {
  SCOPED_TRACE(fmt::format("seed {}", GetParam()));
  Workload workload(GetParam(), 600);
  World world = make_world(1 + workload.pick(3));
  must(world.start());
  play(world, workload);
  Judge judge;
  const auto table = [&](const std::string& name) { return world.snapshot(name)->scan_sql(); };
  judge.run(
      fmt::format("CREATE TABLE silver.scans AS SELECT * FROM ({}) s WHERE NOT EXISTS "
                  "(SELECT 1 FROM ({}) l WHERE l.event_id = s.event_id)",
                  table("silver.scans"), table("gold.sums_late")));
  EXPECT_EQ(
      judge.difference(table("gold.sums"), must(runs::parse_model(kSums, "models/test.sql")).sql),
      "");
  EXPECT_GT(world.counts("gold.sums").late, 0);
  EXPECT_EQ(world.snapshot("gold.sums_late")->rows(), world.counts("gold.sums").late);
  expect_balanced(world);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Lateness, testing::Range(101U, 106U));

std::string scan_at(int event, std::int64_t seconds) {
  return fmt::format(
      R"({{"event_id":"E-{}","shipment_id":"S","event_time":"{}","hub_id":"H","amount":20,"grade":"a"}})",
      event, base::format_rfc3339(kStartUs + seconds * base::kUsPerSecond));
}

// 40 scans over 20 minutes, then 3 of the first minutes, one of the newest window, one that breaks
// a rule, one that does not fit and one that WHERE drops.
void fill_with_late_rows(World& world) {
  std::vector<Record> records;
  for (int i = 0; i < 40; ++i) records.push_back({"S", scan_at(i, i * 30)});
  world.append(records);
  must(world.drain());
  world.append(
      {{"S", scan_at(100, 0)},
       {"S", scan_at(101, 70)},
       {"S", scan_at(102, 130)},
       {"S", scan_at(103, 1180)},
       {"S",
        R"({"event_id":"E-104","shipment_id":"S","event_time":"2026-09-21T14:00:00Z","amount":1})"},
       {"S", "no json"},
       {"S",
        R"({"event_id":"E-105","shipment_id":"S","event_time":"2026-09-21T14:00:00Z","amount":50})"},
       {"S", scan_at(103, 1180)}});
  must(world.drain());
  world.end_cleanly();
}

TEST(Restart, ShowsTheLatestRowsThatWereNotYetRewritten) {
  World world = make_world(1);
  must(world.start());
  for (int i = 0; i < 4; ++i) {
    world.append({{"S", scan_at(i, i * 30)}});
    must(world.drain());
  }
  must(world.start());
  world.end_cleanly();
  Judge judge;
  EXPECT_EQ(judge.number(fmt::format("SELECT epoch_us(event_time) FROM ({})",
                                     world.snapshot("gold.latest")->scan_sql())),
            kStartUs + 90 * base::kUsPerSecond);
}

TEST(LateRows, GoToTheLateTableAndEveryRowIsAccountedFor) {
  World world = make_world(1);
  must(world.start());
  fill_with_late_rows(world);
  Judge judge;
  EXPECT_EQ(judge.difference(fmt::format("SELECT event_id FROM ({})",
                                         world.snapshot("gold.sums_late")->scan_sql()),
                             "VALUES ('E-100'), ('E-101'), ('E-102')"),
            "");
  const runs::Counts scans = world.counts("silver.scans");
  EXPECT_EQ(scans.in, 48);
  EXPECT_EQ(scans.out, 44);
  EXPECT_EQ(scans.dead, 2);
  EXPECT_EQ(scans.filtered.at("where"), 1);
  EXPECT_EQ(scans.filtered.at("duplicate"), 1);
  const runs::Counts sums = world.counts("gold.sums");
  EXPECT_EQ(sums.in, 44);
  EXPECT_EQ(sums.out, 41);
  EXPECT_EQ(sums.late, 3);
  EXPECT_EQ(judge.number(fmt::format("SELECT CAST(sum(scans) AS BIGINT) FROM ({})",
                                     world.snapshot("gold.sums")->scan_sql())),
            41);
  const runs::Audit audit = audit_of(world);
  EXPECT_TRUE(audit.balanced()) << failed_checks(audit);
}

TEST(Audit, NamesTheTableThatLostAFile) {
  for (const std::string name :
       {"bronze.scans", "silver.scans", "gold.sums_late", "dead_letters"}) {
    SCOPED_TRACE(name);
    World world = make_world(1);
    must(world.start());
    fill_with_late_rows(world);
    const auto table = must(world.catalog().table(name));
    const auto transaction = must(table->begin());
    transaction->remove(transaction->base().files().at(0));
    must(transaction->commit({.operation = "DELETE"}));
    const runs::Audit audit = audit_of(world);
    EXPECT_FALSE(audit.balanced());
    const std::string named = name == "dead_letters" ? "dead letters" : name;
    EXPECT_NE(failed_checks(audit).find(named), std::string::npos) << failed_checks(audit);
  }
}

}  // namespace
}  // namespace stream
