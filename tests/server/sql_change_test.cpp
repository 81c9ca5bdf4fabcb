#include "server/sql_change.h"

#include <gtest/gtest.h>

#include "server/postgres_names.h"
#include "server/time_travel.h"

namespace server {
namespace {

TEST(SqlChange, IsTakenApartIntoTargetExpressionsAndClauses) {
  const auto insert = parse_change("INSERT INTO s.t AS x (a, \"B b\") VALUES (1, ')');");
  ASSERT_TRUE(insert.has_value()) << insert.error().to_string();
  EXPECT_EQ(insert->target, (std::vector<std::string>{"s", "t"}));
  EXPECT_EQ(insert->columns, (std::vector<std::string>{"a", "B b"}));
  EXPECT_EQ(insert->select, "VALUES (1, ')')");

  const auto update = parse_change(
      "update s.t as x set a = x.b + s.t.c, c = case when x.a = 1 then 2 end where x.a in (1, 2)");
  ASSERT_TRUE(update.has_value()) << update.error().to_string();
  ASSERT_EQ(update->assignments.size(), 2);
  EXPECT_EQ(update->assignments[0].value, "target.b + s.t.c");
  EXPECT_EQ(update->assignments[1].value, "case when target.a = 1 then 2 end");
  EXPECT_EQ(update->condition, "target.a in (1, 2)");

  const auto merge = parse_change(
      "MERGE INTO t USING (SELECT 1) AS s(a) ON t.a = s.a WHEN MATCHED AND s.a > 1 THEN DELETE "
      "WHEN MATCHED THEN UPDATE SET a = s.a WHEN NOT MATCHED THEN INSERT (a) VALUES (f(s.a, 1))");
  ASSERT_TRUE(merge.has_value()) << merge.error().to_string();
  EXPECT_EQ(merge->condition, "target.a = source.a");
  ASSERT_EQ(merge->clauses.size(), 3);
  EXPECT_EQ(merge->clauses[0].condition, "source.a > 1");
  EXPECT_EQ(merge->clauses[2].assignments[0].value, "f(source.a, 1)");
}

TEST(SqlChange, NamesWhereItCannotBeRead) {
  for (const std::string broken :
       {"INSERT t VALUES (1)", "INSERT INTO t", "UPDATE t SET", "UPDATE t SET a", "DELETE t",
        "DELETE FROM t WHERE", "MERGE INTO t USING s ON a = b", "CREATE TABLE t", "DROP TABLE",
        "DELETE FROM t WHERE a = 1) OR (true", "UPDATE t SET a = 1 garbage b"}) {
    const auto change = parse_change(broken);
    if (broken.ends_with("garbage b")) {
      EXPECT_TRUE(change.has_value()) << broken;  // DuckDB's parser refuses the expression
      continue;
    }
    ASSERT_FALSE(change.has_value()) << broken;
    EXPECT_NE(change.error().message.find("syntax error"), std::string::npos) << broken;
  }
  for (const std::string unserved :
       {"INSERT INTO t VALUES (1) RETURNING a", "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1",
        "INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT c DO NOTHING",
        "UPDATE t SET a = 1 FROM s", "CREATE VIEW v AS SELECT 1"}) {
    const auto change = parse_change(unserved);
    ASSERT_FALSE(change.has_value()) << unserved;
    EXPECT_EQ(change.error().code, base::Code::kUnsupported) << unserved;
  }
}

TEST(SqlChange, TakesAColumnThatIsCalledConflict) {
  for (const std::string sql :
       {"INSERT INTO t SELECT * FROM a JOIN b ON conflict = 1",
        "INSERT INTO t VALUES ('on conflict do')",
        "INSERT INTO t SELECT * FROM a JOIN b ON conflict",
        "INSERT INTO t SELECT * FROM (SELECT * FROM a JOIN b ON conflict(1))"}) {
    const auto change = parse_change(sql);
    EXPECT_TRUE(change.has_value()) << sql;
  }
}

TEST(TimeTravel, IsFoundBesideAnAliasOnEitherSide) {
  const std::string sql =
      "SELECT * FROM a.b AT (VERSION => 1 + 1) x JOIN c AS d AT (TIMESTAMP => now()) ON t AT TIME "
      "ZONE 'UTC' = 1 JOIN e AT (version => 2) ON true, 'f AT (VERSION => 1)'";
  const auto found = find_time_travels(sql);
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(found[0].name, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(found[0].value, "1 + 1");
  EXPECT_EQ(found[1].alias, "d");
  EXPECT_TRUE(found[1].by_time);
  EXPECT_EQ(replace_time_travels(sql, found, {"v1", "v2", "v3"}),
            "SELECT * FROM v1 x JOIN v2 AS d ON t AT TIME ZONE 'UTC' = 1 JOIN v3 AS \"e\" ON true, "
            "'f AT (VERSION => 1)'");
}

}  // namespace
}  // namespace server
