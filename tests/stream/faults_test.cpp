// What the world does to a pipeline while it runs: it goes on, nothing is lost, the audit balances.
#include <algorithm>
#include <thread>

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

constexpr const char* kHeader = "topic: a\npartitions: 3\nkey: k\nformat: json\nschema:\n";
constexpr const char* kFields =
    "  id: string not null\n  event_time: timestamp not null\n  k: string\n  v: bigint\n";

runs::Model model(const std::string& table, const std::string& header, const std::string& sql) {
  return must(runs::parse_model(
      fmt::format("---\ntable: {}\nmode: streaming\ntime: event_time\nwatermark: 2 minutes\n{}---\n"
                  "{}",
                  table, header, sql),
      "models/test.sql"));
}

const char* const kSums =
    "SELECT k, time_bucket(INTERVAL '1 minute', event_time) AS start, count(*) AS n, sum(v) AS s\n"
    "FROM bronze.a GROUP BY ALL";

std::vector<runs::Model> models() {
  return {model("silver.rows", "", "SELECT id, k, v, event_time FROM bronze.a"),
          model("gold.sums", "key: [k, start]\n", kSums)};
}

class Faults : public testing::Test {
 protected:
  Faults() : world_(std::string(kHeader) + kFields, models(), {}) { must(world_.start()); }

