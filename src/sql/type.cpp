#include "sql/type.h"

#include "base/check.h"

namespace sql {
namespace {

std::string take_string(char* text) {
  std::string result = text != nullptr ? text : "";
  duckdb_free(text);
  return result;
}

std::string_view scalar_name(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
      return "BOOLEAN";
    case Kind::kTinyInt:
      return "TINYINT";
    case Kind::kSmallInt:
      return "SMALLINT";
    case Kind::kInteger:
      return "INTEGER";
    case Kind::kBigInt:
      return "BIGINT";
    case Kind::kHugeInt:
      return "HUGEINT";
    case Kind::kUTinyInt:
      return "UTINYINT";
    case Kind::kUSmallInt:
      return "USMALLINT";
    case Kind::kUInteger:
      return "UINTEGER";
    case Kind::kUBigInt:
      return "UBIGINT";
    case Kind::kUHugeInt:
      return "UHUGEINT";
    case Kind::kFloat:
      return "FLOAT";
    case Kind::kDouble:
      return "DOUBLE";
    case Kind::kVarchar:
      return "VARCHAR";
    case Kind::kBlob:
      return "BLOB";
    case Kind::kDate:
      return "DATE";
    case Kind::kTime:
      return "TIME";
    case Kind::kTimeTz:
      return "TIMETZ";
    case Kind::kTimestamp:
      return "TIMESTAMP";
    case Kind::kTimestampS:
      return "TIMESTAMP_S";
    case Kind::kTimestampMs:
      return "TIMESTAMP_MS";
    case Kind::kTimestampNs:
      return "TIMESTAMP_NS";
    case Kind::kTimestampTz:
      return "TIMESTAMPTZ";
    case Kind::kInterval:
      return "INTERVAL";
    case Kind::kUuid:
      return "UUID";
    case Kind::kBit:
      return "BIT";
    case Kind::kNull:
      return "\"NULL\"";
    case Kind::kDecimal:
    case Kind::kEnum:
    case Kind::kList:
    case Kind::kStruct:
    case Kind::kMap:
    case Kind::kArray:
    case Kind::kUnion:
    case Kind::kOther:
      return "UNKNOWN";
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
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
      return Kind::kBoolean;
    case DUCKDB_TYPE_TINYINT:
      return Kind::kTinyInt;
    case DUCKDB_TYPE_SMALLINT:
      return Kind::kSmallInt;
    case DUCKDB_TYPE_INTEGER:
      return Kind::kInteger;
    case DUCKDB_TYPE_BIGINT:
      return Kind::kBigInt;
    case DUCKDB_TYPE_UTINYINT:
      return Kind::kUTinyInt;
    case DUCKDB_TYPE_USMALLINT:
      return Kind::kUSmallInt;
    case DUCKDB_TYPE_UINTEGER:
      return Kind::kUInteger;
    case DUCKDB_TYPE_UBIGINT:
      return Kind::kUBigInt;
    case DUCKDB_TYPE_FLOAT:
      return Kind::kFloat;
    case DUCKDB_TYPE_DOUBLE:
      return Kind::kDouble;
    case DUCKDB_TYPE_TIMESTAMP:
      return Kind::kTimestamp;
    case DUCKDB_TYPE_DATE:
      return Kind::kDate;
    case DUCKDB_TYPE_TIME:
      return Kind::kTime;
    case DUCKDB_TYPE_INTERVAL:
      return Kind::kInterval;
    case DUCKDB_TYPE_HUGEINT:
      return Kind::kHugeInt;
    case DUCKDB_TYPE_UHUGEINT:
      return Kind::kUHugeInt;
    case DUCKDB_TYPE_VARCHAR:
      return Kind::kVarchar;
    case DUCKDB_TYPE_BLOB:
      return Kind::kBlob;
    case DUCKDB_TYPE_DECIMAL:
      return Kind::kDecimal;
    case DUCKDB_TYPE_TIMESTAMP_S:
      return Kind::kTimestampS;
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return Kind::kTimestampMs;
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return Kind::kTimestampNs;
    case DUCKDB_TYPE_ENUM:
      return Kind::kEnum;
    case DUCKDB_TYPE_LIST:
      return Kind::kList;
    case DUCKDB_TYPE_STRUCT:
      return Kind::kStruct;
    case DUCKDB_TYPE_MAP:
      return Kind::kMap;
    case DUCKDB_TYPE_ARRAY:
      return Kind::kArray;
    case DUCKDB_TYPE_UUID:
      return Kind::kUuid;
    case DUCKDB_TYPE_UNION:
      return Kind::kUnion;
    case DUCKDB_TYPE_BIT:
      return Kind::kBit;
    case DUCKDB_TYPE_TIME_TZ:
      return Kind::kTimeTz;
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return Kind::kTimestampTz;
    case DUCKDB_TYPE_SQLNULL:
      return Kind::kNull;
    default:
      return Kind::kOther;
  }
}

TypeTree type_tree(duckdb_logical_type type) {
  TypeTree tree;
  const duckdb_type id = duckdb_get_type_id(type);
  tree.kind = kind_of(id);
  tree.storage = id;
  tree.sql = scalar_name(tree.kind);
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
  return {std::move(name), type.kind, type.width, type.scale, type.sql};
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
