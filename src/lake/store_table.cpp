#include "lake/store_table.h"

#include <algorithm>

#include "base/logging.h"
#include "base/uuid.h"
#include "lake/checkpoint.h"
#include "lake/evolution.h"
#include "lake/protocol.h"
#include "lake/stage.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr std::int64_t kLogAgeMinUs = 60 * base::kUsPerSecond;  // younger versions stay in the log
constexpr std::size_t kRecentMax = 16;
constexpr std::size_t kCommitsMax = 64;
constexpr Version kCheckpointInterval = 10;
// A checkpoint writes the whole state: large tables wait longer, so that its cost per commit stays
// about that of this many actions.
constexpr std::size_t kCheckpointActionsPerCommit = 100;

}  // namespace

StoreTable::StoreTable(storage::ObjectStore& store, sql::Database& database, std::string path,
                       State state)
    : store_(store),
      database_(database),
      path_(std::move(path)),
      source_{.store = store,
              .path = path_,
              .folder = store.url(path_),
              .deletion_vectors = std::make_shared<DeletionVectors>(store, path_)},
      newest_(std::make_shared<const StateSnapshot>(std::move(state), source_)),
      checkpoint_version_(std::max<Version>(newest_->state().checkpoint_version, 0)) {}

std::shared_ptr<const StateSnapshot> StoreTable::newest() const {
  const std::scoped_lock lock(state_mutex_);
  return newest_;
}

Result<> StoreTable::take(Version version, base::TimestampUs time_us,
                          std::shared_ptr<const Commit> commit) {
  auto state = advance(newest()->state(), version, time_us, *commit);
  if (!state) return std::unexpected(std::move(state).error().in("the table " + path_));
  auto next = std::make_shared<const StateSnapshot>(std::move(*state), source_);
  const std::scoped_lock lock(state_mutex_);
  recent_.push_back(std::move(newest_));
  if (recent_.size() > kRecentMax) recent_.pop_front();
  commits_.emplace_back(version, std::move(commit));
  if (commits_.size() > kCommitsMax) commits_.pop_front();
  newest_ = std::move(next);
  return {};
}

Result<> StoreTable::refresh_locked() {
  while (true) {
    const Version next = newest()->version() + 1;
    auto file = read_commit(store_, path_, next);
    if (!file && file.error().code == Code::kNotFound) return reload_if_cleaned();
    if (!file) return std::unexpected(std::move(file).error());
    TRY(take(next, file->modified_us, std::make_shared<const Commit>(std::move(file->commit))));
  }
}

// No next version may also mean that others have committed it and cleaned it up since: writing it
// then would put a version below those that there are.
Result<> StoreTable::reload_if_cleaned() {
  const auto known = newest();
  if (base::SystemClock().now_us() - known->timestamp_us() < kLogAgeMinUs) return {};
  const auto own = store_.head(commit_key(path_, known->version()));
  if (own || own.error().code != Code::kNotFound) return {};
  State state = TRY(load_state(store_, database_, path_, std::nullopt));
  if (state.version <= known->version()) return {};
  auto next = std::make_shared<const StateSnapshot>(std::move(state), source_);
  const std::scoped_lock lock(state_mutex_);
  recent_.clear();
  commits_.clear();
  newest_ = std::move(next);
  return {};
}

Result<std::shared_ptr<const StateSnapshot>> StoreTable::refresh() {
  const std::scoped_lock lock(refresh_mutex_);
  TRY(refresh_locked());
  return newest();
}

Result<> StoreTable::publish(Version version, Commit commit) {
  const std::scoped_lock lock(refresh_mutex_);
  if (newest()->version() + 1 != version) return refresh_locked();
  const auto info = store_.head(commit_key(path_, version));
  const base::TimestampUs time_us = info ? info->modified_us : base::SystemClock().now_us();
  return take(version, time_us, std::make_shared<const Commit>(std::move(commit)));
}

