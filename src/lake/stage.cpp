#include "lake/stage.h"

#include <algorithm>

#include "base/check.h"
#include "base/uuid.h"
#include "lake/scan.h"
#include "lake/stats.h"
#include "lake/uri.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

// Small enough that the threads of one COPY share the work, large enough for good compression.
constexpr int kRowGroupRows = 32'768;
// From this many partitions on, rows are sorted once so that each COPY reads only its own.
constexpr std::size_t kSortPartitionsMin = 16;

class Stager {
 public:
  Stager(storage::ObjectStore& store, sql::Connection& connection, const std::string& table_path,
         const State& state, std::string prefix = "")
      : store_(store),
        connection_(connection),
        table_path_(table_path),
        state_(state),
        prefix_(std::move(prefix)) {}

  // Takes the files back unless they are handed over by finish().
  ~Stager() {
    for (const std::string& key : keys_) static_cast<void>(store_.remove(key));
    if (!table_.empty()) static_cast<void>(connection_.execute("DROP TABLE IF EXISTS " + table_));
  }
  Stager(const Stager&) = delete;
  Stager& operator=(const Stager&) = delete;

  // The rows in the table's columns, order and types.
  std::string typed(const std::string& select) const {
    std::string columns;
    for (const SparkField& field : *state_.fields) {
      const std::string name = sql::quote_name(field.name);
      // An empty partition value means null to every reader.
      const bool empty_is_null = is_partition(field.name) && field.sql_type == "VARCHAR";
      columns +=
          fmt::format("{}CAST({} AS {}) AS {}", columns.empty() ? "" : ", ",
                      empty_is_null ? "NULLIF(" + name + ", '')" : name, field.sql_type, name);
    }
    const std::string rows = fmt::format("SELECT {} FROM ({}) AS source", columns, select);
    return constraints_.empty() ? rows : fmt::format("SELECT * FROM ({}){}", rows, constraints_);
  }

  // Rows that break a constraint make the statement fail. kUnsupported for a constraint that DuckDB
  // does not understand.
  Result<> prepare_constraints() {
    for (const auto& [name, expression] : constraints_of(state_)) {
      const auto understood = connection_.prepare(
          fmt::format("SELECT ({}) IS TRUE FROM ({})", expression, shape_sql(state_)));
      if (!understood) {
        return base::fail_with(Code::kUnsupported,
                               fmt::format("cannot check the constraint {} ({}): {}", name,
                                           expression, understood.error().message),
                               "write with the engine that made it, or drop it");
      }
      constraints_ += fmt::format(
          "{} CASE WHEN ({}) IS TRUE THEN true ELSE error({}) END",
          constraints_.empty() ? "" : " AND", expression,
          sql::quote_text(fmt::format("a row breaks the constraint {} ({})", name, expression)));
    }
    if (!constraints_.empty()) constraints_ = fmt::format(" WHERE {}", constraints_);
    return {};
  }

  Result<> copy(const std::string& select, const PartitionValues& values) {
    for (const std::string& column : state_.metadata->partition_columns) {
      const auto& value = values.at(physical_name(state_, column));
      if (!value && !field(column).nullable) return null_in(column);
    }
    std::string path = prefix_ + new_file_path(state_, values);
    const std::string key = table_path_ + "/" + path;
    TRY(store_.prepare(key));
    keys_.push_back(key);
    const auto result = TRY(connection_.query(fmt::format(
        "COPY ({}) TO {} (FORMAT parquet, COMPRESSION zstd, "
        "COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {}{}, "
        "RETURN_STATS)",
        physical(select), sql::quote_text(store_.url(key)), kRowGroupRows, field_ids())));
    return take(*result, std::move(path), key, values);
  }

