#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sql/database.h"

namespace sql {
namespace {

class SqlLocked : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("waybill_sql_" + std::to_string(::getpid()));
    std::filesystem::create_directories(root_ / "lake");
    std::filesystem::create_directories(root_ / "spill");
    std::ofstream(root_ / "lake" / "in.csv") << "x\n1\n";
    std::ofstream(root_ / "out.csv") << "x\n1\n";
    auto database = Database::open({.memory_limit = "100MB",
                                    .threads = 1,
                                    .temporary_directory = (root_ / "spill").string(),
                                    .locked = true,
                                    .allowed_directory = (root_ / "lake").string()});
    ASSERT_TRUE(database) << database.error().to_string();
    database_ = std::move(*database);
    connection_ = std::move(*database_->connect());
  }
  void TearDown() override {
    connection_.reset();
    database_.reset();
    std::filesystem::remove_all(root_);
  }

  std::filesystem::path root_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(SqlLocked, FilesInTheAllowedDirectoryAreReadAndNoOthers) {
  EXPECT_TRUE(connection_->query("SELECT * FROM '" + (root_ / "lake" / "in.csv").string() + "'"));
  EXPECT_FALSE(connection_->query("SELECT * FROM '" + (root_ / "out.csv").string() + "'"));
  EXPECT_FALSE(
      connection_->query("SELECT * FROM '" + (root_ / "lake" / ".." / "out.csv").string() + "'"));
  EXPECT_FALSE(connection_->query("SELECT * FROM read_text('/etc/passwd')"));
}

TEST_F(SqlLocked, SettingsAndExtensionsAreRefused) {
  EXPECT_FALSE(connection_->query("SET memory_limit = '10GB'"));
  EXPECT_FALSE(connection_->query("SET lock_configuration = false"));
  EXPECT_FALSE(connection_->query("INSTALL httpfs"));
  EXPECT_FALSE(connection_->query("LOAD httpfs"));
}

TEST_F(SqlLocked, TheSessionIsInUtcAllTheSame) {
  EXPECT_EQ((*connection_->query("SELECT TIMESTAMPTZ '2026-07-01 00:00:00'"))->text(0, 0),
            "2026-07-01 00:00:00+00");
}

TEST_F(SqlLocked, ALargeSortSpills) {
  const auto result = connection_->query(
      "SELECT count(*) FROM (SELECT i, hash(i)::VARCHAR || repeat('x', 50) AS h FROM "
      "range(2000000) t(i) ORDER BY h)"
      " WHERE i >= 0");
  EXPECT_TRUE(result) << result.error().to_string();
}

TEST(SqlQuote, QuotesAreDoubledAndTablesSplitAtDots) {
  EXPECT_EQ(quote_text("it's"), "'it''s'");
  EXPECT_EQ(quote_name("a \"b\""), "\"a \"\"b\"\"\"");
  EXPECT_EQ(quote_table("silver.scans"), "\"silver\".\"scans\"");
}

}  // namespace
}  // namespace sql
