// Composed models (joins, windows, sessions, unions, chains) over two topics: their tables equal
// DuckDB's answer to the same SQL over all records at once, however the records came and wherever
// the process was cut off.
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

struct Case {
  const char* name;
  std::vector<std::string> models;
};

std::string model(const std::string& table, const std::string& header, const std::string& sql) {
  return fmt::format(
      "---\ntable: {}\nmode: streaming\ntime: event_time\nwatermark: 2 minutes\n{}---\n{}", table,
      header, sql);
}

const std::vector<Case> kCases{
    {"Union",
     {model("silver.both", "",
            "SELECT id, k, v AS x, event_time FROM bronze.a WHERE v > 20\n"
            "UNION ALL SELECT id, k, w, event_time FROM bronze.b")}},
    {"NestedSelects",
     {model("silver.nested", "",
            "WITH f AS (SELECT *, v * 2 AS vv FROM bronze.a WHERE v IS NOT NULL)\n"
            "SELECT id, vv FROM (SELECT * FROM f WHERE vv > 50) g WHERE k <> 'k1'")}},
    {"TumblingWindow",
     {model("gold.tumbling", "key: [k, start]\n",
            "SELECT k, time_bucket(INTERVAL '1 minute', event_time) AS start, count(*) AS n,\n"
            "  count(v) AS vs, sum(v) AS total, min(v) AS low, max(v) AS high, avg(v) AS mean,\n"
            "  count(DISTINCT v) AS kinds, count(*) FILTER (WHERE v > 50) AS many,\n"
            "  bool_or(v > 90) AS any_high, sum(DISTINCT v % 7) + 1 AS odd\n"
            "FROM bronze.a WHERE v IS DISTINCT FROM 13 GROUP BY ALL HAVING count(*) <> 2")}},
    {"WindowOfRows",
     {model("gold.medians", "key: [k, start]\n",
            "SELECT k, time_bucket(INTERVAL '1 minute', event_time) AS start, median(v) AS mid,\n"
            "  string_agg(id, ',' ORDER BY id) AS ids FROM bronze.a GROUP BY 1, 2")}},
    {"HoppingWindow",
     {model("gold.hopping", "key: [start, k]\n",
            "SELECT start, k, count(*) AS n, sum(v) AS total FROM (\n"
            "  SELECT k, v, unnest(generate_series(time_bucket(INTERVAL '20 seconds', "
            "event_time) -\n"
            "    INTERVAL '40 seconds', time_bucket(INTERVAL '20 seconds', event_time),\n"
            "    INTERVAL '20 seconds')) AS start FROM bronze.a) GROUP BY start, k")}},
    {"HoppingParts",
     {model("gold.hopping_parts", "key: [start, kk]\n",
            "SELECT start, upper(k) AS kk, min(v) AS low, max(v) AS high, count(DISTINCT v) AS "
            "kinds,\n"
            "  avg(v) AS mean, count(*) FILTER (WHERE v > 50) AS many FROM (\n"
            "  SELECT k, v, unnest(range(time_bucket(INTERVAL '15 seconds', event_time) -\n"
            "    INTERVAL '30 seconds', time_bucket(INTERVAL '30 seconds', event_time) +\n"
            "    INTERVAL '1 second', INTERVAL '15 seconds')) AS start FROM bronze.a\n"
            "  WHERE v IS DISTINCT FROM 7) h\n"
            "GROUP BY h.start, upper(h.k) HAVING max(v) % 3 <> 0")}},
    {"FirstPlaces",
     {model("gold.first", "key: [k, start, id]\n",
            "SELECT k, id, v, time_bucket(INTERVAL '20 seconds', event_time) AS start\n"
            "FROM bronze.a WHERE v IS DISTINCT FROM 99 QUALIFY rank() OVER (PARTITION BY k,\n"
            "  time_bucket(INTERVAL '20 seconds', event_time) ORDER BY v DESC) = 1")}},
    {"LeastPlaces",
     {model("gold.least", "key: [k, id]\nttl: 1 day\n",
            "SELECT a.k, a.id, v FROM bronze.a AS a\n"
            "QUALIFY rank() OVER (PARTITION BY a.k ORDER BY v NULLS LAST, a.event_time) < 2")}},
    {"SecondPlaces",
     {model("gold.second", "key: [k, id]\nttl: 1 day\n",
            "SELECT k, id, v, dense_rank() OVER (PARTITION BY k ORDER BY v DESC) AS place\n"
            "FROM bronze.a QUALIFY dense_rank() OVER (PARTITION BY k ORDER BY v DESC) = 2")}},
    {"RunningGroups",
     {model("gold.running", "key: [k]\n",
            "SELECT k, count(*) AS n, sum(v) AS total, max(event_time) AS newest\n"
            "FROM (SELECT k, v, event_time FROM bronze.a UNION ALL\n"
            "      SELECT k, w, event_time FROM bronze.b) GROUP BY k HAVING sum(v) % 2 = 0")}},
    {"Distinct", {model("gold.pairs", "key: [k, v]\n", "SELECT DISTINCT k, v FROM bronze.a")}},
    {"InnerJoinInTime",
     {model("silver.pairs", "",
            "SELECT a.id AS a_id, b.id AS b_id, a.k, v + w AS s FROM bronze.a a JOIN bronze.b b\n"
            "ON a.k = b.k AND b.event_time BETWEEN a.event_time - INTERVAL '20 seconds'\n"
            "AND a.event_time + INTERVAL '30 seconds' WHERE v > 10")}},
    {"LeftJoinInTime",
     {model("silver.left_pairs", "",
            "SELECT a.id AS a_id, b.id AS b_id, a.k, w FROM bronze.a a LEFT JOIN bronze.b b\n"
            "ON a.k = b.k AND b.event_time BETWEEN a.event_time - INTERVAL '5 seconds'\n"
            "AND a.event_time + INTERVAL '10 seconds'")}},
    {"AsOfJoin",
     {model("silver.as_of", "",
            "SELECT a.id, b.id AS b_id, w FROM bronze.a a ASOF LEFT JOIN bronze.b b\n"
            "ON a.k = b.k AND a.event_time >= b.event_time")}},
    {"GroupsOfAJoin",
     {model("gold.best", "key: [category]\n",
            "SELECT category, count(*) AS auctions, sum(final) AS total FROM (\n"
            "  SELECT max(v) AS final, b.w % 5 AS category, b.id FROM bronze.b b JOIN bronze.a a\n"
            "  ON a.k = b.k AND a.event_time BETWEEN b.event_time AND b.until\n"
            "  GROUP BY b.id, b.w % 5) q GROUP BY category")}},
    {"GroupsJoinedWithTheirBest",
     {model(
         "gold.hot", "key: [start, k]\n",
         "WITH counts AS (SELECT k, start, count(*) AS n FROM (\n"
         "  SELECT k, unnest(generate_series(time_bucket(INTERVAL '20 seconds', event_time) -\n"
         "    INTERVAL '20 seconds', time_bucket(INTERVAL '20 seconds', event_time),\n"
         "    INTERVAL '20 seconds')) AS start FROM bronze.a) GROUP BY k, start)\n"
         "SELECT c.k, c.start, c.n FROM counts c JOIN (SELECT start, max(n) AS most FROM counts\n"
         "  GROUP BY start) m ON c.start = m.start AND c.n = m.most")}},
    {"TopRows",
     {model(
         "gold.top", "key: [k, place]\n",
         "SELECT k, id, v, row_number() OVER (PARTITION BY k ORDER BY v DESC NULLS LAST, id) AS\n"
         "place FROM bronze.a QUALIFY place <= 3")}},
    {"Sessions",
     {model("gold.sessions", "ttl: 10 minutes\nkey: [k, start]\n",
            "SELECT k, min(event_time) AS start, max(event_time) AS stop, count(*) AS n FROM (\n"
            "  SELECT *, sum(begins) OVER (PARTITION BY k ORDER BY event_time, id) AS session "
            "FROM (\n"
            "    SELECT *, CASE WHEN event_time - lag(event_time) OVER (PARTITION BY k ORDER BY\n"
            "      event_time, id) > INTERVAL '12 seconds' THEN 1 ELSE 0 END AS begins\n"
            "    FROM bronze.a)) GROUP BY k, session")}},
    {"ChainOverGroups",
     {model("gold.per_minute", "key: [k, start]\n",
            "SELECT k, time_bucket(INTERVAL '1 minute', event_time) AS start, sum(v) AS total\n"
            "FROM bronze.a GROUP BY ALL"),
      model("gold.per_key", "key: [k]\n",
            "SELECT k, count(*) AS minutes, sum(total) AS total, max(total) AS best\n"
            "FROM gold.per_minute GROUP BY k"),
      model("gold.good_minutes", "key: [k, start]\n",
            "SELECT k, start, total FROM gold.per_minute WHERE total > 150")}},
    {"ChainOverAJoin",
     {model("silver.joined", "",
            "SELECT a.id AS a_id, a.k, a.event_time, w FROM bronze.a a JOIN bronze.b b ON a.k = "
            "b.k\n"
            "AND b.event_time BETWEEN a.event_time - INTERVAL '9 seconds' AND a.event_time"),
      model("gold.joined_sums", "key: [k, start]\n",
            "SELECT k, time_bucket(INTERVAL '1 minute', event_time) AS start, sum(w) AS total\n"
            "FROM silver.joined GROUP BY ALL")}},
};

