#include "sql/type.h"

#include <array>

#include "base/check.h"

namespace sql {
namespace {

std::string take_string(char* text) {
  std::string result = text != nullptr ? text : "";
  duckdb_free(text);
  return result;
}

struct KindRow {
  duckdb_type type;
  Kind kind;
  std::string_view name;  // as SQL; those with parts spell them out themselves
};

constexpr std::array<KindRow, 34> kKinds{
    {{DUCKDB_TYPE_BOOLEAN, Kind::kBoolean, "BOOLEAN"},
     {DUCKDB_TYPE_TINYINT, Kind::kTinyInt, "TINYINT"},
     {DUCKDB_TYPE_SMALLINT, Kind::kSmallInt, "SMALLINT"},
     {DUCKDB_TYPE_INTEGER, Kind::kInteger, "INTEGER"},
     {DUCKDB_TYPE_BIGINT, Kind::kBigInt, "BIGINT"},
     {DUCKDB_TYPE_HUGEINT, Kind::kHugeInt, "HUGEINT"},
     {DUCKDB_TYPE_UTINYINT, Kind::kUTinyInt, "UTINYINT"},
     {DUCKDB_TYPE_USMALLINT, Kind::kUSmallInt, "USMALLINT"},
     {DUCKDB_TYPE_UINTEGER, Kind::kUInteger, "UINTEGER"},
     {DUCKDB_TYPE_UBIGINT, Kind::kUBigInt, "UBIGINT"},
     {DUCKDB_TYPE_UHUGEINT, Kind::kUHugeInt, "UHUGEINT"},
     {DUCKDB_TYPE_FLOAT, Kind::kFloat, "FLOAT"},
     {DUCKDB_TYPE_DOUBLE, Kind::kDouble, "DOUBLE"},
     {DUCKDB_TYPE_VARCHAR, Kind::kVarchar, "VARCHAR"},
     {DUCKDB_TYPE_BLOB, Kind::kBlob, "BLOB"},
     {DUCKDB_TYPE_DATE, Kind::kDate, "DATE"},
     {DUCKDB_TYPE_TIME, Kind::kTime, "TIME"},
     {DUCKDB_TYPE_TIME_TZ, Kind::kTimeTz, "TIMETZ"},
     {DUCKDB_TYPE_TIMESTAMP, Kind::kTimestamp, "TIMESTAMP"},
     {DUCKDB_TYPE_TIMESTAMP_S, Kind::kTimestampS, "TIMESTAMP_S"},
     {DUCKDB_TYPE_TIMESTAMP_MS, Kind::kTimestampMs, "TIMESTAMP_MS"},
     {DUCKDB_TYPE_TIMESTAMP_NS, Kind::kTimestampNs, "TIMESTAMP_NS"},
     {DUCKDB_TYPE_TIMESTAMP_TZ, Kind::kTimestampTz, "TIMESTAMPTZ"},
     {DUCKDB_TYPE_INTERVAL, Kind::kInterval, "INTERVAL"},
     {DUCKDB_TYPE_UUID, Kind::kUuid, "UUID"},
     {DUCKDB_TYPE_BIT, Kind::kBit, "BIT"},
     {DUCKDB_TYPE_SQLNULL, Kind::kNull, "\"NULL\""},
     {DUCKDB_TYPE_DECIMAL, Kind::kDecimal, "DECIMAL"},
     {DUCKDB_TYPE_ENUM, Kind::kEnum, "ENUM"},
     {DUCKDB_TYPE_LIST, Kind::kList, "LIST"},
     {DUCKDB_TYPE_STRUCT, Kind::kStruct, "STRUCT"},
     {DUCKDB_TYPE_MAP, Kind::kMap, "MAP"},
     {DUCKDB_TYPE_ARRAY, Kind::kArray, "ARRAY"},
     {DUCKDB_TYPE_UNION, Kind::kUnion, "UNION"}}};

std::string_view name_of(Kind kind) {
  for (const KindRow& row : kKinds) {
    if (row.kind == kind) return row.name;
  }
  return "UNKNOWN";
}

TypeTree child_tree(duckdb_logical_type child) {
  const TypeHandle owned(child);
  return type_tree(owned.get());
}

void read_enum(duckdb_logical_type type, TypeTree& tree) {
  tree.storage = duckdb_enum_internal_type(type);
  const std::uint32_t size = duckdb_enum_dictionary_size(type);
  for (std::uint32_t i = 0; i < size; ++i) {
    tree.names.push_back(take_string(duckdb_enum_dictionary_value(type, i)));
    tree.sql += (i == 0 ? "ENUM(" : ", ") + quote_text(tree.names.back());
  }
  tree.sql += ")";
}

void read_struct(duckdb_logical_type type, TypeTree& tree) {
  tree.sql = "STRUCT(";
  for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
    tree.names.push_back(take_string(duckdb_struct_type_child_name(type, i)));
    tree.children.push_back(child_tree(duckdb_struct_type_child_type(type, i)));
    tree.sql +=
        (i == 0 ? "" : ", ") + quote_name(tree.names.back()) + " " + tree.children.back().sql;
  }
  tree.sql += ")";
}

void read_union(duckdb_logical_type type, TypeTree& tree) {
  tree.sql = "UNION(";
  for (idx_t i = 0; i < duckdb_union_type_member_count(type); ++i) {
    tree.names.push_back(take_string(duckdb_union_type_member_name(type, i)));
    tree.children.push_back(child_tree(duckdb_union_type_member_type(type, i)));
    tree.sql +=
        (i == 0 ? "" : ", ") + quote_name(tree.names.back()) + " " + tree.children.back().sql;
  }
  tree.sql += ")";
}

void read_nested(duckdb_logical_type type, TypeTree& tree) {
  switch (tree.kind) {
    case Kind::kList:
      tree.children.push_back(child_tree(duckdb_list_type_child_type(type)));
      tree.sql = tree.children[0].sql + "[]";
      return;
    case Kind::kArray:
      tree.array_size = duckdb_array_type_array_size(type);
      tree.children.push_back(child_tree(duckdb_array_type_child_type(type)));
      tree.sql = fmt::format("{}[{}]", tree.children[0].sql, tree.array_size);
      return;
    case Kind::kMap:
      tree.children.push_back(child_tree(duckdb_map_type_key_type(type)));
      tree.children.push_back(child_tree(duckdb_map_type_value_type(type)));
      tree.sql = fmt::format("MAP({}, {})", tree.children[0].sql, tree.children[1].sql);
      return;
    case Kind::kStruct:
      return read_struct(type, tree);
    case Kind::kUnion:
      return read_union(type, tree);
    default:
      return;
  }
}

}  // namespace

