#include "sql/postgres_functions.h"

#include <gtest/gtest.h>

#include "sql/database.h"

namespace sql {
namespace {

// 2024-05-07 19:08:07.123456 UTC, a Tuesday.
constexpr std::int64_t kTime = 1'715'108'887'123'456;

TEST(PostgresFormat, WritesTimesByTheirPatterns) {
  for (const auto& [format, want] : std::vector<std::pair<std::string, std::string>>{
           {"YYYY-MM-DD HH24:MI:SS", "2024-05-07 19:08:07"},
           {"FMMonth FMDD, YYYY", "May 7, 2024"},
           {"MONTH|", "MAY      |"},
           {"Dy DD Mon HH12 am MS US", "Tue 07 May 07 pm 123 123456"},
           {"IYYY-IW-ID DDD Q \"Q\" CC", "2024-19-2 128 2 Q 21"},
           {"DDth FMDDth", "07th 7th"},
       }) {
    EXPECT_EQ(format_time(kTime, format), want) << format;
  }
}

TEST(PostgresFormat, ReadsTimesByTheirPatterns) {
  EXPECT_EQ(parse_time("2024-05-07 19:08:07.123456", "YYYY-MM-DD HH24:MI:SS.US").value(), kTime);
  EXPECT_EQ(parse_time("07 May 2024 07:08:07 PM", "DD Mon YYYY HH12:MI:SS AM").value(),
            kTime - 123'456);
  EXPECT_FALSE(parse_time("2024-13-07", "YYYY-MM-DD").has_value());
  EXPECT_FALSE(parse_time("x", "YYYY").has_value());
}

TEST(PostgresFormat, WritesNumbersByTheirPatterns) {
  for (const auto& [value, format, want] :
       std::vector<std::tuple<double, std::string, std::string>>{
           {1234.5, "9,999.99", " 1,234.50"},
           {-5, "S99", " -5"},
           {0.5, "FM0.00", "0.50"},
           {42, "000", " 042"},
           {12345, "999", " ###"},
           {0, "9", " 0"},
           {-1.5, "9.9MI", "1.5-"},
           {7, "FM999", "7"},
       }) {
    EXPECT_EQ(format_number(value, format).value(), want) << format;
  }
  EXPECT_FALSE(format_number(1, "RN").has_value());
}

TEST(PostgresFunctions, DivideAsPostgresDoes) {
  const auto database = Database::open({.locked = true}).value();
  const auto connection = database->connect().value();
  const auto text = [&](const std::string& sql) {
    const auto result = connection->query("SELECT " + sql);
    return result ? (*result)->text(0, 0) : result.error().message;
  };
  EXPECT_EQ(text("postgres_divide(-7, 2)"), "-3");
  EXPECT_EQ(text("typeof(postgres_divide(7::BIGINT, 2))"), "BIGINT");
  EXPECT_EQ(text("postgres_divide(sum(x), 2) FROM range(4) t(x)"), "3");
  EXPECT_EQ(text("postgres_divide(7.5, 2)"), "3.75");
  EXPECT_EQ(text("postgres_divide(x, y) FROM (VALUES (1, NULL)) t(x, y)"), "");
  EXPECT_NE(text("postgres_divide(1, 0)").find("division by zero"), std::string::npos);
  EXPECT_NE(text("postgres_divide(-2147483648::INTEGER, -1)").find("out of range"),
            std::string::npos);
}

}  // namespace
}  // namespace sql
