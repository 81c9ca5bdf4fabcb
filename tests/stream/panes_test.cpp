// SQL that takes the place of a model's own gives the same values.
#include "stream/panes.h"

#include <gtest/gtest.h>

#include "stream/world.h"

namespace stream {
namespace {

using stream_test::must;

class Buckets : public testing::Test {
 protected:
  void SetUp() override {
    must(connection_->execute(
        "SET TimeZone = 'UTC'; CREATE TEMP TABLE times AS SELECT make_timestamptz(CAST(hash(range) "
        "% 400000000000000000 AS BIGINT) - 70000000000000000) AS t, range % 5 AS k FROM "
        "range(20000) UNION ALL VALUES ('infinity'::TIMESTAMPTZ, 1), ('-infinity'::TIMESTAMPTZ, 2),"
        " (NULL, 3), ('9999-12-31 23:59:59.999999+00'::TIMESTAMPTZ, 4)"));
  }
  std::string plain(const std::string& expression, const std::string& table = "times") {
    const Tree tree = must(expression_of(*connection_, expression));
    return must(expression_sql(*connection_, must(with_plain_buckets(*connection_, tree, table))));
  }

  std::unique_ptr<sql::Database> database_ = must(sql::Database::open({}));
  std::unique_ptr<sql::Connection> connection_ = must(database_->connect());
};

TEST_F(Buckets, AreTheSameByArithmetic) {
  for (const char* width : {"1 millisecond", "7 seconds", "10 minutes", "1 hour", "36 hours",
                            "1 day", "3 days", "1 week"}) {
    const std::string own = fmt::format("time_bucket(INTERVAL '{}', t)", width);
    const std::string ours = plain(own);
    EXPECT_EQ(ours.find("time_bucket"), std::string::npos) << ours;
    const auto different = must(connection_->query(
        fmt::format("SELECT count(*), max(t) FILTER (WHERE {0} IS DISTINCT FROM {1}) FROM times "
                    "WHERE {0} IS DISTINCT FROM {1}",
                    own, ours)));
    EXPECT_EQ(different->int_at(0, 0), 0) << width << ": " << different->text(1, 0);
  }
}

TEST_F(Buckets, OfOtherKindsStayAsTheyAre) {
  for (const char* own :
       {"time_bucket(CAST('1 month' AS INTERVAL), t)",
        "time_bucket(CAST('1 day' AS INTERVAL), CAST(t AS DATE))", "time_bucket(to_seconds(k), t)",
        "time_bucket(CAST('1 hour' AS INTERVAL), t, CAST('2 minutes' AS INTERVAL))"}) {
    EXPECT_EQ(plain(own),
              must(expression_sql(*connection_, must(expression_of(*connection_, own)))));
  }
}

TEST_F(Buckets, AreFoundUnderTheWindowsThatMultiplyRows) {
  const auto found = [&](const std::string& sql) {
    return must(panes_of(*connection_, select_node(must(connection_->parse(sql)))));
  };
  const auto panes = found(
      "SELECT k, unnest(generate_series(time_bucket(INTERVAL '2 seconds', t) - INTERVAL '8 "
      "seconds', time_bucket(INTERVAL '2 seconds', t), INTERVAL '2 seconds')) AS s FROM times");
  ASSERT_TRUE(panes);
  EXPECT_EQ(panes->panes, "_wb_e0");
  EXPECT_EQ(panes->column, "s");
  EXPECT_EQ(panes->rows.find("unnest"), std::string::npos);
  EXPECT_EQ(panes->rows.find("time_bucket"), std::string::npos);
  EXPECT_FALSE(found("SELECT k, unnest([t, t + INTERVAL '1 second']) AS s FROM times"));
  EXPECT_FALSE(found("SELECT k, time_bucket(INTERVAL '2 seconds', t) AS s FROM times"));
}

}  // namespace
}  // namespace stream
