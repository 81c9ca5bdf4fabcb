// A table's schema as the log holds it: Spark's JSON form of a StructType.
// Source: PROTOCOL.md, "Schema Serialization Format".
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "columns/batch.h"

namespace lake {

struct SparkField {
  std::string name = {};
  std::string sql_type =
      {};  // DuckDB's name of exactly this type: "DECIMAL(10,2)", "STRUCT(a INTEGER)[]"
  columns::Type type = columns::Type::kString;  // the nearest that a Batch can carry
  bool nullable = true;
  bool has_invariant = false;  // metadata "delta.invariants"
};

// kCorrupt for text that is no struct type; kUnsupported names a type that DuckDB cannot hold.
base::Result<std::vector<SparkField>> parse_spark_schema(const std::string& text);
columns::Schema to_schema(const std::vector<SparkField>& fields);
std::string print_spark_schema(const columns::Schema& schema);
// `text` changed to have exactly `schema`'s fields: one that is unchanged keeps its JSON.
base::Result<std::string> update_spark_schema(const std::string& text,
                                              const columns::Schema& schema);
// Tells physical schemas apart: a short hash of the fields' names and types, in order.
std::string schema_tag(const std::vector<SparkField>& fields);

}  // namespace lake
