#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "sql/sql_fixture.h"

namespace sql {
namespace {

using columns::Batch;
using columns::Type;

Batch every_type() {
  Batch batch({{{"b", Type::kBoolean, true},
                {"i", Type::kInt32, true},
                {"l", Type::kInt64, true},
                {"d", Type::kFloat64, true},
                {"s", Type::kString, true},
                {"y", Type::kBytes, true},
                {"day", Type::kDate, true},
                {"at", Type::kTimestamp, true}}});
  for (int row = 0; row < 5000; ++row) {
    if (row % 7 == 3) {
      for (auto& column : batch.columns) column.append_null();
      continue;
    }
    batch.columns[0].append_int(row % 2);
    batch.columns[1].append_int(row - 2500);
    batch.columns[2].append_int(INT64_MIN + row);
    batch.columns[3].append_double(row / 3.0);
    batch.columns[4].append_text(std::string(static_cast<std::size_t>(row % 40), 'x') + "ü");
    batch.columns[5].append_text(std::string("\xFF\x00", 2) + std::to_string(row));
    batch.columns[6].append_int(row - 1000);
    batch.columns[7].append_int(1'700'000'000'000'000 + row);
  }
  return batch;
}

TEST_F(Sql, ABatchOfEveryTypeComesBackAsItWent) {
  const Batch batch = every_type();
  ASSERT_TRUE(connection_->put("in put", batch));
  const auto result = query("SELECT * FROM \"in put\"");
  ASSERT_TRUE(result);
  const auto back = result->batch();
  ASSERT_TRUE(back);
  EXPECT_EQ(columns::encode(*back), columns::encode(batch));
}

TEST_F(Sql, PutReplacesATableOfTheSameName) {
  ASSERT_TRUE(connection_->put("t", every_type()));
  Batch small({{{"x", Type::kInt32, true}}});
  small.columns[0].append_int(7);
  ASSERT_TRUE(connection_->put("t", small));
  EXPECT_EQ(text("SELECT x FROM t"), "7");
}

TEST_F(Sql, ASharedBatchIsReadWhereItStands) {
  const auto batch = std::make_shared<Batch>(every_type());
  ASSERT_TRUE(connection_->share("in view", batch));
  const auto back = query("SELECT * FROM \"in view\"")->batch();
  ASSERT_TRUE(back);
  EXPECT_EQ(columns::encode(*back), columns::encode(*batch));
  EXPECT_EQ(text("SELECT count(*) FROM \"in view\""), "5000");
  EXPECT_EQ(text("SELECT count(s) || '/' || max(i) FROM \"in view\" WHERE b"), "2143/2499");
  EXPECT_EQ(text("SELECT count(*) FROM \"in view\" a JOIN \"in view\" b USING (l)"), "4286");
  query("CREATE TEMP TABLE kept AS SELECT s FROM \"in view\"");
  ASSERT_TRUE(
      connection_->share("in view", std::make_shared<Batch>(Batch({{{"x", Type::kInt32, true}}}))));
  EXPECT_EQ(batch.use_count(), 1);
  EXPECT_EQ(text("SELECT count(*) FROM \"in view\""), "0");
  EXPECT_EQ(text("SELECT count(s) FROM kept"), "4286");
}

TEST_F(Sql, ANameMayBePutAndSharedInTurn) {
  const auto batch = std::make_shared<Batch>(every_type());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(connection_->put("t", *batch));
    EXPECT_EQ(batch.use_count(), 1);
    ASSERT_TRUE(connection_->share("t", batch));
    EXPECT_EQ(text("SELECT count(*) FROM t"), "5000");
  }
  connection_.reset();
  EXPECT_EQ(batch.use_count(), 1);
}

TEST_F(Sql, ASharedBatchMustBeUtf8AsWell) {
  Batch batch({{{"s", Type::kString, true}}});
  batch.columns[0].append_text("\xFF");
  EXPECT_FALSE(connection_->share("t", std::make_shared<Batch>(std::move(batch))));
  EXPECT_FALSE(connection_->query("SELECT * FROM waybill_batch(99)"));
}

TEST_F(Sql, ATableOfOneConnectionIsNotSeenByAnother) {
  ASSERT_TRUE(connection_->put("mine", every_type()));
  const auto other = std::move(*database_->connect());
  EXPECT_FALSE(other->query("SELECT * FROM mine"));
}

TEST_F(Sql, AppendAddsRowsToATableInASchema) {
  query("CREATE SCHEMA silver; CREATE TABLE silver.t (x INTEGER, s VARCHAR)");
  Batch batch({{{"x", Type::kInt32, true}, {"s", Type::kString, true}}});
  batch.columns[0].append_int(1);
  batch.columns[1].append_text("a text that is longer than twelve");
  ASSERT_TRUE(connection_->append("silver.t", batch));
  ASSERT_TRUE(connection_->append("silver.t", batch));
  EXPECT_EQ(text("SELECT count(*) || min(s) FROM silver.t"), "2a text that is longer than twelve");
}

TEST_F(Sql, AppendRefusesABatchOfOtherColumns) {
  query("CREATE TABLE t (x INTEGER, s VARCHAR)");
  Batch batch({{{"x", Type::kInt32, true}}});
  batch.columns[0].append_int(1);
  EXPECT_FALSE(connection_->append("t", batch));
  EXPECT_FALSE(connection_->append("nowhere", batch));
}

TEST_F(Sql, TextThatIsNotUtf8IsRefusedBeforeItReachesATable) {
  for (const auto& rows :
       std::vector<std::vector<std::string>>{{"\xFF"}, {"\xC3", "\xA9"}, {"ok", "\xE2\x82"}}) {
    Batch batch({{{"s", Type::kString, true}}});
    for (const auto& row : rows) batch.columns[0].append_text(row);
    const auto put = connection_->put("t", batch);
    ASSERT_FALSE(put);
    EXPECT_THAT(put.error().message, ::testing::HasSubstr("not UTF-8"));
  }
}

TEST_F(Sql, BatchWidensIntegersAndRefusesWhatDoesNotFit) {
  const auto result = query(
      "SELECT 1::TINYINT a, 2::UBIGINT b, 3::HUGEINT c, 1.25::DECIMAL(5,2) d, "
      "0.5::FLOAT e, TIMESTAMP '1970-01-01 00:00:01' f, [1] g, 5::INTEGER h");
  const auto batch = result->batch();
  ASSERT_TRUE(batch);
  const std::vector<Type> want = {Type::kInt64,   Type::kInt64,     Type::kInt64,  Type::kFloat64,
                                  Type::kFloat64, Type::kTimestamp, Type::kString, Type::kInt32};
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(batch->columns[i].type(), want[i]) << i;
  EXPECT_EQ(batch->columns[3].double_at(0), 1.25);
  EXPECT_EQ(batch->columns[5].int_at(0), 1'000'000);
  EXPECT_EQ(batch->columns[6].text_at(0), "[1]");
  for (const char* sql :
       {"SELECT 9223372036854775808::HUGEINT", "SELECT 18446744073709551615::UBIGINT"}) {
    const auto over = query(sql)->batch();
    ASSERT_FALSE(over) << sql;
    EXPECT_EQ(over.error().code, base::Code::kLimit);
  }
}

TEST_F(Sql, EveryRowOfALargeResultIsFound) {
  const auto result =
      query("SELECT i, i::VARCHAR || '-text-beyond-inline' FROM range(100000) t(i)");
  ASSERT_EQ(result->rows(), 100000U);
  for (std::size_t row = 0; row < 100000; row += 997) {
    EXPECT_EQ(result->int_at(0, row), static_cast<std::int64_t>(row));
    EXPECT_EQ(result->text(1, row), std::to_string(row) + "-text-beyond-inline");
  }
  EXPECT_EQ(result->int_at(0, 99999), 99999);
  EXPECT_EQ(result->int_at(0, 0), 0);
}

TEST_F(Sql, AResultOutlivesItsConnectionAndDatabase) {
  const auto result = query("SELECT 'a text that is longer than twelve' FROM range(5000)");
  connection_.reset();
  database_.reset();
  EXPECT_EQ(result->text(0, 4999), "a text that is longer than twelve");
}

TEST_F(Sql, AStatementOutlivesItsConnection) {
  auto statement = std::move(*connection_->prepare("SELECT 1 + $1::INTEGER"));
  connection_.reset();
  database_.reset();
  EXPECT_EQ((*statement->run({"2"}))->text(0, 0), "3");
}

TEST_F(Sql, ChangedRowsAreCounted) {
  query("CREATE TABLE t (x INTEGER)");
  EXPECT_EQ(query("INSERT INTO t SELECT * FROM range(10)")->rows_changed(), 10);
  EXPECT_EQ(query("DELETE FROM t WHERE x < 3")->rows_changed(), 3);
}

TEST_F(Sql, TheLastOfManyStatementsGivesTheResult) { EXPECT_EQ(text("SELECT 1; SELECT 2;"), "2"); }

TEST_F(Sql, TheSessionIsInUtc) {
  EXPECT_EQ(text("SELECT current_setting('TimeZone')"), "UTC");
  EXPECT_EQ(text("SELECT TIMESTAMPTZ '2026-07-01 00:00:00'"), "2026-07-01 00:00:00+00");
  EXPECT_EQ(text("SELECT time_bucket(INTERVAL '5 minutes', TIMESTAMPTZ '2026-07-01 00:07:00')"),
            "2026-07-01 00:05:00+00");
}

TEST_F(Sql, AParseErrorNamesItsLine) {
  const base::Error wrong = error("SELECT 1,\n  2,\n  FROM FROM x");
  EXPECT_EQ(wrong.code, base::Code::kInvalid);
  EXPECT_EQ(wrong.line, 3);
  EXPECT_THAT(wrong.message, ::testing::HasSubstr("Parser Error"));
}

TEST_F(Sql, ABinderErrorNamesItsLine) {
  const base::Error wrong = error("SELECT 1,\n  nope\nFROM range(3)");
  EXPECT_EQ(wrong.code, base::Code::kInvalid);
  EXPECT_EQ(wrong.line, 2);
}

TEST_F(Sql, AnUnreadableTypeIsRefusedWithTheCastThatMends) {
  const base::Error wrong = error("SELECT '123'::BIGNUM AS big");
  EXPECT_EQ(wrong.code, base::Code::kUnsupported);
  EXPECT_EQ(wrong.mend, "cast it, for example CAST(big AS VARCHAR)");
}

TEST_F(Sql, MoreMemoryThanTheLimitIsALimitError) {
  auto small = std::move(*Database::open({.memory_limit = "20MB", .threads = 1}));
  auto connection = std::move(*small->connect());
  const auto result = connection->query("SELECT list(i) FROM range(20000000) t(i)");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, base::Code::kLimit);
}

TEST_F(Sql, InterruptStopsARunningQueryFromAnotherThread) {
  std::atomic<bool> done = false;
  std::thread stopper([&] {
    while (!done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      connection_->interrupt();
    }
  });
  const auto result =
      connection_->query("SELECT sum(a.i * b.i) FROM range(1000000) a(i), range(1000000) b(i)");
  done = true;
  stopper.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, base::Code::kCancelled);
  EXPECT_EQ(text("SELECT 1"), "1");
}

}  // namespace
}  // namespace sql
