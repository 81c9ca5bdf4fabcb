#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "lake/catalog.h"
#include "server/sql_session.h"
#include "storage/object_store.h"

namespace server {
namespace {

class LakeSqlTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("lake_sql_" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    store_ = storage::local_store(base::posix_file_system(), folder_).value();
    writer_ = sql::Database::open({}).value();
    catalog_ = lake::make_catalog(*store_, *writer_);
    append("silver.scans", 3);
    sql::Options options;
    options.locked = true;
    options.allowed_directory = folder_;
    reader_ = sql::Database::open(options).value();
    views_ = views_of(*catalog_);
    lake_ = LakeSql::open(*views_, *reader_).value();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void append(const std::string& name, int rows) {
    const columns::Schema schema{
        {{"id", columns::Type::kInt64, true}, {"hub", columns::Type::kString, true}}};
    const auto table = catalog_->open_or_create(name, {.name = name, .schema = schema}).value();
    const auto connection = writer_->connect().value();
    auto transaction = table->begin().value();
    const auto select =
        fmt::format("SELECT i::BIGINT AS id, 'h' || i AS hub FROM range({}) t(i)", rows);
    const auto files = table->stage(*connection, select).value();
    for (const auto& file : files) transaction->add(file);
    ASSERT_TRUE(transaction->commit({.operation = "WRITE"}).has_value());
  }

  static std::string one(SqlSession& session, const std::string& sql) {
    auto result = session.query(sql);
    return result ? (*result)->text(0, 0) : result.error().to_string();
  }

  std::filesystem::path folder_;
  std::unique_ptr<storage::ObjectStore> store_;
  std::unique_ptr<sql::Database> writer_;
  std::unique_ptr<lake::Catalog> catalog_;
  std::unique_ptr<sql::Database> reader_;
  std::unique_ptr<LakeViews> views_;
  std::unique_ptr<LakeSql> lake_;
};

TEST_F(LakeSqlTest, EachStatementSeesTheNewestCommit) {
  const auto session = lake_->open_session().value();
  EXPECT_EQ(one(*session, "SELECT count(*) FROM silver.scans"), "3");
  append("silver.scans", 4);
  EXPECT_EQ(one(*session, "SELECT count(*) FROM silver.scans"), "7");
}

TEST_F(LakeSqlTest, APreparedStatementSeesTheNewestCommitAtEachRun) {
  const auto session = lake_->open_session().value();
  const auto statement =
      session->prepare("SELECT count(*) FROM silver.scans WHERE id >= $1").value();
  EXPECT_EQ(statement->run({"1"}).value()->text(0, 0), "2");
  append("silver.scans", 4);
  EXPECT_EQ(statement->run({"1"}).value()->text(0, 0), "5");
}

TEST_F(LakeSqlTest, ATableMadeAfterTheStartIsThere) {
  const auto session = lake_->open_session().value();
  append("gold.on_time", 2);
  EXPECT_EQ(one(*session, "SELECT count(*) FROM gold.on_time"), "2");
  append("dead_letters", 1);
  EXPECT_EQ(one(*session, "SELECT count(*) FROM dead_letters"), "1");
  EXPECT_EQ(one(*session,
                "SELECT count(*) FROM information_schema.tables WHERE table_catalog = 'waybill'"),
            "3");
}

TEST_F(LakeSqlTest, ASessionKeepsItsOwnSearchPath) {
  const auto session = lake_->open_session().value();
  const auto other = lake_->open_session().value();
  EXPECT_TRUE(session->query("SET search_path TO silver, nosuch").has_value());
  EXPECT_EQ(one(*session, "SELECT count(*) FROM scans"), "3");
  EXPECT_FALSE(other->query("SELECT count(*) FROM scans").has_value());
}

TEST_F(LakeSqlTest, ASessionOnlyReads) {
  const auto session = lake_->open_session().value();
  for (const std::string sql : {
           "DELETE FROM silver.scans",
           "CREATE TABLE x (a INT)",
           "COPY silver.scans TO 'x'",
           "SET threads = 1",
           "RESET threads",
           "ATTACH 'x'",
           "DETACH waybill",
           "USE memory",
           "INSTALL httpfs",
           "LOAD httpfs",
           "PRAGMA database_list",
           "CALL pragma_version()",
           "BEGIN",
           "EXPORT DATABASE 'x'",
           "VACUUM",
           "CHECKPOINT",
           "PREPARE a AS SELECT 1",
           "DROP VIEW silver.scans",
           "EXPLAIN ANALYZE DELETE FROM silver.scans",
           "SELECT 1; DROP VIEW silver.scans",
           "SET VARIABLE x = (SELECT 1)",
           "SET VARIABLE x = read_text('y')",
           "COMMENT ON VIEW silver.scans IS 'x'",
           "PIVOT silver.scans ON hub USING count(*)",
       }) {
    const auto result = session->query(sql);
    EXPECT_FALSE(result.has_value()) << sql;
    EXPECT_FALSE(session->prepare(sql).has_value()) << sql;
  }
  EXPECT_EQ(one(*session, "SELECT count(*) FROM silver.scans"), "3");
}

TEST_F(LakeSqlTest, AnInterruptEndsALongQuery) {
  const auto session = lake_->open_session().value();
  std::atomic<bool> done = false;
  std::thread interrupter([&] {
    while (!done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      session->interrupt();
    }
  });
  const auto result =
      session->query("SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3");
  done = true;
  interrupter.join();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, base::Code::kCancelled);
  EXPECT_EQ(one(*session, "SELECT 1"), "1");
}

TEST_F(LakeSqlTest, SessionsReadWhileATableGrows) {
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      const auto session = lake_->open_session().value();
      std::int64_t before = 0;
      while (!done) {
        const auto result = session->query("SELECT count(*) FROM silver.scans");
        if (!result || (*result)->int_at(0, 0) < before) ++failures;
        if (result) before = (*result)->int_at(0, 0);
      }
    });
  }
  for (int i = 0; i < 10; ++i) append("silver.scans", 1);
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(one(*lake_->open_session().value(), "SELECT count(*) FROM silver.scans"), "13");
}

}  // namespace
}  // namespace server
