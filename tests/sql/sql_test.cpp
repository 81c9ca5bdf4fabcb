#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "sql/database.h"

namespace sql {
namespace {

using columns::Batch;
using columns::Type;

class Sql : public ::testing::Test {
 protected:
  void SetUp() override {
    auto database = Database::open({});
    ASSERT_TRUE(database) << database.error().to_string();
    database_ = std::move(*database);
    connection_ = std::move(*database_->connect());
  }

  std::unique_ptr<Result> query(const std::string& sql) {
    auto result = connection_->query(sql);
    EXPECT_TRUE(result) << sql << "\n" << result.error().to_string();
    if (!result) throw std::runtime_error(result.error().to_string());
    return std::move(*result);
  }

  std::string text(const std::string& sql) {
    const auto result = query(sql);
    return result && result->rows() > 0 ? result->text(0, 0) : "(nothing)";
  }

  base::Error error(const std::string& sql) {
    auto result = connection_->query(sql);
    EXPECT_FALSE(result) << sql;
    return result ? base::Error{} : result.error();
  }

  std::unique_ptr<Database> database_;
  std::unique_ptr<Connection> connection_;
};

struct ValueCase {
  std::string name;
  std::string sql;
  Kind kind;
  std::string type;
  std::string text;
  std::string json;
};

class SqlValue : public Sql, public ::testing::WithParamInterface<ValueCase> {};

TEST_P(SqlValue, IsPrintedAsPostgresAndJsonDo) {
  const ValueCase& c = GetParam();
  const auto result = query("SELECT " + c.sql + " AS v");
  ASSERT_TRUE(result);
  ASSERT_EQ(result->rows(), 1U);
  EXPECT_EQ(result->columns()[0].name, "v");
  EXPECT_EQ(result->columns()[0].kind, c.kind);
  EXPECT_EQ(result->columns()[0].type, c.type);
  EXPECT_EQ(result->text(0, 0), c.text);
  EXPECT_EQ(result->json(0, 0).dump(), c.json);
}

const ValueCase kValues[] = {
    {"true", "true", Kind::kBoolean, "BOOLEAN", "t", "true"},
    {"false", "false", Kind::kBoolean, "BOOLEAN", "f", "false"},
    {"tinyint", "(-128)::TINYINT", Kind::kTinyInt, "TINYINT", "-128", "-128"},
    {"smallint", "(-32768)::SMALLINT", Kind::kSmallInt, "SMALLINT", "-32768", "-32768"},
    {"integer", "2147483647", Kind::kInteger, "INTEGER", "2147483647", "2147483647"},
    {"bigint", "(-9223372036854775808)::BIGINT", Kind::kBigInt, "BIGINT", "-9223372036854775808",
     "-9223372036854775808"},
    {"utinyint", "255::UTINYINT", Kind::kUTinyInt, "UTINYINT", "255", "255"},
    {"usmallint", "65535::USMALLINT", Kind::kUSmallInt, "USMALLINT", "65535", "65535"},
    {"uinteger", "4294967295::UINTEGER", Kind::kUInteger, "UINTEGER", "4294967295", "4294967295"},
    {"ubigint", "18446744073709551615::UBIGINT", Kind::kUBigInt, "UBIGINT", "18446744073709551615",
     "18446744073709551615"},
    {"hugeint", "(-170141183460469231731687303715884105728)::HUGEINT", Kind::kHugeInt, "HUGEINT",
     "-170141183460469231731687303715884105728", "-1.7014118346046923e+38"},
    {"small_hugeint", "sum(5::BIGINT)", Kind::kHugeInt, "HUGEINT", "5", "5"},
    {"uhugeint", "340282366920938463463374607431768211455::UHUGEINT", Kind::kUHugeInt, "UHUGEINT",
     "340282366920938463463374607431768211455", "3.402823669209385e+38"},
    {"float", "1.5::FLOAT", Kind::kFloat, "FLOAT", "1.5", "1.5"},
    {"float_exponent", "1000000::FLOAT", Kind::kFloat, "FLOAT", "1e+06", "1000000.0"},
    {"double", "0.1::DOUBLE", Kind::kDouble, "DOUBLE", "0.1", "0.1"},
    {"double_whole", "3::DOUBLE", Kind::kDouble, "DOUBLE", "3", "3.0"},
    {"double_below_exponent", "1e14::DOUBLE", Kind::kDouble, "DOUBLE", "100000000000000",
     "100000000000000.0"},
    {"double_exponent", "1e15::DOUBLE", Kind::kDouble, "DOUBLE", "1e+15", "1e+15"},
    {"double_small", "0.00001::DOUBLE", Kind::kDouble, "DOUBLE", "1e-05", "1e-05"},
    {"nan", "'nan'::DOUBLE", Kind::kDouble, "DOUBLE", "NaN", "\"NaN\""},
    {"infinity", "'-inf'::DOUBLE", Kind::kDouble, "DOUBLE", "-Infinity", "\"-Infinity\""},
    {"decimal", "(-0.05)::DECIMAL(10,2)", Kind::kDecimal, "DECIMAL(10,2)", "-0.05", "-0.05"},
    {"decimal_small", "1.5::DECIMAL(4,1)", Kind::kDecimal, "DECIMAL(4,1)", "1.5", "1.5"},
    {"decimal_wide", "12345678901234567890.123::DECIMAL(38,3)", Kind::kDecimal, "DECIMAL(38,3)",
     "12345678901234567890.123", "1.2345678901234567e+19"},
    {"varchar", "'it''s ü'", Kind::kVarchar, "VARCHAR", "it's ü", "\"it's ü\""},
    {"long_varchar", "repeat('ab', 20)", Kind::kVarchar, "VARCHAR",
     "abababababababababababababababababababab", "\"abababababababababababababababababababab\""},
    {"json", "'{\"a\": [1, 2]}'::JSON", Kind::kVarchar, "JSON", "{\"a\": [1, 2]}", "{\"a\":[1,2]}"},
    {"blob", "'\\x00\\xFFab'::BLOB", Kind::kBlob, "BLOB", "\\x00ff6162", "\"\\\\x00ff6162\""},
    {"date", "DATE '2026-11-23'", Kind::kDate, "DATE", "2026-11-23", "\"2026-11-23\""},
    {"date_before_christ", "DATE '0044-03-15 (BC)'", Kind::kDate, "DATE", "0044-03-15 BC",
     "\"0044-03-15 BC\""},
    {"date_infinity", "'infinity'::DATE", Kind::kDate, "DATE", "infinity", "\"infinity\""},
    {"time", "TIME '08:09:10.5'", Kind::kTime, "TIME", "08:09:10.5", "\"08:09:10.5\""},
    {"timetz", "'08:09:10+02:30'::TIMETZ", Kind::kTimeTz, "TIMETZ", "08:09:10+02:30",
     "\"08:09:10+02:30\""},
    {"timestamp", "TIMESTAMP '2026-01-01 00:00:00.5'", Kind::kTimestamp, "TIMESTAMP",
     "2026-01-01 00:00:00.5", "\"2026-01-01T00:00:00.5Z\""},
    {"timestamp_s", "'1969-12-31 23:59:59'::TIMESTAMP_S", Kind::kTimestampS, "TIMESTAMP_S",
     "1969-12-31 23:59:59", "\"1969-12-31T23:59:59Z\""},
    {"timestamp_ms", "'2026-01-01 00:00:00.123'::TIMESTAMP_MS", Kind::kTimestampMs, "TIMESTAMP_MS",
     "2026-01-01 00:00:00.123", "\"2026-01-01T00:00:00.123Z\""},
    {"timestamp_ns", "'2026-01-01 00:00:00.123456789'::TIMESTAMP_NS", Kind::kTimestampNs,
     "TIMESTAMP_NS", "2026-01-01 00:00:00.123456789", "\"2026-01-01T00:00:00.123456789Z\""},
    {"timestamptz", "TIMESTAMPTZ '2026-01-01 02:00:00.5+02:00'", Kind::kTimestampTz, "TIMESTAMPTZ",
     "2026-01-01 00:00:00.5+00", "\"2026-01-01T00:00:00.5Z\""},
    {"interval", "INTERVAL '14 months 3 days 04:05:06.7'", Kind::kInterval, "INTERVAL",
     "1 year 2 mons 3 days 04:05:06.7", "\"1 year 2 mons 3 days 04:05:06.7\""},
    {"interval_zero", "INTERVAL '0 seconds'", Kind::kInterval, "INTERVAL", "00:00:00",
     "\"00:00:00\""},
    {"interval_negative", "INTERVAL '-90 minutes'", Kind::kInterval, "INTERVAL", "-01:30:00",
     "\"-01:30:00\""},
    {"uuid", "'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::UUID", Kind::kUuid, "UUID",
     "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\""},
    {"enum", "'b'::ENUM('a', 'b')", Kind::kEnum, "ENUM('a', 'b')", "b", "\"b\""},
    {"bit", "'0101'::BIT", Kind::kBit, "BIT", "0101", "\"0101\""},
    {"list", "[1, NULL, 3]", Kind::kList, "INTEGER[]", "[1,null,3]", "[1,null,3]"},
    {"array", "[1, 2]::INTEGER[2]", Kind::kArray, "INTEGER[2]", "[1,2]", "[1,2]"},
    {"struct", "{'z': 1, 'a': 'x\"y'}", Kind::kStruct, "STRUCT(\"z\" INTEGER, \"a\" VARCHAR)",
     "{\"z\":1,\"a\":\"x\\\"y\"}", "{\"a\":\"x\\\"y\",\"z\":1}"},
    {"map", "MAP {'k': [1.5]}", Kind::kMap, "MAP(VARCHAR, DECIMAL(2,1)[])", "{\"k\":[1.5]}",
     "{\"k\":[1.5]}"},
    {"union", "union_value(n := 7)", Kind::kUnion, "UNION(\"n\" INTEGER)", "7", "7"},
    {"list_of_structs", "[{'t': DATE '2026-01-02'}]", Kind::kList, "STRUCT(\"t\" DATE)[]",
     "[{\"t\":\"2026-01-02\"}]", "[{\"t\":\"2026-01-02\"}]"},
};

INSTANTIATE_TEST_SUITE_P(Kinds, SqlValue, ::testing::ValuesIn(kValues),
                         [](const auto& info) { return info.param.name; });

TEST_F(Sql, NullsOfEveryKindAreNull) {
  for (const ValueCase& c : kValues) {
    const auto result = query("SELECT CASE WHEN false THEN " + c.sql + " END");
    ASSERT_TRUE(result) << c.name;
    EXPECT_TRUE(result->is_null(0, 0)) << c.name;
    EXPECT_EQ(result->text(0, 0), "") << c.name;
    EXPECT_EQ(result->json(0, 0), nullptr) << c.name;
    EXPECT_EQ(result->int_at(0, 0), 0) << c.name;
    const auto batch = result->batch();
    ASSERT_TRUE(batch) << c.name;
    EXPECT_TRUE(batch->columns[0].is_null(0)) << c.name;
  }
}

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

// ---- prepared statements

TEST_F(Sql, ParametersOfEveryKindAreReadAsTheirType) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"BOOLEAN", "true"},
      {"TINYINT", "-5"},
      {"SMALLINT", "300"},
      {"INTEGER", "-70000"},
      {"BIGINT", "9000000000"},
      {"HUGEINT", "170141183460469231731687303715884105727"},
      {"UTINYINT", "200"},
      {"USMALLINT", "60000"},
      {"UINTEGER", "4000000000"},
      {"UBIGINT", "18446744073709551615"},
      {"UHUGEINT", "340282366920938463463374607431768211455"},
      {"FLOAT", "1.5"},
      {"DOUBLE", "0.1"},
      {"DECIMAL(20,3)", "-12345678901234.500"},
      {"VARCHAR", "it's"},
      {"DATE", "2026-11-23"},
      {"TIME", "08:09:10.5"},
      {"TIMESTAMP", "2026-01-01 00:00:00.5"},
      {"TIMESTAMPTZ", "2026-01-01 00:00:00.5+00"},
      {"TIMESTAMP_S", "2026-01-01 00:00:01"},
      {"TIMESTAMP_MS", "2026-01-01 00:00:00.123"},
      {"TIMESTAMP_NS", "2026-01-01 00:00:00.123456789"},
      {"UUID", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
      {"TIMETZ", "08:09:10+02:30"}};
  for (const auto& [type, value] : cases) {
    query("CREATE OR REPLACE TABLE t (x " + type + ")");
    auto insert = connection_->prepare("INSERT INTO t VALUES ($1)");
    ASSERT_TRUE(insert) << type << insert.error().to_string();
    EXPECT_EQ((*insert)->parameters(), 1U);
    const auto ran = (*insert)->run({value});
    ASSERT_TRUE(ran) << type << ": " << ran.error().to_string();
    const std::string want = type == "BOOLEAN" ? "t" : value;
    EXPECT_EQ(text("SELECT x FROM t"), want) << type;
    auto find = std::move(*connection_->prepare("SELECT count(*) FROM t WHERE x = $1"));
    EXPECT_EQ((*find->run({value}))->text(0, 0), "1") << type;
  }
}

