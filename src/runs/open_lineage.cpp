#include "runs/open_lineage.h"

#include <fmt/format.h>

namespace runs {
namespace {

using nlohmann::json;

constexpr const char* kProducer = "urn:waybill:0.1.0";
constexpr const char* kVersion = "0.1.0";
constexpr const char* kEvent = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

// A facet of the specification: its version, its name, its members.
json facet(const std::string& version, const std::string& name, json members) {
  members["_producer"] = kProducer;
  members["_schemaURL"] =
      fmt::format("https://openlineage.io/spec/facets/{0}/{1}.json#/$defs/{1}", version, name);
  return members;
}

json fields_of(const columns::Schema& schema) {
  json fields = json::array();
  for (const columns::Field& field : schema.fields)
    fields.push_back({{"name", field.name}, {"type", std::string(columns::type_name(field.type))}});
  return fields;
}

json dataset(const LineageDataset& one) {
  json facets = json::object();
  if (!one.schema.fields.empty())
    facets["schema"] = facet("1-2-0", "SchemaDatasetFacet", {{"fields", fields_of(one.schema)}});
  if (one.version >= 0)
    facets["version"] = facet("1-0-1", "DatasetVersionDatasetFacet",
                              {{"datasetVersion", std::to_string(one.version)}});
  return {{"namespace", one.space}, {"name", one.name}, {"facets", std::move(facets)}};
}

json input(const LineageDataset& one) {
  json entry = dataset(one);
  json facets = json::object();
  if (one.rows >= 0)
    facets["dataQualityMetrics"] =
        facet("1-0-3", "DataQualityMetricsInputDatasetFacet",
              {{"rowCount", one.rows}, {"columnMetrics", json::object()}});
  if (one.assertions.is_array() && !one.assertions.empty())
    facets["dataQualityAssertions"] =
        facet("1-1-0", "DataQualityAssertionsDatasetFacet", {{"assertions", one.assertions}});
  entry["inputFacets"] = std::move(facets);
  return entry;
}

json origin(const LineageRun& run, const ColumnOrigin& from, const char* type,
            const char* subtype) {
  return {{"namespace", run.tables_space},
          {"name", from.table},
          {"field", from.column},
          {"transformations",
           {{{"type", type}, {"subtype", subtype}, {"description", ""}, {"masking", false}}}}};
}

json column_lineage_facet(const LineageRun& run) {
  json fields = json::object();
  for (const auto& [column, origins] : run.columns.columns) {
    json from = json::array();
    for (const ColumnOrigin& one : origins)
      from.push_back(origin(run, one, "DIRECT", "TRANSFORMATION"));
    if (!from.empty()) fields[column] = {{"inputFields", std::move(from)}};
  }
  json rows = json::array();
  for (const ColumnOrigin& one : run.columns.rows)
    rows.push_back(origin(run, one, "INDIRECT", "FILTER"));
  if (fields.empty() && rows.empty()) return {};
  return facet("1-2-0", "ColumnLineageDatasetFacet",
               {{"fields", std::move(fields)}, {"dataset", std::move(rows)}});
}

json output(const LineageRun& run, const LineageDataset& one, bool is_first) {
  json entry = dataset(one);
  if (is_first) {
    if (json lineage = column_lineage_facet(run); !lineage.is_null())
      entry["facets"]["columnLineage"] = std::move(lineage);
  }
  entry["outputFacets"] = json::object();
  if (one.rows >= 0)
    entry["outputFacets"]["outputStatistics"] =
        facet("1-0-2", "OutputStatisticsOutputDatasetFacet", {{"rowCount", one.rows}});
  return entry;
}

json job(const LineageRun& run) {
  json facets{{"jobType", facet("2-0-4", "JobTypeJobFacet",
                                {{"processingType", run.streaming ? "STREAMING" : "BATCH"},
                                 {"integration", "WAYBILL"},
                                 {"jobType", "MODEL"}})}};
  if (!run.sql.empty())
    facets["sql"] = facet("1-1-0", "SQLJobFacet", {{"query", run.sql}, {"dialect", "duckdb"}});
  if (!run.description.empty())
    facets["documentation"] =
        facet("1-1-0", "DocumentationJobFacet", {{"description", run.description}});
  return {{"namespace", run.job_space}, {"name", run.job}, {"facets", std::move(facets)}};
}

json run_facets(const LineageRun& run, bool is_end) {
  json facets{{"processing_engine", facet("1-1-1", "ProcessingEngineRunFacet",
                                          {{"version", kVersion}, {"name", "waybill"}})}};
  if (!is_end) return facets;
  if (!run.details.is_null())
    facets["waybill_run"] = {
        {"_producer", kProducer}, {"_schemaURL", "urn:waybill:0.1.0:run"}, {"run", run.details}};
  if (!run.error.empty())
    facets["errorMessage"] = facet("1-0-1", "ErrorMessageRunFacet",
                                   {{"message", run.error}, {"programmingLanguage", "SQL"}});
  return facets;
}

}  // namespace

std::vector<json> lineage_events(const LineageRun& run) {
  const auto event = [&](const char* type, base::TimestampUs at_us, bool is_end) {
    json inputs = json::array();
    json outputs = json::array();
    for (const LineageDataset& one : run.inputs)
      inputs.push_back(is_end ? input(one) : dataset(one));
    for (std::size_t i = 0; i < run.outputs.size(); ++i)
      outputs.push_back(is_end ? output(run, run.outputs[i], i == 0) : dataset(run.outputs[i]));
    return json{{"eventType", type},
                {"eventTime", base::format_rfc3339(at_us)},
                {"run", {{"runId", run.id}, {"facets", run_facets(run, is_end)}}},
                {"job", job(run)},
                {"inputs", std::move(inputs)},
                {"outputs", std::move(outputs)},
                {"producer", kProducer},
                {"schemaURL", kEvent}};
  };
  return {event("START", run.started_us, false),
          event(run.error.empty() ? "COMPLETE" : "FAIL", run.ended_us, true)};
}

}  // namespace runs
