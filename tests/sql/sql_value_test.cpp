#include "sql/sql_fixture.h"

namespace sql {
namespace {

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

}  // namespace
}  // namespace sql
