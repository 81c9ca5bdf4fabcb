#include "lake/checkpoint_stats.h"

#include <algorithm>
#include <array>

#include "lake/json_text.h"
#include "sql/database.h"

namespace lake {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 10> kOrdered{"TINYINT",     "SMALLINT", "INTEGER", "BIGINT",
                                                    "FLOAT",       "DOUBLE",   "DATE",    "VARCHAR",
                                                    "TIMESTAMPTZ", "TIMESTAMP"};

bool is_set(const State& state, const char* property, bool otherwise) {
  const auto it = state.metadata->configuration.find(property);
  return it == state.metadata->configuration.end() ? otherwise : it->second == "true";
}

bool has_bounds(const std::string& sql_type) {
  return sql_type.starts_with("DECIMAL") || std::ranges::find(kOrdered, sql_type) != kOrdered.end();
}

bool is_partition(const State& state, const SparkField& field) {
  const auto& names = state.metadata->partition_columns;
  return std::ranges::find(names, field.name) != names.end();
}

// The type of stats_parsed, for from_json.
std::string stats_type(const State& state) {
  json bounds = json::object();
  json nulls = json::object();
  for (const SparkField& field : *state.fields) {
    if (is_partition(state, field)) continue;
    if (has_bounds(field.physical_type)) bounds[field.physical_name] = field.physical_type;
    nulls[field.physical_name] = "BIGINT";
  }
  json type = {{"numRecords", "BIGINT"}, {"tightBounds", "BOOLEAN"}};
  if (!bounds.empty()) type["minValues"] = type["maxValues"] = bounds;
  if (!nulls.empty()) type["nullCount"] = nulls;
  return type.dump();
}

// Partition values as values; "" for a table without partitions.
std::string partition_values_sql(const State& state) {
  std::string members;
  for (const std::string& column : state.metadata->partition_columns) {
    const auto field = std::ranges::find(*state.fields, column, &SparkField::name);
    if (field == state.fields->end()) continue;
    std::string value = fmt::format("map_extract(add.partitionValues, {})[1]",
                                    sql::quote_text(field->physical_name));
    if (field->sql_type == "TIMESTAMPTZ") {
      value = fmt::format(
          "CASE WHEN regexp_matches({0}, '(Z|[+-][0-9:]+)$') AND length({0}) > 10 THEN {0} ELSE "
          "{0} || '+00' END",
          value);
    }
    members += fmt::format("{}{} := TRY_CAST({} AS {})", members.empty() ? "" : ", ",
                           sql::quote_name(field->physical_name), value, field->sql_type);
  }
  return members.empty() ? "" : "struct_pack(" + members + ")";
}

// "2026-01-02 03:04:05.678+00" as "2026-01-02T03:04:05.678Z".
void restore_time(json& value, bool utc) {
  if (!value.is_string()) return;
  auto text = value.get<std::string>();
  constexpr std::size_t kSecondsSize = 19;  // "2026-01-02 03:04:05"
  if (text.size() < kSecondsSize || text[10] != ' ') return;
  text[10] = 'T';
  if (utc && text.ends_with("+00")) text.resize(text.size() - 3);
  // "05" and "05.5" are "05.000" and "05.500".
  const std::size_t fraction = text.size() - kSecondsSize;
  if (fraction < 4) text += std::string(".000").substr(fraction);
  value = utc ? text + "Z" : text;
}

}  // namespace

std::string checkpoint_add_sql(const State& state) {
  const bool as_struct = is_set(state, "delta.checkpoint.writeStatsAsStruct", false);
  const bool as_json = is_set(state, "delta.checkpoint.writeStatsAsJson", true);
  if (!as_struct) return "add";  // statistics in neither form help nobody
  const std::string parsed = fmt::format(
      "stats_parsed := CASE WHEN json_valid(add.stats) THEN from_json(add.stats, {}) END",
      sql::quote_text(stats_type(state)));
  const std::string partitions = partition_values_sql(state);
  const std::string more =
      partitions.empty() ? parsed : parsed + ", partitionValues_parsed := " + partitions;
  const std::string base = as_json ? "add" : "struct_update(add, stats := CAST(NULL AS VARCHAR))";
  return fmt::format("CASE WHEN add IS NOT NULL THEN struct_insert({}, {}) END", base, more);
}

TimeColumns time_columns(const Metadata& metadata) {
  TimeColumns columns;
  const auto mapping = column_mapping(metadata.configuration);
  if (!mapping) return columns;
  // A name that no mapping gave is its own.
  auto fields = parse_spark_schema(metadata.schema_string, *mapping);
  if (!fields) fields = parse_spark_schema(metadata.schema_string);
  if (!fields) return columns;
  for (const SparkField& field : *fields) {
    const bool utc = field.physical_type == "TIMESTAMPTZ";
    if (utc || field.physical_type == "TIMESTAMP") columns.emplace_back(field.physical_name, utc);
  }
  return columns;
}

void restore_times(const TimeColumns& columns, json& stats_parsed) {
  for (const auto& [name, utc] : columns) {
    for (const char* bound : {"minValues", "maxValues"}) {
      const auto values = stats_parsed.find(bound);
      if (values == stats_parsed.end() || !values->is_object()) continue;
      const auto value = values->find(name);
      if (value != values->end()) restore_time(*value, utc);
    }
  }
}

}  // namespace lake
