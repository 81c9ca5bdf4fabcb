// Z-order, guarded vacuum, log clean-up and the search for damage.
#include "lake/dml.h"
#include "lake/fixture.h"
#include "lake/log_files.h"

namespace {

using base::Code;
using columns::Type;
using lake_test::field;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kHourUs = 3600 * base::kUsPerSecond;

class Upkeep : public lake_test::LakeTest {
 protected:
  std::shared_ptr<lake::Table> make(std::map<std::string, std::string> configuration = {}) {
    auto with = options({field("id", Type::kInt64), field("v", Type::kInt64)});
    with.configuration = std::move(configuration);
    return create("t", with);
  }
  static base::TimestampUs now_us() { return base::SystemClock().now_us(); }
  std::size_t files_on_disk(const std::string& ending) {
    std::size_t count = 0;
    for (const auto& object : store_->list("t/").value()) {
      if (object.key.find("/_delta_log/") != std::string::npos) continue;
      count += object.key.ends_with(ending) ? 1 : 0;
    }
    return count;
  }
};

TEST_F(Upkeep, ZOrderBringsRowsNearThatAreNearInEveryColumn) {
  auto table = make();
  lake::append(*table, *connection_,
               "SELECT i % 100 AS id, i // 100 AS v FROM range(10000) AS r(i) ORDER BY random()")
      .value();
  const auto before = rows(*table);
  const std::int64_t bytes = table->snapshot().value()->bytes();
  EXPECT_EQ(table->optimize({.target_bytes = bytes / 16, .zorder = {"id", "v"}}).value(), 1);
  EXPECT_EQ(rows(*table), before);
  const auto files = table->snapshot().value()->files();
  EXPECT_GE(files.size(), 16U);
  // A square of the values lies in few files: in one sorted by one column it would be in all.
  std::size_t touched = 0;
  for (const auto& file : files) {
    const auto stats = nlohmann::json::parse(file.stats);
    const bool meets = stats["minValues"]["id"] <= 20 && stats["minValues"]["v"] <= 20;
    touched += meets ? 1 : 0;
    EXPECT_FALSE(file.data_change);
  }
  EXPECT_LE(touched, files.size() / 4);
  EXPECT_EQ(table->optimize({.zorder = {"nothing"}}).error().code, Code::kInvalid);
}

TEST_F(Upkeep, OptimizePurgesDeletedRows) {
  auto table = make({{"delta.enableDeletionVectors", "true"}});
  lake::append(*table, *connection_, "SELECT i AS id, i AS v FROM range(100) AS r(i)").value();
  lake::delete_where(*table, *connection_, "id % 2 = 0").value();
  EXPECT_FALSE(table->snapshot().value()->files().at(0).deletion_vector.empty());
  const auto before = rows(*table);
  EXPECT_EQ(table->optimize({}).value(), 1);
  EXPECT_EQ(rows(*table), before);
  EXPECT_EQ(table->snapshot().value()->files().at(0).deletion_vector, "");
}

TEST_F(Upkeep, VacuumKeepsWhatItPromisedAndSaysWhatItWouldDelete) {
  auto table = make();
  lake::append(*table, *connection_, "SELECT 1 AS id, 1 AS v").value();
  lake::overwrite(*table, *connection_, "SELECT 2 AS id, 2 AS v").value();
  const base::TimestampUs later = now_us() + 8 * 24 * kHourUs;
  const auto refused = table->vacuum(lake::VacuumOptions{.keep_us = kHourUs, .now_us = later});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("readers and writers at work"));
  EXPECT_THAT(table->vacuum(lake::VacuumOptions{.now_us = now_us() + 24 * kHourUs}).value().paths,
              IsEmpty());
  const auto dry = table->vacuum(lake::VacuumOptions{.dry_run = true, .now_us = later}).value();
  EXPECT_EQ(dry.paths.size(), 1U);
  EXPECT_EQ(files_on_disk(".parquet"), 2U);
  EXPECT_EQ(table->vacuum(lake::VacuumOptions{.now_us = later}).value().paths, dry.paths);
  EXPECT_EQ(files_on_disk(".parquet"), 1U);
  EXPECT_THAT(rows(*table), ElementsAre("2|2"));
}

TEST_F(Upkeep, VacuumKeepsAFileThatLivesOnWithAnotherVector) {
  auto table =
      make({{"delta.enableDeletionVectors", "true"}, {"delta.enableChangeDataFeed", "true"}});
  lake::append(*table, *connection_, "SELECT i AS id, i AS v FROM range(10) AS r(i)").value();
  lake::delete_where(*table, *connection_, "id = 1").value();
  lake::delete_where(*table, *connection_, "id = 2").value();
  EXPECT_EQ(files_on_disk(".bin"), 2U);
  const auto before = rows(*table);
  // Both ways: the one that lists the folder and the one that only knows the log.
  const base::TimestampUs later = now_us() + 2 * kHourUs;
  EXPECT_TRUE(table->vacuum(0, later));
  EXPECT_TRUE(table->vacuum(0, later + 1));
  EXPECT_EQ(files_on_disk(".bin"), 1U);
  EXPECT_EQ(rows(*table), before);
  EXPECT_EQ(rows(*open("t")), before);
  EXPECT_THAT(
      query(fmt::format("SELECT count(*) FROM glob('{}/_change_data/*')", store_->url("t"))),
      ElementsAre("0"));
}

