#include <fstream>
#include <thread>

#include "lake/fixture.h"
#include "lake/log_files.h"

namespace {

using base::Code;
using columns::Type;
using lake_test::field;
using testing::ElementsAre;
using testing::HasSubstr;

class Table : public lake_test::LakeTest {
 protected:
  static lake::Table::CreateOptions simple() {
    return options({field("id", Type::kInt64, false), field("name", Type::kString)});
  }
  static lake::Table::CreateOptions by_day() {
    return options(
        {field("id", Type::kInt64, false), field("day", Type::kDate), field("city", Type::kString)},
        {"day", "city"});
  }
  lake::Version append_number(lake::Table& table, int number) {
    return append(table, fmt::format("SELECT {} AS id, 'n{}' AS name", number, number));
  }
  std::string log_text(const std::string& path, lake::Version version) {
    return store_->get(lake::commit_key(path, version)).value();
  }
};

TEST_F(Table, StartsEmptyWithItsSchemaAtReader1Writer2) {
  auto table = create("silver/scans", simple());
  const auto snapshot = table->snapshot().value();
  EXPECT_EQ(snapshot->version(), 0);
  EXPECT_EQ(snapshot->metadata().schema, simple().schema);
  EXPECT_EQ(snapshot->rows(), 0);
  EXPECT_TRUE(snapshot->files().empty());
  EXPECT_THAT(rows(*table), ElementsAre());
  EXPECT_THAT(query("DESCRIBE " + snapshot->scan_sql()),
              ElementsAre(HasSubstr("id|BIGINT"), HasSubstr("name|VARCHAR")));
  EXPECT_THAT(log_text("silver/scans", 0),
              HasSubstr(R"("minReaderVersion":1,"minWriterVersion":2)"));
}

TEST_F(Table, CannotBeCreatedTwiceNorOpenedWhereThereIsNone) {
  create("t", simple());
  EXPECT_EQ(lake::Table::create(*store_, *database_, "t", simple()).error().code,
            Code::kAlreadyExists);
  EXPECT_EQ(lake::Table::open(*store_, *database_, "u").error().code, Code::kNotFound);
}

TEST_F(Table, RefusesSchemasThatNoTableCanHave) {
  const auto code = [&](const lake::Table::CreateOptions& with) {
    return lake::Table::create(*store_, *database_, "bad", with).error().code;
  };
  EXPECT_EQ(code(options({})), Code::kInvalid);
  EXPECT_EQ(code(options({field("a", Type::kInt64), field("A", Type::kInt64)})), Code::kInvalid);
  EXPECT_EQ(code(options({field("a", Type::kInt64)}, {"b"})), Code::kInvalid);
  EXPECT_EQ(code(options({field("a", Type::kInt64)}, {"a"})), Code::kInvalid);
  EXPECT_EQ(code(options({field("a", Type::kInt64), field("b", Type::kBytes)}, {"b"})),
            Code::kInvalid);
}

TEST_F(Table, GivesBackAppendedRowsOfEveryType) {
  auto table = create(
      "t", options({field("b", Type::kBoolean), field("i", Type::kInt32), field("l", Type::kInt64),
                    field("d", Type::kFloat64), field("s", Type::kString), field("x", Type::kBytes),
                    field("day", Type::kDate), field("ts", Type::kTimestamp)}));
  const std::string select =
      "SELECT true AS b, 7 AS i, 8 AS l, 1.5 AS d, 'it''s' AS s, '\\x01'::BLOB AS x, "
      "DATE '2026-11-23' AS day, TIMESTAMPTZ '2026-11-23 08:00:00.123456+00' AS ts "
      "UNION ALL SELECT NULL, NULL, NULL, 'nan'::DOUBLE, NULL, NULL, NULL, NULL";
  append(*table, select);
  EXPECT_EQ(rows(*table), query(select));
  EXPECT_THAT(rows(*table), testing::SizeIs(2));
  EXPECT_EQ(table->snapshot().value()->rows(), 2);
}

TEST_F(Table, WritesStatisticsWithTheFile) {
  auto table = create("t", options({field("l", Type::kInt64), field("s", Type::kString),
                                    field("ts", Type::kTimestamp)}));
  append(*table,
         "SELECT i AS l, CASE WHEN i > 0 THEN repeat('ä', 40) END AS s, "
         "TIMESTAMPTZ '2026-01-01 00:00:00.000001+00' + to_seconds(i) AS ts FROM range(3) AS r(i)");
  const auto stats = nlohmann::json::parse(table->snapshot().value()->files().at(0).stats);
  EXPECT_EQ(stats["numRecords"], 3);
  EXPECT_EQ(stats["minValues"]["l"], 0);
  EXPECT_EQ(stats["maxValues"]["l"], 2);
  EXPECT_EQ(stats["nullCount"]["s"], 1);
  std::string cut;
  for (int i = 0; i < 32; ++i) cut += "ä";
  EXPECT_EQ(stats["minValues"]["s"], cut);
  EXPECT_EQ(stats["maxValues"]["s"], cut + "\xF4\x8F\xBF\xBF");
  EXPECT_EQ(stats["minValues"]["ts"], "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(stats["maxValues"]["ts"], "2026-01-01T00:00:02.001Z");
}

TEST_F(Table, StagesNoFileForNoRows) {
  auto table = create("t", simple());
  EXPECT_THAT(table->stage(*connection_, "SELECT 1 AS id, 'x' AS name WHERE false").value(),
              testing::IsEmpty());
  EXPECT_EQ(store_->list("t/").value().size(), 1U);
}

TEST_F(Table, RefusesNullsWhereTheSchemaHasNoneAndNamesTheColumn) {
  auto table = create("t", simple());
  const auto staged = table->stage(*connection_, "SELECT NULL AS id, 'x' AS name");
  ASSERT_FALSE(staged);
  EXPECT_EQ(staged.error().code, Code::kInvalid);
  EXPECT_THAT(staged.error().message, HasSubstr("column id of t must not be null"));
  EXPECT_EQ(store_->list("t/").value().size(), 1U) << "the file is taken back";
}

TEST_F(Table, SplitsStagedRowsByPartitionAndKeepsTheLogsValues) {
  auto table = create("t", by_day());
  append(*table,
         "SELECT * FROM (VALUES (1, DATE '2026-01-01', 'a b/c=%'), (2, DATE '2026-01-01', ''), "
         "(3, NULL, 'x'), (4, DATE '2026-01-01', 'a b/c=%'), (5, DATE '2026-01-01', '*[é]?')) "
         "AS v(id, day, city)");
  EXPECT_THAT(rows(*table), ElementsAre("1|2026-01-01|a b/c=%", "2|2026-01-01|NULL", "3|NULL|x",
                                        "4|2026-01-01|a b/c=%", "5|2026-01-01|*[é]?"));
  const auto files = table->snapshot().value()->files();
  ASSERT_EQ(files.size(), 4U);
  lake::Version two = 0;
  for (const auto& file : files) {
    if (file.partition_values.at("city") != "a b/c=%") continue;
    EXPECT_EQ(file.rows(), 2);
    EXPECT_EQ(file.partition_values.at("day"), "2026-01-01");
    ++two;
  }
  EXPECT_EQ(two, 1);
  EXPECT_EQ(rows(*open("t")), rows(*table)) << "as read from the log again";
}

TEST_F(Table, StagesManyPartitionsInOneGo) {
  auto table = create("t", by_day());
  append(*table,
         "SELECT i AS id, DATE '2026-01-01' + CAST(i % 40 AS INTEGER) AS day, 'x' AS city "
         "FROM range(1000) AS r(i)");
  const auto snapshot = table->snapshot().value();
  EXPECT_EQ(snapshot->files().size(), 40U);
  EXPECT_EQ(snapshot->rows(), 1000);
  EXPECT_THAT(query("SELECT count(*), sum(id) FROM (" + snapshot->scan_sql() + ")"),
              ElementsAre("1000|499500"));
}

TEST_F(Table, ScansOnlyThePartitionsAskedFor) {
  auto table = create("t", by_day());
  append(*table,
         "SELECT i AS id, DATE '2026-01-01' + CAST(i AS INTEGER) AS day, NULL AS city "
         "FROM range(4) AS r(i)");
  const auto snapshot = table->snapshot().value();
  EXPECT_THAT(query(snapshot->scan_sql({{"day", {"2026-01-02", "2026-01-04"}}})),
              ElementsAre("1|2026-01-02|NULL", "3|2026-01-04|NULL"));
  EXPECT_THAT(query(snapshot->scan_sql({{"city", {std::nullopt}}, {"day", {"2026-01-01"}}})),
              ElementsAre("0|2026-01-01|NULL"));
  EXPECT_THAT(query(snapshot->scan_sql({{"day", {"1999-01-01"}}})), ElementsAre());
}

TEST_F(Table, ReadsOldFilesWithNullsForColumnsAddedLater) {
  auto table = create("t", simple());
  append_number(*table, 1);
  auto transaction = table->begin().value();
  auto metadata = transaction->base().metadata();
  metadata.schema.fields.push_back(field("speed", Type::kFloat64));
  metadata.configuration["waybill.note"] = "added";
  transaction->set_metadata(metadata);
  ASSERT_TRUE(transaction->commit({.operation = "ADD COLUMNS"}));
  EXPECT_THAT(rows(*table), ElementsAre("1|n1|NULL"));
  append(*table, "SELECT 2 AS id, 'n2' AS name, 2.5 AS speed");
  EXPECT_THAT(rows(*table), ElementsAre("1|n1|NULL", "2|n2|2.5"));
  auto reopened = open("t");
  EXPECT_THAT(rows(*reopened), ElementsAre("1|n1|NULL", "2|n2|2.5"));
  EXPECT_EQ(reopened->snapshot().value()->metadata().configuration.at("waybill.note"), "added");
}

TEST_F(Table, RecordsWhoCommittedWhatAndWhy) {
  auto table = create("t", simple());
  auto transaction = table->begin().value();
  for (auto& file : table->stage(*connection_, "SELECT 1 AS id, 'x' AS name").value()) {
    transaction->add(std::move(file));
  }
  ASSERT_TRUE(transaction->commit({.operation = "STREAMING UPDATE",
                                   .parameters = {{"epochId", 7}},
                                   .user_metadata = {{"run", "r-1"}}}));
  const auto history = table->history(10).value();
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history[0].version, 1);
  EXPECT_EQ(history[0].operation, "STREAMING UPDATE");
  EXPECT_EQ(history[1].operation, "CREATE TABLE");
  const auto& info = history[0].commit_info;
  EXPECT_EQ(info["engineInfo"], "Waybill/0.1.0");
  EXPECT_EQ(info["readVersion"], 0);
  EXPECT_EQ(info["isBlindAppend"], true);
  EXPECT_EQ(info["operationParameters"]["epochId"], "7");
  EXPECT_EQ(info["userMetadata"], R"({"run":"r-1"})");
  EXPECT_EQ(info["txnId"].get<std::string>().size(), 36U);
  EXPECT_TRUE(log_text("t", 1).starts_with("{\"commitInfo\""));
  EXPECT_EQ(table->history(1).value().size(), 1U);
}

TEST_F(Table, TravelsToAnyVersionAndTime) {
  auto table = create("t", simple());
  std::vector<base::TimestampUs> times{table->snapshot().value()->timestamp_us()};
  for (int i = 1; i <= 25; ++i) {
    append_number(*table, i);
    times.push_back(table->snapshot().value()->timestamp_us());
  }
  auto reopened = open("t");
  for (const int version : {0, 1, 9, 10, 11, 24, 25}) {
    SCOPED_TRACE(version);
    EXPECT_EQ(table->snapshot_at(version).value()->rows(), version);
    EXPECT_EQ(reopened->snapshot_at(version).value()->rows(), version);
    const auto then = static_cast<std::size_t>(version);
    EXPECT_EQ(reopened->snapshot_as_of(times[then]).value()->version(), version);
    EXPECT_EQ(reopened->snapshot_at(version).value()->timestamp_us(), times[then]);
  }
  EXPECT_EQ(table->snapshot_as_of(times[25] + base::kUsPerDay).value()->version(), 25);
  EXPECT_EQ(table->snapshot_as_of(times[0] - 1).error().code, Code::kNotFound);
  EXPECT_EQ(table->snapshot_at(26).error().code, Code::kNotFound);
}

TEST_F(Table, KeepsTimesRisingWhenTheClockGoesBack) {
  auto table = create("t", simple());
  for (int i = 1; i <= 3; ++i) append_number(*table, i);
  const auto log = folder_ / "t/_delta_log";
  const auto noon = std::filesystem::file_time_type::clock::now();
  for (int i = 0; i <= 3; ++i) {
    const auto time = i == 2 ? noon - std::chrono::hours(5) : noon + std::chrono::minutes(i);
    std::filesystem::last_write_time(log / fmt::format("{:020}.json", i), time);
  }
  auto reopened = open("t");
  base::TimestampUs before_us = 0;
  for (int i = 0; i <= 3; ++i) {
    const auto time_us = reopened->snapshot_at(i).value()->timestamp_us();
    EXPECT_GT(time_us, before_us);
    EXPECT_EQ(reopened->snapshot_as_of(time_us).value()->version(), i);
    before_us = time_us;
  }
}

TEST_F(Table, SeesCommitsOfOthersOnRefresh) {
  auto mine = create("t", simple());
  auto theirs = open("t");
  append_number(*theirs, 1);
  EXPECT_EQ(mine->snapshot(false).value()->version(), 0);
  EXPECT_EQ(mine->snapshot(true).value()->version(), 1);
  EXPECT_EQ(mine->snapshot(false).value()->rows(), 1);
}

TEST_F(Table, KeepsOldSnapshotsReadableWhileItMovesOn) {
  auto table = create("t", simple());
  append_number(*table, 1);
  const auto old = table->snapshot().value();
  overwrite(*table, "SELECT 2 AS id, 'new' AS name");
  EXPECT_THAT(query(old->scan_sql()), ElementsAre("1|n1"));
  EXPECT_THAT(rows(*table), ElementsAre("2|new"));
}

class Checkpoints : public Table {
 protected:
  void remove_commits_below(lake::Version version) {
    for (lake::Version i = 0; i < version; ++i) {
      ASSERT_TRUE(store_->remove(lake::commit_key("t", i)));
    }
  }
  // Twelve versions with removed files, an application and a partition value.
  std::vector<std::string> fill() {
    auto table = create("t", by_day());
    for (int i = 1; i <= 12; ++i) {
      auto transaction = table->begin().value();
      transaction->set_transaction("app", i);
      if (i == 5) {
        transaction->read_whole_table();
        for (const auto& file : transaction->base().files()) transaction->remove(file);
      }
      const auto select = fmt::format(
          "SELECT {} AS id, DATE '2026-01-01' AS day, CASE WHEN {} % 2 = 0 THEN 'a b' END AS city",
          i, i);
      for (auto& file : table->stage(*connection_, select).value())
        transaction->add(std::move(file));
      EXPECT_TRUE(transaction->commit({.operation = "WRITE"}));
    }
    return rows(*table);
  }
};

TEST_F(Checkpoints, AreWrittenEveryTenCommitsAndStandForTheLogBelow) {
  const auto before = fill();
  ASSERT_TRUE(store_->head(lake::checkpoint_key("t", 10)));
  remove_commits_below(10);
  auto table = open("t");
  EXPECT_EQ(rows(*table), before);
  EXPECT_EQ(before.size(), 8U);
  const auto snapshot = table->snapshot().value();
  EXPECT_EQ(snapshot->version(), 12);
  EXPECT_EQ(snapshot->rows(), 8);
  EXPECT_EQ(snapshot->transaction_version("app"), 12);
  EXPECT_EQ(snapshot->files().front().tags.at("waybill.partitionColumns"), "materialized");
  EXPECT_EQ(table->snapshot_at(5).error().code, Code::kNotFound);
  EXPECT_EQ(table->snapshot_at(10).value()->rows(), 6);
  append(*table, "SELECT 13 AS id, DATE '2026-01-01' AS day, 'x' AS city");
  EXPECT_EQ(table->snapshot().value()->rows(), 9);
}

TEST_F(Checkpoints, KeepTheTombstonesThatVacuumNeeds) {
  fill();
  remove_commits_below(10);
  auto table = open("t");
  const auto now = base::SystemClock().now_us();
  EXPECT_EQ(table->vacuum(base::kUsPerDay, now).value(), 0);
  EXPECT_EQ(table->vacuum(0, now + base::kUsPerSecond).value(), 4);
  EXPECT_EQ(rows(*table).size(), 8U);
}

TEST_F(Checkpoints, AreFoundWithoutTheHint) {
  const auto before = fill();
  remove_commits_below(10);
  for (const char* hint :
       {"", "no json", "{\"version\":\"x\"}", "{\"version\":99}", "{\"version\":4}"}) {
    SCOPED_TRACE(hint);
    ASSERT_TRUE(store_->put(lake::hint_key("t"), hint));
    EXPECT_EQ(rows(*open("t")), before);
  }
  ASSERT_TRUE(store_->remove(lake::hint_key("t")));
  EXPECT_EQ(rows(*open("t")), before);
}

TEST_F(Checkpoints, ThatAreBrokenAreStoodInForByTheLog) {
  const auto before = fill();
  const std::string key = lake::checkpoint_key("t", 10);
  const std::string whole = store_->get(key).value();
  for (const std::string& broken :
       {std::string(), std::string("rubbish"), whole.substr(0, whole.size() / 2)}) {
    ASSERT_TRUE(store_->put(key, broken));
    EXPECT_EQ(rows(*open("t")), before);
  }
  remove_commits_below(10);
  EXPECT_EQ(lake::Table::open(*store_, *database_, "t").error().code, Code::kCorrupt);
}

TEST_F(Table, SaysWhichVersionIsMissingFromTheLog) {
  auto table = create("t", simple());
  for (int i = 1; i <= 3; ++i) append_number(*table, i);
  ASSERT_TRUE(store_->remove(lake::commit_key("t", 2)));
  const auto opened = lake::Table::open(*store_, *database_, "t");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_THAT(opened.error().message, HasSubstr("version 2 is missing"));
}

TEST_F(Table, NamesTheLineOfABrokenCommit) {
  auto table = create("t", simple());
  ASSERT_TRUE(store_->put(lake::commit_key("t", 1), "{\"commitInfo\":{}}\n{\"add\":\n"));
  const auto refreshed = table->snapshot();
  ASSERT_FALSE(refreshed);
  EXPECT_EQ(refreshed.error().code, Code::kCorrupt);
  EXPECT_THAT(refreshed.error().message, HasSubstr("line 2"));
}

TEST_F(Table, OfALaterProtocolIsRefusedByTheFeaturesName) {
  create("t", simple());
  const auto upgrade = [&](const std::string& protocol) {
    EXPECT_TRUE(store_->put(lake::commit_key("t", 1), "{\"protocol\":" + protocol + "}\n"));
    return lake::Table::open(*store_, *database_, "t");
  };
  auto opened = upgrade(
      R"({"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["variantType"],"writerFeatures":["variantType"]})");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kUnsupported);
  EXPECT_THAT(opened.error().message, HasSubstr("variantType"));
  opened = upgrade(R"({"minReaderVersion":99,"minWriterVersion":99})");
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("reader version 99"));

  // Features of writers alone do not keep readers out.
  opened = upgrade(
      R"({"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["appendOnly","rowTracking"]})");
  ASSERT_TRUE(opened);
  EXPECT_TRUE((*opened)->snapshot());
  auto transaction = (*opened)->begin();
  ASSERT_FALSE(transaction);
  EXPECT_EQ(transaction.error().code, Code::kUnsupported);
  EXPECT_THAT(transaction.error().message, HasSubstr("rowTracking"));
  EXPECT_EQ((*opened)->vacuum(0, 0).error().code, Code::kUnsupported);

  // An old writer version stands for features that no column of this table uses.
  opened = upgrade(R"({"minReaderVersion":1,"minWriterVersion":4})");
  EXPECT_TRUE(opened.value()->begin());
}

TEST_F(Table, ThatIsAppendOnlyKeepsItsRows) {
  auto with = simple();
  with.configuration["delta.appendOnly"] = "true";
  auto table = create("t", with);
  append_number(*table, 1);
  append_number(*table, 2);
  auto transaction = table->begin().value();
  transaction->remove(transaction->base().files().at(0));
  EXPECT_EQ(transaction->commit({.operation = "DELETE"}).error().code, Code::kInvalid);
  EXPECT_EQ(table->compact(1 << 20, 2).value(), 2) << "moving rows is no change";
  EXPECT_THAT(rows(*table), ElementsAre("1|n1", "2|n2"));
}

}  // namespace
