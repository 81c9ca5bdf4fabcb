#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/clock.h"
#include "columns/decoder.h"

namespace columns {
namespace {

struct Decoded {
  Batch batch;
  std::vector<RowError> errors;
};

Decoded decode(Decoder& decoder, const Schema& schema, const std::vector<std::string>& values) {
  std::vector<std::string_view> views(values.begin(), values.end());
  Decoded decoded{Batch(schema), {}};
  decoder.decode(views, decoded.batch, decoded.errors);
  return decoded;
}

Decoded decode_json(const Schema& schema, const std::vector<std::string>& values) {
  const auto decoder = json_decoder(schema);
  return decode(*decoder, schema, values);
}

std::string show(const Column& column, std::size_t row) {
  if (column.is_null(row)) return "null";
  if (column.is_text()) return "'" + std::string(column.text_at(row)) + "'";
  if (column.type() == Type::kFloat64) return fmt::format("{}", column.double_at(row));
  return std::to_string(column.int_at(row));
}

struct FieldCase {
  std::string name;
  Type type;
  std::string json;    // the member's value
  std::string want;    // what stands in the column
  std::string reason;  // "" = no error
};

class JsonField : public ::testing::TestWithParam<FieldCase> {};

TEST_P(JsonField, IsReadOrRefusedWithAReason) {
  const FieldCase& c = GetParam();
  const Schema schema{
      {{"before", Type::kInt64, true}, {"x", c.type, true}, {"after", Type::kString, true}}};
  const auto decoded =
      decode_json(schema, {R"({"before": 1, "x": )" + c.json + R"( , "after": "kept"})"});
  ASSERT_EQ(decoded.batch.rows(), 1U);
  EXPECT_EQ(show(decoded.batch.columns[1], 0), c.want);
  EXPECT_EQ(show(decoded.batch.columns[0], 0), "1");
  EXPECT_EQ(show(decoded.batch.columns[2], 0), "'kept'");
  if (c.reason.empty()) {
    EXPECT_TRUE(decoded.errors.empty()) << decoded.errors[0].reason;
  } else {
    ASSERT_EQ(decoded.errors.size(), 1U);
    EXPECT_EQ(decoded.errors[0].field, "x");
    EXPECT_EQ(decoded.errors[0].reason, c.reason);
  }
}

const FieldCase kFields[] = {
    {"boolean", Type::kBoolean, "true", "1", ""},
    {"boolean_of_text", Type::kBoolean, "\"true\"", "null",
     "true or false expected, found \"true\""},
    {"boolean_of_number", Type::kBoolean, "1", "null", "true or false expected, found 1"},
    {"null", Type::kInt32, "null", "null", ""},
    {"int32", Type::kInt32, "-2147483648", "-2147483648", ""},
    {"int32_over", Type::kInt32, "2147483648", "null",
     "a whole number of 32 bits expected: 2147483648 is out of range"},
    {"int64", Type::kInt64, "9223372036854775807", "9223372036854775807", ""},
    {"int64_over", Type::kInt64, "9223372036854775808", "null",
     "a whole number expected: 9223372036854775808 is out of range"},
    {"int_written_as_decimal", Type::kInt64, "5.0", "5", ""},
    {"int_written_with_exponent", Type::kInt32, "1e3", "1000", ""},
    {"fraction", Type::kInt32, "1.5", "null",
     "a whole number of 32 bits expected: 1.5 is not a whole number"},
    {"int_of_text", Type::kInt32, "\"5\"", "null",
     "a whole number of 32 bits expected, found \"5\""},
    {"int_of_array", Type::kInt32, "[1, 2]", "null",
     "a whole number of 32 bits expected, found an array"},
    {"int_of_object", Type::kInt64, "{\"a\": [1]}", "null",
     "a whole number expected, found an object"},
    {"int_of_true", Type::kInt64, "true", "null", "a whole number expected, found true"},
    {"double", Type::kFloat64, "-1.25e2", "-125", ""},
    {"double_of_int", Type::kFloat64, "12345678901234567890", "1.2345678901234567e+19", ""},
    {"double_over", Type::kFloat64, "1e999", "null", "a number expected: 1e999 is out of range"},
    {"double_of_text", Type::kFloat64, "\"1.5\"", "null", "a number expected, found \"1.5\""},
    {"string", Type::kString, "\"a\\u00fc\\n\\\"\"", "'aü\n\"'", ""},
    {"string_of_number", Type::kString, "1.50", "'1.50'", ""},
    {"string_of_true", Type::kString, "false", "'false'", ""},
    {"string_of_array", Type::kString, "[1, {\"b\": null} ]", "'[1, {\"b\": null} ]'", ""},
    {"string_of_object", Type::kString, "{\"a\":{}}", "'{\"a\":{}}'", ""},
    {"bytes", Type::kBytes, "\"xyz\"", "'xyz'", ""},
    {"date", Type::kDate, "\"1970-01-11\"", "10", ""},
    {"date_wrong", Type::kDate, "\"2026-02-30\"", "null",
     "a date (YYYY-MM-DD) expected, found '2026-02-30'"},
    {"date_of_number", Type::kDate, "20260101", "null",
     "a date (YYYY-MM-DD) expected, found 20260101"},
    {"timestamp", Type::kTimestamp, "\"1970-01-01T00:00:01.5Z\"", "1500000", ""},
    {"timestamp_with_zone", Type::kTimestamp, "\"1970-01-01T02:00:01+02:00\"", "1000000", ""},
    {"timestamp_in_seconds", Type::kTimestamp, "1700000000", "1700000000000000", ""},
    {"timestamp_in_fractions", Type::kTimestamp, "1700000000.25", "1700000000250000", ""},
    {"timestamp_in_milliseconds", Type::kTimestamp, "1700000000123", "1700000000123000", ""},
    {"timestamp_in_microseconds", Type::kTimestamp, "1700000000123456", "1700000000123456", ""},
    {"timestamp_wrong", Type::kTimestamp, "\"soon\"", "null",
     "a timestamp (RFC 3339) expected, found 'soon'"},
    {"timestamp_of_true", Type::kTimestamp, "true", "null",
     "a timestamp (RFC 3339) expected, found true"},
    {"timestamp_of_the_last_year", Type::kTimestamp, "253402300799999999", "253402300799999999",
     ""},
    {"timestamp_past_the_last_year", Type::kTimestamp, "253402300800000000", "null",
     "a timestamp (RFC 3339) expected: 253402300800000000 is out of range"},
    {"timestamp_over", Type::kTimestamp, "1e300", "null",
     "a timestamp (RFC 3339) expected: 1e300 is out of range"},
};

INSTANTIATE_TEST_SUITE_P(Values, JsonField, ::testing::ValuesIn(kFields),
                         [](const auto& info) { return info.param.name; });

struct RecordCase {
  std::string name;
  std::string json;
  std::string reason;  // a part of it
};

class JsonRecord : public ::testing::TestWithParam<RecordCase> {};

TEST_P(JsonRecord, ThatIsMalformedIsOneErrorAndARowOfNulls) {
  const Schema schema{{{"a", Type::kInt64, false}, {"b", Type::kString, false}}};
  const auto decoded =
      decode_json(schema, {R"({"a": 1, "b": "x"})", GetParam().json, R"({"a": 2, "b": "y"})"});
  ASSERT_EQ(decoded.batch.rows(), 3U);
  ASSERT_EQ(decoded.errors.size(), 1U);
  EXPECT_EQ(decoded.errors[0].row, 1U);
  EXPECT_EQ(decoded.errors[0].field, "");
  EXPECT_THAT(decoded.errors[0].reason, ::testing::HasSubstr(GetParam().reason));
  EXPECT_TRUE(decoded.batch.columns[0].is_null(1));
  EXPECT_TRUE(decoded.batch.columns[1].is_null(1));
  EXPECT_EQ(decoded.batch.columns[0].int_at(2), 2);
}

const RecordCase kRecords[] = {
    {"empty", "", "not JSON"},
    {"space", "  ", "not JSON"},
    {"word", "hello", "not JSON"},
    {"array", "[1]", "a JSON object is expected, found an array"},
    {"text", "\"x\"", "a JSON object is expected, found a text"},
    {"number", "12", "a JSON object is expected, found a number"},
    {"null", "null", "a JSON object is expected, found null"},
    {"two_objects", R"({"a": 1, "b": "x"} {})", "text behind the object"},
    {"trailing_text", R"({"a": 1, "b": "x"}, 1)", "not JSON"},
    {"trailing_brace", R"({"a": 1, "b": "x"}})", "not JSON"},
    {"trailing_comma", R"({"a": 1, "b": "x",})", "not JSON"},
    {"no_colon", R"({"a" 1, "b": "x"})", "not JSON"},
    {"bad_number", R"({"a": 1x, "b": "x"})", "not JSON"},
    {"leading_zero", R"({"a": 01, "b": "x"})", "not JSON"},
    {"bad_unknown_number", R"({"a": 1, "b": "x", "c": 1.})", "not JSON"},
    {"bad_unknown_word", R"({"a": 1, "b": "x", "c": truex})", "not JSON"},
    {"bad_unknown_null", R"({"a": 1, "b": "x", "c": nul})", "not JSON"},
    {"bad_nested", R"({"a": 1, "b": "x", "c": [1, 2 3]})", "not JSON"},
    {"bad_nested_in_text", R"({"a": 1, "b": {"x": 01}})", "not JSON"},
    {"bad_escape", R"({"a": 1, "b": "\q"})", "not JSON"},
    {"bad_wrong_type", R"({"a": truex, "b": "x"})", "not JSON"},
    {"not_utf8", "{\"a\": 1, \"b\": \"\xFF\"}", "not JSON"},
    {"control_character", "{\"a\": 1, \"b\": \"x\ny\"}", "not JSON"},
    {"zero_byte", std::string("{\"a\": 1, \"b\": \"x\"}\0", 19), "not JSON"},
};

INSTANTIATE_TEST_SUITE_P(Records, JsonRecord, ::testing::ValuesIn(kRecords),
                         [](const auto& info) { return info.param.name; });

TEST(JsonDecoder, MembersAreFoundInAnyOrderAndByEscapedNames) {
  const Schema schema{{{"truck_id", Type::kString, false},
                       {"lat", Type::kFloat64, true},
                       {"lon", Type::kFloat64, true}}};
  const auto decoded = decode_json(
      schema, {R"({"lon": 2.5, "extra": {"lat": [9]}, "lat": 1.5, "truck\u005fid": "T-1"})",
               R"({"truck_id":"T-2"})"});
  EXPECT_TRUE(decoded.errors.empty());
  EXPECT_EQ(show(decoded.batch.columns[0], 0), "'T-1'");
  EXPECT_EQ(show(decoded.batch.columns[1], 0), "1.5");
  EXPECT_EQ(show(decoded.batch.columns[2], 0), "2.5");
  EXPECT_EQ(show(decoded.batch.columns[0], 1), "'T-2'");
  EXPECT_EQ(show(decoded.batch.columns[1], 1), "null");
}

TEST(JsonDecoder, MissingAndNullFieldsThatMustBeThereAreErrorsOfTheirField) {
  const Schema schema{
      {{"a", Type::kInt64, false}, {"b", Type::kString, false}, {"c", Type::kString, true}}};
  const auto decoded = decode_json(schema, {R"({"a": null, "c": "kept"})"});
  ASSERT_EQ(decoded.errors.size(), 2U);
  EXPECT_EQ(decoded.errors[0].field, "a");
  EXPECT_EQ(decoded.errors[0].reason, "null, but the field is not nullable");
  EXPECT_EQ(decoded.errors[1].field, "b");
  EXPECT_EQ(decoded.errors[1].reason, "missing, but the field is not nullable");
  EXPECT_EQ(show(decoded.batch.columns[2], 0), "'kept'");
}

TEST(JsonDecoder, AFieldGivenTwiceKeepsTheFirstAndSaysSo) {
  const Schema schema{{{"a", Type::kInt64, false}}};
  const auto decoded = decode_json(schema, {R"({"a": 1, "a": 2})"});
  ASSERT_EQ(decoded.errors.size(), 1U);
  EXPECT_EQ(decoded.errors[0].field, "a");
  EXPECT_EQ(show(decoded.batch.columns[0], 0), "1");
}

TEST(JsonDecoder, RowsAreCountedFromTheBatchThatIsThere) {
  const Schema schema{{{"a", Type::kInt64, false}}};
  const auto decoder = json_decoder(schema);
  Batch batch(schema);
  std::vector<RowError> errors;
  const std::vector<std::string_view> values = {"{\"a\":1}", "{}"};
  decoder->decode(values, batch, errors);
  decoder->decode(values, batch, errors);
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0].row, 1U);
  EXPECT_EQ(errors[1].row, 3U);
}

