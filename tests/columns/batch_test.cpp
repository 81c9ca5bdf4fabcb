#include "columns/batch.h"

#include <gtest/gtest.h>

#include <cmath>

namespace columns {
namespace {

Batch every_type() {
  Batch batch({{{"b", Type::kBoolean, false},
                {"i", Type::kInt32, true},
                {"l", Type::kInt64, true},
                {"d", Type::kFloat64, true},
                {"s", Type::kString, true},
                {"y", Type::kBytes, true},
                {"day", Type::kDate, true},
                {"at", Type::kTimestamp, true}}});
  for (int row = 0; row < 3; ++row) {
    if (row == 1) {
      for (Column& column : batch.columns) column.append_null();
      continue;
    }
    batch.columns[0].append_int(1);
    batch.columns[1].append_int(INT32_MIN);
    batch.columns[2].append_int(INT64_MIN);
    batch.columns[3].append_double(std::nan(""));
    batch.columns[4].append_text("text ü");
    batch.columns[5].append_text(std::string_view("\xFF\x00", 2));
    batch.columns[6].append_int(-1);
    batch.columns[7].append_int(INT64_MAX);
  }
  return batch;
}

TEST(Batch, ComesBackFromItsBytesAsItWas) {
  const Batch batch = every_type();
  const auto back = decode(encode(batch));
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(back->schema, batch.schema);
  EXPECT_EQ(encode(*back), encode(batch));
  EXPECT_EQ(back->column("s").text_at(2), "text ü");
  EXPECT_TRUE(back->column("l").is_null(1));
  EXPECT_TRUE(std::isnan(back->column("d").double_at(0)));
}

TEST(Batch, BytesCutAnywhereAreRefused) {
  const std::string bytes = encode(every_type());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const auto back = decode(std::string_view(bytes).substr(0, cut));
    ASSERT_FALSE(back) << cut;
    EXPECT_EQ(back.error().code, base::Code::kCorrupt);
  }
  EXPECT_FALSE(decode(bytes + "x"));
}

TEST(Batch, BytesChangedAnywhereAreRefusedOrGiveABatchThatEncodesToThem) {
  const std::string bytes = encode(every_type());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const char flip : {'\x01', '\x80', '\xFF'}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const auto back = decode(changed);
      if (back) EXPECT_EQ(encode(*back), changed) << at;
    }
  }
}

TEST(Batch, AnEmptyBatchComesBack) {
  EXPECT_TRUE(decode(encode(Batch())));
  EXPECT_EQ(decode(encode(Batch({{{"x", Type::kString, true}}})))->rows(), 0U);
}

TEST(Column, TruncateDropsRowsFromTheEnd) {
  Batch batch = every_type();
  for (Column& column : batch.columns) {
    column.truncate(1);
    column.append_null();
    EXPECT_EQ(column.size(), 2U);
    EXPECT_TRUE(column.is_null(1));
  }
  batch.columns[4].append_text("next");
  EXPECT_EQ(batch.columns[4].text_at(0), "text ü");
  EXPECT_EQ(batch.columns[4].text_at(2), "next");
}

TEST(Type, EverySpellingIsTaken) {
  for (int i = 0; i <= static_cast<int>(Type::kTimestamp); ++i) {
    const auto type = static_cast<Type>(i);
    EXPECT_EQ(*parse_type(type_name(type)), type);
    EXPECT_EQ(*parse_type(sql_type(type)), type);
  }
  EXPECT_EQ(*parse_type("TimeStamp"), Type::kTimestamp);
  const auto unknown = parse_type("text");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().mend, "");
}

}  // namespace
}  // namespace columns
