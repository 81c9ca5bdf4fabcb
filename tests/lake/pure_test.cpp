// The parts of the lake that are functions of values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <unordered_set>

#include "lake/actions.h"
#include "lake/conflict.h"
#include "lake/fast_actions.h"
#include "lake/log_files.h"
#include "lake/spark_schema.h"
#include "lake/state.h"
#include "lake/stats.h"
#include "lake/uri.h"

namespace {

using base::Code;
using columns::Type;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Paths, AreEncodedAndDecodedOnce) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"part-0.parquet", "part-0.parquet"},
      {"p=a b/x.parquet", "p=a%20b/x.parquet"},
      {"p=a%20b/x", "p=a%2520b/x"},
      {"é#?[", "%C3%A9%23%3F%5B"},
      {"~!'()*$,;:@&=+-_.", "~!'()*$,;:@&=+-_."},
      {"s3://bucket/a", "s3://bucket/a"},
  };
  for (const auto& [plain, encoded] : cases) {
    EXPECT_EQ(lake::encode_path(plain), encoded);
    EXPECT_EQ(lake::decode_path(encoded).value(), plain);
  }
  EXPECT_EQ(lake::decode_path("file:///a/b").value(), "/a/b");
  EXPECT_EQ(lake::decode_path("file:/a/b").value(), "/a/b");
  EXPECT_EQ(lake::decode_path("a%41").value(), "aA");
  for (const char* broken : {"%", "a%2", "%zz", "a%4", "../x", "a/../b", "a/%2E%2E/b"}) {
    EXPECT_EQ(lake::decode_path(broken).error().code, Code::kCorrupt) << broken;
  }
}

TEST(Paths, OfPartitionsAreEscapedLikeHive) {
  EXPECT_EQ(lake::hive_escape("2026-01-01"), "2026-01-01");
  EXPECT_EQ(lake::hive_escape(""), "__HIVE_DEFAULT_PARTITION__");
  EXPECT_EQ(lake::hive_escape("a/b=c%"), "a%2Fb%3Dc%25");
  EXPECT_EQ(lake::hive_escape(".."), "%2E.");
  EXPECT_EQ(lake::hive_escape("*[?]"), "%2A%5B%3F%5D");
}

constexpr std::string_view kCommit =
    R"({"commitInfo":{"operation":"WRITE","txnId":"t"}}
{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}
{"metaData":{"id":"m","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},{\"name\":\"p\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":["p"],"configuration":{"k":"v"},"createdTime":5}}
{"txn":{"appId":"app","version":3,"lastUpdated":9}}
{"remove":{"path":"old%20file","deletionTimestamp":7,"dataChange":true,"extendedFileMetadata":true,"partitionValues":{"p":null},"size":4}}

{"add":{"path":"p=1/new","partitionValues":{"p":"1"},"size":5,"modificationTime":6,"dataChange":false,"stats":"{\"numRecords\":2}","tags":{"t":"u"},"somethingNew":1}}
{"cdc":{"path":"x","partitionValues":{},"size":1}}
{"unknownAction":{"x":1}}
)";

TEST(Actions, AreReadFromTheLogsLines) {
  const auto commit = lake::parse_commit(kCommit).value();
  EXPECT_EQ(commit.info["operation"], "WRITE");
  EXPECT_EQ(commit.protocol->min_writer_version, 2);
  EXPECT_EQ(commit.metadata->schema.fields.at(0).type, Type::kInt64);
  EXPECT_THAT(commit.metadata->partition_columns, ElementsAre("p"));
  EXPECT_EQ(commit.metadata->configuration.at("k"), "v");
  EXPECT_EQ(commit.transactions.at(0).version, 3);
  EXPECT_EQ(commit.removes.at(0).path, "old file");
  EXPECT_EQ(commit.removes.at(0).partition_values->at("p"), std::nullopt);
  EXPECT_EQ(commit.adds.at(0).partition_values.at("p"), "1");
  EXPECT_EQ(commit.adds.at(0).rows(), 2);
  EXPECT_FALSE(commit.adds.at(0).data_change);
}

TEST(Actions, ArePrintedAsTheyAreRead) {
  const auto commit = lake::parse_commit(kCommit).value();
  const std::string printed = lake::print_commit(commit);
  EXPECT_EQ(lake::print_commit(lake::parse_commit(printed).value()), printed);
  EXPECT_TRUE(printed.starts_with("{\"commitInfo\""));
  EXPECT_THAT(printed, HasSubstr("old%20file"));
}

