#include "lake/scan.h"

#include <algorithm>
#include <filesystem>

#include "sql/database.h"

namespace lake {
namespace {

bool is_partition(const State& state, const std::string& column) {
  const auto& names = state.metadata->partition_columns;
  return std::ranges::find(names, column) != names.end();
}

// A SELECT without rows that has the files' columns.
std::string empty_files_select(const State& state, bool without_partitions) {
  std::string columns;
  for (const SparkField& field : *state.fields) {
    if (without_partitions && is_partition(state, field.name)) continue;
    columns += fmt::format("{}CAST(NULL AS {}) AS {}", columns.empty() ? "" : ", ",
                           field.physical_type, sql::quote_name(field.physical_name));
  }
  if (columns.empty()) columns = "CAST(NULL AS INTEGER) AS \"none\"";
  return "SELECT " + columns + " WHERE false";
}

std::string empty_select(const State& state, const std::string& condition) {
  std::string columns;
  for (const SparkField& field : *state.fields) {
    columns += fmt::format("{}CAST(NULL AS {}) AS {}", columns.empty() ? "" : ", ", field.sql_type,
                           sql::quote_name(field.name));
  }
  if (columns.empty()) columns = "CAST(NULL AS INTEGER) AS \"none\"";
  return "SELECT " + columns + " WHERE " + condition;
}

std::string tag(const AddFile& file, const char* name) {
  const auto it = file.tags.find(name);
  return it == file.tags.end() ? std::string() : it->second;
}

// Where it stands the SELECT fails with the error when it is run.
std::string failing_condition(const base::Error& error) {
  return fmt::format("CAST(error({}) AS BOOLEAN)", sql::quote_text(error.to_string()));
}

// Builds one SELECT over groups of files that are read the same way.
class Scan {
 public:
  // `numbered` gives rows their two numbers; files are then counted in the order of `order()`.
  Scan(const State& state, const FileSource& source, bool numbered)
      : state_(state), source_(source), numbered_(numbered) {}

  std::string build(const Files& files) {
    for (const auto& file : files) {
      if (!is_own_file(source_.folder, file->path)) return refusal(file->path);
    }
    auto there = fetch_files(source_, files);
    if (there) {
      held_ = *std::move(there);
    } else {  // the SELECT says it
      return without_files(failing_condition(there.error()));
    }
    Groups groups = group(files);
    if (!groups.plain.empty()) add_plain(groups.plain);
    for (const auto& [schema, some] : groups.other_schemas) add_casting(some, nullptr, true);
    for (const auto& [values, some] : groups.foreign) add_casting(some, &values, false);
    if (parts_.empty()) return without_files("false");
    std::string sql = std::move(parts_.front());
    for (std::size_t i = 1; i < parts_.size(); ++i) sql += " UNION ALL " + parts_[i];
    return sql;
  }

  Files take_order() { return std::move(order_); }
  storage::Hold take_held() { return std::move(held_); }

 private:
  struct Groups {
    Files plain;
    std::map<std::string, Files> other_schemas;  // ours, by schema tag
    std::map<PartitionValues, Files> foreign;    // by partition
  };

  Groups group(const Files& files) const {
    Groups groups;
    for (const auto& file : files) {
      const std::string schema = tag(*file, kSchemaTag);
      const bool materialized = tag(*file, kPartitionTag) == kPartitionTagMaterialized;
      if (schema.empty() || !materialized || state_.mapping != ColumnMapping::kNone) {
        groups.foreign[file->partition_values].push_back(file);
      } else if (schema == state_.schema_tag) {
        groups.plain.push_back(file);
      } else {
        groups.other_schemas[schema].push_back(file);
      }
    }
    return groups;
  }

  // A SELECT that fails: no rows rather than those of a file that is not the table's.
  std::string refusal(const std::string& path) const {
    return without_files(failing_condition(
        {.message = fmt::format("the file \"{}\" lies outside the folder of its table, or is none, "
                                "and is not read; copy the rows into a table of their own",
                                path)}));
  }

