#include "lake/filter_file.h"

#include <charconv>

#include "lake/parquet_filter.h"
#include "lake/stage.h"
#include "lake/stats.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

// The least and greatest of a footer's statistics, as RETURN_STATS prints them.
std::string extremes_sql(const SparkField& field) {
  const std::string column =
      "path_in_schema = " + sql::quote_text(field.physical_name) + " AND num_values > 0";
  const auto extreme = [&](const char* function, const char* statistic) {
    const std::string value = fmt::format("{}(TRY_CAST({} AS {})) FILTER ({})", function, statistic,
                                          field.physical_type, column);
    if (field.physical_type != "TIMESTAMPTZ") return fmt::format("CAST({} AS VARCHAR)", value);
    return fmt::format("CAST(({}) AT TIME ZONE 'UTC' AS VARCHAR) || '+00'", value);
  };
  // A row group that has values and does not tell them leaves the file's unknown.
  return fmt::format(
      "SELECT {}, {}, {}, CAST(sum(stats_null_count) FILTER ({}) AS VARCHAR), CAST(bool_and("
      "stats_null_count IS NOT NULL AND (stats_null_count = num_values OR (stats_min_value IS NOT "
      "NULL AND stats_max_value IS NOT NULL))) FILTER ({}) AS INTEGER) FROM footer",
      sql::quote_text(field.physical_name), extreme("min", "stats_min_value"),
      extreme("max", "stats_max_value"), column, column);
}

Result<std::string> stats_of(Change& change, const std::string& key, std::int64_t rows) {
  std::string selects;
  for (const SparkField& field : *change.state().fields) {
    selects += (selects.empty() ? "" : " UNION ALL ") + extremes_sql(field);
  }
  const auto found = TRY(change.connection().query(
      fmt::format("WITH footer AS MATERIALIZED (FROM parquet_metadata({})) {}",
                  sql::quote_text(change.table().store().url(key)), selects)));
  json columns = json::object();
  for (std::size_t row = 0; row < found->rows(); ++row) {
    json column = json::object();
    if (!found->is_null(4, row) && found->int_at(4, row) == 1) {
      if (!found->is_null(1, row)) column["min"] = found->text(1, row);
      if (!found->is_null(2, row)) column["max"] = found->text(2, row);
    }
    if (!found->is_null(3, row)) column["null_count"] = found->text(3, row);
    columns[sql::quote_name(found->text(0, row))] = std::move(column);
  }
  return print_stats(change.state(), rows, columns);
}

std::map<std::string, std::string> own_tags(const AddFile& file) {
  std::map<std::string, std::string> tags;
  for (const char* name : {kPartitionTag, kSchemaTag}) {
    if (const auto it = file.tags.find(name); it != file.tags.end()) tags.insert(*it);
  }
  return tags;
}

}  // namespace

std::int64_t small_file_bytes(const Metadata& metadata) {
  constexpr std::int64_t kSmallFileBytes = 1 << 20;
  const auto it = metadata.configuration.find("waybill.smallFileBytes");
  if (it == metadata.configuration.end()) return kSmallFileBytes;
  const std::string& text = it->second;
  std::int64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  return error == std::errc{} && end == text.data() + text.size() ? bytes : kSmallFileBytes;
}

Result<std::optional<AddFile>> filter_file(Change& change, const AddFile& file,
                                           const DeletedRows& gone) {
  if (file.path.starts_with('/') || file.path.contains("://")) return std::nullopt;
  storage::ObjectStore& store = change.table().store();
  const std::string& table_path = change.table().path();
  const std::string from = table_path + "/" + file.path;
  std::string path = new_file_path(change.state(), file.partition_values);
  const std::string to = table_path + "/" + path;
  const storage::Hold hold = TRY(store.fetch({from}));  // while it is read
  TRY(store.prepare(to));
  change.staged(to);
  const auto filtered = filter_parquet(store.url(from), store.url(to), gone);
  if (!filtered && filtered.error().code == Code::kUnsupported) {
    TRY(store.remove(to));
    return std::nullopt;
  }
  if (!filtered) return std::unexpected(base::Error(filtered.error()).in(file.path));
  AddFile result{.path = std::move(path),
                 .partition_values = file.partition_values,
                 .size = filtered->bytes,
                 .modification_time_ms = base::SystemClock().now_us() / base::kUsPerMs,
                 .data_change = true,
                 .stats = TRY(stats_of(change, to, filtered->rows)),
                 .tags = own_tags(file)};
  return result;
}

}  // namespace lake
