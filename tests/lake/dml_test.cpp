// Changes of rows: what they do, what they refuse, and random ones against a model in SQL.
#include "lake/dml.h"

#include <random>

#include "lake/fixture.h"

namespace {

using base::Code;
using columns::Type;
using lake_test::field;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using When = lake::MergeClause::When;
using Do = lake::MergeClause::Do;

// Kinds of tables that every change must work on.
struct Kind {
  const char* name;
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> configuration;
};
const std::vector<Kind> kKinds = {
    {"plain", {}, {}},
    {"partitioned", {"p"}, {}},
    {"vectors", {}, {{"delta.enableDeletionVectors", "true"}}},
    {"partitioned vectors", {"p"}, {{"delta.enableDeletionVectors", "true"}}},
    {"mapped by name", {"p"}, {{"delta.columnMapping.mode", "name"}}},
    {"mapped by id", {}, {{"delta.columnMapping.mode", "id"}}},
    {"mapped vectors",
     {"p"},
     {{"delta.columnMapping.mode", "name"}, {"delta.enableDeletionVectors", "true"}}},
    {"with a change feed", {"p"}, {{"delta.enableChangeDataFeed", "true"}}},
};

class Dml : public lake_test::LakeTest {
 protected:
  std::shared_ptr<lake::Table> make(const std::string& path, const Kind& kind) {
    auto with = options(
        {field("id", Type::kInt64, false), field("p", Type::kString), field("v", Type::kInt64)},
        kind.partition_columns);
    with.configuration = kind.configuration;
    return create(path, with);
  }
  std::shared_ptr<lake::Table> make(const std::string& path = "t") { return make(path, kKinds[0]); }
  lake::Changed append_rows(lake::Table& table, const std::string& values) {
    return lake::append(table, *connection_, "SELECT * FROM (VALUES " + values + ") AS v(id, p, v)")
        .value();
  }
};

TEST_F(Dml, DeleteAndUpdateTouchOnlyTheRowsThatSatisfyTheCondition) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.name);
    auto table = make(kind.name, kind);
    append_rows(*table, "(1, 'a', 10), (2, 'b', 20), (3, NULL, 30)");
    append_rows(*table, "(4, 'a', 40), (5, 'b', NULL)");
    auto done = lake::delete_where(*table, *connection_, "v > 15 AND v < 35").value();
    EXPECT_EQ(done.rows_deleted, 2);
    EXPECT_THAT(rows(*table), ElementsAre("1|a|10", "4|a|40", "5|b|NULL"));
    done = lake::update_where(*table, *connection_, {{"v", "v + id"}, {"p", "'c'"}}, "p = 'a'")
               .value();
    EXPECT_EQ(done.rows_updated, 2);
    EXPECT_THAT(rows(*table), ElementsAre("1|c|11", "4|c|44", "5|b|NULL"));
    EXPECT_EQ(table->snapshot().value()->rows(), 3);
    // Nothing to change: nothing is committed.
    EXPECT_EQ(lake::delete_where(*table, *connection_, "id = 99").value().version, -1);
    lake::delete_where(*table, *connection_, "").value();
    EXPECT_THAT(rows(*table), IsEmpty());
    EXPECT_THAT(rows(*open(kind.name)), IsEmpty());
  }
}

TEST_F(Dml, MergeDoesTheFirstClauseThatHolds) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.name);
    auto table = make(kind.name, kind);
    append_rows(*table, "(1, 'a', 10), (2, 'b', 20), (3, 'b', 30)");
    append_rows(*table, "(4, 'a', 40), (5, 'c', 50), (6, 'c', 60)");
    const lake::Merge what{
        .source =
            "SELECT * FROM (VALUES (2, 'x', -1), (3, 'y', 7), (4, 'z', 8), (8, 'n', 9), "
            "(9, 'no', 0)) AS s(id, p, v)",
        .on = "target.id = source.id",
        .clauses = {
            {.what = Do::kDelete, .condition = "source.v < 0"},
            {.what = Do::kUpdate,
             .condition = "target.id = 3",
             .assignments = {{"v", "target.v + source.v"}}},
            {.what = Do::kUpdate},
            {.when = When::kNotMatched, .what = Do::kInsert, .condition = "source.v > 0"},
            {.when = When::kNotMatchedBySource,
             .what = Do::kUpdate,
             .condition = "target.id = 5",
             .assignments = {{"p", "'kept'"}}},
            {.when = When::kNotMatchedBySource, .what = Do::kDelete, .condition = "target.id > 5"},
        }};
    const auto done = lake::merge(*table, *connection_, what);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(done->rows_inserted, 1);
    EXPECT_EQ(done->rows_updated, 3);
    EXPECT_EQ(done->rows_deleted, 2);
    EXPECT_THAT(rows(*table), ElementsAre("1|a|10", "3|b|37", "4|z|8", "5|kept|50", "8|n|9"));
    EXPECT_THAT(rows(*open(kind.name)),
                ElementsAre("1|a|10", "3|b|37", "4|z|8", "5|kept|50", "8|n|9"));
  }
}

