#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <unordered_set>

#include "base/uuid.h"
#include "lake/protocol.h"
#include "lake/store_table.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr std::chrono::milliseconds kDeadline{30'000};
constexpr std::chrono::milliseconds kBackoffFirst{2};
constexpr std::chrono::milliseconds kBackoffMax{200};

// Other processes race for the same version: a random pause lets one of them be first.
void pause(int attempt) {
  thread_local std::mt19937 random(std::random_device{}());
  const auto most = std::min(kBackoffMax, kBackoffFirst * (1 << std::min(attempt, 10)));
  std::uniform_int_distribution<std::int64_t> microseconds(0, most.count() * 1000);
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
}

class StoreTransaction final : public Transaction {
 public:
  StoreTransaction(std::shared_ptr<StoreTable> table, std::shared_ptr<const StateSnapshot> base)
      : table_(std::move(table)), base_(std::move(base)) {}

  const Snapshot& base() const override { return *base_; }
  void add(AddFile file) override { commit_.adds.push_back(std::move(file)); }
  void add_unsynced(AddFile file) override {
    unsynced_.push_back(table_->path() + "/" + file.path);
    add(std::move(file));
  }
  void remove(const AddFile& file, bool data_change) override {
    intent_.removed_paths.insert(file.path);
    commit_.removes.push_back({.path = file.path,
                               .deletion_time_ms = 0,
                               .data_change = data_change,
                               .partition_values = file.partition_values,
                               .size = file.size,
                               .deletion_vector = file.deletion_vector});
  }
  void set_transaction(const std::string& app_id, std::int64_t version) override {
    intent_.app_ids.insert(app_id);
    std::erase_if(commit_.transactions, [&](const auto& one) { return one.app_id == app_id; });
    commit_.transactions.push_back({.app_id = app_id, .version = version, .last_updated_ms = 0});
  }
  void set_metadata(Metadata metadata) override { commit_.metadata = std::move(metadata); }
  void read_whole_table() override { intent_.reads_whole_table = true; }
  void read_partitions(std::vector<PartitionValues> partitions) override {
    std::ranges::move(partitions, std::back_inserter(intent_.read_partitions));
  }
  void read_where(std::function<bool(const AddFile&)> may_match) override {
    intent_.read_where.push_back(std::move(may_match));
  }
  void read_files(const std::vector<std::string>& paths) override {
    intent_.read_paths.insert(paths.begin(), paths.end());
  }
  void add_change(ChangeFile file) override { commit_.changes.push_back(std::move(file)); }
  Result<Version> commit(const CommitInfo& info) override;

 private:
  Result<> check();
  Result<> check_metadata();
  void describe(const CommitInfo& info);
  void stamp();
  Result<> check_done(const State& head) const;
  Result<> check_winners(Version from, Version to);
  bool blind() const {
    return commit_.removes.empty() && !commit_.metadata && !intent_.reads_whole_table &&
           intent_.read_partitions.empty() && intent_.read_where.empty() &&
           intent_.read_paths.empty();
  }

  std::shared_ptr<StoreTable> table_;
  std::shared_ptr<const StateSnapshot> base_;
  Intent intent_;
  Commit commit_;
  std::vector<std::string> unsynced_;  // keys
};

Result<> StoreTransaction::check_metadata() {
  Metadata& metadata = *commit_.metadata;
  if (metadata.partition_columns != base_->metadata().partition_columns) {
    return base::fail_with(Code::kInvalid, "the partition columns of a table cannot be changed",
                           "create a new table and copy the rows");
  }
  const std::string& old =
      metadata.schema_string.empty() ? base_->metadata().schema_string : metadata.schema_string;
  if (metadata.schema_string.empty() ||
      to_schema(TRY(parse_spark_schema(metadata.schema_string))) != metadata.schema) {
    metadata.schema_string = TRY(update_spark_schema(old, metadata.schema));
  }
  return check_writable(base_->state().protocol, metadata);
}

// What holds for this transaction alone.
Result<> StoreTransaction::check() {
  if (commit_.metadata) TRY(check_metadata());
  const auto& partition_columns = base_->metadata().partition_columns;
  std::unordered_set<std::string_view> added;
  for (const AddFile& file : commit_.adds) {
    const bool fits =
        file.partition_values.size() == partition_columns.size() &&
        std::ranges::all_of(partition_columns, [&](const std::string& column) {
          return file.partition_values.contains(physical_name(base_->state(), column));
        });
    if (!fits) {
      return base::fail(Code::kInvalid, "the file {} does not have the table's partition columns",
                        file.path);
    }
    if (!added.insert(file.path).second) {
      return base::fail(Code::kInvalid, "the file {} is added twice", file.path);
    }
  }
  const std::unordered_set<std::string_view> removed(intent_.removed_paths.begin(),
                                                     intent_.removed_paths.end());
  if (base_->state().files.count(removed) != removed.size() ||
      removed.size() != commit_.removes.size()) {
    return base::fail(Code::kInvalid, "a removed file is not in version {}, or is removed twice",
                      base_->version());
  }
  const auto& configuration = base_->metadata().configuration;
  const auto append_only = configuration.find("delta.appendOnly");
  const bool changes = std::ranges::any_of(commit_.removes, &RemoveFile::data_change);
  if (changes && append_only != configuration.end() && append_only->second == "true") {
    return base::fail_with(Code::kInvalid,
                           fmt::format("the table {} is append-only", table_->path()),
                           "set its property delta.appendOnly to false");
  }
  return {};
}