TEST_F(Upkeep, TheLogIsCleanedBeforeACheckpointThatCanBeRead) {
  auto table = make();
  for (int i = 0; i < 25; ++i) append(*table, fmt::format("SELECT {} AS id, 0 AS v", i));
  EXPECT_EQ(table->clean_log(kHourUs, now_us()).value(), 0) << "nothing is old enough";
  const auto before = rows(*table);
  EXPECT_EQ(table->clean_log(kHourUs, now_us() + 2 * kHourUs).value(), 21)
      << "twenty versions and the first checkpoint";
  EXPECT_TRUE(store_->head(lake::commit_key("t", 20)));
  EXPECT_FALSE(store_->head(lake::commit_key("t", 19)));
  EXPECT_EQ(rows(*open("t")), before);
  EXPECT_EQ(open("t")->snapshot_at(22).value()->version(), 22);
  EXPECT_EQ(open("t")->snapshot_at(5).error().code, Code::kNotFound);
  for (int i = 25; i < 40; ++i) append(*table, fmt::format("SELECT {} AS id, 0 AS v", i));
  EXPECT_EQ(open("t")->snapshot().value()->rows(), 40);
  // A checkpoint that cannot be read stops it.
  const auto listing = lake::read_listing("t", store_->list(lake::log_folder("t")).value());
  ASSERT_TRUE(store_->put(listing.checkpoints.front().keys.front(), "PAR1"));
  EXPECT_FALSE(table->clean_log(kHourUs, now_us() + 2 * kHourUs));
  EXPECT_TRUE(store_->head(lake::commit_key("t", 21)));
}

TEST_F(Upkeep, AnOpenTableFollowsALogThatOthersCleaned) {
  auto table = make();
  append(*table, "SELECT 1 AS id, 0 AS v");
  // As if it had been open for long: its newest version is old.
  for (lake::Version i = 0; i < 2; ++i) {
    std::filesystem::last_write_time(
        store_->url(lake::commit_key("t", i)),
        std::filesystem::file_time_type::clock::now() - std::chrono::hours(3));
  }
  auto idle = open("t");
  for (int i = 2; i < 25; ++i) append(*table, fmt::format("SELECT {} AS id, 0 AS v", i));
  EXPECT_GT(table->clean_log(0, now_us() + kHourUs).value(), 10);
  append(*idle, "SELECT 99 AS id, 0 AS v");
  EXPECT_EQ(idle->snapshot().value()->version(), 25);
  EXPECT_EQ(rows(*open("t")).size(), 25U);
}

TEST_F(Upkeep, SmallFilesAreJoinedByThemselvesWhereTheTableAsksForIt) {
  auto table = make({{"delta.autoOptimize.autoCompact", "true"}});
  for (int i = 0; i < 60; ++i) {
    lake::append(*table, *connection_, fmt::format("SELECT {} AS id, 0 AS v", i)).value();
  }
  EXPECT_EQ(rows(*table).size(), 60U);
  EXPECT_LT(table->snapshot().value()->files().size(), 20U);
}

TEST_F(Upkeep, TheLogIsKeptAsTheTableSays) {
  auto table = make({{"delta.logRetentionDuration", "interval 3 hours"}});
  for (int i = 0; i < 12; ++i) append(*table, fmt::format("SELECT {} AS id, 0 AS v", i));
  EXPECT_EQ(table->clean_log(kHourUs, now_us() + 2 * kHourUs).value(), 0);
  EXPECT_EQ(table->clean_log(kHourUs, now_us() + 4 * kHourUs).value(), 10);
}

TEST_F(Upkeep, DamageIsFoundAndNamed) {
  auto table = make({{"delta.enableDeletionVectors", "true"}});
  lake::append(*table, *connection_, "SELECT i AS id, i AS v FROM range(10) AS r(i)").value();
  lake::delete_where(*table, *connection_, "id = 1").value();
  append(*table, "SELECT 11 AS id, 0 AS v");
  EXPECT_THAT(table->check().value(), IsEmpty());
  for (const auto& object : store_->list("t/").value()) {
    if (object.key.ends_with(".bin")) ASSERT_TRUE(store_->put(object.key, "x"));
  }
  ASSERT_TRUE(store_->remove("t/" + table->snapshot().value()->files().back().path));
  ASSERT_TRUE(store_->remove(lake::commit_key("t", 1)));
  std::string all;
  for (const auto& one : table->check().value()) all += one.path + ": " + one.what + "\n";
  EXPECT_THAT(all, HasSubstr("versions 1 to 1 are missing"));
  EXPECT_THAT(all, HasSubstr("there is no object"));
}

}  // namespace
