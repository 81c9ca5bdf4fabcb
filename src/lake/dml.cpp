#include "lake/dml.h"

#include <algorithm>
#include <set>

#include "lake/assignments.h"
#include "lake/change.h"
#include "lake/evolution.h"
#include "lake/rewrite.h"
#include "lake/stage.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

// The rows as the table's columns: missing ones null, the rest by name. Adds columns to the table
// when the options say so.
Result<std::string> fit_rows(Change& change, const std::string& select,
                             const WriteOptions& options) {
  const auto prepared = TRY(change.connection().prepare(select));
  const std::vector<sql::ColumnInfo> columns = prepared->columns();
  Metadata metadata = *change.state().metadata;
  const std::string evolved = TRY(add_columns(metadata, columns));
  if (TRY(parse_spark_schema(evolved)).size() != change.state().fields->size()) {
    if (!options.merge_schema) {
      std::string extra;
      for (const sql::ColumnInfo& column : columns) {
        if (metadata.schema.find(column.name)) continue;
        extra += (extra.empty() ? "" : ", ") + column.name;
      }
      return base::fail_with(
          Code::kInvalid,
          fmt::format("the table {} has no column {}", change.table().path(), extra),
          "leave it out, or let the write add it (merge_schema)");
    }
    metadata.schema_string = evolved;
    TRY(change.set_metadata(std::move(metadata)));
  }
  std::string names;
  for (const SparkField& field : *change.state().fields) {
    const bool given = std::ranges::any_of(columns, [&](const sql::ColumnInfo& column) {
      return std::ranges::equal(column.name, field.name, [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) ==
               std::tolower(static_cast<unsigned char>(b));
      });
    });
    names += fmt::format("{}{} AS {}", names.empty() ? "" : ", ",
                         given ? sql::quote_name(field.name) : "NULL", sql::quote_name(field.name));
  }
  return fmt::format("SELECT {} FROM ({}) AS given", names, select);
}

void remove_all(Change& change, const Files& files) {
  for (const auto& file : files) {
    change.counts().rows_deleted += std::max<std::int64_t>(file->rows(), 0);
    change.remove(*file);
  }
}

Result<> insert(Change& change, const std::string& rows) {
  change.counts().rows_inserted = TRY(change.stage(rows));
  return {};
}

// Takes the rows that satisfy the condition away, or gives them new values.
Result<> change_rows(Change& change, const std::string& condition, const RowAction& action,
                     const std::string& inserts) {
  const Files files = TRY(change.read_where(condition, "target"));
  if (files.empty() && inserts.empty()) return {};
  Rewrite rewrite(change, files);
  TRY(rewrite.touch(fmt::format("SELECT {}, 1, CAST(NULL AS BIGINT) FROM {} WHERE {}",
                                Rewrite::place(), rewrite.target(),
                                condition.empty() ? "true" : "(" + condition + ")")));
  return rewrite.apply({action}, "", inserts);
}

Result<> check_rows(Change& change, const std::string& rows, const std::string& condition) {
  const auto wrong = TRY(change.connection().query(
      fmt::format("SELECT count(*) FROM {} AS target WHERE ({}) IS NOT TRUE", rows, condition)));
  if (wrong->int_at(0, 0) == 0) return {};
  return base::fail_with(Code::kInvalid,
                         fmt::format("{} of the new rows for {} do not satisfy {}",
                                     wrong->int_at(0, 0), change.table().path(), condition),
                         "filter them, or replace by a wider condition");
}

bool same_text(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

}  // namespace

Result<Changed> append(Table& table, sql::Connection& connection, const std::string& select,
                       const WriteOptions& options) {
  return Change::run(table, connection, options,
                     {.operation = "WRITE", .parameters = {{"mode", "Append"}}},
                     [&](Change& change) -> Result<> {
                       return insert(change, TRY(fit_rows(change, select, options)));
                     });
}

Result<Changed> overwrite(Table& table, sql::Connection& connection, const std::string& select,
                          const WriteOptions& options) {
  return Change::run(table, connection, options,
                     {.operation = "WRITE", .parameters = {{"mode", "Overwrite"}}},
                     [&](Change& change) -> Result<> {
                       const std::string rows = TRY(fit_rows(change, select, options));
                       remove_all(change, TRY(change.read_where("", "")));
                       return insert(change, rows);
                     });
}

