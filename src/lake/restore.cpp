// RESTORE, and changes of a table's schema and properties.
#include <algorithm>
#include <map>
#include <unordered_set>

#include "lake/change.h"
#include "lake/evolution.h"
#include "lake/protocol.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

Result<> check_there(Change& change, const AddFile& file, Version version) {
  const auto gone = [&](const std::string& what) {
    return base::fail_with(
        Code::kNotFound,
        fmt::format("cannot restore {} to version {}: {} is gone", change.table().path(), version,
                    what),
        "restore a newer version; vacuum deletes files that are older than it keeps");
  };
  const bool own = !file.path.starts_with('/') && file.path.find("://") == std::string::npos;
  if (own && !change.table().store().head(change.table().path() + "/" + file.path)) {
    return gone(file.path);
  }
  const std::string vector =
      TRY(change.table().source().deletion_vectors->key_of(file.deletion_vector));
  if (!vector.empty() && !change.table().store().head(vector)) return gone(vector);
  return {};
}

Result<> restore_files(Change& change, const State& then) {
  std::map<std::string, std::shared_ptr<const AddFile>> wanted;
  then.files.each([&](const auto& file) { wanted[file_key(*file)] = file; });
  for (const auto& file : TRY(change.read_where("", ""))) {
    if (wanted.erase(file_key(*file)) > 0) continue;
    change.counts().rows_deleted += std::max<std::int64_t>(file->rows(), 0);
    change.remove(*file);
  }
  for (const auto& [key, file] : wanted) {
    TRY(check_there(change, *file, then.version));
    AddFile again = *file;
    again.data_change = true;
    change.counts().rows_inserted += std::max<std::int64_t>(file->rows(), 0);
    change.add(std::move(again));
  }
  return {};
}

Result<Version> change_metadata(
    Table& table, sql::Connection* connection, const std::string& operation,
    nlohmann::json parameters,
    const std::function<Result<Metadata>(const Metadata&, Change&)>& change_it) {
  std::unique_ptr<sql::Connection> own;
  if (!connection) {
    own = TRY(static_cast<StoreTable&>(table).database().connect());
    connection = own.get();
  }
  const auto done = TRY(Change::run(
      table, *connection, {}, {.operation = operation, .parameters = std::move(parameters)},
      [&](Change& change) -> Result<> {
        Metadata metadata = TRY(change_it(*change.base().state().metadata, change));
        TRY(check_evolution(*change.base().state().metadata, metadata));
        return change.set_metadata(std::move(metadata));
      }));
  return done.version;
}

// Properties that need a feature the table does not have would be ignored by other engines.
Result<> check_protocol(const Protocol& protocol, const Metadata& metadata) {
  const Protocol needed = TRY(protocol_for(metadata));
  struct Need {
    const char* feature;
    bool wanted;
  };
  const auto has = [&](const std::string& key) {
    return std::ranges::any_of(metadata.configuration, [&](const auto& one) {
      return one.first.starts_with(key) && one.second != "false" && one.second != "none";
    });
  };
  for (const Need& need : {Need{"checkConstraints", has("delta.constraints.")},
                           Need{"changeDataFeed", has("delta.enableChangeDataFeed")},
                           Need{"columnMapping", has("delta.columnMapping.mode")},
                           Need{"deletionVectors", has("delta.enableDeletionVectors")}}) {
    if (!need.wanted || has_feature(protocol, need.feature)) continue;
    return base::fail_with(
        Code::kUnsupported,
        fmt::format("the table's protocol ({}, {}) has no {}; it needs ({}, {})",
                    protocol.min_reader_version, protocol.min_writer_version, need.feature,
                    needed.min_reader_version, needed.min_writer_version),
        "create a table with that property and copy the rows");
  }
  return {};
}

Result<> check_constraint(Change& change, const std::string& name, std::string expression) {
  std::ranges::replace(expression, '`', '"');
  change.transaction().read_whole_table();
  const auto wrong = TRY(change.connection().query(fmt::format(
      "SELECT count(*) FROM ({}) WHERE ({}) IS NOT TRUE", change.base().scan_sql(), expression)));
  if (wrong->int_at(0, 0) == 0) return {};
  return base::fail_with(Code::kInvalid,
                         fmt::format("{} rows of {} break the constraint {} ({})",
                                     wrong->int_at(0, 0), change.table().path(), name, expression),
                         "change those rows first");
}

}  // namespace

Result<Changed> restore(Table& table, Version version) {
  auto& store_table = static_cast<StoreTable&>(table);
  const auto then = TRY(table.snapshot_at(version));
  const State& state = static_cast<const StateSnapshot&>(*then).state();
  const auto connection = TRY(store_table.database().connect());
  return Change::run(table, *connection, {},
                     {.operation = "RESTORE", .parameters = {{"version", std::to_string(version)}}},
                     [&](Change& change) -> Result<> {
                       TRY(check_readable(state.protocol));
                       const Metadata& now = *change.base().state().metadata;
                       if (state.metadata->schema_string != now.schema_string ||
                           state.metadata->configuration != now.configuration) {
                         Metadata metadata = *state.metadata;
                         // Ids are never used again.
                         const auto last =
                             now.configuration.find("delta.columnMapping.maxColumnId");
                         if (last != now.configuration.end())
                           metadata.configuration[last->first] = last->second;
                         TRY(change.set_metadata(std::move(metadata)));
                       }
                       return restore_files(change, state);
                     });
}

Result<Version> add_column(Table& table, const std::string& name, const std::string& type) {
  return change_metadata(
      table, nullptr, "ADD COLUMNS", {{"columns", name + " " + type}},
      [&](const Metadata& old, Change&) -> Result<Metadata> {
        if (old.schema.find(name)) {
          return base::fail(Code::kAlreadyExists, "the table has a column {}", name);
        }
        Metadata metadata = old;
        metadata.schema_string = TRY(add_columns(old, {{.name = name, .type = type}}));
        return metadata;
      });
}

Result<Version> drop_not_null(Table& table, const std::string& column) {
  return change_metadata(table, nullptr, "CHANGE COLUMN", {{"column", column}},
                         [&](const Metadata& old, Change&) -> Result<Metadata> {
                           Metadata metadata = old;
                           metadata.schema_string = TRY(relax_column(old, column));
                           return metadata;
                         });
}

Result<Version> set_properties(
    Table& table, sql::Connection& connection,
    const std::map<std::string, std::optional<std::string>>& properties) {
  constexpr std::string_view kConstraint = "delta.constraints.";
  nlohmann::json shown = nlohmann::json::object();
  for (const auto& [key, value] : properties) shown[key] = value ? *value : "";
  return change_metadata(
      table, &connection, "SET TBLPROPERTIES", {{"properties", shown}},
      [&](const Metadata& old, Change& change) -> Result<Metadata> {
        Metadata metadata = old;
        for (const auto& [key, value] : properties) {
          if (value) {
            metadata.configuration[key] = *value;
          } else {
            metadata.configuration.erase(key);
          }
          if (value && key.starts_with(kConstraint)) {
            TRY(check_constraint(change, key.substr(kConstraint.size()), *value));
          }
        }
        TRY(check_protocol(change.state().protocol, metadata));
        return metadata;
      });
}

}  // namespace lake
