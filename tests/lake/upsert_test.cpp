#include "lake/upsert.h"

#include <map>
#include <random>

#include "lake/faulty_store.h"
#include "lake/fixture.h"

namespace {

using base::Code;
using columns::Type;
using lake_test::field;
using testing::ElementsAre;
using testing::HasSubstr;

class Upsert : public lake_test::LakeTest {
 protected:
  static lake::Table::CreateOptions keyed(std::vector<std::string> partitions = {}) {
    return options({field("id", Type::kInt64, false), field("day", Type::kDate),
                    field("status", Type::kString)},
                   std::move(partitions));
  }
  // VALUES of (id, day, status).
  void changed(const std::string& values) {
    ASSERT_TRUE(
        connection_->execute("CREATE OR REPLACE TEMP TABLE changed AS SELECT * FROM (VALUES " +
                             values + ") AS v(id, day, status)"));
  }
  base::Result<lake::Upserted> upsert(lake::Table& table, const std::vector<std::string>& keys) {
    auto transaction = TRY(table.begin());
    auto done = TRY(lake::stage_upsert(table, *connection_, *transaction, "changed", keys));
    TRY(transaction->commit({.operation = "MERGE"}));
    return done;
  }
};

TEST_F(Upsert, ReplacesRowsByKeyAndAddsNewOnes) {
  auto table = create("t", keyed());
  changed("(1, DATE '2026-01-01', 'a'), (2, NULL, 'b')");
  auto done = upsert(*table, {"id"}).value();
  EXPECT_EQ(done.rows_inserted, 2);
  EXPECT_EQ(done.rows_updated, 0);
  changed("(2, DATE '2026-01-02', 'B'), (3, NULL, 'c')");
  done = upsert(*table, {"id"}).value();
  EXPECT_EQ(done.rows_inserted, 1);
  EXPECT_EQ(done.rows_updated, 1);
  EXPECT_THAT(rows(*table), ElementsAre("1|2026-01-01|a", "2|2026-01-02|B", "3|NULL|c"));
  EXPECT_EQ(table->snapshot().value()->files().size(), 1U);
}

TEST_F(Upsert, RefusesKeysThatAreOneKeyInTheTable) {
  auto table = create("t", keyed());
  changed("(1.2, NULL, 'a'), (0.9, NULL, 'b')");
  const auto done = upsert(*table, {"id"});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().to_string(), HasSubstr("2 changed rows have only 1 keys"));
}

// The version is there, but it is a rival's: nothing says that this one's files are durable.
TEST_F(Upsert, IsNotCommittedWhenItsFilesCannotBeSynced) {
  auto table = create("t", keyed());
  lake_test::FaultyStore faulty(*store_);
  const auto mine = lake::Table::open(faulty, *database_, "t").value();
  changed("(1, NULL, 'mine')");
  auto transaction = mine->begin().value();
  ASSERT_TRUE(lake::stage_upsert(*mine, *connection_, *transaction, "changed", {"id"}));
  faulty.arm(0, lake_test::Fault::kFails);
  faulty.before_commit(
      [&] { append(*table, "SELECT 2 AS id, NULL::DATE AS day, 'rival' AS status"); });
  const auto committed = transaction->commit({.operation = "MERGE"});
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, Code::kIo) << committed.error().to_string();
  EXPECT_THAT(rows(*table), ElementsAre("2|NULL|rival"));
}

TEST_F(Upsert, OfNoRowsChangesNothing) {
  auto table = create("t", keyed());
  ASSERT_TRUE(
      connection_->execute("CREATE TEMP TABLE changed(id BIGINT, day DATE, status VARCHAR)"));
  auto transaction = table->begin().value();
  const auto done =
      lake::stage_upsert(*table, *connection_, *transaction, "changed", {"id"}).value();
  EXPECT_EQ(done.rows_inserted + done.rows_updated, 0);
  EXPECT_EQ(store_->list("t/").value().size(), 1U);
}

TEST_F(Upsert, RewritesOnlyTouchedPartitionsAndConflictsOnlyThere) {
  auto table = create("t", keyed({"day"}));
  changed("(1, DATE '2026-01-01', 'a'), (1, DATE '2026-01-02', 'b'), (1, NULL, 'n')");
  ASSERT_TRUE(upsert(*table, {"id", "day"}));
  const auto before = table->snapshot().value()->files();
  changed("(1, DATE '2026-01-02', 'B'), (9, NULL, 'N')");
  auto transaction = table->begin().value();
  const auto done =
      lake::stage_upsert(*table, *connection_, *transaction, "changed", {"id", "day"}).value();
  EXPECT_EQ(done.rows_updated, 1);
  EXPECT_EQ(done.rows_inserted, 1);
  append(*table, "SELECT 5 AS id, DATE '2026-01-01' AS day, 'other' AS status");
  ASSERT_TRUE(transaction->commit({.operation = "MERGE"}));
  EXPECT_THAT(rows(*table), ElementsAre("1|2026-01-01|a", "1|2026-01-02|B", "1|NULL|n",
                                        "5|2026-01-01|other", "9|NULL|N"));
  int kept = 0;
  for (const auto& file : table->snapshot().value()->files()) {
    for (const auto& old : before) kept += old.path == file.path ? 1 : 0;
  }
  EXPECT_EQ(kept, 2) << "a new key leaves the files of its partition alone";

  transaction = table->begin().value();
  ASSERT_TRUE(lake::stage_upsert(*table, *connection_, *transaction, "changed", {"id", "day"}));
  append(*table, "SELECT 6 AS id, DATE '2026-01-02' AS day, 'same' AS status");
  EXPECT_EQ(transaction->commit({.operation = "MERGE"}).error().code, Code::kConflict);
}