std::string topic_yaml(const std::string& name, int partitions, const std::string& more) {
  return fmt::format(
      "topic: {}\npartitions: {}\nkey: k\nformat: json\nschema:\n  id: string not null\n"
      "  event_time: timestamp not null\n  k: string\n{}",
      name, partitions, more);
}

class Workload {
 public:
  explicit Workload(std::uint32_t seed) : random_(seed) {}
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool chance(int percent) { return pick(100) < percent; }

  // Each record is at most 100 s older than the newest before it.
  Record next(bool b) {
    ++count_;
    const std::string key = fmt::format("k{}", pick(4));
    if (chance(2)) return {key, "{oops"};
    const base::TimestampUs time_us =
        kStartUs + (std::int64_t{count_} * 1'500 - pick(100'000)) * base::kUsPerMs;
    std::string value = fmt::format(R"({{"id":"{}{}","event_time":"{}")", b ? 'b' : 'a', count_,
                                    base::format_rfc3339(time_us));
    if (!chance(5)) value += fmt::format(R"(,"k":"{}")", key);
    if (!chance(8)) value += fmt::format(R"(,"{}":{})", b ? 'w' : 'v', pick(100));
    if (b)
      value += fmt::format(R"(,"until":"{}")",
                           base::format_rfc3339(time_us + pick(40) * base::kUsPerSecond));
    return {key, value + "}"};
  }
  std::vector<Record> next(int count, bool b) {
    std::vector<Record> records;
    for (int i = 0; i < count; ++i) records.push_back(next(b));
    return records;
  }

 private:
  std::mt19937 random_;
  int count_ = 0;
};

