// A table's schema as the log holds it: Spark's JSON form of a StructType.
// Source: PROTOCOL.md, "Schema Serialization Format".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "columns/batch.h"

namespace lake {

struct SparkField {
  std::string name = {};
  // DuckDB's name of exactly this type: "DECIMAL(10,2)", "STRUCT(a INTEGER)[]".
  std::string sql_type = {};
  columns::Type type = columns::Type::kString;  // the nearest that a Batch can carry
  bool nullable = true;
  // What the column is called in Parquet files, partition values and statistics, and its type
  // there; equal to name and sql_type without column mapping.
  std::string physical_name = {};
  std::string physical_type = {};
  std::int64_t field_id = -1;  // -1 = none
  // SQL that turns a physical value into a logical one and back where names of nested fields
  // differ: "" = none needed. Reads the column by its physical or logical name.
  std::string to_logical = {};
  std::string to_physical = {};
  // COPY's FIELD_IDS value of this column; "" without column mapping.
  std::string field_ids = {};
  std::string invariant = {};  // SQL of metadata "delta.invariants"; "" = none
  std::string special = {};    // "generatedColumns", "identityColumns", "allowColumnDefaults", …
};

// Property delta.columnMapping.mode.
enum class ColumnMapping { kNone, kName, kId };
base::Result<ColumnMapping> column_mapping(const std::map<std::string, std::string>& configuration);

// kCorrupt for text that is no struct type, or with column mapping for a field without a physical
// name; kUnsupported names a type that DuckDB cannot hold.
base::Result<std::vector<SparkField>> parse_spark_schema(
    const std::string& text, ColumnMapping mapping = ColumnMapping::kNone);
columns::Schema to_schema(const std::vector<SparkField>& fields);
std::string print_spark_schema(const columns::Schema& schema);
// `text` changed to have exactly `schema`'s fields: one that is unchanged keeps its JSON.
base::Result<std::string> update_spark_schema(const std::string& text,
                                              const columns::Schema& schema);
// Tells physical schemas apart: a short hash of the fields' names and types, in order.
std::string schema_tag(const std::vector<SparkField>& fields);

}  // namespace lake