  Result<> copy_partitions(const std::string& select) {
    const auto& names = state_.metadata->partition_columns;
    table_ = sql::quote_name("stage_" + base::new_uuid());
    TRY(connection_.execute("CREATE TEMP TABLE " + table_ + " AS " + typed(select)));
    std::string columns;
    std::string texts;
    for (const std::string& name : names) {
      columns += (columns.empty() ? "" : ", ") + sql::quote_name(name);
      texts += (texts.empty() ? "" : ", ") + partition_value_sql(field(name));
    }
    const auto groups = TRY(connection_.query(fmt::format(
        "SELECT {} FROM (SELECT DISTINCT {} FROM {}) ORDER BY ALL", texts, columns, table_)));
    if (groups->rows() >= kSortPartitionsMin) TRY(sort());
    for (std::size_t row = 0; row < groups->rows(); ++row) {
      PartitionValues values;
      std::string where;
      for (std::size_t i = 0; i < names.size(); ++i) {
        auto value = groups->is_null(i, row) ? std::nullopt : std::optional(groups->text(i, row));
        where += fmt::format("{}{} IS NOT DISTINCT FROM CAST({} AS {})",
                             i == 0 ? " WHERE " : " AND ", sql::quote_name(names[i]),
                             value ? sql::quote_text(*value) : "NULL", field(names[i]).sql_type);
        values[physical_name(state_, names[i])] = std::move(value);
      }
      TRY(copy("FROM " + table_ + (groups->rows() == 1 ? "" : where), values));
    }
    return {};
  }

  Result<std::vector<AddFile>> finish(Sync sync = Sync::kNow) {
    if (sync == Sync::kNow) TRY(store_.sync(keys_));
    keys_.clear();
    return std::move(files_);
  }

 private:
  bool is_partition(const std::string& column) const {
    const auto& names = state_.metadata->partition_columns;
    return std::ranges::find(names, column) != names.end();
  }

  const SparkField& field(const std::string& column) const {
    return *std::ranges::find(*state_.fields, column, &SparkField::name);
  }

  bool mapped() const { return state_.mapping != ColumnMapping::kNone; }

  // Typed rows as they stand in files: with column mapping by their physical names and, as other
  // engines do it, without the partition columns.
  std::string physical(const std::string& select) const {
    if (!mapped()) return select;
    std::string columns;
    for (const SparkField& field : *state_.fields) {
      if (is_partition(field.name)) continue;
      columns +=
          fmt::format("{}CAST({} AS {}) AS {}", columns.empty() ? "" : ", ",
                      field.to_physical.empty() ? sql::quote_name(field.name) : field.to_physical,
                      field.physical_type, sql::quote_name(field.physical_name));
    }
    return fmt::format("SELECT {} FROM ({})", columns, select);
  }

  std::string field_ids() const {
    std::string ids;
    for (const SparkField& field : *state_.fields) {
      if (field.field_ids.empty() || is_partition(field.name)) continue;
      ids += fmt::format("{}{}: {}", ids.empty() ? "" : ", ", sql::quote_name(field.physical_name),
                         field.field_ids);
    }
    return ids.empty() ? "" : ", FIELD_IDS {" + ids + "}";
  }

  std::unexpected<base::Error> null_in(const std::string& column) const {
    return base::fail_with(
        Code::kInvalid,
        fmt::format("column {} of {} must not be null, but is", column, table_path_),
        "filter those rows, or give them a value with coalesce()");
  }

  Result<> sort() {
    std::string order;
    for (const std::string& name : state_.metadata->partition_columns) {
      order += sql::quote_name(name) + ", ";
    }
    const std::string sorted = sql::quote_name("stage_" + base::new_uuid());
    TRY(connection_.execute(
        fmt::format("CREATE TEMP TABLE {} AS FROM {} ORDER BY {}rowid", sorted, table_, order)));
    TRY(connection_.execute("DROP TABLE " + table_));
    table_ = sorted;
    return {};
  }