TEST(Actions, ThatAreBrokenAreNamedByLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"txn\":{\"appId\":\"a\",\"version\":1}}\n{", "line 2"},
      {"[]", "line 1"},
      {"{\"add\":{}}", "path"},
      {"{\"add\":{\"path\":\"%\"}}", "broken % escape"},
      {"{\"metaData\":{\"id\":\"a\",\"schemaString\":\"{\"}}", "schema"},
      {"{\"metaData\":{\"id\":\"a\"}}\n{\"metaData\":{\"id\":\"a\"}}", "two metaData"},
      {"{\"add\":{\"path\":\"a\"}}\n{\"add\":{\"path\":\"a\"}}", "added twice"},
      {"{\"add\":{\"path\":\"a\"}}\n{\"remove\":{\"path\":\"a\"}}", "added and removed at once"},
      {"", "no actions"},
      {"\n \n", "no actions"},
      {"{\"add\":{\"path\":\"\"}}", "empty"},
      {"{\"add\":{\"path\":\"a%00b\"}}", "zero byte"},
      {"{\"add\":{\"path\":\"a\",\"size\":-1}}", "\"size\" is -1"},
      {"{\"add\":{\"path\":\"a\",\"size\":1e300}}", "\"size\" is 1e+300"},
      {"{\"add\":{\"path\":\"a\",\"size\":18446744073709551615}}",
       "\"size\" is 18446744073709551615"},
      {"{\"add\":{\"path\":\"a\",\"size\":\"5\"}}", "\"size\" is \"5\""},
      {"{\"protocol\":{\"minReaderVersion\":4294967297}}", "minReaderVersion"},
      {"{\"txn\":{\"appId\":\"a\",\"version\":9223372036854775808}}", "version"},
  };
  for (const auto& [text, part] : cases) {
    const auto commit = lake::parse_commit(text);
    ASSERT_FALSE(commit) << text;
    EXPECT_EQ(commit.error().code, Code::kCorrupt);
    EXPECT_THAT(commit.error().message, HasSubstr(part));
  }
  const auto other = lake::parse_commit(R"({"metaData":{"id":"a","format":{"provider":"orc"}}})");
  EXPECT_EQ(other.error().code, Code::kUnsupported);
}

TEST(Actions, AreReadTheSameOnTheFastWay) {
  for (
      const std::string line : {
          R"({"add":{"path":"a%20b","partitionValues":{"d":"","e":null,"f":"x"},"size":5,"modificationTime":7,"dataChange":true,"stats":"{\"numRecords\":1}","tags":{"a":"b","c":null},"new":[1]}})",
          R"({"add":{"path":"a","partitionValues":{},"size":5,"modificationTime":7,"dataChange":false,"tags":null,"deletionVector":null}})",
          R"({"remove":{"path":"a","deletionTimestamp":3,"dataChange":true,"extendedFileMetadata":true,"partitionValues":{"d":"1"},"size":2}})",
          R"({"remove":{"path":"a","dataChange":false}})",
      }) {
    lake::Commit fast;
    ASSERT_TRUE(lake::FastActions().take(line, fast)) << line;
    lake::Commit slow;
    ASSERT_TRUE(lake::parse_action(nlohmann::json::parse(line), slow)) << line;
    EXPECT_EQ(lake::print_commit(fast), lake::print_commit(slow));
  }
}

TEST(Actions, ThatAreNotOrdinaryAreNotTakenOnTheFastWay) {
  for (const std::string line :
       {R"({"add":{"path":"a","size":-1}})", R"({"add":{"path":"../a","size":1}})",
        R"({"add":{"size":1}})", R"({"add":{"path":"a","size":1.5}})", R"({"add":{"path":"a")",
        R"({"add":{"path":"a"},"remove":{"path":"b"}})", R"({"add":null})",
        R"({"add":{"path":"a","deletionVector":{"storageType":"i"}}})",
        R"({"add":{"path":"a","stats_parsed":{"numRecords":1}}})", R"({"txn":{"appId":"a"}})"}) {
    lake::Commit commit;
    EXPECT_FALSE(lake::FastActions().take(line, commit)) << line;
    EXPECT_TRUE(commit.adds.empty() && commit.removes.empty());
  }
}

