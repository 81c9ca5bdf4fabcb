// Compaction and vacuum of a table.
#include <algorithm>
#include <map>
#include <unordered_set>

#include "lake/protocol.h"
#include "lake/scan.h"
#include "lake/stage.h"
#include "lake/store_table.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr std::int64_t kCompactedBytes = 128 << 20;  // of input for one new file
constexpr std::int64_t kOrphanAgeMinUs = 3600 * base::kUsPerSecond;
// Looking through the whole folder for files that the log does not know.
constexpr std::int64_t kListIntervalUs = 600 * base::kUsPerSecond;
constexpr std::size_t kCheckpointsKept = 3;
constexpr Version kVersionsPerOldCheckpoint = 1000;

struct Bin {
  PartitionValues values;
  Files files;
};

// Small files of one partition that become one.
std::vector<Bin> plan_compaction(const State& state, std::int64_t small_bytes, int files_min) {
  std::map<PartitionValues, Files> groups;
  state.files.each([&](const auto& file) {
    if (file->size < small_bytes) groups[file->partition_values].push_back(file);
  });
  std::vector<Bin> bins;
  for (auto& [values, files] : groups) {
    if (std::cmp_less(files.size(), std::max(files_min, 2))) continue;
    Bin bin{.values = values, .files = {}};
    std::int64_t bytes = 0;
    for (auto& file : files) {
      if (bytes + file->size > kCompactedBytes && bin.files.size() > 1) {
        bins.push_back(std::exchange(bin, Bin{.values = values, .files = {}}));
        bytes = 0;
      }
      bytes += file->size;
      bin.files.push_back(std::move(file));
    }
    if (bin.files.size() > 1) bins.push_back(std::move(bin));
  }
  return bins;
}

// Folders that start with '_' or '.' are not data, unless they are a partition's.
bool is_data_file(std::string_view path) {
  if (!path.ends_with(".parquet")) return false;
  while (true) {
    const std::size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    const bool hidden = part.starts_with('_') || part.starts_with('.');
    if (hidden && part.find('=') == std::string_view::npos) return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

// Old checkpoints that only speed up time travel: a few of them do that as well.
std::vector<std::string> superfluous_checkpoints(const LogListing& listing,
                                                 base::TimestampUs now_us) {
  std::vector<std::string> keys;
  if (!listing.commits.contains(0)) return keys;  // they may be the only way to the state
  std::unordered_set<Version> kept_thousands;
  for (std::size_t i = 0; i < listing.checkpoints.size(); ++i) {
    const Checkpoint& one = listing.checkpoints[i];
    if (i < kCheckpointsKept || one.modified_us > now_us - kOrphanAgeMinUs) continue;
    if (kept_thousands.insert(one.version / kVersionsPerOldCheckpoint).second) continue;
    keys.insert(keys.end(), one.keys.begin(), one.keys.end());
  }
  return keys;
}

}  // namespace

Result<int> StoreTable::compact(std::int64_t small_bytes, int files_min) {
  const auto transaction = TRY(begin());
  const auto& state = static_cast<const StateSnapshot&>(transaction->base()).state();
  const std::vector<Bin> bins = plan_compaction(state, small_bytes, files_min);
  if (bins.empty()) return 0;
  const auto connection = TRY(database_.connect());
  std::vector<std::string> staged;
  int replaced = 0;
  const auto rewrite = [&]() -> Result<> {
    for (const Bin& bin : bins) {
      auto files = TRY(stage_partition(store_, *connection, path_, state,
                                       scan_files_sql(state, source_, bin.files), bin.values));
      for (AddFile& file : files) {
        staged.push_back(path_ + "/" + file.path);
        file.data_change = false;
        transaction->add(std::move(file));
      }
      for (const auto& file : bin.files) transaction->remove(*file, false);
      replaced += static_cast<int>(bin.files.size());
    }
    TRY(transaction->commit({.operation = "OPTIMIZE", .parameters = {{"predicate", "[]"}}}));
    return {};
  };
  auto done = rewrite();
  if (done) return replaced;
  // An unknown outcome keeps the files: the commit may be there. Vacuum removes them otherwise.
  if (done.error().code == Code::kConflict) {
    for (const std::string& key : staged) static_cast<void>(store_.remove(key));
  }
  return std::unexpected(std::move(done).error().in("cannot compact " + path_));
}

Result<int> StoreTable::vacuum(std::int64_t keep_us, base::TimestampUs now_us) {
  const auto snapshot = TRY(refresh());
  const State& state = snapshot->state();
  TRY(check_writable(state.protocol, *state.metadata));
  const std::int64_t known_us =
      interval_us(*state.metadata, "delta.deletedFileRetentionDuration", kTombstoneRetentionUs);
  if (keep_us < 0 || keep_us > known_us) {
    return base::fail_with(
        Code::kInvalid,
        fmt::format("cannot keep {} of {}: its log knows removed files for {}",
                    base::format_duration(keep_us), path_, base::format_duration(known_us)),
        "keep less, or set delta.deletedFileRetentionDuration to more");
  }
  const std::scoped_lock lock(vacuum_mutex_);
  const base::TimestampUs needed_from_us = now_us - keep_us;
  int deleted = TRY(delete_removed(state, needed_from_us));
  if (now_us - vacuum_listed_us_ < kListIntervalUs) return deleted;
  deleted += TRY(delete_orphans(state, now_us - std::max(keep_us, kOrphanAgeMinUs)));
  for (const auto& key : superfluous_checkpoints(TRY(list_log(store_, path_)), now_us)) {
    TRY(store_.remove(key));
  }
  vacuum_listed_us_ = now_us;
  return deleted;
}

// A path in the log as the store knows it; "" for a file that is not in this table's folder.
std::string StoreTable::own_path(const std::string& path) const {
  if (path.starts_with(source_.folder + "/")) return path.substr(source_.folder.size() + 1);
  return path.starts_with('/') || path.find("://") != std::string::npos ? "" : path;
}

Result<int> StoreTable::delete_removed(const State& state, base::TimestampUs needed_from_us) {
  std::vector<std::shared_ptr<const RemoveFile>> removed;
  state.tombstones.each([&](const auto& file) {
    if (file->deletion_time_ms < needed_from_us / base::kUsPerMs) removed.push_back(file);
  });
  int deleted = 0;
  std::unordered_set<std::string_view> gone;
  for (const auto& file : removed) {
    gone.insert(file->path);
    const std::string path = own_path(file->path);
    if (!is_data_file(path) || !store_.head(path_ + "/" + path)) continue;
    TRY(store_.remove(path_ + "/" + path));
    ++deleted;
  }
  if (!gone.empty()) forget_tombstones(gone);
  return deleted;
}

Result<int> StoreTable::delete_orphans(const State& state, base::TimestampUs before_us) {
  std::unordered_set<std::string> needed;
  state.files.each([&](const auto& file) { needed.insert(own_path(file->path)); });
  state.tombstones.each([&](const auto& file) { needed.insert(own_path(file->path)); });
  int deleted = 0;
  for (const auto& object : TRY(store_.list(path_ + "/"))) {
    const std::string path = object.key.substr(path_.size() + 1);
    if (!is_data_file(path) || needed.contains(path) || object.modified_us >= before_us) continue;
    TRY(store_.remove(object.key));
    ++deleted;
  }
  return deleted;
}

}  // namespace lake
