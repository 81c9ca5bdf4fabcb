#include "batch/shadow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "../stream/world.h"
#include "batch/daily.h"
#include "batch/flags.h"
#include "batch/versions.h"

namespace batch {
namespace {

using nlohmann::json;
using stream_test::Judge;
using stream_test::must;
using stream_test::Record;
using stream_test::World;
using testing::HasSubstr;

constexpr const char* kTopic = R"(topic: legs
partitions: 2
key: id
format: json
schema:
  id: bigint not null
  carrier: string
  delay: double
)";

constexpr const char* kLegs = R"(---
table: silver.legs
mode: streaming
---
SELECT id, carrier, delay FROM bronze.legs)";

std::string with(const std::string& delay, int version, const std::string& more = "") {
  return fmt::format(
      "---\ntable: gold.legs\nversion: {}\nmode: daily at 02:00\nkey: [id]\n---\nSELECT id, "
      "carrier, {} AS delay{} FROM silver.legs",
      version, delay, more);
}

class ShadowTest : public testing::Test {
 protected:
  ShadowTest() : world_(kTopic, {model(kLegs)}, {}) {
    must(world_.start());
    std::vector<Record> records;
    for (int i = 0; i < 2000; ++i)
      records.push_back({std::to_string(i),
                         fmt::format(R"({{"id":{},"carrier":"{}","delay":{}}})", i,
                                     i % 200 == 0 ? "XX" : "C" + std::to_string(i % 5), i % 90)});
    world_.append(records);
    must(world_.drain());
  }
  static runs::Model model(const std::string& text) {
    return must(runs::parse_model(text, "models/x.sql"));
  }
  json shadow(const std::string& old_text, const std::string& candidate, double tolerance = 0) {
    return must(run_shadow(world_.catalog(), {},
                           {.old_model = model(old_text),
                            .candidate = model(candidate),
                            .from = {},
                            .to = {},
                            .tolerance = tolerance}));
  }
  World world_;
};

TEST_F(ShadowTest, AHalfPercentThatDiffersIsFoundAndNamed) {
  const json verdict =
      shadow(with("delay", 1), with("CASE WHEN carrier = 'XX' THEN delay + 7 ELSE delay END", 2));
  EXPECT_EQ(verdict.at("changed"), 10);
  EXPECT_EQ(verdict.at("noise_rows"), 0);
  EXPECT_TRUE(verdict.at("halted"));
  const json& worst = verdict.at("columns").at(0);
  EXPECT_EQ(worst.at("column"), "delay");
  EXPECT_DOUBLE_EQ(worst.at("match").at("value"), 0.995);
  EXPECT_LT(worst.at("match").at("low").get<double>(), 0.995);
  EXPECT_GT(worst.at("match").at("high").get<double>(), 0.995);
  EXPECT_EQ(worst.at("where").at("column"), "carrier");
  EXPECT_EQ(worst.at("where").at("value"), "XX");
  EXPECT_FALSE(verdict.at("columns").at(1).at("beyond_noise"));
}

TEST_F(ShadowTest, WhatIsWithinTheToleranceGoesOn) {
  const std::string candidate = with("CASE WHEN carrier = 'XX' THEN delay + 7 ELSE delay END", 2);
  EXPECT_TRUE(shadow(with("delay", 1), candidate, 0.004).at("halted"));
  EXPECT_FALSE(shadow(with("delay", 1), candidate, 0.006).at("halted"));
}

TEST_F(ShadowTest, ACandidateThatDoublesAKeyIsHalted) {
  const json verdict =
      shadow(with("delay", 1), with("delay", 2) + " UNION ALL SELECT 7, 'C2', 7.0", 0.5);
  EXPECT_TRUE(verdict.at("halted").get<bool>());
  EXPECT_EQ(verdict.at("added"), 1);
  EXPECT_EQ(verdict.at("doubled_keys").at("new"), 1);
}

TEST_F(ShadowTest, WhatDiffersByItselfIsNoise) {
  const std::string chance = ", random() AS luck";
  const json verdict = shadow(with("delay", 1, chance), with("delay", 2, chance));
  EXPECT_EQ(verdict.at("noise_rows"), 2000);
  EXPECT_FALSE(verdict.at("halted"));
  EXPECT_EQ(verdict.at("columns").at(0).at("column"), "luck");
  EXPECT_FALSE(verdict.at("columns").at(0).at("beyond_noise"));
}

TEST_F(ShadowTest, DifferencesAreGroupedByTheirCause) {
  const json verdict = shadow(with("delay", 1), with("CASE WHEN id % 4 = 0 THEN NULL WHEN id % 4 = "
                                                     "1 THEN delay * 60 WHEN id % 4 = 2 THEN delay "
                                                     "+ 1e-12 ELSE delay END",
                                                     2));
  std::map<std::string, int> causes;
  for (const json& cause : verdict.at("columns").at(0).at("causes"))
    causes[cause.at("cause")] = cause.at("rows");
  EXPECT_EQ(causes["null instead of a value"], 500);
  EXPECT_GT(causes["a factor of 60.0"], 400);
  EXPECT_GT(causes["precision (the last digits)"], 100);
}