TEST(Actions, CountRowsOnlyByTheStatisticsOwnNumber) {
  lake::AddFile file;
  EXPECT_EQ(file.rows(), -1);
  file.stats = R"({"numRecords":12,"minValues":{}})";
  EXPECT_EQ(file.rows(), 12);
  file.stats = R"({"minValues":{"numRecords":99},"numRecords":3})";
  EXPECT_EQ(file.rows(), 3);
  file.stats = R"({"minValues":{"numRecords":99}})";
  EXPECT_EQ(file.rows(), -1);
  file.stats = "{\"numRecords\":12";
  EXPECT_EQ(file.rows(), -1);
}

TEST(SparkSchema, IsPrintedAndReadBack) {
  columns::Schema schema{{{"b", Type::kBoolean, true},
                          {"i", Type::kInt32, false},
                          {"l", Type::kInt64, true},
                          {"d", Type::kFloat64, true},
                          {"s\"x", Type::kString, true},
                          {"y", Type::kBytes, true},
                          {"day", Type::kDate, true},
                          {"ts", Type::kTimestamp, true}}};
  const std::string text = lake::print_spark_schema(schema);
  EXPECT_EQ(lake::to_schema(lake::parse_spark_schema(text).value()), schema);
  EXPECT_THAT(text, HasSubstr(R"("type":"timestamp")"));
}

TEST(SparkSchema, KeepsTheRealTypeForSqlAndTheNearestForBatches) {
  const std::string text = R"json({"type":"struct","fields":[
    {"name":"a","type":"decimal(12, 3)","nullable":true,"metadata":{}},
    {"name":"b","type":{"type":"array","elementType":"byte","containsNull":true},"nullable":true,"metadata":{}},
    {"name":"c","type":{"type":"map","keyType":"string","valueType":"date","valueContainsNull":true},"nullable":true,"metadata":{}},
    {"name":"d","type":{"type":"struct","fields":[{"name":"x y","type":"float","nullable":true,"metadata":{}}]},"nullable":false,"metadata":{}},
    {"name":"e","type":"timestamp_ntz","nullable":true,"metadata":{"delta.invariants":"{\"expression\":{\"expression\":\"e > 3\"}}"}}]
})json";
  const auto fields = lake::parse_spark_schema(text).value();
  EXPECT_EQ(fields[0].sql_type, "DECIMAL(12,3)");
  EXPECT_EQ(fields[1].sql_type, "TINYINT[]");
  EXPECT_EQ(fields[2].sql_type, "MAP(VARCHAR, DATE)");
  EXPECT_EQ(fields[3].sql_type, "STRUCT(\"x y\" FLOAT)");
  EXPECT_EQ(fields[4].sql_type, "TIMESTAMP");
  EXPECT_EQ(fields[4].invariant, "e > 3");
  EXPECT_EQ(fields[0].type, Type::kString);
  EXPECT_FALSE(fields[3].nullable);

  auto schema = lake::to_schema(fields);
  schema.fields.push_back({"f", Type::kInt64, true});
  const auto changed = lake::parse_spark_schema(lake::update_spark_schema(text, schema).value());
  EXPECT_EQ(changed.value()[0].sql_type, "DECIMAL(12,3)");
  EXPECT_EQ(changed.value()[5].sql_type, "BIGINT");
}

TEST(SparkSchema, NamesWhatItCannotRead) {
  for (const char* text :
       {"", "{}", "[]", R"({"type":"struct"})", R"({"type":"struct","fields":[1]})"}) {
    EXPECT_EQ(lake::parse_spark_schema(text).error().code, Code::kCorrupt) << text;
  }
  const auto unknown =
      lake::parse_spark_schema(R"({"type":"struct","fields":[{"name":"v","type":"variant"}]})");
  EXPECT_EQ(unknown.error().code, Code::kUnsupported);
  EXPECT_THAT(unknown.error().message, HasSubstr("column v"));
  EXPECT_THAT(unknown.error().message, HasSubstr("variant"));
}

lake::State state_of(std::vector<lake::SparkField> fields,
                     std::vector<std::string> partition_columns = {}) {
  lake::State state;
  for (auto& field : fields) field.physical_name = field.name;
  state.fields = std::make_shared<const std::vector<lake::SparkField>>(std::move(fields));
  lake::Metadata metadata;
  metadata.partition_columns = std::move(partition_columns);
  state.metadata = std::make_shared<const lake::Metadata>(metadata);
  return state;
}

