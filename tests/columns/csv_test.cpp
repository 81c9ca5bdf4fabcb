#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "columns/decoder.h"

namespace columns {
namespace {

using Lines = std::vector<std::pair<std::string, std::int64_t>>;

struct SplitCase {
  std::string name;
  std::string data;
  Lines want;
};

class SplitCsv : public ::testing::TestWithParam<SplitCase> {};

TEST_P(SplitCsv, GivesRecordsWithTheirLines) {
  Lines got;
  for (const CsvRecord& record : split_csv(GetParam().data))
    got.emplace_back(record.text, record.line);
  EXPECT_EQ(got, GetParam().want);
}

const SplitCase kSplits[] = {
    {"nothing", "", {}},
    {"one_without_break", "a,b", {{"a,b", 1}}},
    {"two", "a\nb\n", {{"a", 1}, {"b", 2}}},
    {"windows_breaks", "a\r\nb\r\n", {{"a", 1}, {"b", 2}}},
    {"empty_lines", "a\n\n\r\nb", {{"a", 1}, {"b", 4}}},
    {"byte_order_mark",
     "\xEF\xBB\xBF"
     "a\nb",
     {{"a", 1}, {"b", 2}}},
    {"quoted_break", "a,\"x\ny\"\nb", {{"a,\"x\ny\"", 1}, {"b", 3}}},
    {"quoted_quotes", "\"a\"\"\n\"\"b\"\nc", {{"\"a\"\"\n\"\"b\"", 1}, {"c", 3}}},
    {"quote_inside_a_field", "5\" pipe,x\nb", {{"5\" pipe,x", 1}, {"b", 2}}},
    {"never_closed", "a,\"x\nb\nc", {{"a,\"x", 1}, {"b", 2}, {"c", 3}}},
    {"never_closed_twice", "\"a\n\"b\n", {{"\"a\n\"b", 1}}},
};

INSTANTIATE_TEST_SUITE_P(Texts, SplitCsv, ::testing::ValuesIn(kSplits),
                         [](const auto& info) { return info.param.name; });

TEST(Csv, LinesAreCountedFromTheGivenOne) { EXPECT_EQ(split_csv("a\nb", 10)[1].line, 11); }

TEST(Csv, AQuoteOpensAFieldBehindTheFilesOwnSeparator) {
  EXPECT_EQ(split_csv("a;\"x\ny\"\nb", 1, ';').size(), 2U);
}

struct FieldsCase {
  std::string name;
  std::string record;
  std::vector<std::string> want;
  std::string reason;
};

class CsvFields : public ::testing::TestWithParam<FieldsCase> {};

TEST_P(CsvFields, AreUnquoted) {
  const auto fields = csv_fields(GetParam().record);
  if (!GetParam().reason.empty()) {
    ASSERT_FALSE(fields);
    EXPECT_EQ(fields.error().message, GetParam().reason);
    return;
  }
  ASSERT_TRUE(fields) << fields.error().message;
  EXPECT_EQ(*fields, GetParam().want);
}

const FieldsCase kFields[] = {
    {"empty", "", {""}, ""},
    {"plain", "a,b,c", {"a", "b", "c"}, ""},
    {"empty_fields", ",,", {"", "", ""}, ""},
    {"quoted", R"("a,b","c""d","")", {"a,b", "c\"d", ""}, ""},
    {"only_quotes", R"("""")", {"\""}, ""},
    {"quote_inside", "5\" pipe,x", {"5\" pipe", "x"}, ""},
    {"line_break", "\"a\nb\",c", {"a\nb", "c"}, ""},
    {"never_closed", "a,\"b", {}, "broken quote: the quote at byte 3 is never closed"},
    {"text_behind", "\"a\"b,c", {}, "broken quote: text follows the closing quote at byte 3"},
};

INSTANTIATE_TEST_SUITE_P(Records, CsvFields, ::testing::ValuesIn(kFields),
                         [](const auto& info) { return info.param.name; });

struct Decoded {
  Batch batch;
  std::vector<RowError> errors;
};

Decoded decode(const Schema& schema, std::vector<std::string> names,
               const std::vector<std::string>& values) {
  std::vector<std::string_view> views(values.begin(), values.end());
  Decoded decoded{Batch(schema), {}};
  csv_decoder(schema, std::move(names))->decode(views, decoded.batch, decoded.errors);
  return decoded;
}

Schema shipment() {
  return {{{"id", Type::kInt64, false},
           {"weight", Type::kFloat64, true},
           {"day", Type::kDate, true},
           {"note", Type::kString, true},
           {"at", Type::kTimestamp, true},
           {"ok", Type::kBoolean, true}}};
}

TEST(CsvDecoder, ReadsEveryTypeByTheFilesOwnColumnOrder) {
  const auto decoded = decode(shipment(), {"ok", "note", "unknown", "id", "day", "at", "weight"},
                              {"true,\"a, b\",zzz,7,2026-11-23,2026-11-23 08:00:00, 1.5 "});
  EXPECT_TRUE(decoded.errors.empty()) << decoded.errors[0].reason;
  EXPECT_EQ(decoded.batch.column("id").int_at(0), 7);
  EXPECT_EQ(decoded.batch.column("weight").double_at(0), 1.5);
  EXPECT_EQ(decoded.batch.column("note").text_at(0), "a, b");
  EXPECT_EQ(decoded.batch.column("ok").int_at(0), 1);
  EXPECT_EQ(decoded.batch.column("at").int_at(0) / 86'400'000'000,
            decoded.batch.column("day").int_at(0));
}

TEST(CsvDecoder, EmptyUnquotedTextIsNullAndEmptyQuotedTextIsText) {
  const Schema schema{
      {{"a", Type::kString, true}, {"b", Type::kString, true}, {"c", Type::kInt32, true}}};
  const auto decoded = decode(schema, {"a", "b", "c"}, {",\"\",\"\""});
  EXPECT_TRUE(decoded.errors.empty());
  EXPECT_TRUE(decoded.batch.columns[0].is_null(0));
  EXPECT_FALSE(decoded.batch.columns[1].is_null(0));
  EXPECT_TRUE(decoded.batch.columns[2].is_null(0));
}

TEST(CsvDecoder, ABadFieldIsNullWithItsReasonAndTheRestIsKept) {
  const auto decoded =
      decode(shipment(), {"id", "weight", "day", "note", "at", "ok"},
             {"7,Weight Captured Separately,Date Not Captured,fine,,maybe", ",1,,,,"});
  ASSERT_EQ(decoded.errors.size(), 4U);
  EXPECT_EQ(decoded.errors[0].field, "weight");
  EXPECT_EQ(decoded.errors[0].reason, "a number expected, found 'Weight Captured Separately'");
  EXPECT_EQ(decoded.errors[1].field, "day");
  EXPECT_EQ(decoded.errors[2].reason, "true or false expected, found 'maybe'");
  EXPECT_EQ(decoded.errors[3].reason, "empty, but the field is not nullable");
  EXPECT_EQ(decoded.errors[3].row, 1U);
  EXPECT_EQ(decoded.batch.column("id").int_at(0), 7);
  EXPECT_EQ(decoded.batch.column("note").text_at(0), "fine");
}

TEST(CsvDecoder, ARecordThatCannotBeToldApartIsAnErrorOfTheWhole) {
  const Schema schema{{{"a", Type::kString, true}, {"b", Type::kString, true}}};
  const auto decoded = decode(schema, {"a", "b"}, {"1", "1,2,3", "1,\"2", "\"1\"x,2", "1,2"});
  ASSERT_EQ(decoded.batch.rows(), 5U);
  ASSERT_EQ(decoded.errors.size(), 4U);
  EXPECT_EQ(decoded.errors[0].reason, "the record has 1 fields, 2 are expected");
  EXPECT_EQ(decoded.errors[1].reason, "the record has 3 fields, 2 are expected");
  EXPECT_THAT(decoded.errors[2].reason, ::testing::StartsWith("broken quote"));
  EXPECT_THAT(decoded.errors[3].reason, ::testing::StartsWith("broken quote"));
  for (std::size_t row = 0; row < 4; ++row) {
    EXPECT_EQ(decoded.errors[row].field, "");
    EXPECT_TRUE(decoded.batch.columns[0].is_null(row));
  }
  EXPECT_EQ(decoded.batch.columns[1].text_at(4), "2");
}

TEST(CsvDecoder, AFieldThatTheFileDoesNotHaveIsNullOrAnError) {
  const auto decoded = decode(shipment(), {"weight"}, {"1.5"});
  ASSERT_EQ(decoded.errors.size(), 1U);
  EXPECT_EQ(decoded.errors[0].field, "id");
}

TEST(CsvDecoder, TextThatIsNotUtf8IsAnErrorOfItsField) {
  const Schema schema{{{"a", Type::kString, true}, {"b", Type::kString, true}}};
  const auto decoded = decode(schema, {"a", "b"},
                              {"Cura\xE7"
                               "ao,fine"});
  ASSERT_EQ(decoded.errors.size(), 1U);
  EXPECT_EQ(decoded.errors[0].field, "a");
  EXPECT_EQ(decoded.batch.columns[1].text_at(0), "fine");
}

TEST(CsvDecoder, ARecordCutAtAnyByteIsStillOneRow) {
  const std::string whole = "7,1.5,2026-11-23,\"a \"\"b\"\", c\",2026-11-23T08:00:00Z,true";
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const auto decoded =
        decode(shipment(), {"id", "weight", "day", "note", "at", "ok"}, {whole.substr(0, cut)});
    ASSERT_EQ(decoded.batch.rows(), 1U);
    for (const Column& column : decoded.batch.columns) ASSERT_EQ(column.size(), 1U);
    if (cut + 5 < whole.size()) {
      EXPECT_FALSE(decoded.errors.empty()) << cut;
    }
  }
}

struct NumberCase {
  std::string text;
  Type type;
  bool good;
};

TEST(CsvDecoder, NumbersAreReadWholeOrNotAtAll) {
  const NumberCase cases[] = {{"+5", Type::kInt64, true},
                              {"+-5", Type::kInt64, false},
                              {"5.0", Type::kInt32, true},
                              {"5.5", Type::kInt32, false},
                              {"0x10", Type::kInt64, false},
                              {"1e3", Type::kInt32, true},
                              {"nan", Type::kFloat64, false},
                              {"inf", Type::kFloat64, false},
                              {"1,5", Type::kFloat64, false},
                              {"1 5", Type::kInt64, false},
                              {"9223372036854775808", Type::kInt64, false},
                              {"2147483648", Type::kInt32, false},
                              {"NA", Type::kFloat64, false}};
  for (const NumberCase& c : cases) {
    const Schema schema{{{"x", c.type, true}}};
    const auto decoded = decode(schema, {"x"}, {"\"" + c.text + "\""});
    EXPECT_EQ(decoded.errors.empty(), c.good) << c.text;
  }
}

}  // namespace
}  // namespace columns