  // Makes an AddFile of the row that COPY returns.
  Result<> take(const sql::Result& result, std::string path, const std::string& key,
                const PartitionValues& values) {
    const auto column = [&](std::string_view name) {
      const auto it = std::ranges::find(result.columns(), name, &sql::ColumnInfo::name);
      CHECK(it != result.columns().end(), "COPY returned no {}", name);
      return static_cast<std::size_t>(it - result.columns().begin());
    };
    const std::int64_t rows = result.rows() == 0 ? 0 : result.int_at(column("count"), 0);
    if (rows == 0) {
      keys_.pop_back();
      return store_.remove(key);
    }
    const auto statistics = result.json(column("column_statistics"), 0);
    if (const std::string name = null_violation(*state_.fields, statistics); !name.empty()) {
      return null_in(name);
    }
    files_.push_back({.path = std::move(path),
                      .partition_values = values,
                      .size = result.int_at(column("file_size_bytes"), 0),
                      .modification_time_ms = base::SystemClock().now_us() / base::kUsPerMs,
                      .data_change = true,
                      .stats = print_stats(state_, rows, statistics),
                      .tags = {}});
    if (mapped()) return {};
    files_.back().tags = {{kPartitionTag, kPartitionTagMaterialized},
                          {kSchemaTag, state_.schema_tag}};
    return {};
  }

  storage::ObjectStore& store_;
  sql::Connection& connection_;
  const std::string& table_path_;
  const State& state_;
  const std::string prefix_;
  std::string constraints_;  // " WHERE …", or ""
  std::string table_;        // quoted; "" = none
  std::vector<std::string> keys_;
  std::vector<AddFile> files_;
};

base::Error in_table(base::Error error, const std::string& table_path) {
  return std::move(error).in("cannot write rows for " + table_path);
}

}  // namespace

std::string new_file_path(const State& state, const PartitionValues& values) {
  std::string path;
  for (const std::string& column : state.metadata->partition_columns) {
    const auto it = values.find(physical_name(state, column));
    const std::string value = it == values.end() ? "" : it->second.value_or("");
    path += hive_escape(column) + "=" + hive_escape(value) + "/";
  }
  return path + "part-" + base::new_uuid() + ".zstd.parquet";
}

std::string partition_value_sql(const SparkField& field) {
  const std::string name = sql::quote_name(field.name);
  if (field.sql_type == "TIMESTAMPTZ") {
    return fmt::format("strftime({} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')", name);
  }
  if (field.sql_type == "TIMESTAMP")
    return fmt::format("strftime({}, '%Y-%m-%d %H:%M:%S.%f')", name);
  if (field.type == columns::Type::kString) {
    return fmt::format("NULLIF(CAST({} AS VARCHAR), '')", name);
  }
  return fmt::format("CAST({} AS VARCHAR)", name);
}

std::vector<std::pair<std::string, std::string>> constraints_of(const State& state) {
  constexpr std::string_view kPrefix = "delta.constraints.";
  std::vector<std::pair<std::string, std::string>> found;
  const auto take = [&](const std::string& name, std::string expression) {
    std::ranges::replace(expression, '`', '"');
    found.emplace_back(name, std::move(expression));
  };
  for (const auto& [key, value] : state.metadata->configuration) {
    if (key.starts_with(kPrefix)) take(key.substr(kPrefix.size()), value);
  }
  for (const SparkField& field : *state.fields) {
    if (!field.invariant.empty()) take("of column " + field.name, field.invariant);
  }
  return found;
}

Result<std::vector<AddFile>> stage_rows(storage::ObjectStore& store, sql::Connection& connection,
                                        const std::string& table_path, const State& state,
                                        const std::string& select, const std::string& prefix,
                                        Sync sync) {
  Stager stager(store, connection, table_path, state, prefix);
  auto copied = stager.prepare_constraints();
  if (copied) {
    copied = state.metadata->partition_columns.empty() ? stager.copy(stager.typed(select), {})
                                                       : stager.copy_partitions(select);
  }
  if (!copied) return std::unexpected(in_table(copied.error(), table_path));
  return stager.finish(sync);
}

Result<std::vector<AddFile>> stage_partition(storage::ObjectStore& store,
                                             sql::Connection& connection,
                                             const std::string& table_path, const State& state,
                                             const std::string& select,
                                             const PartitionValues& values) {
  Stager stager(store, connection, table_path, state);
  const auto copied = stager.copy(stager.typed(select), values);
  if (!copied) return std::unexpected(in_table(copied.error(), table_path));
  return stager.finish();
}

}  // namespace lake
