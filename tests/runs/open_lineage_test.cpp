#include "runs/open_lineage.h"

#include <gtest/gtest.h>

namespace runs {
namespace {

using nlohmann::json;

LineageRun run_of() {
  return {
      .id = "0f0e0d0c-0b0a-4908-8706-050403020100",
      .job_space = "logistics",
      .job = "gold.sums",
      .sql = "SELECT k, sum(v) AS total FROM silver.rows GROUP BY k",
      .started_us = 1'790'000'000'000'000,
      .ended_us = 1'790'000'002'000'000,
      .inputs = {{.space = "file:///lake", .name = "silver.rows", .version = 7, .rows = 100}},
      .outputs = {{.space = "file:///lake",
                   .name = "gold.sums",
                   .schema = {{{"k", columns::Type::kString}, {"total", columns::Type::kInt64}}},
                   .version = 3,
                   .rows = 2},
                  {.space = "file:///lake", .name = "dead_letters", .rows = 1}},
      .columns = {.columns = {{"k", {{"silver.rows", "k"}}}, {"total", {{"silver.rows", "v"}}}},
                  .rows = {{"silver.rows", "k"}}},
      .tables_space = "file:///lake"};
}

TEST(OpenLineage, ARunIsAStartAndACompleteOfOneId) {
  const std::vector<json> events = lineage_events(run_of());
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["eventType"], "START");
  EXPECT_EQ(events[1]["eventType"], "COMPLETE");
  EXPECT_EQ(events[0]["run"]["runId"], events[1]["run"]["runId"]);
  EXPECT_LT(events[0]["eventTime"].get<std::string>(), events[1]["eventTime"].get<std::string>());
  EXPECT_EQ(events[1]["job"]["facets"]["sql"]["query"], run_of().sql);
  EXPECT_EQ(events[1]["job"]["facets"]["jobType"]["processingType"], "BATCH");
}

TEST(OpenLineage, TheEndHasSchemaVersionRowsAndColumns) {
  const json end = lineage_events(run_of())[1];
  const json& out = end["outputs"][0];
  EXPECT_EQ(out["facets"]["schema"]["fields"][1], (json{{"name", "total"}, {"type", "bigint"}}));
  EXPECT_EQ(out["facets"]["version"]["datasetVersion"], "3");
  EXPECT_EQ(out["outputFacets"]["outputStatistics"]["rowCount"], 2);
  const json& from = out["facets"]["columnLineage"]["fields"]["total"]["inputFields"][0];
  EXPECT_EQ(from["name"], "silver.rows");
  EXPECT_EQ(from["field"], "v");
  EXPECT_EQ(out["facets"]["columnLineage"]["dataset"][0]["transformations"][0]["type"], "INDIRECT");
  EXPECT_FALSE(end["outputs"][1]["facets"].contains("columnLineage"));
  EXPECT_EQ(end["inputs"][0]["inputFacets"]["dataQualityMetrics"]["rowCount"], 100);
}

TEST(OpenLineage, ARunThatFailedEndsWithItsError) {
  LineageRun run = run_of();
  run.error = "the disk is full";
  const json end = lineage_events(run)[1];
  EXPECT_EQ(end["eventType"], "FAIL");
  EXPECT_EQ(end["run"]["facets"]["errorMessage"]["message"], "the disk is full");
}

}  // namespace
}  // namespace runs
