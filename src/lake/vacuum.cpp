// Vacuum and log clean-up: what no version within its retention needs any more leaves the disk.
#include <algorithm>
#include <unordered_set>

#include "base/logging.h"
#include "lake/checkpoint.h"
#include "lake/maintenance.h"
#include "lake/protocol.h"
#include "lake/store_table.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr std::int64_t kOrphanAgeMinUs = 3600 * base::kUsPerSecond;
// Looking through the whole folder for files that the log does not know.
constexpr std::int64_t kListIntervalUs = 600 * base::kUsPerSecond;
constexpr std::size_t kCheckpointsKept = 3;
constexpr Version kVersionsPerOldCheckpoint = 1000;

// Folders that start with '_' or '.' are not data, unless they are a partition's or the change
// feed's.
bool is_data_file(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  const bool vector = name.starts_with("deletion_vector_") && name.ends_with(".bin");
  if (!path.ends_with(".parquet") && !vector) return false;
  if (path.starts_with("_change_data/")) path.remove_prefix(13);
  while (true) {
    const std::size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    const bool hidden = part.starts_with('_') || part.starts_with('.');
    if (hidden && part.find('=') == std::string_view::npos) return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

// Old checkpoints that only speed up time travel: a few of them do that as well. The oldest one may
// be the only way to the versions after it.
std::vector<std::string> superfluous_checkpoints(const LogListing& listing,
                                                 base::TimestampUs now_us) {
  std::vector<std::string> keys;
  if (listing.checkpoints.empty() || listing.commits.empty()) return keys;
  const Version oldest = listing.checkpoints.back().version;
  const Version from = listing.commits.contains(0) ? 0 : oldest;
  const Version to = listing.commits.rbegin()->first;
  const auto first = listing.commits.lower_bound(from + 1);
  if (std::distance(first, listing.commits.end()) != to - from) return keys;  // there is a gap
  std::unordered_set<Version> kept_thousands;
  for (std::size_t i = 0; i < listing.checkpoints.size(); ++i) {
    const Checkpoint& one = listing.checkpoints[i];
    if (i < kCheckpointsKept || one.modified_us > now_us - kOrphanAgeMinUs) continue;
    if (one.version == oldest && from != 0) continue;
    if (kept_thousands.insert(one.version / kVersionsPerOldCheckpoint).second) continue;
    keys.insert(keys.end(), one.keys.begin(), one.keys.end());
  }
  return keys;
}

std::int64_t version_of(std::string_view name) {
  if (name.size() < 21 || name[20] != '.') return -1;
  std::int64_t version = 0;
  for (const char c : name.substr(0, 20)) {
    if (c < '0' || c > '9') return -1;
    version = version * 10 + (c - '0');
  }
  return version;
}

}  // namespace

// A path in the log as the store knows it; "" for a file that is not in this table's folder.
std::string StoreTable::own_path(const std::string& path) const {
  if (path.starts_with(source_.folder + "/")) return path.substr(source_.folder.size() + 1);
  return path.starts_with('/') || path.find("://") != std::string::npos ? "" : path;
}

// The paths that the newest version, and those since `needed_from_us`, read.
Result<std::unordered_set<std::string>> StoreTable::needed_paths(
    const State& state, base::TimestampUs needed_from_us) const {
  std::unordered_set<std::string> needed;
  Result<> done;
  const auto take = [&](const auto& file) {
    needed.insert(own_path(file.path));
    if (file.deletion_vector.empty() || !done) return;
    auto key = source_.deletion_vectors->key_of(file.deletion_vector);
    if (!key && key.error().code != Code::kUnsupported) done = std::unexpected(key.error());
    if (key && key->starts_with(path_ + "/")) needed.insert(key->substr(path_.size() + 1));
  };
  state.files.each([&](const auto& file) { take(*file); });
  state.tombstones.each([&](const auto& file) {
    if (file->deletion_time_ms >= needed_from_us / base::kUsPerMs) take(*file);
  });
  if (!done) return std::unexpected(std::move(done).error());
  return needed;
}

Result<Vacuumed> StoreTable::vacuum(const VacuumOptions& options) {
  const auto snapshot = TRY(refresh());
  const State& state = snapshot->state();
  TRY(check_writable(state.protocol, *state.metadata));
  const std::int64_t known_us =
      interval_us(*state.metadata, "delta.deletedFileRetentionDuration", kTombstoneRetentionUs);
  const std::int64_t keep_us = options.keep_us.value_or(known_us);
  if (keep_us < 0 || keep_us > known_us) {
    return base::fail_with(
        Code::kInvalid,
        fmt::format("cannot keep {} of {}: its log knows removed files for {}",
                    base::format_duration(keep_us), path_, base::format_duration(known_us)),
        "keep less, or set delta.deletedFileRetentionDuration to more");
  }
  if (keep_us < std::min(known_us, kTombstoneRetentionUs) && !options.force) {
    return base::fail_with(
        Code::kInvalid,
        fmt::format("keeping {} of {} is less than its {}: readers and writers at work may lose "
                    "their files",
                    base::format_duration(keep_us), path_,
                    base::format_duration(std::min(known_us, kTombstoneRetentionUs))),
        "keep more, or force it when nobody uses the table");
  }
  const base::TimestampUs from_us = options.now_us - keep_us;
  const auto needed = TRY(needed_paths(state, from_us));
  // Files that were staged and not committed yet are younger than this.
  const base::TimestampUs orphan_us = options.now_us - std::max(keep_us, kOrphanAgeMinUs);
  std::unordered_set<std::string> removed;
  state.tombstones.each([&](const auto& file) {
    if (file->deletion_time_ms < from_us / base::kUsPerMs) removed.insert(own_path(file->path));
  });
  Vacuumed done;
  for (const auto& object : TRY(store_.list(path_ + "/"))) {
    const std::string path = object.key.substr(path_.size() + 1);
    if (!is_data_file(path) || needed.contains(path)) continue;
    if (!removed.contains(path) && object.modified_us >= orphan_us) continue;
    done.paths.push_back(path);
    done.bytes += static_cast<std::int64_t>(object.size);
    if (!options.dry_run) TRY(store_.remove(object.key));
  }
  return done;
}

Result<int> StoreTable::vacuum(std::int64_t keep_us, base::TimestampUs now_us) {
  const auto snapshot = TRY(refresh());
  const State& state = snapshot->state();
  TRY(check_writable(state.protocol, *state.metadata));
  const std::scoped_lock lock(vacuum_mutex_);
  if (now_us - vacuum_listed_us_ < kListIntervalUs) {
    return delete_removed(state, now_us - keep_us);
  }
  const Vacuumed done =
      TRY(vacuum(VacuumOptions{.keep_us = keep_us, .force = true, .now_us = now_us}));
  TRY(delete_removed(state, now_us - keep_us));  // forgets them
  for (const auto& key : superfluous_checkpoints(TRY(list_log(store_, path_)), now_us)) {
    TRY(store_.remove(key));
  }
  vacuum_listed_us_ = now_us;
  return static_cast<int>(done.paths.size());
}

// Without a look at the folder.
Result<int> StoreTable::delete_removed(const State& state, base::TimestampUs needed_from_us) {
  std::vector<std::shared_ptr<const RemoveFile>> removed;
  state.tombstones.each([&](const auto& file) {
    if (file->deletion_time_ms < needed_from_us / base::kUsPerMs) removed.push_back(file);
  });
  if (removed.empty()) return 0;
  const auto needed = TRY(needed_paths(state, needed_from_us));
  int deleted = 0;
  std::unordered_set<std::string_view> gone;
  for (const auto& file : removed) {
    const std::string path = own_path(file->path);
    if (needed.contains(path)) continue;  // it lives on with another deletion vector
    gone.insert(file->path);
    if (!is_data_file(path) || !store_.head(path_ + "/" + path)) continue;
    TRY(store_.remove(path_ + "/" + path));
    ++deleted;
  }
  if (!gone.empty()) forget_tombstones(gone);
  return deleted;
}

Result<int> StoreTable::clean_log(std::optional<std::int64_t> keep_us, base::TimestampUs now_us) {
  const auto snapshot = TRY(refresh());
  const State& state = snapshot->state();
  TRY(check_writable(state.protocol, *state.metadata));
  const std::int64_t kept_us =
      interval_us(*state.metadata, "delta.logRetentionDuration", keep_us.value_or(kLogRetentionUs));
  const auto& configuration = state.metadata->configuration;
  const auto enabled = configuration.find("delta.enableExpiredLogCleanup");
  if (enabled != configuration.end() && enabled->second == "false") return 0;
  const std::scoped_lock lock(vacuum_mutex_);
  const auto objects = TRY(store_.list(log_folder(path_)));
  const LogListing listing = read_listing(path_, objects);
  const Checkpoint* from = nullptr;  // the newest that is old enough
  for (const Checkpoint& one : listing.checkpoints) {
    const auto time = listing.commits.find(one.version);
    if (time == listing.commits.end() || time->second > now_us - kept_us) continue;
    from = &one;
    break;
  }
  if (!from) return 0;
  // What goes cannot come back: the checkpoint is read before anything depends on it alone.
  TRY(read_checkpoint(store_, database_, path_, *from));
  int deleted = 0;
  const std::size_t folder_size = log_folder(path_).size();
  for (const auto& object : objects) {
    const std::string_view name = std::string_view(object.key).substr(folder_size);
    const Version version = version_of(name);
    if (version < 0 || version >= from->version) continue;
    TRY(store_.remove(object.key));
    ++deleted;
  }
  return deleted;
}

}  // namespace lake