World make_world(const Case& c, Workload& workload) {
  std::vector<runs::Model> models;
  for (const std::string& text : c.models)
    models.push_back(must(runs::parse_model(text, "models/test.sql")));
  return World({topic_yaml("a", 1 + workload.pick(2), "  v: bigint\n"),
                topic_yaml("b", 1 + workload.pick(2), "  w: bigint\n  until: timestamp\n")},
               models, {});
}

void play(World& world, Workload& workload) {
  const auto arm = [&](int percent) {
    world.fault.steps_left = workload.chance(percent) ? workload.pick(22) : -1;
    world.fault.last_is_done = workload.chance(50);
  };
  for (int step = 0; step < 7; ++step) {
    world.append(workload.next(1 + workload.pick(40), false), 0);
    world.append(workload.next(1 + workload.pick(40), true), 1);
    if (workload.chance(40)) arm(100);
    const bool alive = workload.chance(70) ? world.drain().has_value() : world.epoch().has_value();
    if (alive && !workload.chance(15)) continue;
    arm(25);
    while (!world.start()) arm(25);
  }
  world.fault.steps_left = -1;
  must(world.start());
  world.append(workload.next(3, false), 0);
  must(world.drain());
  // Time passes the last rows.
  world.clock().advance_us(7200 * base::kUsPerSecond);
  for (int i = 0; i < 5; ++i) must(world.epoch());
  world.end_cleanly();
}

// What the tables have too much or too little; "" when they are equal.
std::string difference_from_batch(World& world, const Case& c) {
  Judge judge;
  for (const auto& topic : world.pipeline().topics()) {
    const std::string bronze = "bronze." + topic.topic.name;
    judge.run(fmt::format("CREATE TABLE {} AS SELECT * FROM ({}) WHERE _error IS NULL", bronze,
                          world.snapshot(bronze)->scan_sql()));
  }
  std::string text;
  for (const std::string& one : c.models) {
    const runs::Model parsed = must(runs::parse_model(one, "models/test.sql"));
    judge.run(fmt::format("CREATE TABLE {} AS {}", parsed.table, parsed.sql));
    const auto columns =
        must(judge.connection().prepare("SELECT * FROM " + parsed.table))->columns();
    std::string names;
    for (const auto& column : columns) names += (names.empty() ? "" : ", ") + column.name;
    const std::string difference = judge.difference(
        fmt::format("SELECT {} FROM ({})", names, world.snapshot(parsed.table)->scan_sql()),
        fmt::format("SELECT {} FROM {}", names, parsed.table));
    if (!difference.empty()) text += parsed.table + ":\n" + difference;
  }
  return text;
}

