#include <fstream>

#include "lake/catalog.h"
#include "lake/fixture.h"
#include "lake/log_files.h"

namespace {

using base::Code;
using columns::Type;
using lake_test::field;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kHourUs = 3600 * base::kUsPerSecond;

class Maintenance : public lake_test::LakeTest {
 protected:
  Maintenance()
      : table_(
            create("t", options({field("id", Type::kInt64), field("p", Type::kString)}, {"p"}))) {}

  void append_number(int number, const std::string& p) {
    append(*table_, fmt::format("SELECT {} AS id, '{}' AS p", number, p));
  }
  std::size_t data_files() { return store_->list("t/p=").value().size(); }
  static base::TimestampUs now() { return base::SystemClock().now_us(); }

  std::shared_ptr<lake::Table> table_;
};

TEST_F(Maintenance, CompactsSmallFilesByPartitionWithoutChangingRows) {
  for (int i = 0; i < 9; ++i) append_number(i, i % 3 == 0 ? "a" : "b c");
  const auto before = rows(*table_);
  EXPECT_EQ(table_->compact(1 << 20, 4).value(), 6) << "only partition b has enough files";
  EXPECT_EQ(rows(*table_), before);
  const auto files = table_->snapshot().value()->files();
  EXPECT_EQ(files.size(), 4U);
  EXPECT_EQ(files.back().rows(), 6);
  EXPECT_EQ(table_->compact(1 << 20, 4).value(), 0);
  EXPECT_EQ(table_->compact(10, 2).value(), 0) << "no file is that small";
  const auto history = table_->history(1).value();
  EXPECT_EQ(history.at(0).operation, "OPTIMIZE");
  const auto log = store_->get(lake::commit_key("t", history.at(0).version)).value();
  EXPECT_THAT(log, testing::Not(HasSubstr("\"dataChange\":true")));
}

TEST_F(Maintenance, VacuumKeepsWhatAVersionInTheKeptTimeNeeds) {
  append_number(1, "a");
  append_number(2, "a");
  overwrite(*table_, "SELECT 3 AS id, 'a' AS p");
  EXPECT_EQ(table_->vacuum(kHourUs, now()).value(), 0);
  EXPECT_EQ(table_->snapshot_at(2).value()->rows(), 2);
  EXPECT_THAT(query(table_->snapshot_at(2).value()->scan_sql()), ElementsAre("1|a", "2|a"));
  EXPECT_EQ(table_->vacuum(kHourUs, now() + kHourUs + base::kUsPerSecond).value(), 2);
  EXPECT_THAT(rows(*table_), ElementsAre("3|a"));
  EXPECT_EQ(data_files(), 1U);
}

TEST_F(Maintenance, VacuumTakesStagedFilesOnlyWhenTheyAreStale) {
  ASSERT_TRUE(table_->stage(*connection_, "SELECT 1 AS id, 'a' AS p"));
  std::ofstream(folder_ / "t/notes.txt") << "not ours";
  std::filesystem::create_directories(folder_ / "t/_other");
  std::ofstream(folder_ / "t/_other/x.parquet") << "hidden";
  EXPECT_EQ(table_->vacuum(0, now()).value(), 0);
  EXPECT_EQ(table_->vacuum(0, now() + kHourUs / 2).value(), 0);
  EXPECT_EQ(table_->vacuum(0, now() + kHourUs + 60 * base::kUsPerSecond).value(), 1);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "t/notes.txt"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "t/_other/x.parquet"));
}

TEST_F(Maintenance, VacuumRefusesToKeepLongerThanTheLogRemembers) {
  const auto refused = table_->vacuum(8 * base::kUsPerDay, now());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_THAT(refused.error().mend, HasSubstr("delta.deletedFileRetentionDuration"));
  EXPECT_EQ(table_->vacuum(-1, now()).error().code, Code::kInvalid);
}

TEST_F(Maintenance, VacuumThinsOutOldCheckpoints) {
  for (int i = 0; i < 62; ++i) append_number(i, "a");
  const auto checkpoints = [&] {
    return lake::read_listing("t", store_->list(lake::log_folder("t")).value()).checkpoints.size();
  };
  EXPECT_EQ(checkpoints(), 6U);
  ASSERT_TRUE(table_->vacuum(kHourUs, now()));
  EXPECT_EQ(checkpoints(), 6U) << "they are fresh";
  ASSERT_TRUE(table_->vacuum(kHourUs, now() + 2 * kHourUs));
  EXPECT_EQ(checkpoints(), 4U);
  auto reopened = open("t");
  EXPECT_EQ(reopened->snapshot().value()->rows(), 62);
  EXPECT_EQ(reopened->snapshot_at(15).value()->rows(), 15);
}

class Catalog : public lake_test::LakeTest {
 protected:
  Catalog() : catalog_(lake::make_catalog(*store_, *database_)) {}
  static lake::Table::CreateOptions simple() { return options({field("id", Type::kInt64)}); }
  std::unique_ptr<lake::Catalog> catalog_;
};

TEST_F(Catalog, OpensCreatesAndNamesTables) {
  EXPECT_THAT(catalog_->names().value(), ElementsAre());
  auto scans = catalog_->open_or_create("silver.scans", simple()).value();
  EXPECT_EQ(scans->path(), "silver/scans");
  EXPECT_EQ(catalog_->table("silver.scans").value(), scans);
  EXPECT_EQ(catalog_->open_or_create("silver.scans", simple()).value(), scans);
  ASSERT_TRUE(catalog_->open_or_create("dead_letters", simple()));
  EXPECT_THAT(catalog_->names().value(), ElementsAre("dead_letters", "silver.scans"));
  create("gold/on_time", simple());  // by somebody else
  EXPECT_THAT(catalog_->names().value(), ElementsAre("dead_letters", "silver.scans"));
  EXPECT_TRUE(catalog_->table("gold.on_time"));
  EXPECT_THAT(catalog_->names(true).value(),
              ElementsAre("dead_letters", "gold.on_time", "silver.scans"));
}

TEST_F(Catalog, SuggestsTheNearestNameForAWrongOne) {
  EXPECT_THAT(catalog_->table("silver.scans").error().mend, HasSubstr("no tables yet"));
  ASSERT_TRUE(catalog_->open_or_create("silver.scans", simple()));
  ASSERT_TRUE(catalog_->open_or_create("gold.shipment_status", simple()));
  const auto wrong = catalog_->table("silver.scan");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kNotFound);
  EXPECT_THAT(wrong.error().mend, HasSubstr("use one of: silver.scans"));
}

TEST_F(Catalog, RefusesNamesThatAreNoPlaceInTheLake) {
  for (const char* name : {"", ".", "a..b", "../x", "a/b", "a b", "ä", ".a", "a."}) {
    EXPECT_EQ(catalog_->table(name).error().code, Code::kInvalid) << name;
    EXPECT_EQ(catalog_->open_or_create(name, simple()).error().code, Code::kInvalid) << name;
  }
}

}  // namespace
