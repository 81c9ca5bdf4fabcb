// Migrations over a lake in a temporary folder.
#include "cli/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/uuid.h"
#include "lake/dml.h"

namespace cli {
namespace {

using ::testing::HasSubstr;

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Migrations : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("migrations-" + base::new_uuid());
    std::filesystem::create_directories(folder_ / "migrations");
    objects_ = must(storage::local_store(base::posix_file_system(), folder_ / "lake"));
    database_ = must(sql::Database::open({.threads = 1}));
    connection_ = must(database_->connect());
    catalog_ = lake::make_catalog(*objects_, *database_);
    const columns::Schema schema{{{"id", columns::Type::kInt64},
                                  {"weight", columns::Type::kString},
                                  {"hub", columns::Type::kString}}};
    const auto table = must(catalog_->open_or_create(
        "silver.scans", {.name = "silver.scans", .schema = schema, .partition_columns = {"hub"}}));
    must(lake::append(*table, *connection_,
                      "SELECT CAST(i AS BIGINT) AS id, i || '.5' AS weight, 'DE' AS hub FROM "
                      "range(5) r(i)"));
  }
  void TearDown() override {
    catalog_.reset();
    connection_.reset();
    database_.reset();
    std::filesystem::remove_all(folder_);
  }
  base::Result<> migrate(const std::string& file, const std::string& text) {
    must(base::write_file_durably(base::posix_file_system(), folder_ / "migrations" / file, text));
    return run_migrations(folder_, folder_, *catalog_, *database_, clock_);
  }
  std::shared_ptr<const lake::Snapshot> snapshot() {
    return must(must(catalog_->table("silver.scans"))->snapshot());
  }
  // The columns and their types, then a question over the table's rows.
  std::string told(const std::string& question) {
    std::string text;
    for (const columns::Field& field : snapshot()->metadata().schema.fields)
      text += fmt::format("{} {}, ", field.name, columns::type_name(field.type));
    const auto rows = must(
        connection_->query(fmt::format("SELECT {} FROM ({})", question, snapshot()->scan_sql())));
    return text + "| " + rows->text(0, 0);
  }

  base::Path folder_;
  base::ManualClock clock_{1'790'000'000LL * base::kUsPerSecond};
  std::unique_ptr<storage::ObjectStore> objects_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> connection_;
  std::unique_ptr<lake::Catalog> catalog_;
};

TEST_F(Migrations, AColumnGetsAnotherNameWithItsRowsInOneVersion) {
  const auto before = snapshot();
  must(migrate("0001_kg.sql", "ALTER TABLE silver.scans RENAME COLUMN weight TO kg;"));
  EXPECT_EQ(told("string_agg(kg, ' ' ORDER BY id)"),
            "id bigint, kg string, hub string, | 0.5 1.5 2.5 3.5 4.5");
  EXPECT_EQ(snapshot()->version(), before->version() + 1);
  // The version before can still be read.
  const auto old = must(must(catalog_->table("silver.scans"))->snapshot_at(before->version()));
  EXPECT_TRUE(old->metadata().schema.find("weight"));
  // It runs once.
  must(run_migrations(folder_, folder_, *catalog_, *database_, clock_));
  EXPECT_EQ(snapshot()->version(), before->version() + 1);
}

TEST_F(Migrations, AColumnGetsAnotherTypeByCastOrByAnExpression) {
  must(migrate("0001_type.sql",
               "ALTER TABLE silver.scans ALTER COLUMN weight TYPE DOUBLE;\n"
               "ALTER TABLE silver.scans ALTER id SET DATA TYPE VARCHAR USING 'S-' || id"));
  EXPECT_EQ(told("max(id) || sum(weight)"), "id string, weight double, hub string, | S-412.5");
}

TEST_F(Migrations, AColumnGoes) {
  must(migrate("0001_drop.sql", "ALTER TABLE silver.scans DROP COLUMN weight"));
  EXPECT_EQ(told("count(*)"), "id bigint, hub string, | 5");
}

TEST_F(Migrations, WhatCannotBeDoneLeavesTheTableAsItWas) {
  const auto before = snapshot()->version();
  const std::map<std::string, std::string> cases{
      {"ALTER TABLE silver.scans RENAME wieght TO kg", "no column wieght"},
      {"ALTER TABLE silver.scans RENAME weight TO id", "has a column id"},
      {"ALTER TABLE silver.scans ALTER hub TYPE INTEGER", "partitioned by hub"},
      {"ALTER TABLE silver.scans RENAME hub TO site", "partitioned by hub"},
      {"ALTER TABLE silver.scans DROP COLUMN hub", "0001_try.sql:1"},
      {"ALTER TABLE silver.scans ALTER weight TYPE DATE", "date"},
      {"ALTER TABLE silver.scans ALTER id TYPE UHUGEINT", "UHUGEINT"},
      {"ALTER TABLE silver.scans SET TBLPROPERTIES (a = 1)", "RENAME COLUMN"}};
  for (const auto& [sql, expected] : cases) {
    const auto refused = migrate("0001_try.sql", sql);
    ASSERT_FALSE(refused) << sql;
    EXPECT_THAT(refused.error().to_string(), HasSubstr(expected)) << sql;
    EXPECT_EQ(snapshot()->version(), before) << sql;
  }
}

TEST_F(Migrations, ATableThatThereIsNotYetIsLeftAlone) {
  must(migrate("0001_other.sql", "ALTER TABLE gold.later RENAME a TO b"));
}

}  // namespace
}  // namespace cli