struct Seeded {
  std::size_t model = 0;
  std::uint32_t seed = 0;
};

class Composed : public testing::TestWithParam<Seeded> {};

TEST_P(Composed, TablesAreWhatOneBatchOverAllRecordsGives) {
  const Case& c = kCases[GetParam().model];
  SCOPED_TRACE(fmt::format("{} seed {}", c.name, GetParam().seed));
  Workload workload(GetParam().seed);
  World world = make_world(c, workload);
  must(world.start());
  play(world, workload);
  EXPECT_EQ(difference_from_batch(world, c), "");
  const runs::Audit audit = audit_of(world);
  EXPECT_TRUE(audit.balanced()) << failed_checks(audit);
  for (const auto& line : audit.lines) EXPECT_EQ(line.counts.late, 0) << line.model;
  for (const auto& op : world.pipeline().operators()) {
    std::int64_t rows = 0;
    const nlohmann::json plan = must(world.pipeline().explain(op->model().table));
    for (const auto& stage : plan.at("stages")) rows += stage.value("rows", std::int64_t{0});
    EXPECT_EQ(rows, op->state_size().rows) << plan.dump();
  }
}

std::vector<Seeded> seeds() {
  std::vector<Seeded> all;
  const char* more = std::getenv("WAYBILL_STREAM_SEEDS");
  const int count = more == nullptr ? 3 : std::atoi(more);
  for (std::size_t i = 0; i < kCases.size(); ++i) {
    for (int seed = 1; seed <= count; ++seed)
      all.push_back({i, static_cast<std::uint32_t>(seed * 100) + static_cast<std::uint32_t>(i)});
  }
  return all;
}

std::string row(const std::string& id, const std::string& k, int second, int v) {
  return fmt::format(R"({{"id":"{}","k":"{}","event_time":"{}","v":{},"w":{}}})", id, k,
                     base::format_rfc3339(kStartUs + second * base::kUsPerSecond), v, v);
}

World two_topics(const std::vector<std::string>& texts) {
  std::vector<runs::Model> models;
  for (const std::string& text : texts)
    models.push_back(must(runs::parse_model(text, "models/test.sql")));
  return World({topic_yaml("a", 1, "  v: bigint\n"),
                topic_yaml("b", 1, "  w: bigint\n  until: timestamp\n")},
               models, {});
}

TEST(LookUp, GivesWhatTheKeyedTableHoldsInThatEpoch) {
  World world = two_topics(
      {model("gold.totals", "key: [k]\n", "SELECT k, sum(w) AS total FROM bronze.b GROUP BY k"),
       model("silver.with_totals", "",
             "SELECT a.id, t.total FROM bronze.a a LEFT JOIN gold.totals t ON a.k = t.k")});
  must(world.start());
  world.append({{"x", row("1", "x", 0, 1)}}, 0);
  must(world.drain());
  world.append({{"x", row("2", "x", 0, 5)}}, 1);
  must(world.drain());
  world.append({{"x", row("3", "x", 0, 1)}}, 0);
  must(world.drain());
  must(world.start());
  world.append({{"x", row("4", "x", 0, 6)}}, 1);
  must(world.drain());
  world.append({{"x", row("5", "x", 0, 1)}}, 0);
  must(world.drain());
  Judge judge;
  EXPECT_EQ(judge.difference(fmt::format("SELECT id, total FROM ({})",
                                         world.snapshot("silver.with_totals")->scan_sql()),
                             "VALUES ('1', NULL), ('3', 5), ('5', 11)"),
            "");
}

TEST(Topics, ThatAModelJoinsKeepTheirPlaces) {
  const std::string left = model("silver.left", "", "SELECT id, v FROM bronze.a");
  const std::string right = model("silver.right", "", "SELECT id, w FROM bronze.b");
  World world = two_topics({left});
  must(world.start());
  world.append({{"x", row("1", "x", 0, 1)}}, 0);
  must(world.drain());
  const auto parsed = [](const std::string& text) {
    return must(runs::parse_model(text, "models/test.sql"));
  };
  const std::string both =
      model("silver.both", "", "SELECT id FROM silver.left UNION ALL SELECT id FROM bronze.b");
  world.change_models({parsed(left), parsed(both)});
  must(world.start());
  world.append({{"x", row("2", "x", 0, 1)}}, 0);
  world.append({{"x", row("3", "x", 0, 1)}}, 1);
  must(world.drain());
  for (int i = 0; i < 4; ++i) must(world.epoch());
  Judge judge;
  EXPECT_EQ(judge.difference(
                fmt::format("SELECT id FROM ({})", world.snapshot("silver.both")->scan_sql()),
                "VALUES ('1'), ('2'), ('3')"),
            "");
  EXPECT_EQ(judge.number(
                fmt::format("SELECT count(*) FROM ({})", world.snapshot("bronze.a")->scan_sql())),
            2);
  EXPECT_TRUE(audit_of(world).balanced()) << failed_checks(audit_of(world));
}