TEST_F(Sql, ANullParameterIsNull) {
  auto statement = std::move(*connection_->prepare("SELECT $1::INTEGER IS NULL"));
  EXPECT_EQ((*statement->run({std::nullopt}))->text(0, 0), "t");
}

TEST_F(Sql, AParameterThatIsNotOfItsTypeIsRefusedByItsNumber) {
  query("CREATE TABLE t (a INTEGER, b DATE)");
  auto statement = std::move(*connection_->prepare("INSERT INTO t VALUES ($1, $2)"));
  const auto ran = statement->run({"1", "soon"});
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message, ::testing::StartsWith("parameter $2"));
  EXPECT_FALSE(statement->run({"1"}));
}

TEST_F(Sql, AStatementTellsItsColumnsWithoutRunning) {
  auto statement =
      std::move(*connection_->prepare("SELECT 1 AS a, 'x' AS b, 1.5::DECIMAL(4,2) AS c"));
  const auto columns = statement->columns();
  ASSERT_EQ(columns.size(), 3U);
  EXPECT_EQ(columns[0].name, "a");
  EXPECT_EQ(columns[1].kind, Kind::kVarchar);
  EXPECT_EQ(columns[2].type, "DECIMAL(4,2)");
  EXPECT_EQ(statement->kind(), StatementKind::kSelect);
}

