// Tables that are damaged, lie, or mean harm: each is named exactly, none gives rows that are not
// its own, and the process lives on.
#include <functional>

#include "lake/dml.h"
#include "lake/fixture.h"
#include "lake/log_files.h"

namespace {

using base::Code;
using columns::Type;
using lake_test::field;
using nlohmann::json;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Lines = std::vector<std::string>;

class BadInput : public lake_test::LakeTest {
 protected:
  // Versions 0 to 3; rows 1, 2, 3 of partitions a, b, a.
  void SetUp() override {
    const auto table =
        create("t", options({field("id", Type::kInt64), field("p", Type::kString)}, {"p"}));
    append(*table, "SELECT 1 AS id, 'a' AS p");
    append(*table, "SELECT 2 AS id, 'b' AS p");
    append(*table, "SELECT 3 AS id, 'a' AS p");
  }

  // Rows, or what is wrong.
  Lines read(const std::string& path = "t") {
    const auto table = lake::Table::open(*store_, *database_, path);
    if (!table) return {table.error().to_string()};
    const auto snapshot = (*table)->snapshot();
    if (!snapshot) return {snapshot.error().to_string()};
    const auto result = connection_->query((*snapshot)->scan_sql());
    if (!result) return {result.error().to_string()};
    return rows(**table);
  }

  void put(lake::Version version, const std::string& text) {
    ASSERT_TRUE(store_->put(lake::commit_key("t", version), text));
  }
  std::string get(lake::Version version) {
    return store_->get(lake::commit_key("t", version)).value();
  }

  // Many commits more, so that there is a checkpoint at version 10.
  void grow() {
    const auto table = open("t");
    for (int i = 4; i <= 12; ++i) append(*table, fmt::format("SELECT {} AS id, 'c' AS p", i));
    all_ = read();
    ASSERT_EQ(all_.size(), 12U);
  }
  void forget_log_below(lake::Version version) {
    for (lake::Version i = 0; i < version; ++i) {
      ASSERT_TRUE(store_->remove(lake::commit_key("t", i)));
    }
  }

