#include <gtest/gtest.h>

#include "protocol/postgres/backend.h"
#include "protocol/postgres/types.h"

namespace protocol::postgres {
namespace {

struct Case {
  Oid type;
  std::string text;
  std::string back;  // what binary_to_text makes of it, where it differs
};

std::string binary(Oid type, const std::string& text) {
  std::string out;
  const auto written = append_binary(out, type, text);
  EXPECT_TRUE(written.has_value()) << text << ": " << (written ? "" : written.error().to_string());
  return out.size() >= 4 ? out.substr(4) : out;
}

TEST(PostgresTypes, ComeBackFromTheirBinaryFormat) {
  const std::vector<Case> cases = {
      {oid::kBool, "t", ""},
      {oid::kBool, "f", ""},
      {oid::kInt2, "-32768", ""},
      {oid::kInt4, "2147483647", ""},
      {oid::kInt8, "-9223372036854775808", ""},
      {oid::kFloat4, "1.5", ""},
      {oid::kFloat8, "0.1", ""},
      {oid::kFloat8, "NaN", ""},
      {oid::kFloat8, "-Infinity", ""},
      {oid::kText, "ü \" '", ""},
      {oid::kBytea, "\\x00ff10", ""},
      {oid::kDate, "2000-01-01", ""},
      {oid::kDate, "1969-12-31", ""},
      {oid::kDate, "infinity", ""},
      {oid::kTimestamp, "2026-01-01 00:00:00.000001", ""},
      {oid::kTimestamp, "-infinity", ""},
      {oid::kTimestampTz, "1999-12-31 23:59:59+00", ""},
      {oid::kTime, "23:59:59.999999", ""},
      {oid::kInterval, "1 year 2 mons -3 days -04:05:06.5", "14 months -3 days -04:05:06.500000"},
      {oid::kUuid, "6f9619ff-8b86-d011-b42d-00c04fc964ff", ""},
      {oid::kJson, "{\"a\": [1]}", ""},
      {oid::kJsonb, "{}", ""},
      {oid::kNumeric, "0", ""},
      {oid::kNumeric, "0.00", ""},
      {oid::kNumeric, "-12345678901234567890.123456789", ""},
      {oid::kNumeric, "10000", ""},
      {oid::kNumeric, "0.0001", ""},
      {oid::kNumeric, "0.00001000", ""},
      {oid::kNumeric, "1e3", "1000"},
      {oid::kNumeric, "1.5e-3", "0.0015"},
      {oid::kNumeric, "NaN", ""},
      {oid::kNumeric, "-Infinity", ""},
  };
  for (const auto& one : cases) {
    const auto text = binary_to_text(one.type, binary(one.type, one.text));
    ASSERT_TRUE(text.has_value()) << one.text << ": " << text.error().to_string();
    EXPECT_EQ(*text, one.back.empty() ? one.text : one.back);
  }
}

// Bytes as PostgreSQL 15 sends them (SELECT numeric_send(…) and its like).
TEST(PostgresTypes, HaveThePeersBytes) {
  const auto hex = [](const std::string& bytes) {
    std::string out;
    for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
  };
  EXPECT_EQ(hex(binary(oid::kNumeric, "1234567.89")),
            "0003000100000002"
            "007b11d722c4");
  EXPECT_EQ(hex(binary(oid::kNumeric, "-0.001")), "0001ffff40000003000a");
  EXPECT_EQ(hex(binary(oid::kTimestamp, "2000-01-01 00:00:01")), "00000000000f4240");
  EXPECT_EQ(hex(binary(oid::kDate, "1999-12-31")), "ffffffff");
  EXPECT_EQ(hex(binary(oid::kInterval, "1 mon 2 days 00:00:01")),
            "00000000000f42400000000200000001");
}

TEST(PostgresTypes, RefuseTextAndBytesThatAreNotOfTheType) {
  std::string out;
  for (const auto& [type, text] :
       std::vector<std::pair<Oid, std::string>>{{oid::kInt4, "2147483648"},
                                                {oid::kInt2, "x"},
                                                {oid::kBool, "maybe"},
                                                {oid::kNumeric, "1.2.3"},
                                                {oid::kNumeric, ""},
                                                {oid::kNumeric, "1e99999"},
                                                {oid::kUuid, "12"},
                                                {oid::kBytea, "\\xf"},
                                                {oid::kBytea, "\\xzz"},
                                                {oid::kDate, "2026-13-01"},
                                                {oid::kTime, "x"},
                                                {oid::kInterval, "1 fortnight"}}) {
    EXPECT_FALSE(append_binary(out, type, text).has_value()) << text;
  }
  for (const auto& [type, bytes] : std::vector<std::pair<Oid, std::string>>{
           {oid::kInt4, "abc"},
           {oid::kBool, ""},
           {oid::kUuid, "x"},
           {oid::kNumeric, "1234567"},
           {oid::kNumeric, std::string(9, '\xFF')},
           {oid::kJsonb, "{}"},
           {oid::kInterval, "x"},
           {1007, "x"},
           {1007, std::string("\0\0\0\1\0\0\0\0\0\0\0\x17\x7F\0\0\0\0\0\0\1", 20)},
           {99'999, "x"}}) {
    EXPECT_FALSE(binary_to_text(type, bytes).has_value()) << type;
  }
}

TEST(PostgresTypes, ReadArraysOfOneDimension) {
  std::string bytes;
  for (const std::uint32_t word : {1U, 1U, 25U, 3U, 1U}) append_u32(bytes, word);
  append_value(bytes, "a \"b\"");
  append_null(bytes);
  append_value(bytes, "c\\");
  EXPECT_EQ(binary_to_text(1009, bytes).value(), R"({"a \"b\"",NULL,"c\\"})");
  std::string empty;
  for (const std::uint32_t word : {0U, 0U, 25U}) append_u32(empty, word);
  EXPECT_EQ(binary_to_text(1009, empty).value(), "{}");
}

}  // namespace
}  // namespace protocol::postgres
