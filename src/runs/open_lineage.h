// Runs as OpenLineage events (specification 2-0-2): START, and COMPLETE or FAIL.
//
// Pure. Source: openlineage.io/spec/2-0-2/OpenLineage.json and the facets named in the events.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "columns/batch.h"
#include "runs/column_lineage.h"

namespace runs {

// A table of the lake or a topic of the log.
struct LineageDataset {
  std::string space;  // "file:///data/lake", "s3://bucket", "kafka://host:9092"
  std::string name;
  columns::Schema schema = {};
  std::int64_t version = -1;                     // of a table; -1: none
  std::int64_t rows = -1;                        // taken in or given by the run; -1: not told
  nlohmann::json assertions = nlohmann::json();  // [{assertion, success, column?}]
};

struct LineageRun {
  std::string id;  // a UUID
  std::string job_space;
  std::string job;
  std::string description = {};
  std::string sql = {};
  bool streaming = false;
  base::TimestampUs started_us = 0;
  base::TimestampUs ended_us = 0;
  std::string error = {};  // "" = it committed
  std::vector<LineageDataset> inputs = {};
  std::vector<LineageDataset> outputs = {};  // the first is the one that the columns are of
  ColumnLineage columns = {};
  std::string tables_space = {};              // of the tables that the columns come from
  nlohmann::json details = nlohmann::json();  // counts and intervals, as GET /v1/runs has them
};

// Two events, in their order.
std::vector<nlohmann::json> lineage_events(const LineageRun& run);

}  // namespace runs