  const Lines three_ = {"1|a", "2|b", "3|a"};
  Lines all_;
};

TEST_F(BadInput, ALogEntryThatIsCutAnywhereIsNamedOrWhole) {
  const std::string whole = get(3);
  for (std::size_t size = 0; size < whole.size(); size += 5) {
    put(3, whole.substr(0, size));
    const Lines found = read();
    const bool at_line_end = size > 0 && (whole[size - 1] == '\n' || whole[size] == '\n');
    if (at_line_end) continue;  // whole actions; there is no count of them in the format
    ASSERT_EQ(found.size(), 1U) << size;
    ASSERT_THAT(found[0], HasSubstr("00000000000000000003.json")) << size;
    ASSERT_THAT(found[0], AnyOf(HasSubstr("is no JSON"), HasSubstr("no actions"))) << size;
  }
}

TEST_F(BadInput, ALogEntryOfOtherBytesIsNamed) {
  struct Case {
    const char* name;
    std::string text;
    const char* says;
  };
  const std::vector<Case> cases = {
      {"blank lines", "\n \r\n", "no actions"},
      {"zeros", std::string(512, '\0'), "line 1 is no JSON"},
      {"deep brackets", std::string(100'000, '['), "line 1 is no JSON"},
      {"broken UTF-8", "{\"add\":{\"path\":\"\xFF\"}}", "line 1 is no JSON"},
      {"an array", "[1]", "no JSON object"},
      {"a number", "7", "no JSON object"},
      {"two objects", "{} {}", "line 1 is no JSON"},
      {"no path", R"({"add":{"size":1}})", "path"},
      {"a number as path", R"({"add":{"path":7}})", "path"},
      {"a negative size", R"({"add":{"path":"x","size":-1}})", "\"size\" is -1"},
      {"an absurd size", R"({"add":{"path":"x","size":9e99}})", "\"size\""},
      {"one file twice", "{\"add\":{\"path\":\"x\"}}\n{\"add\":{\"path\":\"x\"}}", "added twice"},
      {"one file twice, escaped", "{\"add\":{\"path\":\"x\"}}\n{\"add\":{\"path\":\"%78\"}}",
       "added twice"},
      {"in and out", "{\"add\":{\"path\":\"x\"}}\n{\"remove\":{\"path\":\"x\"}}",
       "added and removed at once"},
      {"an absurd protocol", R"({"protocol":{"minReaderVersion":4294967297,"minWriterVersion":2}})",
       "minReaderVersion"},
      {"a later protocol", R"({"protocol":{"minReaderVersion":4,"minWriterVersion":7}})",
       "reader version 4"},
      {"an absurd transaction", R"({"txn":{"appId":"a","version":1e40}})", "\"version\""},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    put(3, one.text);
    const Lines found = read();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0], HasSubstr(one.says));
    EXPECT_THAT(found[0], AnyOf(HasSubstr("00000000000000000003.json"), HasSubstr("version 3")));
  }
  put(3, get(2));  // the same file again is the same file
  EXPECT_THAT(read(), ElementsAre("1|a", "2|b"));
}

TEST_F(BadInput, SchemasThatNoTableCanHaveAreNamed) {
  const auto schema = [](const std::string& fields) {
    return R"({"type":"struct","fields":[)" + fields + "]}";
  };
  const auto column = [](const std::string& name, const std::string& type) {
    return json{{"name", name}, {"type", json::parse(type)}, {"nullable", true}, {"metadata", {}}}
        .dump();
  };
  std::string deep = "\"long\"";
  for (int i = 0; i < 40; ++i) {
    deep = R"({"type":"array","elementType":)" + deep + R"(,"containsNull":true})";
  }
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "schema"},
      {"{\"type\":\"struct\"}", "schema"},
      {schema("7"), "field"},
      {schema(R"({"type":"long"})"), "field"},
      {schema(column("p", "\"money\"")), "money"},
      {schema(column("p", "\"decimal(99,5)\"")), "decimal(99,5)"},
      {schema(column("p", "\"decimal(3,5)\"")), "decimal(3,5)"},
      {schema(column("p", "\"decimal(1,2,3)\"")), "decimal(1,2,3)"},
      {schema(column("p", "\"decimal(1) AS x, (2)\"")), "decimal"},
      {schema(column("p", deep)), "deep"},
      {schema(column("p", "\"string\"") + "," + column("P", "\"string\"")), "two columns"},
      {schema(column("id", "\"long\"")), "partition column p"},
  };
  for (const auto& [text, says] : cases) {
    SCOPED_TRACE(text.substr(0, 80));
    json action = {{"metaData",
                    {{"id", "x"},
                     {"format", {{"provider", "parquet"}}},
                     {"schemaString", text},
                     {"partitionColumns", {"p"}},
                     {"configuration", json::object()}}}};
    put(3, action.dump());
    const Lines found = read();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0], HasSubstr(says));
    EXPECT_THAT(found[0], AnyOf(HasSubstr("version 3"), HasSubstr("0003.json")));
  }
}

TEST_F(BadInput, NamesOfColumnsAreTextWhateverTheySay) {
  const std::string name = "a\"; DROP TABLE x; --\n'";
  const auto table =
      create("names", options({field(name, Type::kInt64), field("p", Type::kString)}, {"p"}));
  append(*table, "SELECT 1 AS " + sql::quote_name(name) + ", 'x'' OR true --' AS p");
  EXPECT_THAT(read("names"), ElementsAre("1|x' OR true --"));
  EXPECT_EQ(lake::delete_where(*table, *connection_, "p = 'x'' OR true --'")->rows_deleted, 1);
}

