#include "lake/evolution.h"

#include <algorithm>
#include <array>

#include "base/uuid.h"
#include "lake/json_text.h"
#include "lake/spark_schema.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr int kNestingMax = 32;

struct Name {
  std::string_view sql;
  std::string_view spark;
};
constexpr std::array kNames{
    Name{"BOOLEAN", "boolean"},
    Name{"TINYINT", "byte"},
    Name{"SMALLINT", "short"},
    Name{"INTEGER", "integer"},
    Name{"BIGINT", "long"},
    Name{"FLOAT", "float"},
    Name{"DOUBLE", "double"},
    Name{"VARCHAR", "string"},
    Name{"BLOB", "binary"},
    Name{"DATE", "date"},
    Name{"TIMESTAMP WITH TIME ZONE", "timestamp"},
    Name{"TIMESTAMPTZ", "timestamp"},
};

std::string trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

// Splits at commas that stand in no brackets and no quotes.
std::vector<std::string> split_members(std::string_view text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted) depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0 && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// The name at the front of `"a b" INTEGER`, which is taken off.
std::string take_name(std::string& member) {
  std::string name;
  if (!member.starts_with('"')) {
    const std::size_t end = std::min(member.find(' '), member.size());
    name = member.substr(0, end);
    member = trim(std::string_view(member).substr(end));
    return name;
  }
  std::size_t i = 1;
  while (i < member.size()) {
    const bool quote = member[i] == '"';
    const bool doubled = quote && i + 1 < member.size() && member[i + 1] == '"';
    if (quote && !doubled) break;
    name += member[i];
    i += doubled ? 2 : 1;
  }
  ++i;  // the closing quote
  member = trim(std::string_view(member).substr(std::min(i, member.size())));
  return name;
}

json field(const std::string& name, json type) {
  return {
      {"name", name}, {"type", std::move(type)}, {"nullable", true}, {"metadata", json::object()}};
}

Result<json> parse_type(const std::string& text, int depth);

Result<json> parse_struct(std::string_view members, int depth) {
  json fields = json::array();
  for (std::string member : split_members(members)) {
    member = trim(member);
    const std::string name = take_name(member);
    fields.push_back(field(name, TRY(parse_type(member, depth + 1))));
  }
  return json{{"type", "struct"}, {"fields", std::move(fields)}};
}

Result<json> parse_type(const std::string& text, int depth) {
  if (depth > kNestingMax) return base::fail(Code::kLimit, "the type nests too deeply");
  if (text.ends_with("[]")) {
    return json{{"type", "array"},
                {"elementType", TRY(parse_type(text.substr(0, text.size() - 2), depth + 1))},
                {"containsNull", true}};
  }
  const std::string_view inner =
      text.ends_with(')')
          ? std::string_view(text).substr(text.find('(') + 1, text.size() - text.find('(') - 2)
          : std::string_view();
  if (text.starts_with("DECIMAL(")) return json("decimal(" + std::string(inner) + ")");
  if (text.starts_with("STRUCT(")) return parse_struct(inner, depth);
  if (text.starts_with("MAP(")) {
    const auto parts = split_members(inner);
    if (parts.size() == 2) {
      return json{{"type", "map"},
                  {"keyType", TRY(parse_type(trim(parts[0]), depth + 1))},
                  {"valueType", TRY(parse_type(trim(parts[1]), depth + 1))},
                  {"valueContainsNull", true}};
    }
  }
  for (const Name& name : kNames) {
    if (name.sql == text) return json(name.spark);
  }
  return base::fail_with(Code::kUnsupported, fmt::format("tables cannot hold the type {}", text),
                         text == "TIMESTAMP"
                             ? "cast it to TIMESTAMPTZ"
                             : "cast it to BIGINT, DOUBLE, DECIMAL, VARCHAR or TIMESTAMPTZ");
}

bool same_name(const std::string& a, const std::string& b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

std::unexpected<base::Error> refuse(const std::string& column, const std::string& what,
                                    std::string mend) {
  return base::fail_with(Code::kInvalid,
                         fmt::format("cannot change the table's column {}: {}", column, what),
                         std::move(mend));
}

// Types whose every value the other one holds.
bool fits(const std::string& from, const std::string& to) {
  if (from == to) return true;
  constexpr std::array<std::string_view, 4> kIntegers{"TINYINT", "SMALLINT", "INTEGER", "BIGINT"};
  const auto a = std::ranges::find(kIntegers, from);
  const auto b = std::ranges::find(kIntegers, to);
  if (a != kIntegers.end() && b != kIntegers.end()) return a <= b;
  // A bare NULL shows as INTEGER; the cast tells what does not fit.
  return (from == "FLOAT" && to == "DOUBLE") || from == "INTEGER" || to == "VARCHAR";
}

std::string plain(const std::string& sql_type) {
  return sql_type == "TIMESTAMP WITH TIME ZONE" ? "TIMESTAMPTZ" : sql_type;
}

bool is_nested(const std::string& sql_type) {
  return sql_type.ends_with("]") || sql_type.starts_with("STRUCT") || sql_type.starts_with("MAP");
}

void map_fields(json& fields, std::int64_t& last) {
  for (json& one : fields) {
    json& metadata = one["metadata"];
    if (!metadata.contains("delta.columnMapping.id")) {
      metadata["delta.columnMapping.id"] = ++last;
      metadata["delta.columnMapping.physicalName"] = "col-" + base::new_uuid();
    } else {
      last = std::max(last, metadata["delta.columnMapping.id"].get<std::int64_t>());
    }
    json* type = &one["type"];
    while (type->is_object()) {
      if (type->contains("fields")) map_fields((*type)["fields"], last);
      if (type->contains("keyType") && (*type)["keyType"].is_object() &&
          (*type)["keyType"].contains("fields")) {
        map_fields((*type)["keyType"]["fields"], last);
      }
      const char* inner = type->contains("elementType") ? "elementType" : "valueType";
      if (!type->contains(inner)) break;
      type = &(*type)[inner];
    }
  }
}

}  // namespace

