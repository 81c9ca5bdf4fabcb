// Monitors, partners, the retention of dead letters and lineage over a lake in a temporary folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/uuid.h"
#include "cli/lineage.h"
#include "cli/quality_api.h"
#include "log/embedded_log.h"
#include "quality/dead_letter.h"
#include "runs/ledger.h"
#include "schema/bronze.h"

namespace cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kDay = 20'000;  // since 1970
constexpr base::TimestampUs kNowUs = kDay * base::kUsPerDay + 7200 * base::kUsPerSecond;

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class QualityWatch : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("watch-" + base::new_uuid());
    std::filesystem::create_directories(folder_);
    base::FileSystem& disk = base::posix_file_system();
    objects_ = must(storage::local_store(disk, folder_ / "lake"));
    store_ = must(state::Store::open(folder_ / "state"));
    database_ = must(sql::Database::open({.threads = 1}));
    connection_ = must(database_->connect());
    catalog_ = lake::make_catalog(*objects_, *database_);
    clock_.advance_us(kNowUs - clock_.now_us());
  }
  void TearDown() override {
    catalog_.reset();
    connection_.reset();
    database_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  // Appends what a SELECT gives, in the columns of the schema.
  void append(const std::string& name, const columns::Schema& schema, const std::string& select) {
    const auto table = must(
        catalog_->open_or_create(name, {.name = name, .schema = schema, .partition_columns = {}}));
    auto transaction = must(table->begin());
    std::vector<std::string> columns;
    for (const columns::Field& field : schema.fields)
      columns.push_back(fmt::format("CAST({0} AS {1}) AS {0}", sql::quote_name(field.name),
                                    columns::sql_type(field.type)));
    for (lake::AddFile& file : must(table->stage(
             *connection_, fmt::format("SELECT {} FROM ({})", fmt::join(columns, ", "), select))))
      transaction->add(std::move(file));
    must(transaction->commit({.operation = "WRITE"}));
  }
  std::string open_alerts() {
    std::string all;
    for (const quality::Alert& alert : alerts_.list()) {
      if (!alert.resolved_us) all += alert.id + ": " + alert.summary + "\n";
    }
    return all;
  }

  base::Path folder_;
  base::ManualClock clock_{0};
  quality::Alerts alerts_;
  Project project_;
  std::unique_ptr<storage::ObjectStore> objects_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> connection_;
  std::unique_ptr<lake::Catalog> catalog_;
};

const columns::Schema kScans{{{"t", columns::Type::kTimestamp}, {"kg", columns::Type::kFloat64}}};

// `n` rows on each of some days.
std::string days(std::int64_t from, std::int64_t to, int n) {
  return fmt::format(
      "SELECT make_timestamptz((day * 86400 + i * 60) * 1000000) AS t, 5.0 + i % 7 AS kg FROM "
      "range({}, {}) a(day), range({}) b(i)",
      from, to, n);
}

TEST_F(QualityWatch, AnAlertOfAMonitorIsRaisedWithItsBandAndResolvedByTheNextUsualDay) {
  project_.monitors["scans"] = must(quality::parse_monitor(
      "table: silver.scans\ntime: t\nnulls: [kg]\nevery: 1 hour\n", "quality/scans.yaml"));
  Monitors monitors(*catalog_, *database_, *store_, *store_, alerts_, project_, clock_);
  monitors.tick();
  EXPECT_EQ(open_alerts(), "");  // a table that is not there yet
  append("silver.scans", kScans, days(kDay - 40, kDay - 1, 500));
  append("silver.scans", kScans, days(kDay - 1, kDay, 90));
  monitors.tick();
  EXPECT_EQ(open_alerts(), "");  // not due yet
  clock_.advance_us(3600 * base::kUsPerSecond);
  monitors.tick();
  EXPECT_THAT(open_alerts(), HasSubstr("monitor/scans/volume: silver.scans: 90 rows on"));
  EXPECT_THAT(open_alerts(), HasSubstr("usually"));
  append("silver.scans", kScans, days(kDay, kDay + 1, 500));
  clock_.advance_us(base::kUsPerDay);
  monitors.tick();
  EXPECT_EQ(open_alerts(), "");
  const json listed = must(monitors.list());
  ASSERT_EQ(listed.size(), 1U);
  const json& volume = listed[0]["series"][0];
  EXPECT_EQ(volume["points"].size(), 41U);
  EXPECT_TRUE(volume["points"][39]["found"]);
  EXPECT_FALSE(volume["points"][40]["found"]);
  EXPECT_EQ(must(monitors.run("scans"))["newest"], base::format_date(kDay));
  EXPECT_FALSE(monitors.run("scan"));
}