TEST_F(BadInput, APathOutsideOfTheTableIsNeverRead) {
  const std::string outside = (folder_ / "outside.parquet").string();
  ASSERT_TRUE(connection_->execute("COPY (SELECT 666 AS id) TO " + sql::quote_text(outside) +
                                   " (FORMAT parquet)"));
  ASSERT_TRUE(connection_->execute(fmt::format(
      "COPY (SELECT 7 AS id) TO '{}/t/own.parquet' (FORMAT parquet)", folder_.string())));
  std::filesystem::create_directories(folder_ / "t/_delta_log");
  std::filesystem::create_directories(folder_ / "t/p=a.parquet");
  for (const char* copy : {"t/_delta_log/x.parquet", "t/p=a.parquet/x.parquet"}) {
    std::filesystem::copy_file(outside, folder_ / copy);
  }
  const Lines paths = {"../outside.parquet",
                       "%2e%2e/outside.parquet",
                       "x/%2E./../../outside.parquet",
                       "p=a/..%2F..%2Foutside.parquet",
                       outside,
                       "file://" + outside,
                       "file:" + outside,
                       "FILE://" + outside,
                       "file://localhost" + outside,
                       "s3://bucket/outside.parquet",
                       "http://127.0.0.1:1/outside.parquet",
                       "*.parquet",
                       "own*",
                       "{own,outside}.parquet",
                       "%00",
                       "own.parquet%00/../../outside.parquet",
                       "",
                       ".",
                       "/",
                       "_delta_log",
                       "p=a",
                       "p=a/",
                       "p=a/.",
                       "_delta_log/x.parquet",
                       "p=a.parquet",
                       "own.parquet/../../outside.parquet"};
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    const json add = {{"add",
                       {{"path", path},
                        {"partitionValues", {{"p", "x"}}},
                        {"size", 1},
                        {"modificationTime", 1},
                        {"dataChange", true}}}};
    put(3, add.dump());
    const Lines found = read();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0], Not(HasSubstr("|x")));
    EXPECT_THAT(found[0], Not(HasSubstr("666")));
    // Nor is anything outside deleted for it.
    if (auto table = lake::Table::open(*store_, *database_, "t")) {
      const auto later = base::SystemClock().now_us() + 30 * base::kUsPerDay;
      static_cast<void>(
          (*table)->vacuum(lake::VacuumOptions{.keep_us = 0, .force = true, .now_us = later}));
    }
    ASSERT_TRUE(std::filesystem::exists(outside));
    ASSERT_TRUE(store_->head(lake::commit_key("t", 3)));
  }
  // A file of its own is, however its path is written.
  for (const std::string& path : {std::string("own.parquet"), std::string("own%2Eparquet"),
                                  "file://" + (folder_ / "t/own.parquet").string()}) {
    ASSERT_TRUE(connection_->execute(fmt::format(
        "COPY (SELECT 7 AS id) TO '{}/t/own.parquet' (FORMAT parquet)", folder_.string())));
    put(3, json{{"add", {{"path", path}, {"partitionValues", {{"p", "x"}}}, {"size", 1}}}}.dump());
    EXPECT_THAT(read(), ElementsAre("1|a", "2|b", "7|x")) << path;
  }
}

TEST_F(BadInput, APartitionValueThatDoesNotFitIsNamed) {
  const auto table = create("n", options({field("id", Type::kInt64), field("n", Type::kInt32),
                                          field("day", Type::kDate), field("at", Type::kTimestamp)},
                                         {"n", "day", "at"}));
  append(*table,
         "SELECT 1 AS id, 5 AS n, DATE '2026-01-01' AS day, TIMESTAMPTZ '2026-01-01 00:00:00+00' "
         "AS at");
  const std::string whole = store_->get(lake::commit_key("n", 1)).value();
  for (const char* value : {"abc", "5; DROP", "99999999999", "1e999", "5'", "\\u0000"}) {
    std::string text = whole;
    text.replace(text.find("\"n\":\"5\""), 7, fmt::format("\"n\":\"{}\"", value));
    // What brings it is no file of ours: those have the values in them.
    for (std::size_t at = text.find("waybill."); at != std::string::npos;
         at = text.find("waybill.", at)) {
      text.replace(at, 8, "foreign_");
    }
    ASSERT_TRUE(store_->put(lake::commit_key("n", 1), text));
    const Lines found = read("n");
    ASSERT_EQ(found.size(), 1U) << value;
    EXPECT_THAT(found[0], AnyOf(HasSubstr("Conversion Error"), HasSubstr("Parser Error"))) << value;
  }
}