TEST_F(Dml, AMergeThatMatchesARowTwiceIsRefusedUnlessBothDeleteIt) {
  auto table = make();
  append_rows(*table, "(1, 'a', 10), (2, 'b', 20)");
  lake::Merge what{.source = "SELECT * FROM (VALUES (1, 'x', 1), (1, 'y', 2)) AS s(id, p, v)",
                   .on = "target.id = source.id",
                   .clauses = {{.what = Do::kUpdate}}};
  const auto refused = lake::merge(*table, *connection_, what);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("several rows of the source"));
  EXPECT_THAT(rows(*table), ElementsAre("1|a|10", "2|b|20"));
  // Only one of them changes the row.
  what.clauses[0].condition = "source.v = 2";
  EXPECT_EQ(lake::merge(*table, *connection_, what).value().rows_updated, 1);
  EXPECT_THAT(rows(*table), ElementsAre("1|y|2", "2|b|20"));
  what.clauses = {{.what = Do::kDelete}};
  EXPECT_EQ(lake::merge(*table, *connection_, what).value().rows_deleted, 1);
  EXPECT_THAT(rows(*table), ElementsAre("2|b|20"));
}

TEST_F(Dml, OverwritesReplaceWhatTheySay) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.name);
    auto table = make(kind.name, kind);
    append_rows(*table, "(1, 'a', 10), (2, 'b', 20), (3, 'b', 30)");
    const auto wrong = lake::replace_where(*table, *connection_, "p = 'b' AND v > 25",
                                           "SELECT 7 AS id, 'b' AS p, 5 AS v");
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().message, HasSubstr("do not satisfy"));
    const auto done = lake::replace_where(*table, *connection_, "p = 'b' AND v > 25",
                                          "SELECT 7 AS id, 'b' AS p, 99 AS v");
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_THAT(rows(*table), ElementsAre("1|a|10", "2|b|20", "7|b|99"));
    if (kind.partition_columns.empty()) {
      EXPECT_EQ(lake::overwrite_partitions(*table, *connection_, "SELECT 1 AS id").error().code,
                Code::kInvalid);
    } else {
      lake::overwrite_partitions(*table, *connection_,
                                 "SELECT * FROM (VALUES (5, 'b', 1), (6, NULL, 2)) AS v(id, p, v)")
          .value();
      EXPECT_THAT(rows(*table), ElementsAre("1|a|10", "5|b|1", "6|NULL|2"));
    }
    lake::overwrite(*table, *connection_, "SELECT 8 AS id, 'q' AS p").value();
    EXPECT_THAT(rows(*table), ElementsAre("8|q|NULL"));
  }
}

TEST_F(Dml, ColumnsAreAddedOnlyWhenAsked) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.name);
    auto table = make(kind.name, kind);
    append_rows(*table, "(1, 'a', 10)");
    const std::string wider =
        "SELECT 2 AS id, 'b' AS p, {'x': 1, 'y z': ['q']} AS s, 1.5::DECIMAL(6, 2) AS d";
    const auto refused = lake::append(*table, *connection_, wider);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("no column s, d"));
    const auto done = lake::append(*table, *connection_, wider, {.merge_schema = true});
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_THAT(rows(*table),
                ElementsAre("1|a|10|NULL|NULL", "2|b|NULL|{\"x\":1,\"y z\":[\"q\"]}|1.50"));
    EXPECT_EQ(
        lake::append(*table, *connection_, "SELECT 'x' AS id, 'b' AS p", {.merge_schema = true})
            .error()
            .code,
        Code::kInvalid);
    EXPECT_THAT(lake::append(*table, *connection_, "SELECT NULL::BIGINT AS id").error().message,
                HasSubstr("must not be null"));
    lake::drop_not_null(*table, "id").value();
    lake::append(*table, *connection_, "SELECT 'n' AS p").value();
    lake::add_column(*table, "late", "VARCHAR").value();
    EXPECT_THAT(rows(*table),
                ElementsAre("1|a|10|NULL|NULL|NULL", "2|b|NULL|{\"x\":1,\"y z\":[\"q\"]}|1.50|NULL",
                            "NULL|n|NULL|NULL|NULL|NULL"));
    EXPECT_EQ(lake::add_column(*table, "u", "UBIGINT").error().code, Code::kUnsupported);
  }
}