  std::string without_files(const std::string& condition) const {
    const std::string sql = empty_select(state_, condition);
    if (!numbered_) return sql;
    return fmt::format("SELECT *, CAST(0 AS BIGINT) AS {}, CAST(0 AS BIGINT) AS {} FROM ({})",
                       kFileColumn, kRowColumn, sql);
  }

  // Files that have exactly the table's columns.
  void add_plain(const Files& files) {
    std::string columns;
    for (const SparkField& field : *state_.fields) {
      columns += (columns.empty() ? "" : ", ") + sql::quote_name(field.name);
    }
    parts_.push_back(fmt::format("SELECT {}{} FROM {}", columns, numbers(),
                                 alive(files, parquet(files, "hive_partitioning = false"))));
    order_.insert(order_.end(), files.begin(), files.end());
  }

  // Files of any columns: missing ones become null, types become the table's. `constants` are the
  // partition columns' values; null when they stand in the files.
  void add_casting(const Files& files, const PartitionValues* constants, bool same_columns) {
    std::string columns;
    for (const SparkField& field : *state_.fields) {
      if (!columns.empty()) columns += ", ";
      columns += value_sql(field, constants) + " AS " + sql::quote_name(field.name);
    }
    std::string rows;
    if (state_.mapping == ColumnMapping::kId) {
      rows = "SELECT *" + numbers() + " FROM " +
             alive(files, parquet(files, "hive_partitioning = false" + schema_by_id(constants)));
    } else {
      const std::string from = parquet(
          files, fmt::format("union_by_name = {}, hive_partitioning = false", !same_columns));
      rows = fmt::format("{} UNION ALL BY NAME SELECT *{} FROM {}",
                         empty_files_select(state_, constants), numbers(), alive(files, from));
    }
    const std::string own =
        numbered_ ? fmt::format(", {}, {}", kFileColumn, kRowColumn) : std::string();
    parts_.push_back(fmt::format("SELECT {}{} FROM ({})", columns, own, rows));
    order_.insert(order_.end(), files.begin(), files.end());
  }

  std::string value_sql(const SparkField& field, const PartitionValues* constants) const {
    if (constants && is_partition(state_, field.name)) {
      const auto it = constants->find(field.physical_name);
      return partition_literal(field, it == constants->end() ? std::nullopt : it->second);
    }
    const std::string name = sql::quote_name(field.physical_name);
    return fmt::format("CAST({} AS {})", field.to_logical.empty() ? name : field.to_logical,
                       field.sql_type);
  }

  // Rows of the current group and where they stand: the group's files count on from the last one.
  std::string numbers() const {
    if (!numbered_) return "";
    return fmt::format(", CAST(files.file_index + {} AS BIGINT) AS {}, files.file_row_number AS {}",
                       order_.size(), kFileColumn, kRowColumn);
  }

  std::string schema_by_id(const PartitionValues* constants) const {
    std::string entries;
    for (const SparkField& field : *state_.fields) {
      if (field.field_id < 0 || (constants && is_partition(state_, field.name))) continue;
      entries +=
          fmt::format("{}{}: {{name: {}, type: {}, default_value: NULL}}",
                      entries.empty() ? "" : ", ", field.field_id,
                      sql::quote_text(field.physical_name), sql::quote_text(field.physical_type));
    }
    return entries.empty() ? "" : ", schema = MAP {" + entries + "}";
  }

  std::string parquet(const Files& files, const std::string& options) const {
    std::string list;
    for (const auto& file : files) {
      if (!list.empty()) list += ", ";
      list += quote_file(source_.folder, file->path);
    }
    return fmt::format("read_parquet([{}], {}) AS files", list, options);
  }