TEST_F(BadInput, AFileThatIsGoneOrCutIsNamedAndTheOthersAreNotTakenForAll) {
  const std::string key = "t/" + open("t")->snapshot().value()->files().at(1).path;
  const std::string bytes = store_->get(key).value();
  const std::string name = key.substr(key.rfind('/') + 1);
  for (const std::size_t size : {std::size_t{0}, std::size_t{3}, std::size_t{4}, bytes.size() / 2,
                                 bytes.size() - 8, bytes.size() - 1}) {
    ASSERT_TRUE(store_->put(key, bytes.substr(0, size)));
    const Lines found = read();
    ASSERT_EQ(found.size(), 1U) << size;
    EXPECT_THAT(found[0], HasSubstr(name)) << size;
    const auto findings = open("t")->check().value();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_THAT(findings[0].path, HasSubstr(name));
  }
  // The same size, other bytes.
  ASSERT_TRUE(store_->put(key, std::string(bytes.size(), 'x')));
  EXPECT_THAT(read().at(0), HasSubstr(name));
  EXPECT_THAT(open("t")->check().value().at(0).path, HasSubstr(name));
  ASSERT_TRUE(store_->remove(key));
  EXPECT_THAT(read().at(0), HasSubstr(name));
  EXPECT_THAT(open("t")->check().value().at(0).path, HasSubstr(name));
  // What does not need it still works, and what does says so.
  const auto table = open("t");
  EXPECT_FALSE(lake::update_where(*table, *connection_, {{"id", "9"}}, "true"));
  EXPECT_EQ(lake::delete_where(*table, *connection_, "p = 'a'")->rows_deleted, 2);
}

TEST_F(BadInput, StatisticsThatLieInTheirNumbersAreNone) {
  const std::string whole = get(3);
  for (const char* stats : {R"({\"numRecords\":-5})", R"({\"numRecords\":1e300})",
                            R"({\"numRecords\":\"x\"})", R"({\"numRecords\":99999999999999999999})",
                            R"({)", "", R"([])", R"({\"numRecords\":9223372036854775807})"}) {
    std::string text = whole;
    const std::size_t start = text.find("\"stats\":\"") + 9;
    text.replace(start, text.find("}\"", start) + 1 - start, stats);
    put(3, text);
    EXPECT_EQ(read(), three_) << stats;
    EXPECT_EQ(open("t")->snapshot().value()->rows(), -1) << stats;
    EXPECT_EQ(query("SELECT count(*) FROM (" + open("t")->snapshot().value()->scan_sql() + ")"),
              Lines{"3"});
  }
}

TEST_F(BadInput, AHintThatLiesCostsTimeAndNoRows) {
  grow();
  const std::string hint = store_->get(lake::hint_key("t")).value();
  const Lines lies = {"",
                      "{",
                      "[]",
                      "null",
                      "7",
                      "\"x\"",
                      "{}",
                      std::string(64, '\0'),
                      R"({"version":"10"})",
                      R"({"version":-1})",
                      R"({"version":11})",
                      R"({"version":3})",
                      R"({"version":1e18})",
                      R"({"version":10.5})",
                      R"({"version":9223372036854775807})",
                      R"({"version":18446744073709551615})",
                      R"({"version":10,"size":1,"parts":7})",
                      R"({"version":10,"size":99999999999,"numOfAddFiles":1})",
                      hint.substr(0, hint.size() / 2)};
  for (const std::string& lie : lies) {
    ASSERT_TRUE(store_->put(lake::hint_key("t"), lie));
    EXPECT_EQ(read(), all_) << lie;
    EXPECT_EQ(open("t")->snapshot_at(2).value()->version(), 2) << lie;
  }
  // Also when the log starts at the checkpoint.
  forget_log_below(10);
  for (const std::string& lie : lies) {
    ASSERT_TRUE(store_->put(lake::hint_key("t"), lie));
    EXPECT_EQ(read(), all_) << lie;
  }
}

