#include "stream/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stream/operator.h"

namespace stream {
namespace {

using testing::HasSubstr;

const columns::Schema& source_schema() {
  using columns::Type;
  static const columns::Schema kSchema{{{"event_id", Type::kString, true},
                                        {"event_time", Type::kTimestamp, true},
                                        {"hub_id", Type::kString, true},
                                        {"amount", Type::kInt64, true},
                                        {"_partition", Type::kInt32, true},
                                        {"_offset", Type::kInt64, true},
                                        {"_error", Type::kString, true}}};
  return kSchema;
}

// Five header lines, so that the SELECT begins in line 6.
runs::Model model_of(const std::string& header, const std::string& sql) {
  auto model =
      runs::parse_model("---\ntable: gold.made\nmode: streaming\n" + header + "\n---\n" + sql,
                        "models/gold/made.sql");
  EXPECT_TRUE(model) << model.error().to_string();
  return model ? *model : runs::Model{};
}

struct Engine {
  std::unique_ptr<sql::Database> database = std::move(*sql::Database::open({.threads = 1}));
  std::unique_ptr<sql::Connection> connection = std::move(*database->connect());
};

// Two tables of one topic, a keyed one, and one that stands.
std::map<std::string, Relation> known_tables() {
  std::map<std::string, Relation> known;
  for (const char* table : {"bronze.scans", "silver.scans", "silver.orders"})
    known[table] = {.table = table, .schema = source_schema(), .topics = {"scans"}};
  known["gold.hubs"] = {
      .table = "gold.hubs",
      .schema = {{{"hub_id", columns::Type::kString, true}, {"n", columns::Type::kInt64, true}}},
      .changes = true,
      .key = {"hub_id"},
      .topics = {"scans"}};
  known["gold.lanes"] = {.table = "gold.lanes",
                         .schema = {{{"hub_id", columns::Type::kString, true},
                                     {"lane", columns::Type::kString, true}}},
                         .is_static = true};
  return known;
}

struct Accepted {
  std::string name;
  std::string header;
  std::string sql;
  Shape shape;
  std::string source;
};

class AcceptedModel : public testing::TestWithParam<Accepted> {};

TEST_P(AcceptedModel, HasItsShapeAndSource) {
  Engine engine;
  const runs::Model model = model_of(GetParam().header, GetParam().sql);
  const auto plan = plan_model(*engine.connection, model);
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_EQ(shape_name(plan->shape), shape_name(GetParam().shape));
  EXPECT_EQ(plan->source(), GetParam().source);
  const auto made = make_operator(*engine.connection, model, known_tables(), nullptr);
  EXPECT_TRUE(made) << made.error().to_string();
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, AcceptedModel,
    testing::Values(
        Accepted{"row_by_row", "version: 1", "SELECT * FROM bronze.scans", Shape::kRowByRow,
                 "bronze.scans"},
        Accepted{"where_and_case", "version: 1",
                 "SELECT event_id, CASE WHEN amount > 1 THEN 'a' ELSE 'b' END AS size\n"
                 "FROM bronze.scans s WHERE s.amount IS NOT NULL",
                 Shape::kRowByRow, "bronze.scans"},
        Accepted{"deduplicated", "time: event_time\nttl: 1 hour",
                 "SELECT event_id, event_time FROM bronze.scans\n"
                 "QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY _offset) = 1",
                 Shape::kDeduplicated, "bronze.scans"},
        Accepted{"deduplicated_by_two", "time: event_time\nttl: 1 hour",
                 "SELECT event_id FROM silver.scans\n"
                 "QUALIFY row_number() OVER (PARTITION BY event_id, lower(hub_id) ORDER BY "
                 "_offset) = 1",
                 Shape::kDeduplicated, "silver.scans"},
        Accepted{"latest", "key: [hub_id]",
                 "SELECT hub_id, amount FROM silver.scans\n"
                 "QUALIFY row_number() OVER (PARTITION BY hub_id ORDER BY event_time DESC) = 1",
                 Shape::kLatest, "silver.scans"},
        Accepted{
            "windowed", "key: [hub_id, w]\nwatermark: 2 minutes\ntime: event_time",
            "SELECT hub_id, time_bucket(INTERVAL '5 minutes', event_time) AS w, count(*) AS n,\n"
            "count(DISTINCT event_id) AS events FROM silver.scans GROUP BY ALL",
            Shape::kComposed, "silver.scans"},
        Accepted{"windowed_by_name", "key: [w]\nwatermark: 2 minutes\ntime: event_time",
                 "SELECT time_bucket(INTERVAL '1 hour', event_time) AS w, sum(amount) AS amount\n"
                 "FROM silver.scans GROUP BY w",
                 Shape::kComposed, "silver.scans"},
        Accepted{"keys_without_windows", "key: [hub_id]",
                 "SELECT hub_id, count(*) AS n FROM silver.scans GROUP BY hub_id", Shape::kComposed,
                 "silver.scans"},
        Accepted{"first_rows", "key: [hub_id, r]",
                 "SELECT hub_id, event_id, row_number() OVER (PARTITION BY hub_id ORDER BY amount) "
                 "AS r\nFROM silver.scans QUALIFY r <= 3",
                 Shape::kComposed, "silver.scans"},
        Accepted{"looked_up", "version: 1",
                 "SELECT s.event_id, h.n FROM silver.scans s LEFT JOIN gold.hubs h USING (hub_id)",
                 Shape::kComposed, "gold.hubs"},
        Accepted{"static_table", "version: 1",
                 "SELECT s.event_id, l.lane FROM silver.scans s JOIN gold.lanes l ON l.hub_id = "
                 "s.hub_id",
                 Shape::kComposed, "gold.lanes"},
        Accepted{"changes_of_a_keyed_table", "key: [big]",
                 "SELECT n > 10 AS big, count(*) AS hubs FROM gold.hubs GROUP BY 1",
                 Shape::kComposed, "gold.hubs"},
        Accepted{
            "join_for_a_time", "time: event_time\nwatermark: 1 minute\nttl: 1 hour",
            "SELECT a.event_id, b.amount FROM silver.scans a JOIN silver.orders b ON a.hub_id = "
            "b.hub_id",
            Shape::kComposed, "silver.orders"}),
    [](const auto& given) { return given.param.name; });

TEST(Plan, ExplainsStagesAndWhatBoundsThem) {
  Engine engine;
  const runs::Model model =
      model_of("key: [w]\nwatermark: 1 minute\ntime: event_time",
               "SELECT time_bucket(INTERVAL '5 minutes', event_time) AS w, count(*) AS n\n"
               "FROM silver.scans WHERE amount > 3 GROUP BY ALL");
  const auto made = make_operator(*engine.connection, model, known_tables(), nullptr);
  ASSERT_TRUE(made) << made.error().to_string();
  const nlohmann::json plan = (*made)->explain(*engine.connection);
  EXPECT_EQ(plan["stages"].size(), 1U);
  EXPECT_THAT(plan["stages"][0]["bounded_by"].get<std::string>(), HasSubstr("after w"));
  EXPECT_THAT(plan["stages"][0]["sql"].get<std::string>(), HasSubstr("amount > 3"));
}

TEST(TablesOf, NamesEachTableOnceWhereverItStands) {
  Engine engine;
  const auto tree = engine.connection->parse(
      "WITH x AS (SELECT * FROM silver.b) SELECT * FROM x JOIN silver.a USING (k) WHERE k IN "
      "(SELECT k FROM gold.c UNION SELECT k FROM silver.a)");
  ASSERT_TRUE(tree) << tree.error().to_string();
  EXPECT_EQ(tables_of(*tree), (std::vector<std::string>{"gold.c", "silver.a", "silver.b"}));
}

struct Refused {
  std::string name;
  std::string header;
  std::string sql;
  int line;
  std::string message;
  std::string mend;
};

class RefusedModel : public testing::TestWithParam<Refused> {};

TEST_P(RefusedModel, SaysWhereWhyAndWhatToWriteInstead) {
  Engine engine;
  const runs::Model model = model_of(GetParam().header, GetParam().sql);
  const auto made = make_operator(*engine.connection, model, known_tables(), nullptr);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, base::Code::kInvalid);
  EXPECT_EQ(made.error().file, "models/gold/made.sql");
  EXPECT_EQ(made.error().line, GetParam().line) << made.error().to_string();
  EXPECT_THAT(made.error().message, HasSubstr(GetParam().message));
  EXPECT_THAT(made.error().mend, HasSubstr(GetParam().mend));
}

// The SELECT begins in line 6 when the header is one line.
INSTANTIATE_TEST_SUITE_P(
    Refusals, RefusedModel,
    testing::Values(
        Refused{
            "join_for_ever", "time: event_time\nwatermark: 2 minutes",
            "SELECT a.event_id\nFROM silver.scans a JOIN silver.orders b ON a.hub_id = b.hub_id", 7,
            "kept for ever", "BETWEEN"},
        Refused{"full_join", "version: 1",
                "SELECT a.event_id\nFROM silver.scans a FULL JOIN silver.orders b USING (hub_id)",
                7, "JOIN cannot stream", "LEFT JOIN"},
        Refused{"union_without_all", "version: 1",
                "SELECT event_id FROM silver.scans\nUNION SELECT event_id FROM silver.orders", 6,
                "UNION without ALL", "UNION ALL"},
        Refused{
            "subquery_in_where", "version: 1",
            "SELECT event_id\nFROM silver.scans\nWHERE hub_id IN (SELECT hub_id FROM gold.hubs)", 8,
            "a subquery outside FROM", "JOIN"},
        Refused{"now", "version: 1", "SELECT event_id,\nnow() AS t FROM silver.scans", 7,
                "now gives another value", "_time"},
        Refused{"current_date", "version: 1",
                "SELECT event_id FROM silver.scans\nWHERE event_time > current_date", 7,
                "current_date gives another value", "_time"},
        Refused{"random", "version: 1", "SELECT event_id FROM silver.scans WHERE random() < 0.5", 6,
                "random gives another value", "column"},
        Refused{"key_misses_a_group", "key: [hub_id]",
                "SELECT hub_id, event_id, count(*) AS n FROM silver.scans GROUP BY ALL", 1,
                "'event_id' tells groups apart", "key: [hub_id, event_id]"},
        Refused{"watermark_without_time", "key: [w]\nwatermark: 2 minutes",
                "SELECT count(*) AS n,\ntime_bucket(INTERVAL '1 hour', event_time) AS w\n"
                "FROM silver.scans GROUP BY ALL",
                1, "'watermark' has no effect", "time: event_time"},
        Refused{"order_by", "version: 1", "SELECT * FROM silver.scans\nORDER BY event_id", 6,
                "ORDER BY", "query that reads the table"},
        Refused{"no_watermark", "key: [w]\ntime: event_time",
                "SELECT count(*) AS n,\ntime_bucket(INTERVAL '1 hour', event_time) AS w\n"
                "FROM silver.scans GROUP BY ALL",
                1, "needs a 'watermark'", "watermark: 2 minutes"},
        Refused{"window_without_key", "watermark: 2 minutes\ntime: event_time",
                "SELECT count(*) AS n,\ntime_bucket(INTERVAL '1 hour', event_time) AS w\n"
                "FROM silver.scans GROUP BY ALL",
                1, "needs a 'key'", "key: ["},
        Refused{"no_partition_by", "key: [hub_id]",
                "SELECT hub_id FROM silver.scans\n"
                "QUALIFY row_number() OVER (ORDER BY event_time) = 1",
                7, "without PARTITION BY", "PARTITION BY key"},
        Refused{"dedup_by_time", "ttl: 1 hour",
                "SELECT event_id FROM silver.scans\n"
                "QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY event_time) = 1",
                7, "keeps the row that came first", "ORDER BY _offset"},
        Refused{"dedup_without_ttl", "time: event_time",
                "SELECT event_id FROM silver.scans\n"
                "QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY _offset) = 1",
                7, "'time' and 'ttl'", "ttl: 1 hour"},
        Refused{"window_function", "version: 1",
                "SELECT event_id,\nlag(amount) OVER (ORDER BY event_time) AS before\n"
                "FROM silver.scans",
                7, "a window function", "PARTITION BY"},
        Refused{"key_alone", "key: [hub_id]", "SELECT hub_id FROM silver.scans", 6,
                "which row of a key is kept", "QUALIFY row_number()"},
        Refused{"latest_over_bronze", "key: [hub_id]",
                "SELECT hub_id FROM bronze.scans\n"
                "QUALIFY row_number() OVER (PARTITION BY hub_id ORDER BY event_time) = 1",
                1, "cannot read bronze.scans", "row-by-row model"},
        Refused{"key_not_selected", "key: [hub_id]",
                "SELECT amount FROM silver.scans\n"
                "QUALIFY row_number() OVER (PARTITION BY hub_id ORDER BY event_time) = 1",
                1, "key 'hub_id'", "amount"},
        Refused{"two_of_a_name", "version: 1", "SELECT amount, hub_id AS amount FROM silver.scans",
                6, "two columns are named 'amount'", "AS"},
        Refused{"nested_type", "version: 1", "SELECT [amount] AS list FROM silver.scans", 6,
                "'list'", "CAST"}),
    [](const auto& given) { return given.param.name; });

TEST(Refusals, SqlThatDoesNotParseIsRefusedAtItsLine) {
  Engine engine;
  const auto plan = plan_model(*engine.connection,
                               model_of("version: 1", "SELECT event_id,\nFROM WHERE silver.scans"));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().file, "models/gold/made.sql");
  EXPECT_EQ(plan.error().line, 7) << plan.error().to_string();
  EXPECT_THAT(plan.error().message, HasSubstr("syntax"));
}

TEST(Refusals, AnUnknownColumnIsNamedWithTheNearestOnes) {
  Engine engine;
  const auto made = make_operator(*engine.connection,
                                  model_of("version: 1", "SELECT evnt_time FROM silver.scans"),
                                  known_tables(), nullptr);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().file, "models/gold/made.sql");
  EXPECT_EQ(made.error().line, 6) << made.error().to_string();
  EXPECT_THAT(made.error().message,
              testing::AllOf(HasSubstr("evnt_time"), HasSubstr("event_time")));
}

}  // namespace
}  // namespace stream