TEST_F(Dml, ConstraintsHoldForEveryWrite) {
  auto with = options({field("id", Type::kInt64), field("v", Type::kInt64)});
  with.configuration["delta.constraints.positive"] = "`v` > 0";
  auto table = create("t", with);
  const auto broken = lake::append(*table, *connection_, "SELECT 1 AS id, -1 AS v");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("constraint positive"));
  EXPECT_FALSE(lake::append(*table, *connection_, "SELECT 1 AS id, NULL AS v"));
  EXPECT_THAT(query(fmt::format("SELECT count(*) FROM glob('{}/*.parquet')", store_->url("t"))),
              ElementsAre("0"))
      << "refused rows leave no file";
  lake::append(*table, *connection_, "SELECT 1 AS id, 5 AS v").value();
  EXPECT_FALSE(lake::update_where(*table, *connection_, {{"v", "v - 9"}}, ""));
  EXPECT_FALSE(lake::set_properties(*table, *connection_, {{"delta.constraints.big", "v > 7"}}));
  lake::set_properties(*table, *connection_, {{"delta.constraints.small", "v < 9"}}).value();
  EXPECT_FALSE(lake::append(*table, *connection_, "SELECT 1 AS id, 10 AS v"));
  lake::set_properties(*table, *connection_, {{"delta.constraints.small", std::nullopt}}).value();
  lake::append(*table, *connection_, "SELECT 1 AS id, 10 AS v").value();
  EXPECT_THAT(rows(*table), ElementsAre("1|10", "1|5"));
  auto plain = make("plain");
  const auto refused =
      lake::set_properties(*plain, *connection_, {{"delta.constraints.x", "v > 0"}});
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
}

TEST_F(Dml, RestoreMakesTheTableWhatItWas) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.name);
    auto table = make(kind.name, kind);
    append_rows(*table, "(1, 'a', 10), (2, 'b', 20)");
    const auto wanted = rows(*table);
    lake::delete_where(*table, *connection_, "id = 1").value();
    lake::append(*table, *connection_, "SELECT 3 AS id, TRUE AS extra", {.merge_schema = true})
        .value();
    const auto done = lake::restore(*table, 1);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(rows(*table), wanted);
    EXPECT_EQ(rows(*open(kind.name)), wanted);
    lake::restore(*table, 2).value();
    EXPECT_THAT(rows(*table), ElementsAre("2|b|20"));
  }
  auto table = make("gone");
  append_rows(*table, "(1, 'a', 10)");
  const std::string path = table->snapshot().value()->files().at(0).path;
  lake::overwrite(*table, *connection_, "SELECT 9 AS id").value();
  ASSERT_TRUE(store_->remove("gone/" + path));
  const auto refused = lake::restore(*table, 1);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_THAT(refused.error().message, HasSubstr(path));
}

TEST_F(Dml, TheChangeFeedTellsEveryChangedRow) {
  auto table = make("t", kKinds.back());
  append_rows(*table, "(1, 'a', 10), (2, 'b', 20), (3, 'b', 30)");
  lake::update_where(*table, *connection_, {{"v", "v + 1"}}, "id = 2").value();
  lake::delete_where(*table, *connection_, "id = 3").value();
  EXPECT_THAT(query(fmt::format(
                  "SELECT _change_type, id, v FROM read_parquet('{}/_change_data/*/*.parquet')",
                  store_->url("t"))),
              ElementsAre("delete|3|30", "update_postimage|2|21", "update_preimage|2|20"));
}

TEST_F(Dml, OfRowsThatOthersChangedMeanwhileIsMadeAgain) {
  auto table = make();
  append_rows(*table, "(1, 'a', 10)");
  auto other = open("t");
  // The condition looks as the other writer commits: a function of the query cannot, so the other
  // one commits between begin and commit through a table of the same log.
  bool raced = false;
  auto transaction = table->begin().value();
  transaction->read_whole_table();
  for (const auto& file : transaction->base().files()) transaction->remove(file);
  lake::append(*other, *connection_, "SELECT 2 AS id, 'b' AS p, 20 AS v").value();
  raced = transaction->commit({.operation = "DELETE"}).error().code == Code::kConflict;
  EXPECT_TRUE(raced);
  EXPECT_EQ(lake::delete_where(*table, *connection_, "v >= 10").value().rows_deleted, 2);
  EXPECT_THAT(rows(*table), IsEmpty());
}

