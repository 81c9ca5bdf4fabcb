#include <gmock/gmock.h>

#include "sql/sql_fixture.h"

namespace sql {
namespace {

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

}  // namespace
}  // namespace sql