void StoreTransaction::describe(const CommitInfo& info) {
  json parameters = json::object();
  for (const auto& [key, value] : info.parameters.items()) {
    parameters[key] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  commit_.info = {{"timestamp", 0},
                  {"operation", info.operation},
                  {"operationParameters", std::move(parameters)},
                  {"readVersion", base_->version()},
                  {"isolationLevel", "Serializable"},
                  {"isBlindAppend", blind()},
                  {"engineInfo", "Waybill/0.1.0"},
                  {"txnId", base::new_uuid()}};
  if (!info.user_metadata.empty()) {
    commit_.info["userMetadata"] = json(info.user_metadata).dump();
  }
}

// Vacuum counts from the deletion time: it is that of the attempt, not of the first one.
void StoreTransaction::stamp() {
  const std::int64_t time_ms = base::SystemClock().now_us() / base::kUsPerMs;
  commit_.info["timestamp"] = time_ms;
  for (RemoveFile& file : commit_.removes) file.deletion_time_ms = time_ms;
  for (AppTransaction& one : commit_.transactions) one.last_updated_ms = time_ms;
}

Result<> StoreTransaction::check_done(const State& head) const {
  for (const AppTransaction& mine : commit_.transactions) {
    const auto it = head.transactions->find(mine.app_id);
    if (it == head.transactions->end() || it->second.version < mine.version) continue;
    return base::fail(Code::kAlreadyExists,
                      "the table {} has version {} of the application {} already; this is {}",
                      table_->path(), it->second.version, mine.app_id, mine.version);
  }
  return {};
}

Result<> StoreTransaction::check_winners(Version from, Version to) {
  for (Version version = from; version <= to; ++version) {
    const auto found = table_->commit_at(version);
    if (!found && found.error().code == Code::kNotFound) {
      return base::fail_with(
          Code::kConflict,
          fmt::format("{}: version {} is no longer in the log", table_->path(), version),
          "read the table again and repeat the change");
    }
    const auto winner = TRY(found);
    auto holds = check_conflict(intent_, version, *winner);
    if (!holds) return std::unexpected(std::move(holds).error().in(table_->path()));
  }
  return {};
}

Result<Version> StoreTransaction::commit(const CommitInfo& info) {
  TRY(check());
  describe(info);
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  std::unique_lock queue(table_->commit_mutex());
  Version checked = base_->version();
  for (int attempt = 0;; ++attempt) {
    const auto head = TRY(table_->refresh());
    TRY(check_done(head->state()));
    TRY(check_winners(checked + 1, head->version()));
    checked = head->version();
    const Version next = checked + 1;
    stamp();
    const auto written = write_commit(table_->store(), table_->path(), next, commit_, unsynced_);
    if (written) {
      // It is committed; a snapshot that cannot follow it is the next reader's error.
      static_cast<void>(table_->publish(next, std::move(commit_)));
      queue.unlock();
      table_->checkpoint_if_due();
      return next;
    }
    if (written.error().code != Code::kAlreadyExists) return std::unexpected(written.error());
    unsynced_.clear();
    if (std::chrono::steady_clock::now() > deadline) {
      return base::fail_with(
          Code::kUnavailable,
          fmt::format("cannot commit to {}: {} attempts lost the race against other processes",
                      table_->path(), attempt + 1),
          "commit again, or let fewer processes write this table");
    }
    pause(attempt);
  }
}

}  // namespace

std::unique_ptr<Transaction> make_transaction(std::shared_ptr<StoreTable> table,
                                              std::shared_ptr<const StateSnapshot> base) {
  return std::make_unique<StoreTransaction>(std::move(table), std::move(base));
}

Result<> write_commit(storage::ObjectStore& store, const std::string& table_path, Version version,
                      const Commit& commit, const std::vector<std::string>& unsynced) {
  const std::string key = commit_key(table_path, version);
  auto written = unsynced.empty()
                     ? store.put_if_absent(key, print_commit(commit))
                     : store.sync_and_put_if_absent(unsynced, key, print_commit(commit));
  if (written) return {};
  // The write may have taken effect although it failed (a lost answer, a repeated request).
  const auto there = read_commit(store, table_path, version);
  if (there && there->commit.info.is_object() &&
      there->commit.info.value("txnId", "") == commit.info.value("txnId", "-")) {
    return {};
  }
  if (there) {
    // Whether the files are durable is told by the store's kAlreadyExists alone.
    if (!unsynced.empty() && written.error().code != Code::kAlreadyExists)
      return std::unexpected(std::move(written).error().in("cannot commit to " + table_path));
    return base::fail(Code::kAlreadyExists, "version {} of {} exists", version, table_path);
  }
  if (there.error().code == Code::kNotFound) {
    if (written.error().code == Code::kAlreadyExists) written.error().code = Code::kUnavailable;
    return std::unexpected(std::move(written).error().in("cannot commit to " + table_path));
  }
  return base::fail_with(
      Code::kUnavailable,
      fmt::format("version {} of {} may or may not be committed: {}; reading it back: {}", version,
                  table_path, written.error().to_string(), there.error().to_string()),
      "repeat the work: a commit that took effect is found by its application transaction");
}

}  // namespace lake