// Damages the checkpoint in ways that can be told, with and without the log below it.
TEST_F(BadInput, ACheckpointThatLiesGivesWayToTheLogOrIsNamed) {
  grow();
  const std::string key = lake::checkpoint_key("t", 10);
  const std::string bytes = store_->get(key).value();
  const auto made_of = [&](const std::string& select) {
    const std::string aside = store_->url("aside.parquet");
    const auto done = connection_->execute(fmt::format(
        "COPY ({}) TO '{}' (FORMAT parquet)",
        fmt::format(fmt::runtime(select), "read_parquet('" + store_->url("whole.parquet") + "')"),
        aside));
    EXPECT_TRUE(done) << done.error().to_string();
    return store_->get("aside.parquet").value();
  };
  ASSERT_TRUE(store_->put("whole.parquet", bytes));
  const std::vector<std::pair<std::string, std::string>> damaged = {
      {"nothing", ""},
      {"its first half", bytes.substr(0, bytes.size() / 2)},
      {"all but its end", bytes.substr(0, bytes.size() - 4)},
      {"text", "PAR1 this is none PAR1"},
      {"no rows", made_of("SELECT * FROM {} WHERE false")},
      {"no protocol", made_of("SELECT * EXCLUDE protocol FROM {}")},
      {"no metaData", made_of("SELECT * FROM {} WHERE metaData IS NULL")},
      {"files twice",
       made_of("SELECT * FROM {0} UNION ALL SELECT * FROM {0} WHERE add IS NOT NULL")},
      {"other types", made_of("SELECT * REPLACE (add.path AS add) FROM {}")},
      {"numbers as paths", made_of("SELECT * REPLACE (struct_pack(path := 7) AS add) FROM {}")},
      {"paths of others", made_of("SELECT * REPLACE (struct_pack(path := '../x') AS add) FROM {}")},
      {"sizes below nothing",
       made_of("SELECT * REPLACE (struct_pack(path := add.path, size := -1) AS add) FROM {}")},
      {"two schemas",
       made_of("SELECT * FROM {0} UNION ALL SELECT * FROM {0} WHERE metaData IS NOT NULL")},
      {"other columns", made_of("SELECT 1 AS a FROM {}")},
  };
  for (const auto& [name, data] : damaged) {
    ASSERT_TRUE(store_->put(key, data));
    EXPECT_EQ(read(), all_) << name;
    bool found = false;
    for (const lake::Finding& one : open("t")->check().value()) found = found || one.path == key;
    EXPECT_TRUE(found) << name << " is not found by fsck";
  }
  // Whole, but of another table's state: only the log can tell.
  ASSERT_TRUE(store_->put(
      key, made_of("SELECT * FROM {} WHERE add IS NULL OR add.partitionValues['p'][1] <> 'b'")));
  Lines all;
  for (const lake::Finding& one : open("t")->check().value())
    all.push_back(one.path + ": " + one.what);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_THAT(all[0], HasSubstr("checkpoint"));
  EXPECT_THAT(all[0], HasSubstr("1 file"));

  forget_log_below(10);
  for (const auto& [name, data] : damaged) {
    ASSERT_TRUE(store_->put(key, data));
    const Lines found = read();
    ASSERT_EQ(found.size(), 1U) << name;
    EXPECT_THAT(found[0], HasSubstr("00000000000000000010.checkpoint.parquet")) << name;
  }
  ASSERT_TRUE(store_->put(key, bytes));
  EXPECT_EQ(read(), all_);
}

TEST_F(BadInput, AGapIsNamedWhereverItIs) {
  grow();
  const std::string eleven = get(11);
  ASSERT_TRUE(store_->remove(lake::commit_key("t", 11)));
  EXPECT_THAT(read().at(0), HasSubstr("version 11 is missing"));
  put(11, eleven);
  ASSERT_TRUE(store_->remove(lake::commit_key("t", 5)));
  EXPECT_EQ(read(), all_) << "the checkpoint stands for what is below it";
  const auto old = open("t")->snapshot_at(7);
  ASSERT_FALSE(old);
  EXPECT_THAT(old.error().message, HasSubstr("version 5 is missing"));
  ASSERT_TRUE(store_->remove(lake::checkpoint_key("t", 10)));
  EXPECT_THAT(read().at(0), HasSubstr("version 5 is missing"));
  // Names that are no versions are none.
  for (const char* name :
       {"99999999999999999999.json", "18446744073709551616.json", "-0000000000000000001.json",
        "0000000000000000000x.json", ".json", "00000000000000000001", "9223372036854775807.json",
        "09223372036854775807.json", "09223372036854775807.checkpoint.parquet"}) {
    ASSERT_TRUE(store_->put("t/_delta_log/" + std::string(name), "{}"));
  }
  EXPECT_THAT(read().at(0), HasSubstr("version 5 is missing"));
}

TEST_F(BadInput, NoChangeIsMadeToATableThatCannotBeRead) {
  const auto table = open("t");
  put(4, "{\"add\":");
  const auto done = lake::append(*table, *connection_, "SELECT 9 AS id, 'z' AS p");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kCorrupt);
  EXPECT_THAT(done.error().to_string(), HasSubstr("0004.json"));
  EXPECT_FALSE(store_->head(lake::commit_key("t", 5)));
  EXPECT_FALSE(table->compact(1 << 20, 2));
  EXPECT_FALSE(table->vacuum(lake::VacuumOptions{.keep_us = 0, .force = true}));
}

}  // namespace