TEST_F(Upsert, MovesARowToAnotherPartitionWhenThePartitionIsNoKey) {
  auto table = create("t", keyed({"day"}));
  changed("(1, DATE '2026-01-01', 'a'), (2, DATE '2026-01-01', 'b'), (3, DATE '2026-01-03', 'c')");
  ASSERT_TRUE(upsert(*table, {"id"}));
  changed("(1, DATE '2026-01-02', 'A')");
  const auto done = upsert(*table, {"id"}).value();
  EXPECT_EQ(done.rows_updated, 1);
  EXPECT_EQ(done.rows_inserted, 0);
  EXPECT_THAT(rows(*table), ElementsAre("1|2026-01-02|A", "2|2026-01-01|b", "3|2026-01-03|c"));
}

TEST_F(Upsert, RefusesTwoRowsOfOneKeyAndKeysThatAreNoColumns) {
  auto table = create("t", keyed());
  changed("(1, NULL, 'a'), (1, NULL, 'b')");
  auto done = upsert(*table, {"id"});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kInvalid);
  EXPECT_THAT(done.error().message, HasSubstr("2 changed rows have only 1 keys"));
  done = upsert(*table, {"name"});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("key name"));
  EXPECT_EQ(upsert(*table, {}).error().code, Code::kInvalid);
}

TEST_F(Upsert, OfNewKeysLeavesFewSmallFiles) {
  auto table = create("t", keyed());
  for (int i = 0; i < 20; ++i) {
    changed(fmt::format("({}, NULL, 'a'), ({}, NULL, 'b')", 2 * i, 2 * i + 1));
    ASSERT_TRUE(upsert(*table, {"id"}));
    EXPECT_LE(table->snapshot().value()->files().size(), 9U);
  }
  EXPECT_EQ(rows(*table).size(), 40U);
}

TEST_F(Upsert, PutsOneRowInThePlaceOfAllThatHaveItsKey) {
  auto table = create("t", keyed());
  append(*table, "SELECT 1 AS id, NULL::DATE AS day, 'a' AS status FROM range(3)");
  changed("(1, NULL, 'b')");
  const auto done = upsert(*table, {"id"}).value();
  EXPECT_EQ(done.rows_updated, 1);
  EXPECT_THAT(rows(*table), ElementsAre("1|NULL|b"));
}

TEST_F(Upsert, AgreesWithAModelOverRandomBatches) {
  for (const auto& [parted, small_bytes] :
       {std::pair(false, "1000000"), std::pair(true, "1000000"), std::pair(true, "0")}) {
    std::mt19937 random(7);
    auto with = keyed(parted ? std::vector<std::string>{"day"} : std::vector<std::string>{});
    with.configuration["waybill.smallFileBytes"] = small_bytes;
    auto table = create(fmt::format("{}-{}", parted, small_bytes), with);
    std::map<int, std::string> model;
    for (int batch = 0; batch < 15; ++batch) {
      std::map<int, std::string> change;
      for (auto n = random() % 20 + 1; n > 0; --n) {
        const int id = static_cast<int>(random() % 40);
        change[id] = fmt::format("2026-01-0{}|s{}", random() % 3 + 1, batch);
      }
      std::string values;
      for (const auto& [id, rest] : change) {
        values += fmt::format("{}({}, DATE '{}', '{}')", values.empty() ? "" : ", ", id,
                              rest.substr(0, 10), rest.substr(11));
      }
      changed(values);
      std::int64_t updates = 0;
      for (const auto& [id, rest] : change) updates += model.contains(id) ? 1 : 0;
      const auto done = upsert(*table, {"id"}).value();
      EXPECT_EQ(done.rows_updated, updates);
      EXPECT_EQ(done.rows_inserted, static_cast<std::int64_t>(change.size()) - updates);
      for (const auto& [id, rest] : change) model[id] = rest;
      std::vector<std::string> expected;
      for (const auto& [id, rest] : model) expected.push_back(fmt::format("{}|{}", id, rest));
      std::ranges::sort(expected);
      ASSERT_EQ(rows(*table), expected) << "batch " << batch;
    }
  }
}

}  // namespace