Result<std::shared_ptr<const Commit>> StoreTable::commit_at(Version version) {
  {
    const std::scoped_lock lock(state_mutex_);
    for (const auto& [known, commit] : commits_) {
      if (known == version) return commit;
    }
  }
  auto file = TRY(read_commit(store_, path_, version));
  return std::make_shared<const Commit>(std::move(file.commit));
}

Result<std::shared_ptr<const Snapshot>> StoreTable::snapshot(bool refresh) {
  if (!refresh) return newest();
  return TRY(this->refresh());
}

Result<std::shared_ptr<const Snapshot>> StoreTable::snapshot_at(Version version) {
  if (version > newest()->version()) TRY(refresh());
  {
    const std::scoped_lock lock(state_mutex_);
    if (newest_->version() == version) return newest_;
    for (const auto& snapshot : recent_) {
      if (snapshot->version() == version) return snapshot;
    }
  }
  return std::make_shared<const StateSnapshot>(TRY(load_state(store_, database_, path_, version)),
                                               source_);
}

Result<std::shared_ptr<const Snapshot>> StoreTable::snapshot_as_of(base::TimestampUs time_us) {
  const LogListing listing = TRY(list_log(store_, path_));
  Version found = -1;
  for (const auto& [version, committed_us] : listing.commits) {
    if (committed_us <= time_us) found = std::max(found, version);
  }
  if (found < 0) {
    const base::TimestampUs first_us =
        listing.commits.empty() ? newest()->timestamp_us() : listing.commits.begin()->second;
    return base::fail_with(
        Code::kNotFound,
        fmt::format("the table {} has no version at {}", path_, base::format_rfc3339(time_us)),
        "ask for a time from " + base::format_rfc3339(first_us) + " on");
  }
  return snapshot_at(found);
}

Result<std::unique_ptr<Transaction>> StoreTable::begin() {
  auto base = TRY(refresh());
  auto writable = check_writable(base->state().protocol, base->metadata());
  if (!writable) return std::unexpected(std::move(writable).error().in(path_));
  return make_transaction(shared_from_this(), std::move(base));
}

Result<std::vector<HistoryEntry>> StoreTable::history(std::size_t most) {
  const LogListing listing = TRY(list_log(store_, path_));
  std::vector<HistoryEntry> entries;
  for (auto it = listing.commits.rbegin(); it != listing.commits.rend(); ++it) {
    if (entries.size() >= most) break;
    const auto commit = TRY(commit_at(it->first));
    entries.push_back({.version = it->first,
                       .timestamp_us = it->second,
                       .operation = commit->info.is_object() ? commit->info.value("operation", "")
                                                             : std::string(),
                       .commit_info = commit->info});
  }
  return entries;
}

Result<std::vector<AddFile>> StoreTable::stage(sql::Connection& connection,
                                               const std::string& select) {
  return stage_rows(store_, connection, path_, newest()->state(), select);
}

void StoreTable::forget_tombstones(const std::unordered_set<std::string_view>& paths) {
  const std::scoped_lock lock(refresh_mutex_);
  State state = newest()->state();
  state.tombstones.erase(paths, [](const RemoveFile&) {});
  auto next = std::make_shared<const StateSnapshot>(std::move(state), source_);
  const std::scoped_lock state_lock(state_mutex_);
  newest_ = std::move(next);
}

Version StoreTable::checkpoint_interval(const State& state) const {
  Version interval = kCheckpointInterval;
  const auto& configuration = state.metadata->configuration;
  if (const auto it = configuration.find("delta.checkpointInterval"); it != configuration.end()) {
    interval = std::max<Version>(1, std::atoll(it->second.c_str()));
  }
  const std::size_t actions = state.files.size() + state.tombstones.size();
  return std::max(interval, static_cast<Version>(actions / kCheckpointActionsPerCommit));
}

