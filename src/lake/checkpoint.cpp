#include "lake/checkpoint.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/uuid.h"
#include "lake/checkpoint_stats.h"
#include "lake/json_text.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

// Statistics are read by the schema, which may stand in any part.
constexpr std::array<std::string_view, 2> kSchemaKinds{"protocol", "metaData"};
constexpr std::array<std::string_view, 4> kStateKinds{"txn", "add", "remove", "sidecar"};

// What a row of a checkpoint looks like, for DuckDB's from_json.
constexpr std::string_view kRow = R"row({
  "txn": {"appId": "VARCHAR", "version": "BIGINT", "lastUpdated": "BIGINT"},
  "add": {"path": "VARCHAR", "partitionValues": "MAP(VARCHAR, VARCHAR)", "size": "BIGINT",
          "modificationTime": "BIGINT", "dataChange": "BOOLEAN", "stats": "VARCHAR",
          "tags": "MAP(VARCHAR, VARCHAR)"DV},
  "remove": {"path": "VARCHAR", "deletionTimestamp": "BIGINT", "dataChange": "BOOLEAN",
             "extendedFileMetadata": "BOOLEAN", "partitionValues": "MAP(VARCHAR, VARCHAR)",
             "size": "BIGINT"DV},
  "metaData": {"id": "VARCHAR", "name": "VARCHAR", "description": "VARCHAR",
               "format": {"provider": "VARCHAR", "options": "MAP(VARCHAR, VARCHAR)"},
               "schemaString": "VARCHAR", "partitionColumns": ["VARCHAR"],
               "configuration": "MAP(VARCHAR, VARCHAR)", "createdTime": "BIGINT"},
  "protocol": {"minReaderVersion": "INTEGER", "minWriterVersion": "INTEGER",
               "readerFeatures": ["VARCHAR"], "writerFeatures": ["VARCHAR"]}
})row";

// Where kRow has DV, for a table whose files can have deletion vectors.
constexpr std::string_view kVector = R"row(,
  "deletionVector": {"storageType": "VARCHAR", "pathOrInlineDv": "VARCHAR", "offset": "INTEGER",
                     "sizeInBytes": "INTEGER", "cardinality": "BIGINT"})row";

std::string row_type(const Protocol& protocol) {
  const bool vectors = has_feature(protocol, "deletionVectors");
  std::string text(kRow);
  for (std::size_t at = text.find("DV"); at != std::string::npos; at = text.find("DV", at + 1)) {
    text.replace(at, 2, vectors ? kVector : std::string_view());
  }
  return text;
}

Result<> read_parquet_actions(storage::ObjectStore& store, sql::Connection& connection,
                              const std::string& key, std::span<const std::string_view> kinds,
                              Commit& into) {
  const TimeColumns times = into.metadata ? time_columns(*into.metadata) : TimeColumns();
  const storage::Hold held = TRY(store.fetch({key}));
  const std::string file =
      "read_parquet(" + sql::quote_text(store.url(key)) + ", hive_partitioning = false)";
  const auto columns = TRY(connection.query("SELECT * FROM " + file + " LIMIT 0"))->columns();
  for (const std::string_view kind : kinds) {
    if (std::ranges::find(columns, kind, &sql::ColumnInfo::name) == columns.end()) continue;
    const std::string name = sql::quote_name(kind);
    const auto rows = TRY(connection.query(fmt::format(
        "SELECT CAST(to_json({0}) AS VARCHAR) FROM {1} WHERE {0} IS NOT NULL", name, file)));
    for (std::size_t row = 0; row < rows->rows(); ++row) {
      json action = json::object();
      json& body = action[std::string(kind)] = parse_json(rows->text(0, row));
      if (body.is_object() && body.contains("stats_parsed"))
        restore_times(times, body["stats_parsed"]);
      TRY(parse_action(action, into));
    }
  }
  return {};
}