// Random changes of a table of each kind and of a DuckDB table: the rows are equal all the time.
class DmlModel : public Dml {
 protected:
  std::string condition(std::mt19937& random) {
    switch (random() % 6) {
      case 0:
        return fmt::format("v > {}", random() % 60);
      case 1:
        return fmt::format("id BETWEEN {} AND {}", random() % 30, 20 + random() % 30);
      case 2:
        return fmt::format("p = 'p{}'", random() % 3);
      case 3:
        return fmt::format("p IN ('p0', 'p{}') AND v < {}", random() % 3, random() % 60);
      case 4:
        return "p IS NULL";
      default:
        return fmt::format("id % 3 = {} OR v IS NULL", random() % 3);
    }
  }
  static std::string some_rows(std::mt19937& random) {
    return fmt::format(
        "SELECT i AS id, CASE WHEN i % 5 < 4 THEN 'p' || (i % 3) END AS p, "
        "CASE WHEN i % 7 > 0 THEN i * {} % 61 END AS v FROM range({}, {}) AS r(i)",
        1 + random() % 9, random() % 30, 30 + random() % 20);
  }

  void step(lake::Table& table, std::mt19937& random) {
    const std::string where = condition(random);
    const std::string rows = some_rows(random);
    const auto model = [&](const std::string& sql) {
      const auto done = connection_->query(sql);
      ASSERT_TRUE(done) << done.error().to_string() << "\n" << sql;
    };
    base::Result<lake::Changed> done;
    switch (random() % 6) {
      case 0:
        done = lake::append(table, *connection_, rows);
        model("INSERT INTO model " + rows);
        break;
      case 1:
        done = lake::delete_where(table, *connection_, where);
        model("DELETE FROM model WHERE " + where);
        break;
      case 2:
        done = lake::update_where(table, *connection_, {{"v", "v + 1"}, {"p", "'p1'"}}, where);
        model("UPDATE model SET v = v + 1, p = 'p1' WHERE " + where);
        break;
      case 3:
        done = lake::replace_where(table, *connection_, where,
                                   fmt::format("SELECT * FROM ({}) WHERE {}", rows, where));
        model("DELETE FROM model WHERE " + where);
        model(fmt::format("INSERT INTO model SELECT * FROM ({}) WHERE {}", rows, where));
        break;
      default:
        done = lake::merge(table, *connection_,
                           {.source = rows,
                            .on = "target.id = source.id",
                            .clauses = {{.what = Do::kDelete, .condition = "source.v < 20"},
                                        {.what = Do::kUpdate},
                                        {.when = When::kNotMatched, .what = Do::kInsert},
                                        {.when = When::kNotMatchedBySource,
                                         .what = Do::kUpdate,
                                         .condition = "target." + std::string("v > 50"),
                                         .assignments = {{"v", "target.v - 50"}}}}});
        model("CREATE OR REPLACE TEMP TABLE s AS " + rows);
        model("UPDATE model SET v = v - 50 WHERE v > 50 AND id NOT IN (SELECT id FROM s)");
        model(
            "CREATE OR REPLACE TEMP TABLE fresh AS SELECT * FROM s WHERE id NOT IN (SELECT id FROM "
            "model)");
        model("DELETE FROM model USING s WHERE s.id = model.id AND s.v < 20");
        model("UPDATE model SET p = s.p, v = s.v FROM s WHERE s.id = model.id");
        model("INSERT INTO model FROM fresh");
    }
    ASSERT_TRUE(done) << done.error().to_string() << "\n" << where;
  }
};

TEST_F(DmlModel, RandomChangesOfEveryKindOfTableGiveTheRowsOfTheModel) {
  unsigned seed = 1;
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(fmt::format("{}, seed {}", kind.name, seed));
    std::mt19937 random(seed++);
    auto table = make(kind.name, kind);
    ASSERT_TRUE(
        connection_->execute("CREATE OR REPLACE TEMP TABLE model(id BIGINT, p VARCHAR, v BIGINT)"));
    std::map<lake::Version, std::vector<std::string>> history;
    for (int i = 0; i < 15; ++i) {
      step(*table, random);
      if (HasFatalFailure()) return;
      if (random() % 5 == 0) table = open(kind.name);
      const auto wanted = query("FROM model");
      ASSERT_EQ(rows(*table), wanted) << "step " << i;
      history[table->snapshot().value()->version()] = wanted;
    }
    for (const auto& [version, wanted] : history) {
      EXPECT_EQ(query(table->snapshot_at(version).value()->scan_sql()), wanted) << version;
    }
  }
}

}  // namespace