  // `from` without the rows that deletion vectors take away.
  std::string alive(const Files& files, std::string from) const {
    std::string vectors;
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (files[i]->deletion_vector.empty()) continue;
      const auto rows = source_.deletion_vectors->read(*files[i]);
      const std::string list =
          rows ? sql::quote_text(fmt::format("[{}]", fmt::join(**rows, ",")))
               : fmt::format("error({})", sql::quote_text(rows.error().to_string()));
      vectors += fmt::format("{}({}, {})", vectors.empty() ? "" : ", ", i, list);
    }
    if (vectors.empty()) return from;
    return fmt::format(
        "{} ANTI JOIN (SELECT file, unnest(CAST(gone AS BIGINT[])) AS row FROM (VALUES {}) AS "
        "vectors(file, gone)) AS dead ON files.file_index = dead.file AND files.file_row_number = "
        "dead.row",
        std::move(from), vectors);
  }

  const State& state_;
  const FileSource& source_;
  const bool numbered_;
  std::vector<std::string> parts_;
  Files order_;
  storage::Hold held_;  // what makes the files readable
};

}  // namespace

base::Result<storage::Hold> fetch_files(const FileSource& source, const Files& files) {
  if (!source.store.keeps_copies()) return storage::Hold();
  std::vector<std::string> keys;
  keys.reserve(files.size());
  for (const auto& file : files) {
    keys.push_back(source.path + "/" + file->path);
  }
  return source.store.fetch(keys);
}

std::string shape_sql(const State& state) {
  return empty_select(state, failing_condition({.message = "the table's files are not there yet"}));
}

std::string partition_literal(const SparkField& field, const std::optional<std::string>& value) {
  if (!value || value->empty()) return fmt::format("CAST(NULL AS {})", field.sql_type);
  std::string text = *value;
  const bool has_offset = text.ends_with('Z') || text.find_first_of("+-", 10) != std::string::npos;
  if (field.sql_type == "TIMESTAMPTZ" && !has_offset) text += "+00";
  return fmt::format("CAST({} AS {})", sql::quote_text(text), field.sql_type);
}

bool is_own_file(const std::string& folder, const std::string& path) {
  const bool absolute = path.starts_with('/') || path.find("://") != std::string::npos;
  if (absolute && !path.starts_with(folder + "/")) return false;
  const std::string own = absolute ? path.substr(folder.size() + 1) : path;
  if (own.starts_with("_delta_log/")) return false;
  // DuckDB takes a folder for all files in it. Most names cannot be those of one.
  const std::string_view name = std::string_view(own).substr(own.rfind('/') + 1);
  if (name.ends_with(".parquet") && name.find('=') == std::string_view::npos) return true;
  std::error_code error;
  return !std::filesystem::is_directory(folder + "/" + own, error);
}

std::string quote_file(const std::string& folder, const std::string& path) {
  const std::string whole = path.starts_with(folder + "/") ? path : folder + "/" + path;
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

bool in_partitions(const State& state, const AddFile& file,
                   const PartitionFilter& only_partitions) {
  return std::ranges::all_of(only_partitions, [&](const auto& filter) {
    const auto value = file.partition_values.find(physical_name(state, filter.first));
    return value == file.partition_values.end() ||
           std::ranges::find(filter.second, value->second) != filter.second.end();
  });
}

std::string scan_files_sql(const State& state, const FileSource& source, const Files& files) {
  return Scan(state, source, false).build(files);
}

NumberedScan scan_numbered_sql(const State& state, const FileSource& source, const Files& files) {
  Scan scan(state, source, true);
  std::string sql = scan.build(files);
  return {.sql = std::move(sql), .files = scan.take_order(), .held = scan.take_held()};
}

std::string scan_sql(const State& state, const FileSource& source,
                     const PartitionFilter& only_partitions) {
  Files files;
  files.reserve(state.files.size());
  state.files.each([&](const std::shared_ptr<const AddFile>& file) {
    if (in_partitions(state, *file, only_partitions)) files.push_back(file);
  });
  return scan_files_sql(state, source, files);
}

}  // namespace lake