TEST_F(Sql, APreparedErrorNamesItsLine) {
  const auto statement = connection_->prepare("SELECT\n\n FRM x y z");
  ASSERT_FALSE(statement);
  EXPECT_EQ(statement.error().line, 3);
}

// ---- splitting

struct SplitCase {
  std::string name;
  std::string sql;
  std::vector<std::pair<std::string, StatementKind>> parts;
};

class SqlSplit : public Sql, public ::testing::WithParamInterface<SplitCase> {};

TEST_P(SqlSplit, GivesEachStatementWithItsKind) {
  const auto parts = connection_->split(GetParam().sql);
  ASSERT_TRUE(parts) << parts.error().to_string();
  std::vector<std::pair<std::string, StatementKind>> got;
  for (const auto& part : *parts) got.emplace_back(part.sql, part.kind);
  EXPECT_EQ(got, GetParam().parts);
}

const SplitCase kSplits[] = {
    {"nothing", " ;; -- only a comment\n ;", {}},
    {"one", "SELECT 1", {{"SELECT 1", StatementKind::kSelect}}},
    {"two",
     "SELECT 1; SELECT 2 ;",
     {{"SELECT 1", StatementKind::kSelect}, {"SELECT 2", StatementKind::kSelect}}},
    {"quotes",
     "SELECT ';' AS \"a;b\"; SELECT 'it''s;'",
     {{"SELECT ';' AS \"a;b\"", StatementKind::kSelect},
      {"SELECT 'it''s;'", StatementKind::kSelect}}},
    {"dollar_quotes",
     "SELECT $$a;b$$; SELECT $x$;$$;$x$",
     {{"SELECT $$a;b$$", StatementKind::kSelect}, {"SELECT $x$;$$;$x$", StatementKind::kSelect}}},
    {"comments",
     "SELECT 1 -- a;b\n + 2; /* c;d */ SELECT 3",
     {{"SELECT 1 -- a;b\n + 2", StatementKind::kSelect},
      {"/* c;d */ SELECT 3", StatementKind::kSelect}}},
    {"escapes",
     "SELECT e'\\';'; SELECT 2",
     {{"SELECT e'\\';'", StatementKind::kSelect}, {"SELECT 2", StatementKind::kSelect}}},
    {"unknown_table",
     "SELECT * FROM nowhere; DELETE FROM nowhere",
     {{"SELECT * FROM nowhere", StatementKind::kSelect},
      {"DELETE FROM nowhere", StatementKind::kDelete}}},
    {"with",
     "WITH a AS (SELECT 1) SELECT * FROM a",
     {{"WITH a AS (SELECT 1) SELECT * FROM a", StatementKind::kSelect}}},
    {"with_insert",
     "WITH a AS (SELECT 1) INSERT INTO nowhere SELECT * FROM a",
     {{"WITH a AS (SELECT 1) INSERT INTO nowhere SELECT * FROM a", StatementKind::kInsert}}},
    {"explain", "EXPLAIN SELECT 1", {{"EXPLAIN SELECT 1", StatementKind::kExplain}}},
    {"explain_change",
     "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
     {{"EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1", StatementKind::kCreate}}},
    {"explain_options",
     "EXPLAIN (ANALYZE, FORMAT json) DELETE FROM nowhere",
     {{"EXPLAIN (ANALYZE, FORMAT json) DELETE FROM nowhere", StatementKind::kDelete}}},
    {"others",
     "BEGIN; CREATE TABLE c (x INT); DROP TABLE c; SET threads = 1; COPY (SELECT 1) TO "
     "'/nowhere/x'; COMMIT; "
     "PRAGMA version; ATTACH 'x.db'; CALL pragma_version(); LOAD json",
     {{"BEGIN", StatementKind::kTransaction},
      {"CREATE TABLE c (x INT)", StatementKind::kCreate},
      {"DROP TABLE c", StatementKind::kDrop},
      {"SET threads = 1", StatementKind::kSet},
      {"COPY (SELECT 1) TO '/nowhere/x'", StatementKind::kCopy},
      {"COMMIT", StatementKind::kTransaction},
      {"PRAGMA version", StatementKind::kPragma},
      {"ATTACH 'x.db'", StatementKind::kAttach},
      {"CALL pragma_version()", StatementKind::kCall},
      {"LOAD json", StatementKind::kLoad}}},
    {"unusual_selects",
     "FROM range(3); VALUES (1); DESCRIBE SELECT 1; SHOW TABLES; (SELECT 1)",
     {{"FROM range(3)", StatementKind::kSelect},
      {"VALUES (1)", StatementKind::kSelect},
      {"DESCRIBE SELECT 1", StatementKind::kSelect},
      {"SHOW TABLES", StatementKind::kSelect},
      {"(SELECT 1)", StatementKind::kSelect}}},
};