Result<Commit> read_keys(storage::ObjectStore& store, sql::Connection& connection,
                         const std::string& table_path, const Checkpoint& checkpoint) {
  Commit commit;
  const auto read = [&](const std::string& key, std::span<const std::string_view> kinds) {
    return read_parquet_actions(store, connection, key, kinds, commit);
  };
  if (checkpoint.keys.front().ends_with(".json")) {
    commit = TRY(parse_commit(TRY(store.get(checkpoint.keys.front()))));
  } else {
    for (const std::string& key : checkpoint.keys) TRY(read(key, kSchemaKinds));
    for (const std::string& key : checkpoint.keys) TRY(read(key, kStateKinds));
  }
  for (const std::string& name : std::vector(commit.sidecars))
    TRY(read(log_folder(table_path) + "_sidecars/" + name, kStateKinds));
  if (!commit.protocol || !commit.metadata) {
    return base::fail(Code::kCorrupt, "it has no protocol or no metaData");
  }
  return commit;
}

template <class T>
void print_settled(std::string& out, T action) {
  action.data_change = false;  // the change was of an earlier version
  print_action(out, action);
}

// One line per action of the state.
columns::Batch print_state(const State& state) {
  columns::Batch batch(columns::Schema{{{"line", columns::Type::kString, false}}});
  std::string line;
  const auto put = [&] {
    batch.columns[0].append_text(line);
    line.clear();
  };
  print_action(line, state.protocol);
  put();
  print_action(line, *state.metadata);
  put();
  for (const auto& [app, transaction] : *state.transactions) {
    print_action(line, transaction);
    put();
  }
  const std::int64_t keep_ms =
      interval_us(*state.metadata, "delta.deletedFileRetentionDuration", kTombstoneRetentionUs) /
      base::kUsPerMs;
  const std::int64_t oldest_ms = state.timestamp_us / base::kUsPerMs - keep_ms;
  state.tombstones.each([&](const auto& file) {
    if (file->deletion_time_ms < oldest_ms) return;
    print_settled(line, *file);
    put();
  });
  state.files.each([&](const auto& file) {
    print_settled(line, *file);
    put();
  });
  return batch;
}

}  // namespace

Result<Commit> read_checkpoint(storage::ObjectStore& store, sql::Database& database,
                               const std::string& table_path, const Checkpoint& checkpoint) {
  const auto connection = TRY(database.connect());
  auto commit = read_keys(store, *connection, table_path, checkpoint);
  if (commit) return commit;
  base::Error error =
      std::move(commit).error().in("cannot read the checkpoint " + checkpoint.keys.front());
  if (error.code == Code::kInvalid) error.code = Code::kCorrupt;  // DuckDB refused the file
  error.message.resize(std::min(error.message.find('\n'), error.message.size()));
  return std::unexpected(std::move(error));
}

Result<> write_checkpoint(storage::ObjectStore& store, sql::Database& database,
                          const std::string& table_path, const State& state) {
  const auto connection = TRY(database.connect());
  const columns::Batch lines = print_state(state);
  TRY(connection->put("checkpoint_lines", lines));
  // Readers must never see half a checkpoint: DuckDB writes aside, the store puts it whole.
  const std::string aside =
      fmt::format("{}.checkpoint-{}.tmp", log_folder(table_path), base::new_uuid());
  TRY(store.prepare(aside));
  auto written = connection->execute(fmt::format(
      "COPY (SELECT * REPLACE ({} AS add) FROM (SELECT unnest(from_json(line, {})) FROM "
      "checkpoint_lines)) TO {} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)",
      checkpoint_add_sql(state), sql::quote_text(row_type(state.protocol)),
      sql::quote_text(store.url(aside))));
  auto data = written ? store.get(aside) : std::unexpected(std::move(written).error());
  TRY(store.remove(aside));
  const std::string bytes = TRY(std::move(data));
  TRY(store.put(checkpoint_key(table_path, state.version), bytes));
  const json hint = {{"version", state.version},
                     {"size", lines.rows()},
                     {"sizeInBytes", bytes.size()},
                     {"numOfAddFiles", state.files.size()}};
  return store.put(hint_key(table_path), hint.dump());
}

}  // namespace lake