Result<json> spark_type(const std::string& sql_type) { return parse_type(sql_type, 0); }

Result<std::string> add_columns(const Metadata& metadata,
                                const std::vector<sql::ColumnInfo>& columns) {
  json schema = parse_json(metadata.schema_string);
  const auto fields = TRY(parse_spark_schema(metadata.schema_string));
  for (const sql::ColumnInfo& column : columns) {
    const auto known = std::ranges::find_if(
        fields, [&](const SparkField& one) { return same_name(one.name, column.name); });
    if (known == fields.end()) {
      auto type = spark_type(column.type);
      if (!type) return std::unexpected(std::move(type).error().in("column " + column.name));
      schema["fields"].push_back(field(column.name, std::move(*type)));
    } else if (!is_nested(known->sql_type) && !fits(plain(column.type), known->sql_type)) {
      const bool number = known->sql_type.starts_with("DECIMAL") || known->sql_type == "DOUBLE";
      if (number && column.type != "VARCHAR") continue;  // the cast tells what does not fit
      return refuse(
          column.name,
          fmt::format("its type is {}, that of the new rows {}", known->sql_type, column.type),
          fmt::format("cast it to {}, or give it another name", known->sql_type));
    }
  }
  return schema.dump();
}

Result<std::string> relax_column(const Metadata& metadata, const std::string& column) {
  json schema = parse_json(metadata.schema_string);
  if (!schema.is_object()) return base::fail(Code::kCorrupt, "the table's schema is no JSON");
  for (json& one : schema["fields"]) {
    if (one["name"] != column) continue;
    one["nullable"] = true;
    return schema.dump();
  }
  return base::fail(Code::kNotFound, "the table has no column {}", column);
}

Result<> check_evolution(const Metadata& from, const Metadata& to) {
  const auto old_fields = TRY(parse_spark_schema(from.schema_string));
  const auto new_fields = TRY(parse_spark_schema(to.schema_string));
  for (const SparkField& old : old_fields) {
    const auto now = std::ranges::find(new_fields, old.name, &SparkField::name);
    if (now == new_fields.end()) {
      return refuse(old.name, "it would be dropped", "keep it, or overwrite the table's schema");
    }
    if (now->sql_type != old.sql_type && !is_nested(old.sql_type)) {
      return refuse(old.name,
                    fmt::format("its type would become {} from {}", now->sql_type, old.sql_type),
                    "add a column of that type");
    }
    if (old.nullable && !now->nullable) {
      return refuse(old.name, "it may have nulls and would not be allowed to",
                    "add a constraint, or write a new table");
    }
  }
  for (const SparkField& now : new_fields) {
    if (std::ranges::find(old_fields, now.name, &SparkField::name) != old_fields.end()) continue;
    if (!now.nullable) {
      return refuse(now.name, "a new column would be null in the rows that there are",
                    "let it be null");
    }
    const auto twins = std::ranges::count_if(
        new_fields, [&](const SparkField& one) { return same_name(one.name, now.name); });
    if (twins > 1) return refuse(now.name, "there is one of that name", "give it another name");
  }
  return {};
}

Result<> assign_mapping(Metadata& metadata) {
  json schema = parse_json(metadata.schema_string);
  if (!schema.is_object()) return base::fail(Code::kCorrupt, "the table's schema is no JSON");
  constexpr const char* kLast = "delta.columnMapping.maxColumnId";
  std::int64_t last = 0;
  if (const auto it = metadata.configuration.find(kLast); it != metadata.configuration.end()) {
    last = std::atoll(it->second.c_str());
  }
  map_fields(schema["fields"], last);
  metadata.schema_string = schema.dump();
  metadata.configuration[kLast] = std::to_string(last);
  return {};
}

Result<Protocol> protocol_for(const Metadata& metadata) {
  const auto is_true = [&](const char* key) {
    const auto it = metadata.configuration.find(key);
    return it != metadata.configuration.end() && it->second == "true";
  };
  const bool constraints = std::ranges::any_of(metadata.configuration, [](const auto& property) {
    return property.first.starts_with("delta.constraints.");
  });
  const bool mapped = TRY(column_mapping(metadata.configuration)) != ColumnMapping::kNone;
  Protocol protocol;
  if (constraints) protocol.min_writer_version = 3;
  if (is_true("delta.enableChangeDataFeed")) protocol.min_writer_version = 4;
  if (mapped) {
    protocol.min_reader_version = 2;
    protocol.min_writer_version = 5;
  }
  if (!is_true("delta.enableDeletionVectors")) return protocol;
  protocol.min_reader_version = 3;
  protocol.min_writer_version = 7;
  protocol.reader_features = {"deletionVectors"};
  if (mapped) protocol.reader_features.push_back("columnMapping");
  protocol.writer_features = protocol.reader_features;
  protocol.writer_features.insert(protocol.writer_features.end(), {"appendOnly", "invariants"});
  if (constraints) protocol.writer_features.push_back("checkConstraints");
  if (is_true("delta.enableChangeDataFeed")) protocol.writer_features.push_back("changeDataFeed");
  return protocol;
}

}  // namespace lake