TEST_F(QualityWatch, ALimitOfFreshnessHoldsForTheNewestRow) {
  project_.monitors["scans"] = must(quality::parse_monitor(
      "table: silver.scans\ntime: t\nfreshness: 3 hours\n", "quality/scans.yaml"));
  Monitors monitors(*catalog_, *database_, *store_, *store_, alerts_, project_, clock_);
  append("silver.scans", kScans, days(kDay, kDay + 1, 120));  // until two hours after midnight
  must(monitors.run("scans"));
  EXPECT_THAT(open_alerts(), Not(HasSubstr("freshness")));
  clock_.advance_us(4 * 3600 * base::kUsPerSecond);
  must(monitors.run("scans"));
  EXPECT_THAT(open_alerts(), HasSubstr("monitor/scans/freshness: silver.scans: its newest row is "
                                       "4.0 hours old, above 3.0 h"));
}

TEST_F(QualityWatch, AMonitorThatCannotMeasureSaysWhy) {
  project_.monitors["scans"] =
      must(quality::parse_monitor("table: silver.scans\ntime: at\n", "quality/scans.yaml"));
  Monitors monitors(*catalog_, *database_, *store_, *store_, alerts_, project_, clock_);
  append("silver.scans", kScans, days(kDay, kDay + 1, 1));
  EXPECT_THAT(must(monitors.run("scans"))["error"].dump(), HasSubstr("no column 'at'"));
  EXPECT_THAT(open_alerts(), HasSubstr("quality/scans.yaml"));
}

class PartnerFiles : public QualityWatch {
 protected:
  void SetUp() override {
    QualityWatch::SetUp();
    project_.topics.push_back(must(schema::parse_topic_schema(
        must(base::Yaml::parse("topic: parts\npartitions: 1\nformat: json\nfiles:\n  folder: "
                               "inbox/parts\nschema:\n  n: bigint\n",
                               "sources/parts.yaml")))));
  }
  // `n` records of a file, of which the first `misfits` do not fit the schema.
  void land(const std::string& file, int n, int misfits, base::TimestampUs at_us) {
    append("bronze.parts", schema::bronze_schema(project_.topics[0]),
           fmt::format("SELECT 'parts' AS _topic, 0 AS _partition, {0} + i AS _offset, "
                       "make_timestamptz({1}) AS _time, NULL AS _key, 0 AS _schema, "
                       "'{{\"file\":\"{2}\"}}' AS _headers, 'x' AS _raw, CASE WHEN i < {3} THEN "
                       "'n: no number' END AS _error, i AS n FROM range({4}) r(i)",
                       offset_, at_us, file, misfits, n));
    offset_ += n;
  }
  void letters(int from, int to, base::TimestampUs at_us) {
    append(
        "dead_letters", quality::dead_letter_schema(),
        fmt::format("SELECT 'l' || i AS id, m AS model, 'r' AS run, 'parts' AS topic, 0 AS "
                    "partition, i AS \"offset\", NULL AS file, NULL AS line, 'n' AS field, 'bad' "
                    "AS reason, 'x' AS raw, make_timestamptz({}) AS time FROM range({}, {}) "
                    "r(i), (VALUES ('silver.a'), ('silver.b')) v(m)",
                    at_us, from, to));
  }
  std::int64_t offset_ = 0;
};