void StoreTable::checkpoint_if_due() {
  const std::unique_lock lock(checkpoint_mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  const auto snapshot = newest();
  const State& state = snapshot->state();
  if (state.version - checkpoint_version_ < checkpoint_interval(state)) return;
  const auto written = write_checkpoint(store_, database_, path_, state);
  if (!written) spdlog::warn("lake: no checkpoint of {}: {}", path_, written.error().to_string());
  checkpoint_version_ = state.version;
}

Result<std::shared_ptr<Table>> Table::open(storage::ObjectStore& store, sql::Database& database,
                                           const std::string& path) {
  State state = TRY(load_state(store, database, path, std::nullopt));
  return std::make_shared<StoreTable>(store, database, path, std::move(state));
}

namespace {

Result<> check_options(const Table::CreateOptions& options) {
  const auto refuse = [&](std::string message, std::string mend) {
    return base::fail_with(Code::kInvalid, "cannot create the table: " + std::move(message),
                           std::move(mend));
  };
  if (options.schema.fields.empty()) return refuse("it has no columns", "give it at least one");
  for (std::size_t i = 0; i < options.schema.fields.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
      if (std::ranges::equal(options.schema.fields[i].name, options.schema.fields[j].name, same)) {
        return refuse("two columns are named " + options.schema.fields[i].name,
                      "rename one; upper and lower case do not tell columns apart");
      }
    }
  }
  for (const std::string& column : options.partition_columns) {
    const auto index = options.schema.find(column);
    if (!index) {
      return refuse("the partition column " + column + " is none of its columns",
                    "add it to the columns");
    }
    if (options.schema.fields[*index].type == columns::Type::kBytes) {
      return refuse("bytes cannot partition it (column " + column + ")", "use text");
    }
  }
  if (options.partition_columns.size() >= options.schema.fields.size()) {
    return refuse("every column is a partition column", "leave one that is not");
  }
  return {};
}

Result<Commit> first_commit(const Table::CreateOptions& options) {
  Commit commit;
  const std::int64_t now_ms = base::SystemClock().now_us() / base::kUsPerMs;
  commit.metadata = Metadata{.id = base::new_uuid(),
                             .name = options.name,
                             .schema = options.schema,
                             .partition_columns = options.partition_columns,
                             .configuration = options.configuration,
                             .schema_string = print_spark_schema(options.schema),
                             .description = {},
                             .created_time_ms = now_ms};
  commit.protocol = TRY(protocol_for(*commit.metadata));
  if (TRY(column_mapping(options.configuration)) != ColumnMapping::kNone) {
    TRY(assign_mapping(*commit.metadata));
  }
  commit.info = {
      {"timestamp", now_ms},
      {"operation", "CREATE TABLE"},
      {"operationParameters", {{"partitionBy", nlohmann::json(options.partition_columns).dump()}}},
      {"isolationLevel", "Serializable"},
      {"isBlindAppend", true},
      {"engineInfo", "Waybill/0.1.0"},
      {"txnId", base::new_uuid()}};
  return commit;
}

}  // namespace

Result<std::shared_ptr<Table>> Table::create(storage::ObjectStore& store, sql::Database& database,
                                             const std::string& path,
                                             const CreateOptions& options) {
  TRY(check_options(options));
  const auto exists = [&] {
    return base::fail_with(Code::kAlreadyExists, fmt::format("there is a table at {}", path),
                           "open it, or choose another name");
  };
  // A table whose first versions were cleaned up still has its checkpoints.
  const LogListing listing = TRY(list_log(store, path));
  if (!listing.commits.empty() || !listing.checkpoints.empty()) return exists();
  const Commit commit = TRY(first_commit(options));
  if (auto written = write_commit(store, path, 0, commit); !written) {
    if (written.error().code == Code::kAlreadyExists) return exists();
    return std::unexpected(std::move(written).error());
  }
  return open(store, database, path);
}

}  // namespace lake