Result<Changed> overwrite_partitions(Table& table, sql::Connection& connection,
                                     const std::string& select, const WriteOptions& options) {
  return Change::run(
      table, connection, options,
      {.operation = "WRITE",
       .parameters = {{"mode", "Overwrite"}, {"partitionOverwriteMode", "dynamic"}}},
      [&](Change& change) -> Result<> {
        if (change.state().metadata->partition_columns.empty()) {
          return base::fail_with(
              Code::kInvalid, fmt::format("the table {} has no partitions", change.table().path()),
              "overwrite it, or replace by a condition");
        }
        const std::string rows = TRY(change.keep(TRY(fit_rows(change, select, options))));
        std::string values;
        for (const std::string& column : change.state().metadata->partition_columns) {
          const auto field = std::ranges::find(*change.state().fields, column, &SparkField::name);
          values += (values.empty() ? "" : ", ") + partition_value_sql(*field);
        }
        const auto found =
            TRY(change.connection().query(fmt::format("SELECT DISTINCT {} FROM {}", values, rows)));
        std::set<PartitionValues> partitions;
        const auto& columns = change.state().metadata->partition_columns;
        for (std::size_t row = 0; row < found->rows(); ++row) {
          PartitionValues partition;
          for (std::size_t i = 0; i < columns.size(); ++i) {
            partition[physical_name(change.state(), columns[i])] =
                found->is_null(i, row) ? std::nullopt : std::optional(found->text(i, row));
          }
          partitions.insert(std::move(partition));
        }
        change.transaction().read_partitions({partitions.begin(), partitions.end()});
        remove_all(change, change.files_where([&](const AddFile& file) {
          return partitions.contains(file.partition_values);
        }));
        return insert(change, "FROM " + rows);
      });
}

Result<Changed> replace_where(Table& table, sql::Connection& connection,
                              const std::string& condition, const std::string& select,
                              const WriteOptions& options) {
  return Change::run(
      table, connection, options,
      {.operation = "WRITE", .parameters = {{"mode", "Overwrite"}, {"predicate", condition}}},
      [&](Change& change) -> Result<> {
        const std::string rows = TRY(change.keep(TRY(fit_rows(change, select, options))));
        TRY(check_rows(change, rows, condition));
        const auto counted = TRY(change.connection().query("SELECT count(*) FROM " + rows));
        change.counts().rows_inserted = counted->int_at(0, 0);
        return change_rows(change, condition, {.deletes = true}, "FROM " + rows);
      });
}

Result<Changed> delete_where(Table& table, sql::Connection& connection,
                             const std::string& condition, const WriteOptions& options) {
  return Change::run(
      table, connection, options,
      {.operation = "DELETE", .parameters = {{"predicate", nlohmann::json::array({condition})}}},
      [&](Change& change) -> Result<> {
        if (!condition.empty()) {
          return change_rows(change, condition, {.deletes = true}, "");
        }
        remove_all(change, TRY(change.read_where("", "")));
        return {};
      });
}

Result<std::vector<std::string>> assigned_values(const State& state,
                                                 const std::vector<Assignment>& assignments,
                                                 const std::string& otherwise) {
  std::vector<std::string> values;
  for (const Assignment& one : assignments) {
    const bool known = std::ranges::any_of(
        *state.fields, [&](const SparkField& field) { return same_text(field.name, one.column); });
    if (known) continue;
    return base::fail_with(Code::kInvalid,
                           fmt::format("cannot set {}: it is no column of the table", one.column),
                           "name one of its columns");
  }
  for (const SparkField& field : *state.fields) {
    const auto it = std::ranges::find_if(
        assignments, [&](const Assignment& one) { return same_text(one.column, field.name); });
    if (it != assignments.end()) {
      values.push_back(it->value);
    } else {
      values.push_back(otherwise.empty() ? "NULL" : otherwise + "." + sql::quote_name(field.name));
    }
  }
  return values;
}

Result<Changed> update_where(Table& table, sql::Connection& connection,
                             const std::vector<Assignment>& assignments,
                             const std::string& condition, const WriteOptions& options) {
  return Change::run(
      table, connection, options,
      {.operation = "UPDATE", .parameters = {{"predicate", nlohmann::json::array({condition})}}},
      [&](Change& change) -> Result<> {
        return change_rows(change, condition,
                           {.values = TRY(assigned_values(change.state(), assignments, "target"))},
                           "");
      });
}

}  // namespace lake