TEST_F(PartnerFiles, RowsAndDeadLettersAreCountedByFileAndDayEachRowOnce) {
  land("old.csv", 100, 100, kNowUs - 3 * base::kUsPerDay);
  land("good.csv", 200, 2, kNowUs - base::kUsPerDay / 2);
  land("bad.csv", 100, 0, kNowUs - 3600 * base::kUsPerSecond);
  letters(300, 330, kNowUs - 3600 * base::kUsPerSecond);  // of two models each
  Partners partners(*catalog_, *database_, alerts_, project_, clock_);
  const json report = must(partners.report("", base::kUsPerDay));
  ASSERT_EQ(report.size(), 1U);
  EXPECT_EQ(report[0]["rows"], 300);
  EXPECT_EQ(report[0]["bad"], 32);
  ASSERT_EQ(report[0]["files"].size(), 2U);
  EXPECT_EQ(report[0]["files"][0]["file"], "bad.csv");
  EXPECT_EQ(report[0]["files"][0]["bad"], 30);
  EXPECT_TRUE(report[0]["files"][0]["alert"]);
  EXPECT_EQ(report[0]["files"][1]["bad"], 2);
  EXPECT_FALSE(report[0]["files"][1]["alert"]);
  EXPECT_EQ(must(partners.report("parts", 10 * base::kUsPerDay))[0]["days"].size(), 3U);
  EXPECT_FALSE(partners.report("part", base::kUsPerDay));
}

TEST_F(PartnerFiles, ABadFileIsAnAlertUntilItLeavesTheWindow) {
  Partners partners(*catalog_, *database_, alerts_, project_, clock_);
  partners.tick();
  land("few.csv", 10, 5, kNowUs);  // too few to be sure
  partners.tick();
  EXPECT_EQ(open_alerts(), "");
  land("bad.csv", 100, 20, kNowUs);
  land("good.csv", 5000, 0, kNowUs);
  partners.tick();
  EXPECT_THAT(open_alerts(), HasSubstr("partner/parts: parts: 25 of 5110 rows of the last "));
  EXPECT_THAT(open_alerts(), HasSubstr("worst: bad.csv (20 of 100)"));
  clock_.advance_us(2 * base::kUsPerDay);
  partners.tick();
  EXPECT_EQ(open_alerts(), "");
}

TEST_F(PartnerFiles, DeadLettersGoOnceTheyAreOlderThanTheProjectKeepsThem) {
  const auto log = must(eventlog::open_embedded_log(base::posix_file_system(), clock_,
                                                    {.directory = folder_ / "log"}));
  project_.letters_keep_us = 10 * base::kUsPerDay;
  QualityApi api(*log, *catalog_, *database_, *database_, *store_, *store_, alerts_, project_,
                 clock_);
  const auto left = [&] {
    const auto snapshot = must(must(catalog_->table("dead_letters"))->snapshot(true));
    return must(connection_->query("SELECT count(*) FROM (" + snapshot->scan_sql() + ")"))
        ->int_at(0, 0);
  };
  api.tick();  // there is no such table yet
  letters(0, 10, kNowUs - 11 * base::kUsPerDay);
  letters(10, 15, kNowUs - 9 * base::kUsPerDay);
  clock_.advance_us(1800 * base::kUsPerSecond);
  api.tick();
  EXPECT_EQ(left(), 30) << "it looks once an hour";
  clock_.advance_us(3600 * base::kUsPerSecond);
  api.tick();
  EXPECT_EQ(left(), 10);
  project_.letters_keep_us = 0;
  clock_.advance_us(100 * base::kUsPerDay);
  api.tick();
  EXPECT_EQ(left(), 10) << "forever";
}

TEST_F(QualityWatch, AnEventStandsInTheFileOnceHoweverOftenTheOtherSideIsAway) {
  project_.lineage = {.url = "http://127.0.0.1:1/api/v1/lineage",
                      .file = folder_ / "events.jsonl",
                      .space = "test",
                      .token = {}};
  const auto lines = [&] {
    std::ifstream file(project_.lineage.file);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  };
  Lineage lineage(
      project_, *catalog_, *database_,
      [&] { return std::vector<const state::Store*>{store_.get()}; }, *store_, alerts_, clock_);
  must(lineage.open());
  runs::Run run{.id = "gold.x/1",
                .model = "gold.x",
                .model_version = 1,
                .mode = "daily",
                .pipeline = "daily",
                .epoch = 1,
                .inputs = {},
                .by_source = {}};
  run.started_us = kNowUs;
  state::WriteSet changes;
  must(runs::record_run(*store_, run, changes));
  must(store_->apply(changes));
  must(lineage.tell());
  must(lineage.tell());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(lineage.send());
  project_.lineage.url.clear();
  must(lineage.send());
  must(lineage.send());
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_EQ(json::parse(lines()[0])["eventType"], "START");
  EXPECT_EQ(json::parse(lines()[1])["eventType"], "COMPLETE");
}

}  // namespace
}  // namespace cli