TEST(Topics, JoinedWithoutTheirStateAreRefused) {
  const std::string left = model("silver.left", "", "SELECT id, v FROM bronze.a");
  const std::string both =
      model("silver.both", "", "SELECT id FROM silver.left UNION ALL SELECT id FROM bronze.b");
  World world = two_topics({left});
  must(world.start());
  world.append({{"x", row("1", "x", 0, 1)}}, 0);
  must(world.drain());
  std::vector<runs::Model> models;
  for (const std::string& text : {left, both})
    models.push_back(must(runs::parse_model(text, "models/test.sql")));
  world.change_models(models);
  world.begin_state();  // a unit of another name has a state of its own
  const auto started = world.start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().to_string().find("bronze.a has rows of the pipeline a,"),
            std::string::npos)
      << started.error().to_string();
  EXPECT_EQ(world.snapshot("bronze.a")->rows(), 1);
}

TEST(FarFuture, ARowOfTheYear9999MakesNoOtherRowLate) {
  World world = two_topics({model("gold.sums", "key: [start]\n",
                                  "SELECT time_bucket(INTERVAL '1 minute', event_time) AS start,\n"
                                  "count(*) AS n FROM bronze.a GROUP BY 1")});
  must(world.start());
  world.append({{"x", row("1", "x", 0, 1)},
                {"x", R"({"id":"2","k":"x","event_time":"9999-12-31T23:59:59Z","v":1})"}},
               0);
  must(world.drain());
  world.append({{"x", row("3", "x", 1, 1)}}, 0);
  must(world.drain());
  EXPECT_EQ(world.counts("gold.sums").late, 0);
  EXPECT_EQ(world.counts("gold.sums").out, 3);
}

TEST(Silence, ClosesWhatWaitsForTheWatermark) {
  World world = two_topics({model("silver.left_pairs", "",
                                  "SELECT a.id, b.id AS b_id FROM bronze.a a LEFT JOIN bronze.b b\n"
                                  "ON a.k = b.k AND b.event_time BETWEEN a.event_time AND\n"
                                  "a.event_time + INTERVAL '1 minute'")});
  must(world.start());
  world.append({{"x", row("1", "x", 0, 1)}}, 0);
  must(world.drain());
  must(world.epoch());
  EXPECT_EQ(world.snapshot("silver.left_pairs")->rows(), 0);
  world.clock().advance_us(600 * base::kUsPerSecond);
  EXPECT_TRUE(must(world.epoch()));
  EXPECT_EQ(world.snapshot("silver.left_pairs")->rows(), 1);
  EXPECT_FALSE(must(world.epoch()));  // nothing waits any more
}

TEST(LateRows, StillCountAsLongAsTheHeaderSays) {
  for (const auto& [late, counted] :
       {std::pair{"", 1}, std::pair{"late: buffer 1 hour\n", 2}, std::pair{"late: upsert\n", 2}}) {
    SCOPED_TRACE(late);
    World world = two_topics(
        {model("gold.sums", std::string("key: [start]\n") + late,
               "SELECT time_bucket(INTERVAL '1 minute', event_time) AS start, count(*) AS n\n"
               "FROM bronze.a GROUP BY 1")});
    must(world.start());
    world.append({{"x", row("1", "x", 0, 1)}, {"x", row("2", "x", 1200, 1)}}, 0);
    must(world.drain());
    world.append({{"x", row("3", "x", 1, 1)}}, 0);
    must(world.drain());
    Judge judge;
    EXPECT_EQ(judge.number(fmt::format("SELECT n FROM ({}) ORDER BY start LIMIT 1",
                                       world.snapshot("gold.sums")->scan_sql())),
              counted);
    EXPECT_EQ(world.snapshot("gold.sums_late")->rows(), 2 - counted);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Composed, testing::ValuesIn(seeds()), [](const auto& info) {
  return fmt::format("{}_{}", kCases[info.param.model].name, info.param.seed);
});

}  // namespace
}  // namespace stream