TEST(Statistics, AreWidenedOrLeftOutNeverNarrowed) {
  const std::string ascii(40, 'a');
  struct Case {
    std::string type;
    Type column;
    std::string min, max;
    json want_min, want_max;
  };
  const std::vector<Case> cases = {
      {"BIGINT", Type::kInt64, "-5", "9223372036854775807", -5, 9223372036854775807},
      {"DOUBLE", Type::kFloat64, "-0.5", "1e300", -0.5, 1e300},
      {"DOUBLE", Type::kFloat64, "-inf", "inf", nullptr, nullptr},
      {"VARCHAR", Type::kString, "", "short", "", "short"},
      {"VARCHAR", Type::kString, ascii, ascii, ascii.substr(0, 32), ascii.substr(0, 32) + "\x7F"},
      {"DATE", Type::kDate, "2026-01-01", "2028-09-26", "2026-01-01", "2028-09-26"},
      {"DATE", Type::kDate, "0044-03-15 (BC)", "5881580-07-10", nullptr, nullptr},
      {"TIMESTAMPTZ", Type::kTimestamp, "2026-01-01 00:00:00.123456+00",
       "2026-01-01 00:00:00.123456+00", "2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.124Z"},
      {"TIMESTAMPTZ", Type::kTimestamp, "1969-12-31 23:59:59.9999+00",
       "1969-12-31 23:59:59.9999+00", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.000Z"},
      {"TIMESTAMPTZ", Type::kTimestamp, "2026-01-01 00:00:00+00", "2026-01-01 00:00:00.5+00",
       "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.500Z"},
      {"BOOLEAN", Type::kBoolean, "0", "1", nullptr, nullptr},
      {"BLOB", Type::kBytes, "78", "78", nullptr, nullptr},
  };
  for (const Case& one : cases) {
    const std::vector<lake::SparkField> fields = {
        {.name = "c", .sql_type = one.type, .type = one.column}};
    const json columns = {{"\"c\"", {{"min", one.min}, {"max", one.max}, {"null_count", "4"}}}};
    const auto stats = json::parse(lake::print_stats(state_of(fields), 10, columns));
    EXPECT_EQ(stats["numRecords"], 10);
    EXPECT_EQ(stats["nullCount"]["c"], 4);
    EXPECT_EQ(stats["minValues"].value("c", json()), one.want_min) << one.type << " " << one.min;
    EXPECT_EQ(stats["maxValues"].value("c", json()), one.want_max) << one.type << " " << one.max;
  }
}

TEST(Statistics, StopAfter32ColumnsAndSkipPartitions) {
  std::vector<lake::SparkField> fields;
  json columns = json::object();
  for (int i = 0; i < 40; ++i) {
    fields.push_back({.name = fmt::format("c{}", i), .sql_type = "BIGINT", .type = Type::kInt64});
    columns[fmt::format("\"c{}\"", i)] = {{"min", "1"}, {"max", "2"}, {"null_count", "0"}};
  }
  const auto stats = json::parse(lake::print_stats(state_of(fields, {"c0"}), 1, columns));
  EXPECT_EQ(stats["minValues"].size(), 32U);
  EXPECT_FALSE(stats["minValues"].contains("c0"));
  EXPECT_TRUE(stats["minValues"].contains("c32"));
  EXPECT_FALSE(stats["nullCount"].contains("c33"));
}

TEST(LogListing, TellsCommitsAndCompleteCheckpointsFromOtherFiles) {
  std::vector<storage::ObjectInfo> objects;
  base::TimestampUs time = 1'000'000;
  for (const char* name :
       {"00000000000000000000.json", "00000000000000000001.json", "00000000000000000002.json",
        "00000000000000000001.checkpoint.parquet", "00000000000000000001.crc", "_last_checkpoint",
        "00000000000000000002.checkpoint.0000000001.0000000002.parquet",
        "00000000000000000000.checkpoint.0000000001.0000000002.parquet",
        "00000000000000000000.checkpoint.0000000002.0000000002.parquet",
        "00000000000000000002.checkpoint.0f0f0f0f-1111-2222-3333-444444444444.parquet",
        "00000000000000000001.00000000000000000002.compacted.json", "0000.json", "x"}) {
    objects.push_back(
        {.key = std::string("t/_delta_log/") + name, .size = 1, .modified_us = time--});
  }
  const auto listing = lake::read_listing("t", objects);
  EXPECT_THAT(listing.commits, testing::SizeIs(3));
  EXPECT_EQ(listing.commits.at(0), 1'000'000);
  EXPECT_EQ(listing.commits.at(2), 1'002'000) << "each at least 1 ms after the one before";
  ASSERT_EQ(listing.checkpoints.size(), 3U);
  EXPECT_EQ(listing.checkpoints[0].version, 2);
  EXPECT_THAT(listing.checkpoints[0].keys.at(0), HasSubstr("0f0f0f0f"));
  EXPECT_EQ(listing.checkpoints[1].version, 1);
  EXPECT_EQ(listing.checkpoints[2].keys.size(), 2U);
}

TEST(Conflicts, FollowTheRulesOfDelta) {
  const auto add = [](const std::string& p, bool change = true) {
    lake::Commit commit;
    commit.adds.push_back(
        {.path = "new", .partition_values = {{"p", p}}, .data_change = change, .stats = ""});
    return commit;
  };
  const auto remove = [](const std::string& p, bool change = true) {
    lake::Commit commit;
    commit.removes.push_back({.path = "old",
                              .data_change = change,
                              .partition_values = lake::PartitionValues{{"p", p}}});
    return commit;
  };
  lake::Commit schema;
  schema.metadata = lake::Metadata{};
  lake::Commit protocol;
  protocol.protocol = lake::Protocol{};
  lake::Commit app;
  app.transactions.push_back({.app_id = "a", .version = 1});
  lake::Commit old_remove;
  old_remove.removes.push_back({.path = "old"});

  const lake::Intent blind{};
  const lake::Intent whole{.reads_whole_table = true};
  const lake::Intent p1{.read_partitions = {{{"p", "1"}}}};
  const lake::Intent writes_old{.removed_paths = {"old"}};
  const lake::Intent same_app{.app_ids = {"a"}};

  struct Case {
    const char* name;
    const lake::Intent& mine;
    lake::Commit winner;
    bool conflicts;
  };
  const std::vector<Case> cases = {
      {"append and append", blind, add("1"), false},
      {"append and delete", blind, remove("1"), false},
      {"whole table read, append", whole, add("1"), true},
      {"whole table read, delete", whole, remove("2"), true},
      {"partition read, append there", p1, add("1"), true},
      {"partition read, append elsewhere", p1, add("2"), false},
      {"partition read, delete there", p1, remove("1"), true},
      {"partition read, delete elsewhere", p1, remove("2"), false},
      {"partition read, delete of an unknown partition", p1, old_remove, true},
      {"whole table read, compaction", whole, add("1", false), false},
      {"whole table read, compaction's removes", whole, remove("1", false), false},
      {"both remove one file", writes_old, remove("1"), true},
      {"removal of a file that compaction moved", writes_old, remove("1", false), true},
      {"schema change", blind, schema, true},
      {"protocol change", blind, protocol, true},
      {"same application", same_app, app, true},
      {"another application", blind, app, false},
  };
  for (const Case& one : cases) {
    const auto verdict = lake::check_conflict(one.mine, 7, one.winner);
    EXPECT_EQ(!verdict.has_value(), one.conflicts) << one.name;
    if (verdict) continue;
    EXPECT_EQ(verdict.error().code, Code::kConflict);
    EXPECT_THAT(verdict.error().message, HasSubstr("version 7"));
  }
}

// FileList against a plain vector under random changes.
TEST(FileList, BehavesLikeAVectorAndLeavesCopiesAlone) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    lake::FileList<lake::AddFile> list;
    std::vector<std::string> model;
    int number = 0;
    const auto paths = [](const lake::FileList<lake::AddFile>& of) {
      std::vector<std::string> result;
      of.each([&](const auto& file) { result.push_back(file->path); });
      return result;
    };
    for (int step = 0; step < 60; ++step) {
      const auto copy = list;
      const auto before = model;
      if (random() % 3 != 0) {
        std::vector<std::shared_ptr<const lake::AddFile>> items;
        for (auto n = random() % 900; n > 0; --n) {
          model.push_back(std::to_string(number++));
          items.push_back(std::make_shared<const lake::AddFile>(
              lake::AddFile{.path = model.back(), .stats = ""}));
        }
        list.append(std::move(items));
      } else {
        std::unordered_set<std::string_view> gone;
        for (const std::string& path : before) {
          if (random() % 4 == 0) gone.insert(path);
        }
        EXPECT_EQ(list.count(gone), gone.size());
        std::size_t erased = 0;
        list.erase(gone, [&](const lake::AddFile&) { ++erased; });
        EXPECT_EQ(erased, gone.size());
        std::erase_if(model, [&](const std::string& path) { return gone.contains(path); });
      }
      ASSERT_EQ(list.size(), model.size());
      ASSERT_EQ(paths(list), model);
      ASSERT_EQ(paths(copy), before);
    }
  }
}

