// Changes of single rows of large files: what stays is taken over page by page.
#include <random>

#include "lake/dml.h"
#include "lake/fixture.h"

namespace {

using columns::Type;
using lake_test::field;

struct Kind {
  std::string name;
  bool parted = false;
  std::map<std::string, std::string> configuration = {};
};

class Rewrites : public lake_test::LakeTest, public testing::WithParamInterface<Kind> {
 protected:
  static constexpr const char* kRows =
      "SELECT i AS id, DATE '2026-01-01' + CAST(i % 3 AS INTEGER) AS day, CASE WHEN i % 4 = 0 THEN "
      "NULL ELSE 'name ' || (i % 90) END AS name, i * 0.5::DOUBLE AS load, TIMESTAMPTZ "
      "'2026-01-01 00:00:00+00' + to_milliseconds(i * 1001) AS seen";

  std::shared_ptr<lake::Table> make() {
    auto with =
        options({field("id", Type::kInt64), field("day", Type::kDate), field("name", Type::kString),
                 field("load", Type::kFloat64), field("seen", Type::kTimestamp)},
                GetParam().parted ? std::vector<std::string>{"day"} : std::vector<std::string>{});
    with.configuration = GetParam().configuration;
    with.configuration["waybill.smallFileBytes"] = "0";
    return create("t", with);
  }

  void both(lake::Table& table, const base::Result<lake::Changed>& done, const std::string& model) {
    ASSERT_TRUE(done) << done.error().to_string();
    ASSERT_TRUE(connection_->execute(model));
    const std::string now = table.snapshot().value()->scan_sql();
    EXPECT_EQ(query(fmt::format("SELECT count(*) FROM (({0}) EXCEPT ALL FROM model)", now)),
              std::vector<std::string>{"0"});
    EXPECT_EQ(query(fmt::format("SELECT count(*) FROM ({0})", now)),
              query("SELECT count(*) FROM model"));
    expect_true_statistics(table);
  }

  // Each file's statistics are those of its rows.
  void expect_true_statistics(lake::Table& table) {
    const auto snapshot = table.snapshot().value();
    for (const auto& file : snapshot->files()) {
      if (!file.deletion_vector.empty()) continue;
      const auto stats = nlohmann::json::parse(file.stats);
      const auto text = [&](const char* kind, const char* column) {
        const auto value = stats.at(kind).value(column, nlohmann::json("NULL"));
        return value.is_string() ? value.get<std::string>() : value.dump();
      };
      const auto got = query(fmt::format(
          "SELECT count(*), min(id), max(id), min(name), max(name), count(*) - count(name), "
          "min(load) = {1} AND max(load) = {2}, strftime(min(seen) AT TIME ZONE 'UTC', "
          "'%Y-%m-%dT%H:%M:%S.%gZ') FROM '{0}'",
          store_->url("t/" + file.path), text("minValues", "load"), text("maxValues", "load")));
      EXPECT_EQ(got[0], fmt::format("{}|{}|{}|{}|{}|{}|t|{}", stats["numRecords"].dump(),
                                    text("minValues", "id"), text("maxValues", "id"),
                                    text("minValues", "name"), text("maxValues", "name"),
                                    text("nullCount", "name"), text("minValues", "seen")));
    }
  }
};

TEST_P(Rewrites, AgreeWithATableInMemory) {
  auto table = make();
  ASSERT_TRUE(
      connection_->execute(fmt::format("CREATE TEMP TABLE model AS {} FROM range(6000) "
                                       "r(i)",
                                       kRows)));
  both(*table, lake::append(*table, *connection_, "FROM model"), "SELECT 1");
  std::mt19937 random(11);
  for (int round = 0; round < 2; ++round) {
    SCOPED_TRACE(round);
    const auto one = random() % 97;
    const auto from = random() % 5'000;
    both(*table, lake::delete_where(*table, *connection_, fmt::format("id % 97 = {}", one)),
         fmt::format("DELETE FROM model WHERE id % 97 = {}", one));
    const std::string range = fmt::format("id BETWEEN {} AND {}", from, from + 300);
    both(*table,
         lake::update_where(
             *table, *connection_,
             {{.column = "load", .value = "load + 1"}, {.column = "name", .value = "upper(name)"}},
             range),
         "UPDATE model SET load = load + 1, name = upper(name) WHERE " + range);
    const std::string source = fmt::format(
        "SELECT * REPLACE (-load AS load, day + 1 AS day) FROM ({} FROM (SELECT i * {} "
        "AS i FROM range(400) s(i)))",
        kRows, 20 + round * 10);
    ASSERT_TRUE(connection_->execute("CREATE OR REPLACE TEMP TABLE source AS " + source));
    both(*table,
         lake::merge(*table, *connection_,
                     {.source = "FROM source",
                      .on = "target.id = source.id",
                      .clauses = {{.what = lake::MergeClause::Do::kUpdate},
                                  {.when = lake::MergeClause::When::kNotMatched,
                                   .what = lake::MergeClause::Do::kInsert}}}),
         "DELETE FROM model WHERE id IN (SELECT id FROM source); INSERT INTO model FROM source");
  }
}

TEST_P(Rewrites, TakeExpressionsOfBothSides) {
  auto table = make();
  ASSERT_TRUE(
      connection_->execute(fmt::format("CREATE TEMP TABLE model AS {} FROM range(6000) "
                                       "r(i)",
                                       kRows)));
  both(*table, lake::append(*table, *connection_, "FROM model"), "SELECT 1");
  using When = lake::MergeClause::When;
  using Do = lake::MergeClause::Do;
  both(*table,
       lake::merge(*table, *connection_,
                   {.source = "SELECT i * 10 AS id, i AS more FROM range(500) s(i)",
                    .on = "target.id = source.id",
                    .clauses = {{.when = When::kMatched,
                                 .what = Do::kDelete,
                                 .condition = "source.more % 5 = 0"},
                                {.when = When::kMatched,
                                 .what = Do::kUpdate,
                                 .assignments = {{"load", "target.load + source.more"}}}}}),
       "DELETE FROM model WHERE id < 5000 AND id % 50 = 0; UPDATE model SET load = load + id // 10 "
       "WHERE id < 5000 AND id % 10 = 0");
}

INSTANTIATE_TEST_SUITE_P(
    EveryKindOfTable, Rewrites,
    testing::Values(Kind{.name = "flat"}, Kind{.name = "parted", .parted = true},
                    Kind{.name = "feed", .configuration = {{"delta.enableChangeDataFeed", "true"}}},
                    Kind{.name = "vectors",
                         .configuration = {{"delta.enableDeletionVectors", "true"}}}),
    [](const auto& kind) { return kind.param.name; });

}  // namespace