Kind kind_of(duckdb_type type) {
  for (const KindRow& row : kKinds) {
    if (row.type == type) return row.kind;
  }
  return Kind::kOther;
}

TypeTree type_tree(duckdb_logical_type type) {
  TypeTree tree;
  const duckdb_type id = duckdb_get_type_id(type);
  tree.kind = kind_of(id);
  tree.storage = id;
  tree.sql = name_of(tree.kind);
  if (tree.kind == Kind::kDecimal) {
    tree.width = duckdb_decimal_width(type);
    tree.scale = duckdb_decimal_scale(type);
    tree.storage = duckdb_decimal_internal_type(type);
    tree.sql = fmt::format("DECIMAL({},{})", tree.width, tree.scale);
  } else if (tree.kind == Kind::kEnum) {
    tree.sql.clear();
    read_enum(type, tree);
  } else {
    read_nested(type, tree);
  }
  if (tree.kind == Kind::kVarchar && take_string(duckdb_logical_type_get_alias(type)) == "JSON") {
    tree.is_json = true;
    tree.sql = "JSON";
  }
  return tree;
}

ColumnInfo column_info(std::string name, const TypeTree& type) {
  const bool list = type.kind == Kind::kList || type.kind == Kind::kArray;
  return {std::move(name), type.kind, type.width,
          type.scale,      type.sql,  list ? type.children[0].kind : Kind::kNull};
}

const TypeTree* unreadable(const TypeTree& type) {
  if (type.kind == Kind::kOther) return &type;
  for (const TypeTree& child : type.children) {
    if (const TypeTree* found = unreadable(child)) return found;
  }
  return nullptr;
}

std::string_view VectorView::text_at(std::size_t row) const {
  const auto& text = static_cast<const duckdb_string_t*>(data)[row];
  const std::uint32_t length = text.value.inlined.length;
  return {length <= 12 ? text.value.inlined.inlined : text.value.pointer.ptr, length};
}

VectorView vector_view(const TypeTree& type, duckdb_vector vector) {
  VectorView view{&type, duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector), {}};
  static const TypeTree kTag{
      Kind::kUTinyInt, DUCKDB_TYPE_UTINYINT, 0, 0, false, "UTINYINT", {}, {}, 0};
  switch (type.kind) {
    case Kind::kList:
      view.children.push_back(vector_view(type.children[0], duckdb_list_vector_get_child(vector)));
      break;
    case Kind::kArray:
      view.children.push_back(vector_view(type.children[0], duckdb_array_vector_get_child(vector)));
      break;
    case Kind::kMap: {  // a list of structs of key and value
      const duckdb_vector entries = duckdb_list_vector_get_child(vector);
      for (idx_t i = 0; i < 2; ++i) {
        view.children.push_back(
            vector_view(type.children[i], duckdb_struct_vector_get_child(entries, i)));
      }
      break;
    }
    case Kind::kUnion:
      view.children.push_back(vector_view(kTag, duckdb_struct_vector_get_child(vector, 0)));
      for (idx_t i = 0; i < type.children.size(); ++i) {
        view.children.push_back(
            vector_view(type.children[i], duckdb_struct_vector_get_child(vector, i + 1)));
      }
      break;
    case Kind::kStruct:
      for (idx_t i = 0; i < type.children.size(); ++i) {
        view.children.push_back(
            vector_view(type.children[i], duckdb_struct_vector_get_child(vector, i)));
      }
      break;
    default:
      break;
  }
  return view;
}

}  // namespace sql
