#include "runs/column_lineage.h"

#include <gtest/gtest.h>

#include "sql/database.h"

namespace runs {
namespace {

// "result: table.column table.column; …", then "| " and what decides about rows.
std::string lineage_of(const std::string& sql) {
  const auto database = std::move(*sql::Database::open({.threads = 1}));
  const auto connection = std::move(*database->connect());
  const auto tree = connection->parse(sql);
  if (!tree) return tree.error().to_string();
  const std::map<std::string, std::vector<std::string>> tables{{"s.a", {"k", "x", "y"}},
                                                               {"s.b", {"k", "w"}}};
  const ColumnLineage lineage = column_lineage(*tree, [&](const std::string& name) {
    const auto it = tables.find(name);
    return it == tables.end() ? std::vector<std::string>{} : it->second;
  });
  std::string text;
  for (const auto& [column, origins] : lineage.columns) {
    text += column + ":";
    for (const ColumnOrigin& one : origins) text += " " + one.table + "." + one.column;
    text += "; ";
  }
  text += "|";
  for (const ColumnOrigin& one : lineage.rows) text += " " + one.table + "." + one.column;
  return text;
}

struct LineageCase {
  const char* name;
  const char* sql;
  const char* expected;
};

class Lineage : public ::testing::TestWithParam<LineageCase> {};

TEST_P(Lineage, NamesTheColumnsThatGoIn) {
  EXPECT_EQ(lineage_of(GetParam().sql), GetParam().expected);
}

const LineageCase kCases[] = {
    {"plain", "SELECT k, x + y AS z FROM s.a WHERE k > 0", "k: s.a.k; z: s.a.x s.a.y; | s.a.k"},
    {"aliases", "SELECT q.x, p.w FROM s.a AS q JOIN s.b p ON q.k = p.k",
     "w: s.b.w; x: s.a.x; | s.a.k s.b.k"},
    {"using_", "SELECT w FROM s.a JOIN s.b USING (k)", "w: s.b.w; | s.a.k"},
    {"stars", "SELECT * EXCLUDE (y), 1 AS one FROM s.a", "k: s.a.k; one:; x: s.a.x; |"},
    {"star_of_one", "SELECT p.* FROM s.a q, s.b p", "k: s.b.k; w: s.b.w; |"},
    {"groups", "SELECT k, sum(x) FILTER (y > 1) AS total FROM s.a GROUP BY k HAVING count(*) > 1",
     "k: s.a.k; total: s.a.x s.a.y; | s.a.k"},
    {"with",
     "WITH c AS (SELECT k AS kk, x FROM s.a WHERE y = 1) SELECT kk, max(x) AS m FROM c "
     "GROUP BY kk",
     "kk: s.a.k; m: s.a.x; | s.a.k s.a.y"},
    {"union_", "SELECT k FROM s.a UNION ALL SELECT w FROM s.b", "k: s.a.k s.b.w; |"},
    {"subquery", "SELECT t.z FROM (SELECT x AS z FROM s.a) t", "z: s.a.x; |"},
    {"scalar", "SELECT k, (SELECT max(w) FROM s.b) AS most FROM s.a", "k: s.a.k; most: s.b.w; |"},
    {"window", "SELECT k, x FROM s.a QUALIFY row_number() OVER (PARTITION BY k ORDER BY y) = 1",
     "k: s.a.k; x: s.a.x; | s.a.k s.a.y"},
    {"unknown", "SELECT v FROM s.other, range(3) r(v)", "v:; |"},
};

INSTANTIATE_TEST_SUITE_P(Cases, Lineage, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(Lineage, QueriesWithinQueriesWithoutEndTellNothing) {
  std::string sql = "SELECT x FROM s.a";
  for (int i = 0; i < 100; ++i) sql = "SELECT x FROM (" + sql + ") t";
  EXPECT_EQ(lineage_of(sql), "x:; |");
}

}  // namespace
}  // namespace runs
