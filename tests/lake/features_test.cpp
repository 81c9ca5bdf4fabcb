// Tables of other engines, as their logs and files stand: column mapping, deletion vectors,
// checkpoints of every kind, compacted logs, partition values in both forms.
#include "base/uuid.h"
#include "lake/deletion_vector.h"
#include "lake/fixture.h"
#include "lake/log_files.h"

namespace {

using base::Code;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class Features : public lake_test::LakeTest {
 protected:
  static json column(const std::string& name, const json& type, int id = 0,
                     const std::string& physical = "") {
    json metadata = json::object();
    if (id > 0) {
      metadata = {{"delta.columnMapping.id", id}, {"delta.columnMapping.physicalName", physical}};
    }
    return {{"name", name}, {"type", type}, {"nullable", true}, {"metadata", metadata}};
  }

  static json structure(const std::vector<json>& fields) {
    return {{"type", "struct"}, {"fields", json(fields)}};
  }

  static json metadata(const std::vector<json>& fields, const json& configuration = json::object(),
                       const json& partition_columns = json::array()) {
    return {{"metaData",
             {{"id", "6c4a2b6e-0c3e-4d2e-9a55-2d0f7f6f0001"},
              {"format", {{"provider", "parquet"}, {"options", json::object()}}},
              {"schemaString", structure(fields).dump()},
              {"partitionColumns", partition_columns},
              {"configuration", configuration},
              {"createdTime", 1}}}};
  }

  static json protocol(const std::vector<std::string>& reader = {},
                       const std::vector<std::string>& writer = {}) {
    if (reader.empty()) {
      return {{"protocol", {{"minReaderVersion", 1}, {"minWriterVersion", 2}}}};
    }
    return {{"protocol",
             {{"minReaderVersion", 3},
              {"minWriterVersion", 7},
              {"readerFeatures", reader},
              {"writerFeatures", writer.empty() ? reader : writer}}}};
  }

  // Writes a data file and gives its add action.
  json file(const std::string& name, const std::string& select, const std::string& options = "",
            const json& partition_values = json::object()) {
    const std::string key = "t/" + name;
    EXPECT_TRUE(store_->prepare(key));
    const auto done = connection_->query(fmt::format("COPY ({}) TO {} (FORMAT parquet{})", select,
                                                     sql::quote_text(store_->url(key)), options));
    EXPECT_TRUE(done) << done.error().to_string();
    return {{"add",
             {{"path", name},
              {"partitionValues", partition_values},
              {"size", 100},
              {"modificationTime", 1},
              {"dataChange", true},
              {"stats", R"({"numRecords":3})"}}}};
  }

  void commit(lake::Version version, const std::vector<json>& actions) {
    std::string text;
    for (const json& action : actions) text += action.dump() + "\n";
    ASSERT_TRUE(store_->put(lake::commit_key("t", version), text));
  }

  std::vector<std::string> read() {
    auto table = lake::Table::open(*store_, *database_, "t");
    if (!table) return {table.error().to_string()};
    const auto result = connection_->query((*table)->snapshot().value()->scan_sql());
    if (!result) return {result.error().to_string()};
    return rows(**table);
  }
};

TEST_F(Features, ColumnsAreFoundByTheirPhysicalNames) {
  const json inner =
      structure({column("x", "long", 3, "col-x"), column("y", "string", 4, "col-y")});
  const json list = {{"type", "array"}, {"elementType", inner}, {"containsNull", true}};
  commit(0, {protocol({"columnMapping"}),
             metadata({column("id", "long", 1, "col-1"), column("s", inner, 2, "col-2"),
                       column("l", list, 5, "col-5"), column("p", "string", 6, "col-6")},
                      {{"delta.columnMapping.mode", "name"}}, {"p"}),
             file("a.parquet",
                  "SELECT 1 AS \"col-1\", {'col-y': 'b', 'col-x': 7} AS \"col-2\", "
                  "[{'col-x': 1, 'col-y': 'q'}] AS \"col-5\", 99 AS id",
                  "", {{"col-6", "north"}}),
             file("b.parquet", "SELECT 2 AS \"col-1\", NULL::STRUCT(\"col-x\" BIGINT) AS \"col-2\"",
                  "", {{"col-6", nullptr}})});
  auto table = open("t");
  EXPECT_THAT(
      query("SELECT id, s.x, s.y, l[1].y, p FROM (" + table->snapshot().value()->scan_sql() + ")"),
      ElementsAre("1|7|b|q|north", "2|NULL|NULL|NULL|NULL"));
}

TEST_F(Features, ColumnsAreFoundByTheirIdsWhereTheModeIsId) {
  const json inner = structure({column("x", "long", 3, "col-x")});
  commit(0, {protocol({"columnMapping"}),
             metadata({column("id", "long", 1, "col-1"), column("s", inner, 2, "col-2"),
                       column("n", "string", 9, "col-9")},
                      {{"delta.columnMapping.mode", "id"}}),
             // Another engine's names: only the ids tell what they are.
             file("a.parquet", "SELECT 'no' AS \"col-1\", 5 AS other, {'col-x': 7} AS something",
                  ", FIELD_IDS {\"col-1\": 77, other: 1, something: {__duckdb_field_id: 2, "
                  "\"col-x\": 3}}")});
  EXPECT_THAT(read(), ElementsAre("5|{\"x\":7}|NULL"));
}

TEST_F(Features, MappedTablesAreWrittenAsOtherEnginesReadThem) {
  const json inner = structure({column("x", "long", 3, "col-x")});
  for (const char* mode : {"name", "id"}) {
    commit(0, {protocol({"columnMapping"}),
               metadata({column("id", "long", 1, "col-1"), column("s", inner, 2, "col-2"),
                         column("p", "string", 6, "col-6")},
                        {{"delta.columnMapping.mode", mode}}, {"p"})});
    auto table = open("t");
    append(*table, "SELECT 4 AS id, {'x': 8} AS s, 'north' AS p");
    EXPECT_THAT(rows(*table), ElementsAre("4|{\"x\":8}|north")) << mode;
    const auto added = table->snapshot().value()->files().at(0);
    EXPECT_EQ(added.partition_values.at("col-6"), "north");
    EXPECT_THAT(added.stats, HasSubstr(R"("minValues":{"col-1":4})"));
    EXPECT_THAT(query(fmt::format("SELECT name, field_id FROM parquet_schema('{}') WHERE field_id "
                                  "IS NOT NULL",
                                  store_->url("t/" + added.path))),
                ElementsAre("col-1|1", "col-2|2", "col-x|3"));
    ASSERT_TRUE(store_->remove(lake::commit_key("t", 1)));
  }
}

TEST_F(Features, DeletedRowsAreLeftOutWhereverTheirVectorLies) {
  const lake::DeletedRows gone{0, 2};
  std::string bytes = lake::encode_bitmap(gone);
  const std::size_t size = bytes.size();
  bytes.resize((size + 3) / 4 * 4);
  const std::string uuid = "d2c639aa-8816-431a-aaf6-d3fe2512ff61";
  ASSERT_TRUE(
      store_->put("t/ab/" + lake::deletion_file_path(uuid), lake::encode_deletion_file(gone)));
  json relative = json::parse(lake::print_descriptor(uuid, gone));
  relative["pathOrInlineDv"] = "ab" + relative["pathOrInlineDv"].get<std::string>();
  json absolute = relative;
  absolute["storageType"] = "p";
  absolute["pathOrInlineDv"] = "file://" + store_->url("t/ab/" + lake::deletion_file_path(uuid));
  const json inlined = {{"storageType", "i"},
                        {"pathOrInlineDv", lake::encode_z85(bytes)},
                        {"sizeInBytes", size},
                        {"cardinality", 2}};
  for (const json& vector : {relative, absolute, inlined}) {
    json add = file("a.parquet", "SELECT unnest([10, 11, 12]) AS id");
    add["add"]["deletionVector"] = vector;
    commit(0, {protocol({"deletionVectors"}), metadata({column("id", "long")}), add});
    EXPECT_THAT(read(), ElementsAre("11")) << vector;
    EXPECT_EQ(open("t")->snapshot().value()->rows(), 1);
  }
}

TEST_F(Features, AVectorThatCannotBeReadIsNamedAndNeverGivesItsRows) {
  json add = file("a.parquet", "SELECT unnest([10, 11, 12]) AS id");
  add["add"]["deletionVector"] =
      json::parse(lake::print_descriptor("d2c639aa-8816-431a-aaf6-d3fe2512ff61", {1}));
  commit(0, {protocol({"deletionVectors"}), metadata({column("id", "long")}), add});
  EXPECT_THAT(read().at(0), HasSubstr("cannot read the deletion vector of a.parquet"));
  std::string broken = lake::encode_deletion_file({1});
  broken.back() = static_cast<char>(broken.back() + 1);
  ASSERT_TRUE(store_->put("t/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin", broken));
  EXPECT_THAT(read().at(0), HasSubstr("checksum"));
}

TEST_F(Features, PartitionTimesWithoutAnOffsetAreUtc) {
  commit(0, {protocol(),
             metadata({column("id", "long"), column("at", "timestamp")}, json::object(), {"at"}),
             file("a.parquet", "SELECT 1 AS id", "", {{"at", "2026-01-02 03:04:05.5"}}),
             file("b.parquet", "SELECT 2 AS id", "", {{"at", "2026-01-02T03:04:05.500000Z"}}),
             file("c.parquet", "SELECT 3 AS id", "", {{"at", ""}})});
  ASSERT_TRUE(connection_->execute("SET TimeZone = 'America/New_York'"));
  const std::string scan = open("t")->snapshot().value()->scan_sql();
  EXPECT_THAT(query("SELECT id, epoch_ms(\"at\") FROM (" + scan + ")"),
              ElementsAre("1|1767323045500", "2|1767323045500", "3|NULL"));
}

// A checkpoint in Parquet from JSON lines whose actions have these columns.
class CheckpointKinds : public Features {
 protected:
  void SetUp() override {
    add_ = file("a.parquet", "SELECT unnest([10, 11, 12]) AS id");
    commit(0, {protocol({"v2Checkpoint"}), metadata({column("id", "long")})});
    commit(1, {add_});
    commit(2, {{{"commitInfo", {{"operation", "WRITE"}}}}});
  }