const std::string kPosition =
    R"({"truck_id":"T-1042","event_time":"2026-11-23T08:00:00.123Z","lat":50.1109,"lon":8.6821,"speed_kmh":81.5,)"
    R"("note":"a \"b\" \u00fc","tags":[1,{"x":null}],"n":-12,"on":true,"day":"2026-11-23"})";

Schema position_schema() {
  return {{{"truck_id", Type::kString, false},
           {"event_time", Type::kTimestamp, false},
           {"lat", Type::kFloat64, false},
           {"lon", Type::kFloat64, false},
           {"speed_kmh", Type::kFloat64, true},
           {"note", Type::kString, true},
           {"tags", Type::kString, true},
           {"n", Type::kInt32, true},
           {"on", Type::kBoolean, true},
           {"day", Type::kDate, true}}};
}

TEST(JsonDecoder, ARecordCutAtAnyByteIsAnErrorOfTheWholeRecord) {
  const auto decoder = json_decoder(position_schema());
  for (std::size_t cut = 0; cut < kPosition.size(); ++cut) {
    // The whole record first, so that its bytes lie in the buffer behind the cut one.
    const auto decoded = decode(*decoder, position_schema(), {kPosition, kPosition.substr(0, cut)});
    ASSERT_EQ(decoded.batch.rows(), 2U);
    ASSERT_EQ(decoded.errors.size(), 1U) << cut;
    EXPECT_EQ(decoded.errors[0].row, 1U);
    EXPECT_EQ(decoded.errors[0].field, "");
  }
}

