// A Delta Lake table: snapshots, transactions, time travel. The only way in which Waybill touches
// tables. Source: the Delta transaction log protocol, delta-io/delta PROTOCOL.md.
//
// Threads: a Table may be used from any thread (it keeps the newest snapshot in memory and advances
// it by what a commit added, never by re-reading); a Transaction by one thread.
// Invariant: a table that Waybill creates has reader version 1 and writer version 2, so that every
// engine can read and write it, unless its properties ask for more (CHECK constraints, column
// mapping, deletion vectors, change data feed). A table that needs a feature this library does not
// know is refused by that feature's name (kUnsupported).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "columns/batch.h"
#include "lake/maintenance.h"
#include "sql/database.h"
#include "storage/object_store.h"

namespace lake {

using Version = std::int64_t;

// An `add` action. Statistics are the protocol's JSON text (numRecords, minValues, …).
struct AddFile {
  std::string path;  // relative to the table, not URI-encoded
  // By physical column names, which column mapping can make different from the logical ones.
  std::map<std::string, std::optional<std::string>> partition_values = {};
  std::int64_t size = 0;
  std::int64_t modification_time_ms = 0;
  bool data_change = true;
  std::string stats = {};
  std::map<std::string, std::string> tags = {};
  // The action's deletionVector as JSON; "" = none.
  std::string deletion_vector = {};
  // numRecords without the rows that the deletion vector takes away; -1 when unknown.
  std::int64_t rows() const;
};

// A file of _change_data: changed rows with their _change_type.
struct ChangeFile {
  std::string path;
  std::map<std::string, std::optional<std::string>> partition_values = {};
  std::int64_t size = 0;
};

struct Metadata {
  std::string id;
  std::string name;
  columns::Schema schema;
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> configuration;  // delta.* and waybill.*
  // The Spark JSON as it stands in the log. Types that columns::Type does not have (decimal, array,
  // struct, map …) show in `schema` as their nearest type, or string; scans keep the real ones. For
  // set_metadata: a field of `schema` that differs from it is printed anew.
  std::string schema_string = {};
  std::string description = {};
  std::int64_t created_time_ms = 0;
};

// The table at one version. Immutable and cheap to copy (shared).
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Version version() const = 0;
  virtual base::TimestampUs timestamp_us() const = 0;  // of its commit
  virtual const Metadata& metadata() const = 0;
  virtual const std::vector<AddFile>& files() const = 0;
  // The newest version that this application committed; -1 when none (Delta `txn`).
  virtual std::int64_t transaction_version(const std::string& app_id) const = 0;
  // A SELECT for DuckDB that gives exactly this snapshot's rows, columns in schema order, partition
  // columns from the log; an empty typed SELECT when there are no files. Files whose statistics
  // exclude `only_partitions` (column -> values, as partition value text) are left out.
  virtual std::string scan_sql() const = 0;
  virtual std::string scan_sql(const std::map<std::string, std::vector<std::optional<std::string>>>&
                                   only_partitions) const = 0;
  // The same columns without the files: to be described, not run (it fails then).
  virtual std::string shape_sql() const = 0;
  // Keeps the files that scan_sql() reads where they are. Making scan_sql() brings them on S3 and
  // keeps them for storage::kFetchHoldUs: for whoever reads for longer than that.
  virtual base::Result<storage::Hold> fetch() const = 0;
  virtual std::int64_t rows() const = 0;  // sum of numRecords; -1 when a file does not say
  virtual std::int64_t bytes() const = 0;
};

struct CommitInfo {
  std::string operation;  // "WRITE", "STREAMING UPDATE", "MERGE", "OPTIMIZE", "CREATE TABLE", …
  nlohmann::json parameters = nlohmann::json::object();
  std::map<std::string, std::string> user_metadata = {};  // run id, model version
};