TEST_F(ShadowTest, ModelsOfTwoTablesAreRefused) {
  std::string other = with("delay", 2);
  other.replace(other.find("gold.legs"), 9, "gold.lges");
  const auto verdict = run_shadow(
      world_.catalog(), {},
      {.old_model = model(with("delay", 1)), .candidate = model(other), .from = {}, .to = {}});
  ASSERT_FALSE(verdict);
  EXPECT_THAT(verdict.error().message, HasSubstr("gold.lges"));
}

TEST_F(ShadowTest, VersionsOfATableKnowWhoWroteThemAndAreCompared) {
  DailyModels models{world_.services(), {model(with("delay", 3))}};
  must(models.run("gold.legs"));
  models.set_models({model(with("CASE WHEN id < 10 THEN delay + 1 ELSE delay END", 4))});
  world_.clock().advance_us(base::kUsPerSecond);
  must(models.run("gold.legs"));
  const auto table = must(world_.catalog().table("gold.legs"));
  const std::vector<const state::Store*> stores{&world_.store()};
  const json versions = must(list_versions(*table, "gold.legs", stores, 10));
  EXPECT_EQ(versions.at(0).at("model_version"), 4);
  EXPECT_EQ(versions.at(1).at("model_version"), 3);
  EXPECT_THAT(versions.at(0).at("inputs").get<std::string>(), HasSubstr("silver.legs@"));
  EXPECT_EQ(versions.at(0).at("model_hash").get<std::string>().size(), 16U);
  const auto from = must(resolve_version(*table, "gold.legs", stores, "v3"));
  const auto to = must(resolve_version(*table, "gold.legs", stores, "v4"));
  Judge judge;
  const json diff = must(diff_versions(*table, judge.connection(), from, to, {"id"}, 3));
  EXPECT_EQ(diff.at("changed"), 10);
  EXPECT_EQ(diff.at("same"), 1990);
  EXPECT_EQ(diff.at("samples").size(), 3U);
  const auto unknown = resolve_version(*table, "gold.legs", stores, "v9");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().mend, HasSubstr("v3, v4"));
}

TEST_F(ShadowTest, AFlagGivesTheCandidateAGrowingPartOfTheKeysAndIsRecorded) {
  const base::Path project = std::filesystem::temp_directory_path() / ("flags-" + base::new_uuid());
  std::filesystem::create_directories(project / "flags");
  std::ofstream(project / "new.sql") << with("-1 - delay", 2);
  std::ofstream(project / "flags/later.yaml")
      << "model: gold.legs\ncandidate: new.sql\nkey: [id]\npercent: 0\n";
  DailyModels models{world_.services(), {model(with("delay", 1))}, {}, project};
  std::string earlier;  // ids that had the candidate
  for (const double percent : {0.0, 10.0, 40.0, 100.0}) {
    must(set_percent(project, "later", percent));
    world_.clock().advance_us(base::kUsPerSecond);
    must(models.run("gold.legs"));
    const std::string rows = world_.snapshot("gold.legs")->scan_sql();
    Judge judge;
    EXPECT_EQ(judge.number(fmt::format("SELECT count(*) FROM ({})", rows)), 2000);
    const auto share = static_cast<double>(judge.number(
                           fmt::format("SELECT count(*) FROM ({}) WHERE delay < 0", rows))) /
                       20.0;
    EXPECT_NEAR(share, percent, percent == 0 || percent == 100 ? 0 : 4);
    const std::string now = fmt::format("SELECT id FROM ({}) WHERE delay < 0", rows);
    if (!earlier.empty()) {
      EXPECT_EQ(judge.number(fmt::format("SELECT count(*) FROM ({} EXCEPT {})", earlier, now)), 0);
    }
    earlier = now;
  }
  const auto table = must(world_.catalog().table("gold.legs"));
  const json newest = must(list_versions(*table, "gold.legs", {&world_.store()}, 1));
  EXPECT_THAT(newest.at(0).at("flags").get<std::string>(), HasSubstr("later=100% of v2"));
  const auto unknown = set_percent(project, "latr", 5);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().mend, HasSubstr("later"));
  std::filesystem::remove_all(project);
}

TEST(Wilson, HasTheKnownIntervals) {
  // 5 of 10: 0.2366 to 0.7634 (Wilson 1927, without correction).
  EXPECT_NEAR(wilson(5, 10).low, 0.2366, 1e-4);
  EXPECT_NEAR(wilson(5, 10).high, 0.7634, 1e-4);
  EXPECT_EQ(wilson(0, 10).low, 0);
  EXPECT_NEAR(wilson(0, 10).high, 0.2775, 1e-4);
  EXPECT_EQ(wilson(10, 10).high, 1);
}

}  // namespace
}  // namespace batch