  void parquet(const std::string& name, const std::vector<json>& actions) {
    std::string lines;
    for (const json& action : actions) lines += action.dump() + "\n";
    const std::string aside = store_->url("lines.json");
    ASSERT_TRUE(store_->put("lines.json", lines));
    const std::string key = "t/_delta_log/" + name;
    ASSERT_TRUE(store_->prepare(key));
    ASSERT_TRUE(connection_->query(fmt::format(
        "COPY (SELECT * FROM read_json('{}', format = 'newline_delimited', map_inference_threshold "
        "= -1)) TO '{}' (FORMAT parquet)",
        aside, store_->url(key))));
  }

  void forget_json(lake::Version below) {
    for (lake::Version i = 0; i < below; ++i) {
      ASSERT_TRUE(store_->remove(lake::commit_key("t", i)));
    }
  }

  static constexpr const char* kV2 =
      "00000000000000000001.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11";
  json add_;
};

TEST_F(CheckpointKinds, ASidecarsFilesAreRead) {
  parquet("_sidecars/3a0d65cd-4056-49b8-937b-95f9e3ee90e5.parquet", {add_});
  const std::vector<json> top = {{{"checkpointMetadata", {{"version", 1}}}},
                                 protocol({"v2Checkpoint"}),
                                 metadata({column("id", "long")}),
                                 {{"sidecar",
                                   {{"path", "3a0d65cd-4056-49b8-937b-95f9e3ee90e5.parquet"},
                                    {"sizeInBytes", 1},
                                    {"modificationTime", 1}}}}};
  std::string lines;
  for (const json& action : top) lines += action.dump() + "\n";
  ASSERT_TRUE(store_->put(fmt::format("t/_delta_log/{}.json", kV2), lines));
  forget_json(1);
  EXPECT_THAT(read(), ElementsAre("10", "11", "12"));
  ASSERT_TRUE(store_->remove(fmt::format("t/_delta_log/{}.json", kV2)));
  parquet(fmt::format("{}.parquet", kV2), top);
  EXPECT_THAT(read(), ElementsAre("10", "11", "12"));
  // Without its sidecar it is as if it were not there; the JSONs below it are gone.
  ASSERT_TRUE(
      store_->remove("t/_delta_log/_sidecars/3a0d65cd-4056-49b8-937b-95f9e3ee90e5.parquet"));
  EXPECT_THAT(read().at(0), HasSubstr("version 2 cannot be read"));
}

TEST_F(CheckpointKinds, AnIncompleteOneOfSeveralPartsIsPassedOver) {
  const std::string name = "00000000000000000001.checkpoint.{:010}.0000000002.parquet";
  parquet(fmt::format(fmt::runtime(name), 1),
          {protocol({"v2Checkpoint"}), metadata({column("id", "long")})});
  EXPECT_THAT(read(), ElementsAre("10", "11", "12")) << "from the single versions";
  parquet(fmt::format(fmt::runtime(name), 2), {add_});
  forget_json(1);
  EXPECT_THAT(read(), ElementsAre("10", "11", "12")) << "from both parts";
}

TEST_F(CheckpointKinds, StatisticsInColumnsOnlyCount) {
  json add = add_;
  add["add"].erase("stats");
  add["add"]["stats_parsed"] = {{"numRecords", 3}, {"minValues", {{"id", 10}}}};
  parquet("00000000000000000001.checkpoint.parquet",
          {protocol({"v2Checkpoint"}), metadata({column("id", "long")}), add});
  forget_json(1);
  EXPECT_EQ(open("t")->snapshot().value()->rows(), 3);
  EXPECT_THAT(read(), ElementsAre("10", "11", "12"));
}

TEST_F(CheckpointKinds, StatisticsAreWrittenAsColumnsWhereTheTableWantsThem) {
  auto with = options({lake_test::field("id", columns::Type::kInt64),
                       lake_test::field("at", columns::Type::kTimestamp),
                       lake_test::field("p q", columns::Type::kTimestamp)},
                      {"p q"});
  with.configuration = {{"delta.checkpoint.writeStatsAsStruct", "true"},
                        {"delta.checkpoint.writeStatsAsJson", "false"},
                        {"delta.checkpointInterval", "2"}};
  const auto table = create("own", with);
  append(*table,
         "SELECT 5 AS id, TIMESTAMPTZ '2026-01-02 03:04:05.0005+00' AS at, TIMESTAMPTZ "
         "'2026-01-01 00:00:00.5+00' AS \"p q\"");
  const std::string stats = table->snapshot().value()->files().at(0).stats;
  append(*table, "SELECT NULL AS id, NULL AS at, NULL AS \"p q\"");
  const std::string key = lake::checkpoint_key("own", 2);
  EXPECT_THAT(query(fmt::format(
                  "SELECT add.stats, add.stats_parsed.numRecords, add.stats_parsed.minValues.id, "
                  "epoch_ms(add.stats_parsed.maxValues.\"at\"), add.stats_parsed.nullCount.id, "
                  "epoch_ms(add.partitionValues_parsed.\"p q\") FROM read_parquet('{}') WHERE add "
                  "IS NOT NULL",
                  store_->url(key))),
              ElementsAre("NULL|1|5|1767323045001|0|1767225600500", "NULL|1|NULL|NULL|1|NULL"));
  for (lake::Version i = 0; i < 2; ++i) ASSERT_TRUE(store_->remove(lake::commit_key("own", i)));
  // Read back they are what they were, so that they can be written again.
  const auto again = open("own");
  bool found = false;
  for (const auto& file : again->snapshot().value()->files()) {
    const json parsed = json::parse(file.stats);
    if (parsed["minValues"]["id"].is_null()) continue;
    found = true;
    EXPECT_EQ(parsed["minValues"], json::parse(stats)["minValues"]);
    EXPECT_EQ(parsed["maxValues"], json::parse(stats)["maxValues"]);
    EXPECT_EQ(file.rows(), 1);
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(rows(*again).size(), 2U);
}

TEST_F(CheckpointKinds, OneThatLacksFilesOrLiesAboutItsVersionGivesWayToTheLog) {
  ASSERT_TRUE(store_->put("t/_delta_log/_last_checkpoint", R"({"version":1,"size":3})"));
  EXPECT_THAT(read(), ElementsAre("10", "11", "12")) << "the hint's checkpoint is missing";
  ASSERT_TRUE(store_->put("t/_delta_log/00000000000000000001.checkpoint.parquet", "PAR1"));
  EXPECT_THAT(read(), ElementsAre("10", "11", "12")) << "it is cut";
  ASSERT_TRUE(store_->put("t/_delta_log/_last_checkpoint", R"({"version":9223372036854775807})"));
  EXPECT_THAT(read(), ElementsAre("10", "11", "12"));
}

TEST_F(CheckpointKinds, SeveralVersionsInOneFileAreTakenAtOnce) {
  // It differs from the single versions, so that it shows which of them were read.
  json other = file("b.parquet", "SELECT 20 AS id");
  std::string lines = protocol({"v2Checkpoint"}).dump() + "\n" +
                      metadata({column("id", "long")}).dump() + "\n" + other.dump() + "\n";
  const std::string key = "t/_delta_log/00000000000000000000.00000000000000000001.compacted.json";
  ASSERT_TRUE(store_->put(key, lines));
  EXPECT_THAT(read(), ElementsAre("20"));
  ASSERT_TRUE(store_->put(key, "{\"add\":"));
  EXPECT_THAT(read(), ElementsAre("10", "11", "12"));
}

}  // namespace