TEST(State, NeedsProtocolAndMetadata) {
  EXPECT_EQ(lake::advance({}, 0, 1, {}).error().code, Code::kCorrupt);
  auto first = lake::parse_commit(kCommit).value();
  auto no_protocol = first;
  no_protocol.protocol.reset();
  EXPECT_THAT(lake::advance({}, 0, 1, no_protocol).error().message, HasSubstr("no protocol"));
  auto no_metadata = first;
  no_metadata.metadata.reset();
  EXPECT_THAT(lake::advance({}, 0, 1, no_metadata).error().message, HasSubstr("no metaData"));
  const auto state = lake::advance({}, 0, 1, first).value();
  EXPECT_EQ(state.rows, 2);
  EXPECT_EQ(state.bytes, 5);
}

TEST(State, TellsAFileFromItselfWithAnotherDeletionVector) {
  const auto vector = [](const std::string& id) {
    return fmt::format(
        R"({{"storageType":"u","pathOrInlineDv":"{}","offset":1,"sizeInBytes":9,"cardinality":1}})",
        id);
  };
  auto state = lake::advance({}, 0, 1, lake::parse_commit(kCommit).value()).value();
  const std::string path = "p=1/new";
  lake::Commit plain;
  plain.adds.push_back({.path = path, .stats = R"({"numRecords":5,"minValues":{}})"});
  state = lake::advance(state, 1, 1, plain).value();
  const std::int64_t rows = state.rows;
  // The same path with a vector comes, without one it goes.
  lake::Commit first;
  first.removes.push_back({.path = path});
  first.adds.push_back({.path = path,
                        .stats = R"({"numRecords":5,"minValues":{}})",
                        .deletion_vector = vector("a")});
  state = lake::advance(state, 2, 1, first).value();
  EXPECT_EQ(state.rows, rows - 1);
  EXPECT_EQ(state.files.count({path}), 1U);
  const std::size_t tombstones = state.tombstones.size();
  // A late removal of what it was before touches nothing.
  lake::Commit late;
  late.removes.push_back({.path = path});
  state = lake::advance(state, 3, 1, late).value();
  EXPECT_EQ(state.files.count({path}), 1U);
  EXPECT_EQ(state.tombstones.size(), tombstones);
  lake::Commit last;
  last.removes.push_back({.path = path, .deletion_vector = vector("a")});
  state = lake::advance(state, 4, 1, last).value();
  EXPECT_EQ(state.files.count({path}), 0U);
  EXPECT_EQ(state.tombstones.size(), tombstones + 1);
  EXPECT_EQ(state.rows, rows - 5);
}

TEST(State, ForgetsTombstonesThatAreOlderThanTheirRetention) {
  auto first = lake::parse_commit(kCommit).value();
  first.metadata->configuration["delta.deletedFileRetentionDuration"] = "interval 1 hour";
  constexpr base::TimestampUs kStart = 1'000'000 * base::kUsPerSecond;
  first.removes.at(0).deletion_time_ms = kStart / base::kUsPerMs;
  auto state = lake::advance({}, 0, kStart, first).value();
  EXPECT_EQ(state.tombstones.size(), 1U);
  state = lake::advance(state, 1, kStart + 3599 * base::kUsPerSecond, {}).value();
  EXPECT_EQ(state.tombstones.size(), 1U);
  state = lake::advance(state, 2, kStart + 3601 * base::kUsPerSecond, {}).value();
  EXPECT_EQ(state.tombstones.size(), 0U);
}

}  // namespace