INSTANTIATE_TEST_SUITE_P(Texts, SqlSplit, ::testing::ValuesIn(kSplits),
                         [](const auto& info) { return info.param.name; });

TEST_F(Sql, SplittingTextThatDoesNotParseNamesTheLine) {
  const auto parts = connection_->split("SELECT 1;\nSELEC 2");
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().line, 2);
}

TEST_F(Sql, SplittingRunsNothing) {
  ASSERT_TRUE(connection_->split("CREATE TABLE made (x INTEGER)"));
  EXPECT_FALSE(connection_->query("SELECT * FROM made"));
}

// ---- syntax trees

TEST_F(Sql, ATreeIsPrintedAsSqlThatGivesTheSameRows) {
  const std::string sql =
      "SELECT hub_id, time_bucket(INTERVAL '5 minutes', t) AS w, count(*) AS n FROM (SELECT 'a' AS "
      "hub_id, "
      "TIMESTAMPTZ '2026-01-01 00:07:00' AS t) GROUP BY ALL";
  const auto tree = connection_->parse(sql);
  ASSERT_TRUE(tree) << tree.error().to_string();
  EXPECT_EQ((*tree)["statements"].size(), 1U);
  const auto printed = connection_->print(*tree);
  ASSERT_TRUE(printed) << printed.error().to_string();
  EXPECT_EQ(query(*printed)->text(1, 0), query(sql)->text(1, 0));
}

TEST_F(Sql, AQualifyIsPrintedAsItWas) {
  const auto tree = connection_->parse(
      "SELECT * FROM range(9) t(i) QUALIFY row_number() OVER (ORDER BY i DESC) = 1");
  ASSERT_TRUE(tree);
  EXPECT_EQ(text(*connection_->print(*tree)), "8");
}

TEST_F(Sql, ParsingWrongSqlNamesTheLine) {
  const auto tree = connection_->parse("SELECT 1,\n2\nFRM x y");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().line, 3);
  EXPECT_THAT(tree.error().message, ::testing::HasSubstr("syntax error"));
  EXPECT_FALSE(connection_->parse("DROP TABLE x"));
}

// ---- locked

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
