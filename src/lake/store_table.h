// The Table over an object store, and its transactions.
//
// Threads: see table.h. Lock order: commit, refresh, state.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "lake/conflict.h"
#include "lake/log_reader.h"
#include "lake/snapshot.h"
#include "lake/table.h"

namespace lake {

class StoreTable final : public Table, public std::enable_shared_from_this<StoreTable> {
 public:
  StoreTable(storage::ObjectStore& store, sql::Database& database, std::string path, State state);

  const std::string& path() const override { return path_; }
  base::Result<std::shared_ptr<const Snapshot>> snapshot(bool refresh) override;
  base::Result<std::shared_ptr<const Snapshot>> snapshot_at(Version version) override;
  base::Result<std::shared_ptr<const Snapshot>> snapshot_as_of(base::TimestampUs time_us) override;
  base::Result<std::unique_ptr<Transaction>> begin() override;
  base::Result<std::vector<HistoryEntry>> history(std::size_t most) override;
  base::Result<std::vector<AddFile>> stage(sql::Connection& connection,
                                           const std::string& select) override;
  base::Result<int> compact(std::int64_t small_bytes, int files_min) override;
  base::Result<int> optimize(const OptimizeOptions& options) override;
  base::Result<int> vacuum(std::int64_t keep_us, base::TimestampUs now_us) override;
  base::Result<Vacuumed> vacuum(const VacuumOptions& options) override;
  base::Result<int> clean_log(std::optional<std::int64_t> keep_us,
                              base::TimestampUs now_us) override;
  base::Result<std::vector<Finding>> check() override;

  // For transactions: held during a commit, so that writers of one process do not race each other.
  std::mutex& commit_mutex() { return commit_mutex_; }
  storage::ObjectStore& store() { return store_; }
  sql::Database& database() { return database_; }
  const FileSource& source() const { return source_; }
  std::shared_ptr<const StateSnapshot> newest() const;
  // Takes in what others have committed.
  base::Result<std::shared_ptr<const StateSnapshot>> refresh();
  base::Result<std::shared_ptr<const Commit>> commit_at(Version version);
  // Takes in a commit of this process that is in the log now.
  base::Result<> publish(Version version, Commit commit);
  // Writes a checkpoint when enough has been committed since the last one. Failures are logged:
  // the log is whole without it.
  void checkpoint_if_due();
  // Joins small files where delta.autoOptimize.autoCompact is set and there are many. A conflict or
  // failure is nobody's loss: the next one tries again.
  void compact_if_due();
  // Drops the tombstones of files that are gone from the disk: nobody can need them.
  void forget_tombstones(const std::unordered_set<std::string_view>& paths);

 private:
  base::Result<> take(Version version, base::TimestampUs time_us,
                      std::shared_ptr<const Commit> commit);
  base::Result<> refresh_locked();
  base::Result<> reload_if_cleaned();
  std::string own_path(const std::string& path) const;
  base::Result<int> delete_removed(const State& state, base::TimestampUs needed_from_us);
  base::Result<std::unordered_set<std::string>> needed_paths(
      const State& state, base::TimestampUs needed_from_us) const;
  base::Result<std::vector<AddFile>> rewrite_bin(sql::Connection& connection, const State& state,
                                                 const OptimizeOptions& options,
                                                 const PartitionValues& values, const Files& files,
                                                 std::int64_t bytes);
  Version checkpoint_interval(const State& state) const;
  void check_file(sql::Connection& connection, const AddFile& file, std::vector<Finding>& findings);

  storage::ObjectStore& store_;
  sql::Database& database_;
  const std::string path_;
  const FileSource source_;

  std::mutex commit_mutex_;
  std::mutex checkpoint_mutex_;
  std::mutex vacuum_mutex_;
  std::mutex refresh_mutex_;  // one thread at a time reads the log's end
  mutable std::mutex state_mutex_;
  std::shared_ptr<const StateSnapshot> newest_;
  std::deque<std::shared_ptr<const StateSnapshot>> recent_;                // newest last
  std::deque<std::pair<Version, std::shared_ptr<const Commit>>> commits_;  // newest last
  Version checkpoint_version_;
  base::TimestampUs vacuum_listed_us_ = 0;
};

std::unique_ptr<Transaction> make_transaction(std::shared_ptr<StoreTable> table,
                                              std::shared_ptr<const StateSnapshot> base);

// Writes one version, and before it syncs the files with the keys `unsynced`. kAlreadyExists when
// somebody else has it. After an error whose outcome is not known the version is read back and told
// by its commitInfo.txnId.
base::Result<> write_commit(storage::ObjectStore& store, const std::string& table_path,
                            Version version, const Commit& commit,
                            const std::vector<std::string>& unsynced = {});

}  // namespace lake
