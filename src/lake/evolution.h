// Changes of a table's schema, and what a table's properties ask of its protocol. Pure.
// Source: PROTOCOL.md, "Schema Evolution", "Column Mapping", "Table Features".
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "lake/actions.h"
#include "sql/database.h"

namespace lake {

// DuckDB's name of a type as Spark's JSON: "STRUCT(a INTEGER, b VARCHAR[])". kUnsupported for types
// that tables cannot hold (unsigned, HUGEINT, TIME, …), with the cast that helps.
base::Result<nlohmann::json> spark_type(const std::string& sql_type);

// The schema with those of `columns` that it lacks, nullable, at its end. kInvalid when a column
// that it has is of a type that cannot be stored in it without loss.
base::Result<std::string> add_columns(const Metadata& metadata,
                                      const std::vector<sql::ColumnInfo>& columns);

// The schema with `column` allowed to be null.
base::Result<std::string> relax_column(const Metadata& metadata, const std::string& column);

// Whether a table may change from one schema to the other: columns may come (nullable) and be
// allowed to be null. kInvalid names the column and the reason otherwise.
base::Result<> check_evolution(const Metadata& from, const Metadata& to);

// Gives every field that lacks them an id and a physical name, and keeps
// delta.columnMapping.maxColumnId.
base::Result<> assign_mapping(Metadata& metadata);

// The least protocol that a new table with these properties needs; (1,2) by itself.
base::Result<Protocol> protocol_for(const Metadata& metadata);

}  // namespace lake