// Optimistic: stages changes against the snapshot it began from and commits them at once.
class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual const Snapshot& base() const = 0;
  virtual void add(AddFile file) = 0;
  // The same for a file that was written and is not durable yet: commit() syncs it.
  virtual void add_unsynced(AddFile file) = 0;
  virtual void remove(const AddFile& file, bool data_change = true) = 0;
  virtual void set_transaction(const std::string& app_id, std::int64_t version) = 0;
  // A new schema or configuration in the same commit.
  virtual void set_metadata(Metadata metadata) = 0;
  // What this transaction has read: a winning commit that changed it is a conflict. Blind appends
  // read nothing. An empty list of partitions with `whole_table` reads everything.
  virtual void read_whole_table() = 0;
  virtual void read_partitions(
      std::vector<std::map<std::string, std::optional<std::string>>> partitions) = 0;
  // The same by a condition: files that come meanwhile and satisfy it are a conflict, and so are
  // removals of the files with these paths.
  virtual void read_where(std::function<bool(const AddFile&)> may_match) = 0;
  virtual void read_files(const std::vector<std::string>& paths) = 0;
  // A file of changed rows that describes this commit to readers of the change data feed.
  virtual void add_change(ChangeFile file) = 0;
  // Writes the next version. Lost races are rebased and retried with jitter until `deadline_ms`;
  // kConflict names the winning version and why it conflicts (Delta's conflict rules, in Spark's
  // order: protocol, metadata, txn, added files, removed files). kAlreadyExists when the txn's
  // version is not newer than the table's: this work is already committed.
  virtual base::Result<Version> commit(const CommitInfo& info) = 0;
};

struct HistoryEntry {
  Version version;
  base::TimestampUs timestamp_us;
  std::string operation;
  nlohmann::json commit_info;  // the whole commitInfo action
};

class Table {
 public:
  virtual ~Table() = default;

  // kNotFound when there is no table at `path` (a key prefix of the store).
  static base::Result<std::shared_ptr<Table>> open(storage::ObjectStore& store,
                                                   sql::Database& database,
                                                   const std::string& path);
  struct CreateOptions {
    std::string name;
    columns::Schema schema;
    std::vector<std::string> partition_columns = {};
    std::map<std::string, std::string> configuration = {};
  };
  // kAlreadyExists when there is one.
  static base::Result<std::shared_ptr<Table>> create(storage::ObjectStore& store,
                                                     sql::Database& database,
                                                     const std::string& path,
                                                     const CreateOptions& options);

  virtual const std::string& path() const = 0;
  // The newest version; `refresh` looks for commits of other processes (one list call).
  virtual base::Result<std::shared_ptr<const Snapshot>> snapshot(bool refresh = true) = 0;
  virtual base::Result<std::shared_ptr<const Snapshot>> snapshot_at(Version version) = 0;
  // The newest version committed at or before that time.
  virtual base::Result<std::shared_ptr<const Snapshot>> snapshot_as_of(
      base::TimestampUs time_us) = 0;
  virtual base::Result<std::unique_ptr<Transaction>> begin() = 0;
  virtual base::Result<std::vector<HistoryEntry>> history(std::size_t most) = 0;

  // Stages the rows of a SELECT as Parquet files (zstd) in this table's folder: split by the
  // partition columns, columns in table order, statistics collected, durable when it returns. The
  // files are invisible until a transaction adds them. The query runs on `connection`, so that it
  // sees that connection's temporary tables. Empty result: no files. Stable rows order.
  virtual base::Result<std::vector<AddFile>> stage(sql::Connection& connection,
                                                   const std::string& select) = 0;

  // Rewrites small files (below `small_bytes`) into larger ones, dataChange=false; never conflicts
  // with appends. Returns the number of files replaced; 0 = nothing to do.
  virtual base::Result<int> compact(std::int64_t small_bytes = 16 << 20, int files_min = 8) = 0;
  // The same, or all files in the Z-order of some columns; the rows that deletion vectors took away
  // leave the files, too.
  virtual base::Result<int> optimize(const OptimizeOptions& options) = 0;
  // Deletes data files that no version within `keep_us` refers to, and stale staged files.
  virtual base::Result<int> vacuum(std::int64_t keep_us, base::TimestampUs now_us) = 0;
  // The same with its guards, always with a look at the whole folder. kInvalid when it would keep
  // less than the table promises to its readers.
  virtual base::Result<Vacuumed> vacuum(const VacuumOptions& options) = 0;
  // Deletes the log's files before the newest complete checkpoint that is older than
  // delta.logRetentionDuration (`keep_us`, or 30 days, when the table does not say): versions
  // before it can no longer be read. Returns how many.
  virtual base::Result<int> clean_log(std::optional<std::int64_t> keep_us,
                                      base::TimestampUs now_us) = 0;
  // Looks for what is wrong: gaps in the log, unreadable checkpoints, files that are missing or of
  // another size, deletion vectors that cannot be read.
  virtual base::Result<std::vector<Finding>> check() = 0;
};

}  // namespace lake
