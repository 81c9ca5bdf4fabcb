#include "runs/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/uuid.h"

namespace runs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ParseModel, ReadsEverySettingOfTheHeader) {
  const auto model = parse_model(R"(---
table: gold.hub_throughput
version: 3
mode: streaming
time: event_time
watermark: 2 minutes
key: [hub_id, window_start]
partition: [date]
ttl: 1 hour
quality: hubs.json
description: Scans per hub.
---
SELECT 1
FROM silver.scans;

)",
                                 "models/gold/hub_throughput.sql");
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->table, "gold.hub_throughput");
  EXPECT_EQ(model->late_table(), "gold.hub_throughput_late");
  EXPECT_EQ(model->version, 3);
  EXPECT_EQ(model->mode, Mode::kStreaming);
  EXPECT_EQ(model->time, "event_time");
  EXPECT_EQ(model->watermark_us, 120 * base::kUsPerSecond);
  EXPECT_THAT(model->key, ElementsAre("hub_id", "window_start"));
  EXPECT_THAT(model->partition, ElementsAre("date"));
  EXPECT_EQ(model->ttl_us, 3600 * base::kUsPerSecond);
  EXPECT_EQ(model->quality, "hubs.json");
  EXPECT_EQ(model->description, "Scans per hub.");
  EXPECT_EQ(model->sql, "SELECT 1\nFROM silver.scans");
  EXPECT_EQ(model->sql_line, 13);
}

TEST(ParseModel, ReadsSchedules) {
  struct Case {
    std::string mode, zone;
    int hour, minute;
  };
  for (const Case& given : {Case{"daily at 02:00", "UTC", 2, 0},
                            Case{"daily at 23:59 Europe/Berlin", "Europe/Berlin", 23, 59},
                            Case{"daily at 00:05 America/New_York", "America/New_York", 0, 5}}) {
    const auto model =
        parse_model("---\ntable: gold.x\nmode: " + given.mode + "\n---\nSELECT 1", "x.sql");
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_EQ(model->mode, Mode::kDaily);
    EXPECT_EQ(model->schedule.hour, given.hour);
    EXPECT_EQ(model->schedule.minute, given.minute);
    EXPECT_EQ(model->schedule.time_zone, given.zone);
  }
}

TEST(ParseModel, TheFingerprintChangesWithTextVersionAndSettings) {
  const auto fingerprint = [](const std::string& header, const std::string& sql) {
    const auto model =
        parse_model("---\ntable: gold.x\nmode: streaming\n" + header + "\n---\n" + sql, "x.sql");
    return model ? model->fingerprint() : model.error().to_string();
  };
  const std::string first = fingerprint("version: 1", "SELECT 1");
  EXPECT_EQ(first.size(), 16U);
  EXPECT_EQ(fingerprint("version: 1\ndescription: other", "SELECT 1"), first);
  EXPECT_NE(fingerprint("version: 2", "SELECT 1"), first);
  EXPECT_NE(fingerprint("version: 1", "SELECT 2"), first);
  EXPECT_NE(fingerprint("version: 1\nttl: 1 hour", "SELECT 1"), first);
  EXPECT_NE(fingerprint("version: 1\nkey: [a]", "SELECT 1"), first);
}

struct Refused {
  std::string name;
  std::string text;
  int line;
  std::string message;
};

class RefusedText : public testing::TestWithParam<Refused> {};

TEST_P(RefusedText, NamesFileLineAndMend) {
  const auto model = parse_model(GetParam().text, "models/gold/x.sql");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, base::Code::kInvalid);
  EXPECT_EQ(model.error().file, "models/gold/x.sql");
  EXPECT_EQ(model.error().line, GetParam().line) << model.error().to_string();
  EXPECT_THAT(model.error().to_string(), HasSubstr(GetParam().message));
  EXPECT_FALSE(model.error().mend.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Texts, RefusedText,
    testing::Values(
        Refused{"no_header", "SELECT 1", 1, "header between two '---' lines"},
        Refused{"header_without_end", "---\ntable: gold.x\nSELECT 1", 1, "header"},
        Refused{"unknown_setting",
                "---\ntable: gold.x\nmode: streaming\nwatermrk: 1 minute\n---\nSELECT 1", 4,
                "watermrk"},
        Refused{"no_bronze_models", "---\nmode: streaming\ntable: bronze.x\n---\nSELECT 1", 3,
                "'bronze.x' is no table for a model"},
        Refused{"capital_letters", "---\ntable: gold.X\nmode: streaming\n---\nSELECT 1", 2,
                "'gold.X' is no table for a model"},
        Refused{"unknown_mode", "---\ntable: gold.x\nmode: hourly\n---\nSELECT 1", 3,
                "unknown mode 'hourly'"},
        Refused{"hour_25", "---\ntable: gold.x\nmode: daily at 25:00\n---\nSELECT 1", 3,
                "unknown mode 'daily at 25:00'"},
        Refused{"bad_duration", "---\ntable: gold.x\nmode: streaming\nttl: soon\n---\nSELECT 1", 4,
                "soon"},
        Refused{"no_select", "---\ntable: gold.x\nmode: streaming\n---\n\n", 2, "no SELECT"}),
    [](const auto& given) { return given.param.name; });

TEST(ParseModel, AVersionThatIsNoNumberIsRefusedAtItsLine) {
  const auto model =
      parse_model("---\ntable: gold.x\nversion: two\nmode: streaming\n---\nSELECT 1", "x.sql");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().line, 3);
  EXPECT_THAT(model.error().message, HasSubstr("'version' must be a whole number"));
}

class LoadModels : public testing::Test {
 protected:
  LoadModels() : project_(std::filesystem::temp_directory_path() / ("models-" + base::new_uuid())) {
    for (const char* layer : {"silver", "gold"})
      std::filesystem::create_directories(project_ / "models" / layer);
  }
  ~LoadModels() override { std::filesystem::remove_all(project_); }
  void write(const std::string& file, const std::string& table) {
    std::ofstream(project_ / "models" / file)
        << "---\ntable: " << table << "\nmode: streaming\n---\nSELECT 1";
  }
  std::filesystem::path project_;
};

TEST_F(LoadModels, GivesAllModelsSortedByTable) {
  write("silver/b.sql", "silver.b");
  write("silver/a.sql", "silver.a");
  write("gold/z.sql", "gold.z");
  write("gold/notes.txt", "not a model");
  const auto models = load_models(project_);
  ASSERT_TRUE(models) << models.error().to_string();
  std::vector<std::string> tables;
  for (const Model& model : *models) tables.push_back(model.table);
  EXPECT_THAT(tables, ElementsAre("gold.z", "silver.a", "silver.b"));
}

TEST_F(LoadModels, RefusesTwoWritersOfOneTableAndNamesBoth) {
  write("silver/a.sql", "silver.a");
  write("silver/other.sql", "silver.a");
  const auto models = load_models(project_);
  ASSERT_FALSE(models);
  EXPECT_THAT(models.error().to_string(),
              testing::AllOf(HasSubstr("a.sql"), HasSubstr("other.sql"), HasSubstr("silver.a")));
}

}  // namespace
}  // namespace runs
