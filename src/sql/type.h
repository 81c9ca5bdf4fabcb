// The types of DuckDB's vectors as trees, and the vectors read by them.
//
// Threads: values; a VectorView looks into a chunk that must outlive it.
#pragma once

#include <string>
#include <vector>

#include "sql/database.h"
#include "sql/handles.h"

namespace sql {

struct TypeTree {
  Kind kind = Kind::kOther;
  duckdb_type storage = DUCKDB_TYPE_INVALID;  // of DECIMAL and ENUM: the integer underneath
  int width = 0;
  int scale = 0;
  bool is_json = false;  // VARCHAR that DuckDB calls JSON
  std::string sql;
  std::vector<TypeTree> children;  // element; fields; key and value; members
  std::vector<std::string> names;  // of fields and members; the texts of an ENUM
  std::size_t array_size = 0;
};

TypeTree type_tree(duckdb_logical_type type);
Kind kind_of(duckdb_type type);
ColumnInfo column_info(std::string name, const TypeTree& type);
// The type that nothing here can read, itself or inside; nullptr when all can be read.
const TypeTree* unreadable(const TypeTree& type);

struct VectorView {
  const TypeTree* type = nullptr;
  const void* data = nullptr;
  const std::uint64_t* validity = nullptr;
  std::vector<VectorView> children;  // as the type's; of a UNION the tag stands in front

  bool is_null(std::size_t row) const {
    return validity != nullptr && ((validity[row / 64] >> (row % 64)) & 1) == 0;
  }
  template <class T>
  T at(std::size_t row) const {
    return static_cast<const T*>(data)[row];
  }
  std::string_view text_at(std::size_t row) const;  // VARCHAR, BLOB, BIT
};

VectorView vector_view(const TypeTree& type, duckdb_vector vector);

}  // namespace sql
