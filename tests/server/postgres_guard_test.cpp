#include <gtest/gtest.h>

#include "server/postgres_error.h"
#include "server/postgres_rewrite.h"
#include "server/postgres_rows.h"
#include "server/sql_session_guard.h"
#include "sql/database.h"

namespace server {
namespace {

class SqlGuard : public testing::Test {
 protected:
  void SetUp() override {
    database_ = sql::Database::open({}).value();
    connection_ = database_->connect().value();
  }

  base::Result<Reads> check(const std::string& sql,
                            const std::vector<std::string>& path = {"public"}) {
    const auto tree = connection_->parse(sql);
    if (!tree) return std::unexpected(tree.error());
    return check_reads(*tree, sql,
                       {"silver.scans", "silver.Orders", "gold.on_time", "dead_letters"}, path);
  }

  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> connection_;
};

TEST_F(SqlGuard, FindsEveryLakeTableThatAStatementNames) {
  const std::vector<std::pair<std::string, std::set<std::string>>> cases = {
      {"SELECT 1", {}},
      {"SELECT * FROM silver.scans", {"silver.scans"}},
      {"SELECT * FROM SILVER.\"Scans\"", {"silver.scans"}},
      {"SELECT * FROM waybill.silver.orders", {"silver.Orders"}},
      {"FROM dead_letters", {"dead_letters"}},
      {"SELECT * FROM public.dead_letters", {"dead_letters"}},
      {"SELECT (SELECT max(hub) FROM silver.scans) FROM gold.on_time",
       {"silver.scans", "gold.on_time"}},
      {"WITH a AS (SELECT * FROM silver.scans) SELECT * FROM a JOIN gold.on_time USING (hub)",
       {"silver.scans", "gold.on_time"}},
      {"WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a, silver.scans) FROM a",
       {"silver.scans"}},
      {"SELECT 1 FROM range(3) WHERE EXISTS (FROM silver.scans)", {"silver.scans"}},
      {"SELECT * FROM silver.scans UNION SELECT * FROM gold.on_time",
       {"silver.scans", "gold.on_time"}},
      {"DESCRIBE silver.scans", {"silver.scans"}},
      {"SUMMARIZE gold.on_time", {"gold.on_time"}},
      {"SELECT * FROM silver.scans s ASOF JOIN silver.orders o ON s.t >= o.t",
       {"silver.scans", "silver.Orders"}},
  };
  for (const auto& [sql, want] : cases) {
    const auto reads = check(sql);
    ASSERT_TRUE(reads.has_value()) << sql << ": " << reads.error().to_string();
    EXPECT_EQ(reads->tables, want) << sql;
  }
  EXPECT_EQ(check("FROM scans", {"silver", "public"})->tables,
            (std::set<std::string>{"silver.scans"}));
  EXPECT_TRUE(check("SELECT * FROM pg_catalog.pg_class")->catalogs);
  EXPECT_TRUE(check("SHOW ALL TABLES")->catalogs);
}

TEST_F(SqlGuard, RefusesEveryWayToAFile) {
  for (const std::string sql : {
           "SELECT * FROM 'x.parquet'",
           "SELECT * FROM \"/etc/passwd\"",
           "SELECT * FROM 'a*'",
           "SELECT * FROM read_parquet('x')",
           "SELECT * FROM READ_CSV_AUTO('x')",
           "SELECT * FROM parquet_metadata('x')",
           "SELECT * FROM glob('*')",
           "SELECT * FROM query('SELECT 1')",
           "SELECT * FROM query_table('x.csv')",
           "SELECT * FROM sniff_csv('x')",
           "SELECT * FROM duckdb_secrets()",
           "SELECT * FROM histogram('x.csv', a)",
           "SELECT * FROM json_execute_serialized_sql('x')",
           "SELECT getenv('HOME')",
           "SELECT (SELECT * FROM read_text('x'))",
           "SELECT 1 WHERE EXISTS (FROM 'x.csv')",
           "WITH a AS (FROM 'x.csv') SELECT 1",
           "WITH \"x.csv\" AS (SELECT 1) SELECT * FROM \"x.csv\"",
           "SELECT * FROM (WITH \"x.csv\" AS (SELECT 1) SELECT 1), \"x.csv\"",
           "SELECT [x FOR x IN (SELECT list(content) FROM read_text('x'))]",
           "SELECT * FROM silver.scans WHERE hub IN (FROM 'x.csv')",
           "SELECT * FROM silver.scans ORDER BY (SELECT count(*) FROM 'x.csv')",
           "SELECT * FROM silver.scans LIMIT (SELECT count(*) FROM 'x.csv')",
           "DESCRIBE 'x.csv'",
           "SELECT * FROM memory.main.x",
       }) {
    const auto reads = check(sql);
    ASSERT_FALSE(reads.has_value()) << sql;
    EXPECT_TRUE(reads.error().message.starts_with(kNotAllowed))
        << sql << ": " << reads.error().message;
    EXPECT_FALSE(reads.error().mend.empty()) << sql;
  }
}

TEST_F(SqlGuard, NamesTheNearestTableAndThePlaceOfAnUnknownOne) {
  const std::string sql = "SELECT 1\nFROM silver.scan";
  const auto reads = check(sql);
  ASSERT_FALSE(reads.has_value());
  EXPECT_EQ(reads.error().code, base::Code::kNotFound);
  EXPECT_EQ(reads.error().mend, "did you mean silver.scans?");
  const auto fields = postgres_error(reads.error(), sql);
  EXPECT_EQ(fields.sqlstate, "42P01");
  EXPECT_EQ(fields.message, "Table with name silver.scan does not exist!");
  EXPECT_EQ(fields.position, 15);
  EXPECT_EQ(check("FROM temp.x").error().code, base::Code::kNotFound);
  EXPECT_EQ(check("FROM scans").error().mend, "did you mean silver.scans?");
}

TEST_F(SqlGuard, FindsTheStatementInAnExplain) {
  EXPECT_EQ(explained("SELECT 1"), std::nullopt);
  EXPECT_EQ(explained("EXPLAIN SELECT 1"), "SELECT 1");
  EXPECT_EQ(explained("explain /* x */ ANALYZE SELECT 1"), "SELECT 1");
  EXPECT_EQ(explained("EXPLAIN (ANALYZE, FORMAT json) SELECT 1"), "SELECT 1");
  EXPECT_EQ(explained("EXPLAIN (SELECT 1)"), "(SELECT 1)");
}

TEST_F(SqlGuard, GivesDuckDbsErrorsTheirSqlstateAndPlace) {
  ASSERT_TRUE(connection_->execute("CREATE TABLE t (a INTEGER, s VARCHAR)").has_value());
  struct Case {
    std::string sql;
    std::string sqlstate;
    int position;
  };
  const std::string blank(300, ' ');
  for (const auto& [sql, sqlstate, position] : std::vector<Case>{
           {"SELEC 1", "42601", 1},
           {"SELECT 'ü', nope FROM t", "42703", 13},
           {"SELECT a,\n  nope FROM t", "42703", 13},
           {"SELECT a," + blank + "nope" + blank + "FROM t", "42703", 310},
           {"SELECT nofunc(1)", "42883", 8},
           {"SELECT a FROM t, t AS u", "42702", 8},
           {"SELECT a, count(*) FROM t", "42803", 8},
           {"SELECT 'x'::INTEGER", "22P02", 11},
           {"SELECT 300::TINYINT", "22003", 11},
           {"SELECT DATE '2026-13-01'", "22008", 0},
           {"SELECT 1::nosuch", "42704", 11},
           {"SELECT * FROM nope.t", "42P01", 15},
           {"SELECT error('x')", "22023", 0},
       }) {
    const auto result = connection_->query(sql);
    ASSERT_FALSE(result.has_value()) << sql;
    const auto fields = postgres_error(result.error(), sql);
    EXPECT_EQ(fields.sqlstate, sqlstate) << sql << ": " << result.error().message;
    EXPECT_EQ(fields.position, position) << sql << ": " << result.error().message;
    EXPECT_EQ(fields.message.find("Error:"), std::string::npos) << fields.message;
    EXPECT_EQ(fields.message.find('\n'), std::string::npos) << fields.message;
  }
}

TEST(PostgresRewrite, TurnsPostgresSpellingsIntoDuckDbs) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"SELECT pg_catalog.version()", "SELECT version()"},
      {"SELECT 'pg_catalog.version()', a::int -- pg_catalog.x",
       "SELECT 'pg_catalog.version()', a::int -- pg_catalog.x"},
      {"SELECT a FROM pg_catalog.pg_class WHERE b OPERATOR(pg_catalog.~) '^(x)$' COLLATE "
       "pg_catalog.default",
       "SELECT a FROM pg_class WHERE b  @~  '^(x)$' "},
      {"SELECT 1 FROM pg_catalog.pg_namespace WHERE n !~ '^pg_'",
       "SELECT 1 FROM pg_namespace WHERE n !@~ '^pg_'"},
      {"SELECT 'a' ~ 'b', x::text", "SELECT 'a' @~ 'b', x:: VARCHAR"},
      {"SELECT 'silver.scans'::regclass::oid", "SELECT regclass_oid('silver.scans'):: BIGINT"},
      {"SELECT c.oid::pg_catalog.regclass::pg_catalog.text",
       "SELECT regclass_name(c.oid):: VARCHAR"},
      {"SELECT CAST(a AS pg_catalog.text), b AS name, CAST(c AS name)",
       "SELECT CAST(a AS VARCHAR), b AS name, CAST(c AS VARCHAR)"},
      {"SELECT x::\"char\", y::char(3)", "SELECT x:: VARCHAR, y::char(3)"},
      {"SELECT * FROM information_schema.tables",
       "SELECT * FROM postgres_catalog.information.tables"},
      {"SELECT * FROM information_schema.key_column_usage",
       "SELECT * FROM postgres_catalog.information.key_column_usage"},
      {"SELECT CAST(f(a, 'b') AS regclass)", "SELECT to_regclass_oid(f(a, 'b') )"},
      {"SELECT ~a, a !~* b, a ~~ b, a ~* b", "SELECT ~a, a !~* b, a ~~ b, a ~* b"},
      {"SELECT extract(year FROM f(t)), date_part('year', t)",
       "SELECT CAST(system.main.date_part('year',  f(t)) AS DECIMAL(18, 0)), "
       "postgres_date_part('year', t)"},
      {"SELECT j #>> '{a,b}', format('%s', a), format('{}', a), s.length(b)",
       "SELECT j ->> json_path_of('{a,b}'), postgres_format('%s', a), format('{}', a), "
       "s.length(b)"},
      {"SELECT '{1,2}'::int[], '\\x41'::bytea", "SELECT '[1,2]'::int[], unhex('41')"},
      {"SELECT s FROM pg_catalog.generate_series(0, f(1)) s, t",
       "SELECT s FROM generate_series(0, f(1)) s(s), t"},
  };
  for (const auto& [sql, want] : cases) EXPECT_EQ(rewrite_for_duckdb(sql), want);
}

