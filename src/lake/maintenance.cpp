// Compaction of a table.
#include <algorithm>
#include <map>

#include "base/logging.h"
#include "base/uuid.h"
#include "lake/protocol.h"
#include "lake/scan.h"
#include "lake/stage.h"
#include "lake/store_table.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr int kAutoCompactFiles = 50;  // of one partition, as Spark
constexpr int kRankBits = 12;          // of one column
constexpr std::size_t kZorderColumnsMax = 8;

struct Bin {
  PartitionValues values;
  Files files;
  std::int64_t bytes = 0;
};

// Small files of one partition that become one, and files of which a deletion vector takes rows.
std::vector<Bin> plan_bins(const State& state, const OptimizeOptions& options) {
  std::map<PartitionValues, Files> groups;
  state.files.each([&](const auto& file) {
    const bool wanted = !options.zorder.empty() || file->size < options.small_bytes ||
                        !file->deletion_vector.empty();
    if (wanted) groups[file->partition_values].push_back(file);
  });
  std::vector<Bin> bins;
  for (auto& [values, files] : groups) {
    const bool purges =
        std::ranges::any_of(files, [](const auto& file) { return !file->deletion_vector.empty(); });
    const bool all = purges || !options.zorder.empty();
    if (!all && std::cmp_less(files.size(), std::max(options.files_min, 2))) continue;
    Bin bin{.values = values, .files = {}};
    for (auto& file : files) {
      const bool full = options.zorder.empty() && bin.bytes + file->size > options.target_bytes;
      if (full && bin.files.size() > (all ? 0 : 1)) {
        bins.push_back(std::exchange(bin, Bin{.values = values, .files = {}}));
      }
      bin.bytes += file->size;
      bin.files.push_back(std::move(file));
    }
    if (bin.files.size() > (all ? 0 : 1)) bins.push_back(std::move(bin));
  }
  return bins;
}

// Bits of the columns' ranks, taken in turns.
std::string zorder_sql(const std::vector<std::string>& columns) {
  std::string value;
  for (int bit = 0; bit < kRankBits; ++bit) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto to = static_cast<std::size_t>(bit) * columns.size() + i;
      value += fmt::format("{}(((rank_{} >> {}) & 1)::HUGEINT << {})", value.empty() ? "" : " + ",
                           i, bit, to);
    }
  }
  return value;
}

}  // namespace

// One bin's rows as new files.
Result<std::vector<AddFile>> StoreTable::rewrite_bin(sql::Connection& connection,
                                                     const State& state,
                                                     const OptimizeOptions& options,
                                                     const PartitionValues& values,
                                                     const Files& files, std::int64_t bytes) {
  const storage::Hold held = TRY(fetch_files(source_, files));
  const std::string rows = scan_files_sql(state, source_, files);
  if (options.zorder.empty()) {
    return stage_partition(store_, connection, path_, state, rows, values);
  }
  std::string ranks;
  for (std::size_t i = 0; i < options.zorder.size(); ++i) {
    ranks += fmt::format(", ntile({}) OVER (ORDER BY {}) - 1 AS rank_{}", 1 << kRankBits,
                         sql::quote_name(options.zorder[i]), i);
  }
  std::string names;
  for (const SparkField& field : *state.fields) names += sql::quote_name(field.name) + ", ";
  const std::string sorted = sql::quote_name("zorder_" + base::new_uuid());
  TRY(connection.execute(fmt::format(
      "CREATE TEMP TABLE {} AS SELECT {}row_number() OVER (ORDER BY {}) AS __waybill_z FROM "
      "(SELECT *{} FROM ({})) ORDER BY __waybill_z",
      sorted, names, zorder_sql(options.zorder), ranks, rows)));
  const auto write = [&]() -> Result<std::vector<AddFile>> {
    const auto counted = TRY(connection.query("SELECT count(*) FROM " + sorted));
    const std::int64_t count = counted->int_at(0, 0);
    const std::int64_t chunks = std::max<std::int64_t>(1, bytes / options.target_bytes);
    std::vector<AddFile> added;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      auto part = TRY(
          stage_partition(store_, connection, path_, state,
                          fmt::format("FROM {} WHERE __waybill_z > {} AND __waybill_z <= {}",
                                      sorted, count * chunk / chunks, count * (chunk + 1) / chunks),
                          values));
      std::ranges::move(part, std::back_inserter(added));
    }
    return added;
  };
  auto written = write();
  TRY(connection.execute("DROP TABLE " + sorted));
  return written;
}

Result<int> StoreTable::optimize(const OptimizeOptions& options) {
  const auto transaction = TRY(begin());
  const auto& state = static_cast<const StateSnapshot&>(transaction->base()).state();
  for (const std::string& column : options.zorder) {
    if (state.metadata->schema.find(column)) continue;
    return base::fail_with(
        Code::kInvalid, fmt::format("cannot order {} by {}: it has no such column", path_, column),
        "name columns of the table");
  }
  if (options.zorder.size() > kZorderColumnsMax) {
    return base::fail(Code::kLimit, "at most {} columns can be in one order", kZorderColumnsMax);
  }
  const std::vector<Bin> bins = plan_bins(state, options);
  if (bins.empty()) return 0;
  const auto connection = TRY(database_.connect());
  std::vector<std::string> staged;
  int replaced = 0;
  const auto rewrite = [&]() -> Result<> {
    for (const Bin& bin : bins) {
      for (AddFile& file :
           TRY(rewrite_bin(*connection, state, options, bin.values, bin.files, bin.bytes))) {
        staged.push_back(path_ + "/" + file.path);
        file.data_change = false;
        transaction->add(std::move(file));
      }
      for (const auto& file : bin.files) transaction->remove(*file, false);
      replaced += static_cast<int>(bin.files.size());
    }
    TRY(transaction->commit(
        {.operation = "OPTIMIZE",
         .parameters = {{"predicate", "[]"}, {"zOrderBy", nlohmann::json(options.zorder)}}}));
    return {};
  };
  auto done = rewrite();
  if (done) return replaced;
  // An unknown outcome keeps the files: the commit may be there. Vacuum removes them otherwise.
  if (done.error().code != Code::kUnavailable) {
    for (const std::string& key : staged) static_cast<void>(store_.remove(key));
  }
  return std::unexpected(std::move(done).error().in("cannot compact " + path_));
}

void StoreTable::compact_if_due() {
  const auto snapshot = newest();
  const auto& configuration = snapshot->metadata().configuration;
  const auto it = configuration.find("delta.autoOptimize.autoCompact");
  if (it == configuration.end() || (it->second != "true" && it->second != "auto")) return;
  const OptimizeOptions options{.files_min = kAutoCompactFiles};
  if (snapshot->state().files.size() < kAutoCompactFiles) return;
  const auto done = optimize(options);
  if (!done) spdlog::warn("lake: no compaction of {}: {}", path_, done.error().to_string());
}

Result<int> StoreTable::compact(std::int64_t small_bytes, int files_min) {
  return optimize({.small_bytes = small_bytes, .files_min = files_min});
}

}  // namespace lake
