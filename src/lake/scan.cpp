#include "lake/scan.h"

#include <algorithm>

#include "sql/database.h"

namespace lake {
namespace {

using Files = std::vector<std::shared_ptr<const AddFile>>;

bool is_partition(const State& state, const std::string& column) {
  const auto& names = state.metadata->partition_columns;
  return std::ranges::find(names, column) != names.end();
}

std::string typed_null(const SparkField& field) {
  return fmt::format("CAST(NULL AS {}) AS {}", field.sql_type, sql::quote_name(field.name));
}

std::string empty_select(const std::vector<SparkField>& fields, const State* without_partitions) {
  std::string columns;
  for (const SparkField& field : fields) {
    if (without_partitions && is_partition(*without_partitions, field.name)) continue;
    columns += (columns.empty() ? "" : ", ") + typed_null(field);
  }
  if (columns.empty()) columns = "CAST(NULL AS INTEGER) AS \"none\"";
  return "SELECT " + columns + " WHERE false";
}

std::string file_list(const std::string& folder, const Files& files) {
  std::string list;
  for (const auto& file : files) {
    if (!list.empty()) list += ", ";
    list += quote_file(folder, file->path);
  }
  return "[" + list + "]";
}

// Files that have exactly the table's columns.
std::string plain_select(const State& state, const std::string& folder, const Files& files) {
  std::string columns;
  for (const SparkField& field : *state.fields) {
    columns += (columns.empty() ? "" : ", ") + sql::quote_name(field.name);
  }
  return fmt::format("SELECT {} FROM read_parquet({}, hive_partitioning = false)", columns,
                     file_list(folder, files));
}

// Files of any columns: missing ones become null, types become the table's. `constants` are the
// partition columns' values; null when they stand in the files.
std::string casting_select(const State& state, const std::string& folder, const Files& files,
                           const PartitionValues* constants, bool same_columns) {
  std::string columns;
  for (const SparkField& field : *state.fields) {
    const std::string name = sql::quote_name(field.name);
    std::string value = name;
    if (constants && is_partition(state, field.name)) {
      const auto it = constants->find(field.name);
      value = it == constants->end() || !it->second || it->second->empty()
                  ? "NULL"
                  : sql::quote_text(*it->second);
    }
    if (!columns.empty()) columns += ", ";
    columns += fmt::format("CAST({} AS {}) AS {}", value, field.sql_type, name);
  }
  return fmt::format(
      "SELECT {} FROM ({} UNION ALL BY NAME SELECT * FROM read_parquet({}, union_by_name = {}, "
      "hive_partitioning = false))",
      columns, empty_select(*state.fields, constants ? &state : nullptr), file_list(folder, files),
      !same_columns);
}

std::string tag(const AddFile& file, const char* name) {
  const auto it = file.tags.find(name);
  return it == file.tags.end() ? std::string() : it->second;
}

}  // namespace

std::string quote_file(const std::string& folder, const std::string& path) {
  const bool absolute = path.starts_with('/') || path.find("://") != std::string::npos;
  const std::string whole = absolute ? path : folder + "/" + path;
  if (whole.find_first_of("*?[") == std::string::npos) return sql::quote_text(whole);
  std::string escaped;
  for (const char c : whole) {
    if (c == '*' || c == '?' || c == '[') {
      escaped += {'[', c, ']'};
    } else {
      escaped += c;
    }
  }
  return sql::quote_text(escaped);
}

bool in_partitions(const AddFile& file, const PartitionFilter& only_partitions) {
  return std::ranges::all_of(only_partitions, [&](const auto& filter) {
    const auto value = file.partition_values.find(filter.first);
    return value == file.partition_values.end() ||
           std::ranges::find(filter.second, value->second) != filter.second.end();
  });
}

std::string scan_files_sql(const State& state, const std::string& folder, const Files& files) {
  Files plain;
  std::map<std::string, Files> other_schemas;  // ours, by schema tag
  std::map<PartitionValues, Files> foreign;    // by partition
  for (const auto& file : files) {
    const std::string schema = tag(*file, kSchemaTag);
    if (schema.empty() || tag(*file, kPartitionTag) != kPartitionTagMaterialized) {
      foreign[file->partition_values].push_back(file);
    } else if (schema == state.schema_tag) {
      plain.push_back(file);
    } else {
      other_schemas[schema].push_back(file);
    }
  }
  std::vector<std::string> parts;
  if (!plain.empty()) parts.push_back(plain_select(state, folder, plain));
  for (const auto& [schema, group] : other_schemas) {
    parts.push_back(casting_select(state, folder, group, nullptr, true));
  }
  for (const auto& [values, group] : foreign) {
    parts.push_back(casting_select(state, folder, group, &values, false));
  }
  if (parts.empty()) return empty_select(*state.fields, nullptr);
  std::string sql = std::move(parts.front());
  for (std::size_t i = 1; i < parts.size(); ++i) sql += " UNION ALL " + parts[i];
  return sql;
}

std::string scan_sql(const State& state, const std::string& folder,
                     const PartitionFilter& only_partitions) {
  Files files;
  files.reserve(state.files.size());
  state.files.each([&](const std::shared_ptr<const AddFile>& file) {
    if (in_partitions(*file, only_partitions)) files.push_back(file);
  });
  return scan_files_sql(state, folder, files);
}

}  // namespace lake