TEST(PostgresParameters, AreCastToTheTypesThatTheClientNames) {
  EXPECT_EQ(cast_parameters("SELECT $1, $2, '$1', $10", {23, 25}),
            "SELECT CAST($1 AS INTEGER), $2, '$1', $10");
  EXPECT_EQ(cast_parameters("SELECT $1", {1016}), "SELECT CAST($1 AS BIGINT[])");
  EXPECT_EQ(cast_parameters("SELECT $1, $2", {23, 25}, true),
            "SELECT CAST($1 AS INTEGER), CAST($2 AS VARCHAR)");
  EXPECT_EQ(null_parameters("SELECT $1, '$2', $2", {23, 25}),
            "SELECT CAST(NULL AS INTEGER), '$2', CAST(NULL AS VARCHAR)");
  EXPECT_EQ(parameter_types("SELECT a = ANY($2), b = any ( $1 )", {23}),
            (std::vector<protocol::postgres::Oid>{23, 1009}));
  EXPECT_EQ(parameter_types("SELECT $1::bigint[], CAST($2 AS date[]), $3::int", {}),
            (std::vector<protocol::postgres::Oid>{1016, 1182}));
}

TEST(PostgresParameters, AreWrittenAsDuckDbReadsThem) {
  EXPECT_EQ(duckdb_text(25, "{x}").value(), "{x}");
  EXPECT_EQ(duckdb_text(17, "\\x0aff").value(), "\\x0a\\xff");
  EXPECT_EQ(duckdb_text(1007, "{1,NULL,3}").value(), R"(["1", NULL, "3"])");
  EXPECT_EQ(duckdb_text(1009, R"({"a \"b\" \\",null,"NULL",c d})").value(),
            R"(["a \"b\" \\", NULL, "NULL", "c d"])");
  EXPECT_EQ(duckdb_text(1009, "{}").value(), "[]");
  for (const std::string broken : {"", "{", "1,2", "{{1}}", "{\"a}", "{\"a\"b}"}) {
    EXPECT_FALSE(duckdb_text(1009, broken).has_value()) << broken;
  }
  EXPECT_FALSE(duckdb_text(17, "zz").has_value());
}

}  // namespace
}  // namespace server
