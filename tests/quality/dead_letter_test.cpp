#include "quality/dead_letter.h"

#include <gtest/gtest.h>

#include "sql/database.h"

namespace quality {
namespace {

class DeadLetter : public ::testing::Test {
 protected:
  void SetUp() override {
    database_ = std::move(*sql::Database::open({}));
    connection_ = std::move(*database_->connect());
    ASSERT_TRUE(connection_->execute(R"(
      CREATE TEMP TABLE "in" AS SELECT * FROM (VALUES
        ('parts', 1::INTEGER, 7::BIGINT, TIMESTAMPTZ '2026-11-23 08:00:00', NULL, 'raw 7', 'n: no number; m: gone'),
        ('parts', 1, 8, TIMESTAMPTZ '2026-11-23 08:00:01', '{"file":"a.csv","line":"12"}', 'raw 8', NULL),
        ('parts', 0, 8, TIMESTAMPTZ '2026-11-23 08:00:02', '{"file":"b.csv","line":"3"}', 'raw b', 'not JSON: it ends early'))
        t(_topic, _partition, _offset, _time, _headers, _raw, _error);
      CREATE TEMP TABLE "out" AS SELECT * FROM (VALUES
        (1::INTEGER, 8::BIGINT, 'weight: must be at least 0'), (0, 9, NULL)) t(_partition, _offset, _wb_failed))"));
  }

  columns::Batch letters(const std::string& sql) {
    const auto result = connection_->query(sql + " ORDER BY id");
    EXPECT_TRUE(result) << sql << "\n" << result.error().to_string();
    return result ? *(*result)->batch() : columns::Batch();
  }

  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> connection_;
};

TEST_F(DeadLetter, RecordsThatDoNotFitTheirSchemaKeepPlaceReasonAndBytes) {
  const columns::Batch rows = letters(schema_letters_sql("silver.parts", "run-1", "in"));
  ASSERT_EQ(rows.rows(), 2U);
  EXPECT_EQ(rows.column("id").text_at(1), "silver.parts/parts/1/7");
  EXPECT_EQ(rows.column("model").text_at(1), "silver.parts");
  EXPECT_EQ(rows.column("run").text_at(1), "run-1");
  EXPECT_EQ(rows.column("field").text_at(1), "n");
  EXPECT_EQ(rows.column("reason").text_at(1), "n: no number; m: gone");
  EXPECT_EQ(rows.column("raw").text_at(1), "raw 7");
  EXPECT_TRUE(rows.column("file").is_null(1));
  EXPECT_TRUE(rows.column("line").is_null(1));
  EXPECT_EQ(rows.column("file").text_at(0), "b.csv");
  EXPECT_EQ(rows.column("line").int_at(0), 3);
}

TEST_F(DeadLetter, AReasonOfTheWholeRecordHasNoField) {
  const columns::Batch rows = letters(schema_letters_sql("silver.parts", "run-1", "in"));
  EXPECT_TRUE(rows.column("field").is_null(0));
}

TEST_F(DeadLetter, RowsThatBreakARuleGetTheirBytesFromTheirRecord) {
  const columns::Batch rows =
      letters(rule_letters_sql("silver.parts", "run-1", "parts", "out", "in", 5));
  ASSERT_EQ(rows.rows(), 1U);
  EXPECT_EQ(rows.column("id").text_at(0), "silver.parts/parts/1/8");
  EXPECT_EQ(rows.column("field").text_at(0), "weight");
  EXPECT_EQ(rows.column("raw").text_at(0), "raw 8");
  EXPECT_EQ(rows.column("line").int_at(0), 12);
}

TEST_F(DeadLetter, WithoutRecordsTheBytesAreNullAndTheTimeIsTheRuns) {
  const columns::Batch rows = letters(rule_letters_sql("gold.x", "run-1", "parts", "out", "", 5));
  ASSERT_EQ(rows.rows(), 1U);
  EXPECT_TRUE(rows.column("raw").is_null(0));
  EXPECT_EQ(rows.column("time").int_at(0), 5);
}

TEST_F(DeadLetter, TheSelectsHaveTheTablesColumnsAndTypes) {
  for (const std::string& sql :
       {schema_letters_sql("m", "r", "in"), rule_letters_sql("m", "r", "parts", "out", "in", 5),
        rule_letters_sql("m", "r", "parts", "out", "", 5)}) {
    const columns::Batch rows = letters(sql);
    const columns::Schema want = dead_letter_schema();
    ASSERT_EQ(rows.schema.fields.size(), want.fields.size());
    for (std::size_t i = 0; i < want.fields.size(); ++i) {
      EXPECT_EQ(rows.schema.fields[i].name, want.fields[i].name);
      EXPECT_EQ(rows.schema.fields[i].type, want.fields[i].type) << want.fields[i].name;
    }
  }
}

}  // namespace
}  // namespace quality