  Record record(const std::string& key, const std::string& value = "") {
    ++sent_;
    return {key, value.empty() ? fmt::format(R"({{"id":"{}","event_time":"{}","k":"{}","v":{}}})",
                                             sent_, time(), key, sent_ % 17)
                               : value};
  }
  std::string time() const {
    return base::format_rfc3339(kStartUs + sent_ * base::kUsPerSecond / 4);
  }
  void append(int count) {
    std::vector<Record> records;
    for (int i = 0; i < count; ++i) records.push_back(record(fmt::format("k{}", sent_ % 5)));
    world_.append(records);
  }
  void until(const char* what, const std::function<bool()>& holds) {
    for (int i = 0; i < 6000; ++i) {
      if (holds()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "not within a minute: " << what;
  }
  bool has_alert(const std::string& id, bool open = true) {
    return std::ranges::any_of(world_.alerts().list(), [&](const quality::Alert& alert) {
      return alert.id == id && alert.resolved_us.has_value() != open;
    });
  }
  // Everything that was sent is in the tables, once.
  void expect_whole() {
    Judge judge;
    judge.run(fmt::format("CREATE TABLE bronze.a AS SELECT * FROM ({}) WHERE _error IS NULL",
                          world_.snapshot("bronze.a")->scan_sql()));
    EXPECT_EQ(world_.snapshot("bronze.a")->rows(), sent_);
    EXPECT_EQ(
        judge.difference(
            "SELECT k, start, n, s FROM (" + world_.snapshot("gold.sums")->scan_sql() + ")", kSums),
        "");
    expect_balanced();
  }
  void expect_balanced() {
    const runs::Audit audit = audit_of(world_);
    EXPECT_TRUE(audit.balanced()) << failed_checks(audit);
  }

  // What happens while the pipeline runs by itself.
  void while_it_runs(const std::function<void()>& happens) {
    std::jthread runs([this](std::stop_token stop) { world_.pipeline().run(stop); });
    happens();
    runs.request_stop();
    runs.join();
  }

  World world_;
  int sent_ = 0;
};

TEST_F(Faults, ADiskThatIsFullForAWhileLosesNothing) {
  while_it_runs([&] {
    append(40);
    until("the first rows", [&] { return world_.caught_up(); });
    world_.fault.full = true;
    append(40);
    until("the pipeline says so",
          [&] { return world_.pipeline().status().error.contains("No space left"); });
    EXPECT_TRUE(has_alert("pipeline/a"));
    append(40);
    std::this_thread::sleep_for(std::chrono::milliseconds(700));  // it is tried again in vain
    EXPECT_FALSE(world_.caught_up());
    world_.fault.full = false;
    until("it goes on", [&] { return world_.caught_up(); });
    EXPECT_EQ(world_.pipeline().status().error, "");
    EXPECT_TRUE(has_alert("pipeline/a", false));
  });
  expect_whole();
}

TEST_F(Faults, ALakeThatStandsStillForAMinuteMakesNothingLate) {
  while_it_runs([&] {
    append(40);
    until("the first rows", [&] { return world_.caught_up(); });
    world_.fault.stalled = true;
    append(40);
    for (int s = 0; s < 60; ++s) {
      world_.clock().advance_us(base::kUsPerSecond);
      append(2);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_FALSE(world_.caught_up());
    world_.fault.stalled = false;
    until("it goes on", [&] { return world_.caught_up(); });
  });
  EXPECT_EQ(world_.counts("gold.sums").late, 0);
  expect_whole();
}

TEST_F(Faults, AClockThatStepsBackAndForthLosesNoRow) {
  for (const int step_s : {3600, -7200, 10, 86'400, -86'400, -5, 40, -3600, 7200, 0}) {
    world_.clock().advance_us(step_s * base::kUsPerSecond);
    append(15);
    must(world_.drain());
    must(world_.epoch());
    if (step_s == 40) must(world_.start());
  }
  world_.end_cleanly();
  // What a step makes late is told, not lost.
  const runs::Counts sums = world_.counts("gold.sums");
  EXPECT_EQ(sums.in, sent_);
  EXPECT_EQ(sums.out + sums.late, sent_);
  EXPECT_EQ(world_.snapshot("gold.sums_late")->rows(), sums.late);
  EXPECT_EQ(world_.snapshot("silver.rows")->rows(), sent_);
  expect_balanced();
}

TEST_F(Faults, APartitionThatNeverSpeaksHoldsNothingBackForLong) {
  const char* const pairs =
      "SELECT a.id, b.id AS b_id FROM bronze.a a LEFT JOIN bronze.a b ON a.k = b.k AND\n"
      "b.event_time BETWEEN a.event_time + INTERVAL '1 hour' AND a.event_time + INTERVAL '2 hours'";
  world_.change_models({model("silver.pairs", "", pairs)});
  must(world_.start());
  const auto one = [&](int second) {
    world_.append(
        {record("k1", fmt::format(R"({{"id":"{}","event_time":"{}","k":"k1","v":1}})", sent_,
                                  base::format_rfc3339(kStartUs + second * base::kUsPerSecond)))});
    must(world_.drain());
  };
  one(0);
  one(9000);  // past the two hours and the lateness
  EXPECT_EQ(world_.snapshot("silver.pairs")->rows(), 0);
  world_.clock().advance_us(31 * base::kUsPerSecond);
  one(9001);
  EXPECT_EQ(world_.snapshot("silver.pairs")->rows(), 1);
}

TEST_F(Faults, OneKeyWithMostOfTheRowsIsCountedAsAnyOther) {
  for (int i = 0; i < 5; ++i) {
    std::vector<Record> records;
    for (int r = 0; r < 400; ++r) records.push_back(record(r % 10 == 0 ? "rare" : "hot"));
    world_.append(records);
    must(world_.drain());
    if (i == 2) must(world_.start());
  }
  world_.end_cleanly();
  expect_whole();
}

TEST_F(Faults, BadRowsNullKeysAndTheYear9999StopNothing) {
  for (int i = 0; i < 4; ++i) {
    append(30);
    world_.append(
        {record("k1", "no json"), record("k1", "[]"), record("k1", "{}"), record("", R"({"id":1})"),
         record("k1", R"({"id":"x","event_time":"yesterday","k":"k1","v":1})"),
         record("k1", R"({"id":"x","event_time":"2026-09-21T14:00:00Z","k":"k1","v":1e99})"),
         record("k1", "\xff\xfe\x01"),
         record("k1", fmt::format(R"({{"id":"n","event_time":"{}","k":null,"v":null}})", time())),
         record("", fmt::format(R"({{"id":"n","event_time":"{}"}})", time())),
         record("k1", R"({"id":"f","event_time":"9999-12-31T23:59:59.999999Z","k":"k1","v":5})"),
         record("k1", R"({"id":"f","event_time":"9999-12-31T23:59:59Z","k":null,"v":-5})")});
    must(world_.drain());
    if (i == 1) must(world_.start());
  }
  world_.end_cleanly();
  EXPECT_EQ(world_.counts("gold.sums").late, 0);
  EXPECT_EQ(world_.counts("silver.rows").dead, 4 * 7);
  expect_whole();
}

TEST_F(Faults, ANewFieldFlowsThroughFromTheStartThatKnowsIt) {
  append(20);
  must(world_.drain());
  const auto wider = [&] {
    return record("k1", fmt::format(R"({{"id":"{}","event_time":"{}","k":"k1","v":1,"w":7}})",
                                    sent_, time()));
  };
  world_.append({wider()});  // nobody knows of it yet
  must(world_.drain());
  world_.change_topic(std::string(kHeader) + kFields + "  w: bigint\n");
  auto next = models();
  next[0] = model("silver.rows", "", "SELECT id, k, v, event_time, w FROM bronze.a");
  world_.change_models(next);
  must(world_.start());
  world_.append({wider(), wider()});
  append(10);
  must(world_.drain());
  for (int i = 0; i < 6; ++i) must(world_.epoch());
  world_.end_cleanly();
  Judge judge;
  EXPECT_EQ(judge.number(fmt::format("SELECT count(*) FROM ({}) WHERE w = 7",
                                     world_.snapshot("silver.rows")->scan_sql())),
            2);
  EXPECT_EQ(world_.snapshot("silver.rows")->rows(), sent_);
  expect_whole();
}

TEST_F(Faults, ABreakingChangeInMidStreamGoesToTheDeadLettersWithAnAlert) {
  append(60);
  must(world_.drain());
  std::vector<Record> broken;
  for (int i = 0; i < 60; ++i)
    broken.push_back(record(
        "k1", fmt::format(R"({{"id":"{}","event_time":"{}","k":"k1","v":"many"}})", i, time())));
  world_.append(broken);
  must(world_.drain());
  EXPECT_TRUE(has_alert("quality/silver.rows"));
  append(600);  // and the share of bad rows falls again
  must(world_.drain());
  world_.end_cleanly();
  EXPECT_EQ(world_.counts("silver.rows").dead, 60);
  EXPECT_EQ(world_.counts("silver.rows").out, 660);
  EXPECT_FALSE(has_alert("quality/silver.rows"));
  expect_whole();
}

TEST_F(Faults, ATopicWhoseTypeWasChangedSaysWhatToDo) {
  append(5);
  must(world_.drain());
  std::string fields = kFields;
  fields.replace(fields.find("v: bigint"), 9, "v: string");
  world_.change_topic(kHeader + fields);
  world_.change_models({model("silver.rows", "", "SELECT id, k, event_time FROM bronze.a")});
  const auto started = world_.start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().to_string().find("bronze.a.v is bigint in the lake"), std::string::npos)
      << started.error().to_string();
}

}  // namespace
}  // namespace stream