// The second implementation: nlohmann says whether a text is JSON.
TEST(JsonDecoder, AgreesWithAnotherParserOnMutatedRecords) {
  const auto decoder = json_decoder(position_schema());
  const unsigned seed = 20261123;
  std::mt19937 random(seed);
  const std::string alphabet = "{}[]\",:\\0123456789.eE+-tfn ual\n";
  for (int round = 0; round < 20000; ++round) {
    std::string text = kPosition;
    for (unsigned edits = 1 + random() % 2; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        default:
          text.erase(at, 1);
          break;
      }
    }
    const auto decoded = decode(*decoder, position_schema(), {text});
    ASSERT_EQ(decoded.batch.rows(), 1U);
    for (const Column& column : decoded.batch.columns) ASSERT_EQ(column.size(), 1U) << text;
    const bool whole_record_bad = !decoded.errors.empty() && decoded.errors[0].field.empty();
    const auto other = nlohmann::json::parse(text, nullptr, false);
    const bool other_says_bad = other.is_discarded() || !other.is_object();
    // A number beyond a double's range is an error of its field only.
    if (other_says_bad && text.find_first_of("eE") != std::string::npos && !whole_record_bad) {
      bool out_of_range = false;
      for (const RowError& error : decoded.errors) {
        out_of_range |= error.reason.find("out of range") != std::string::npos;
      }
      if (out_of_range) continue;
    }
    ASSERT_EQ(whole_record_bad, other_says_bad) << "seed " << seed << " round " << round << "\n"
                                                << text;
  }
}

}  // namespace
}  // namespace columns
