#include <chrono>
#include <thread>

#include "sql_fixture.h"

namespace sql {
namespace {

using SqlStream = Sql;

std::int64_t rows_of(RowStream& stream) {
  std::int64_t rows = 0;
  for (auto more = stream.next(); more && *more; more = stream.next())
    rows += static_cast<std::int64_t>(stream.rows());
  return rows;
}

TEST_F(SqlStream, GivesEveryRowOnceAndInOrder) {
  const auto stream = *connection_->stream(
      "SELECT i, 'n' || i AS name, i / 4.0 AS q "
      "FROM range(100000) t(i) ORDER BY i");
  EXPECT_EQ(stream->columns().size(), 3U);
  std::int64_t want = 0;
  for (auto more = stream->next(); more && *more; more = stream->next()) {
    for (std::size_t row = 0; row < stream->rows(); ++row, ++want) {
      ASSERT_EQ(stream->int_at(0, row), want);
      std::string text;
      stream->append_text(1, row, text);
      ASSERT_EQ(text, "n" + std::to_string(want));
    }
  }
  EXPECT_EQ(want, 100'000);
  EXPECT_FALSE(*stream->next());
}

TEST_F(SqlStream, BeginsBeforeTheQueryIsOver) {
  const auto before = std::chrono::steady_clock::now();
  const auto stream =
      *connection_->stream("SELECT i FROM range(100000000000) t(i) WHERE i % 3 = 1");
  ASSERT_TRUE(*stream->next());
  EXPECT_EQ(stream->int_at(0, 0), 1);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
}

TEST_F(SqlStream, TakesParametersAndSeesNulls) {
  const auto statement =
      *connection_->prepare("SELECT $1::INT + i, nullif(i, 1) FROM range(3) t(i)");
  for (int round = 0; round < 2; ++round) {
    const auto stream = *statement->stream({"40"});
    ASSERT_TRUE(*stream->next());
    ASSERT_EQ(stream->rows(), 3U);
    EXPECT_EQ(stream->int_at(0, 2), 42);
    EXPECT_TRUE(stream->is_null(1, 1));
    EXPECT_FALSE(stream->is_null(1, 2));
  }
}

TEST_F(SqlStream, TellsAnErrorThatComesLate) {
  // With more threads DuckDB may tell of their interruption instead.
  ASSERT_TRUE(connection_->execute("SET threads = 1"));
  const auto stream = *connection_->stream(
      "SELECT CASE WHEN i = 90000 THEN error('late') ELSE i::VARCHAR END FROM range(100000) t(i)");
  auto more = stream->next();
  while (more && *more) more = stream->next();
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().message.find("late"), std::string::npos);
}

TEST_F(SqlStream, StopsWhenInterrupted) {
  const auto stream = *connection_->stream("SELECT i FROM range(100000000000) t(i)");
  ASSERT_TRUE(*stream->next());
  connection_->interrupt();
  auto more = stream->next();
  for (int i = 0; i < 10'000 && more && *more; ++i) more = stream->next();
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, base::Code::kCancelled);
}

TEST_F(SqlStream, EndsWithTheNextStatementAndLeavesOtherConnectionsAlone) {
  const auto other = *database_->connect();
  const auto stream = *connection_->stream("SELECT i FROM range(1000000) t(i)");
  const auto kept = *other->stream("SELECT i FROM range(1000000) t(i)");
  ASSERT_TRUE(*stream->next());
  ASSERT_TRUE(*kept->next());
  ASSERT_EQ(text("SELECT 1"), "1");
  EXPECT_LT(rows_of(*stream), 999'000);
  EXPECT_EQ(rows_of(*kept) + 2048, 1'000'000);
}

TEST_F(SqlStream, RefusesWhatIsNoQuery) {
  EXPECT_FALSE(connection_->stream("SELEC 1"));
  EXPECT_FALSE(connection_->stream("SELECT nope"));
}

}  // namespace
}  // namespace sql
