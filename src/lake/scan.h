// The SELECT that gives a state's rows. Builds text; only deletion vectors are read.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lake/deletion_vectors.h"
#include "lake/state.h"

namespace lake {

// Tags of files that Waybill writes: the partition columns stand in the file, too, and the file has
// exactly the columns of the schema with this tag. Such files need no look at their footers.
inline constexpr const char* kPartitionTag = "waybill.partitionColumns";
inline constexpr const char* kPartitionTagMaterialized = "materialized";
inline constexpr const char* kSchemaTag = "waybill.schema";

using PartitionFilter = std::map<std::string, std::vector<std::optional<std::string>>>;
using Files = std::vector<std::shared_ptr<const AddFile>>;

// Whether a file can have rows of these partitions. Columns that do not partition the table filter
// nothing.
bool in_partitions(const State& state, const AddFile& file, const PartitionFilter& only_partitions);

// Where a table's files lie.
struct FileSource {
  storage::ObjectStore& store;
  std::string path;    // the table's, in the store
  std::string folder;  // what DuckDB calls the table's folder, without a slash at the end
  std::shared_ptr<DeletionVectors> deletion_vectors;
};

// Makes files readable where SELECTs look for them while the hold lives (object_store.h). On a
// local disk there is nothing to do.
base::Result<storage::Hold> fetch_files(const FileSource& source, const Files& files);

// The files that a SELECT reads are fetched when it is made, and stay for storage::kFetchHoldUs;
// who reads for longer holds them with fetch_files(). One that cannot be fetched, or a deletion
// vector that cannot be read, makes the SELECT fail with its error: it never gives rows that are
// gone, nor fewer. So does a file outside of the table's folder.
std::string scan_sql(const State& state, const FileSource& source,
                     const PartitionFilter& only_partitions);
// The columns of scan_sql() without its files: to be described, not run (it fails then).
std::string shape_sql(const State& state);
// The same for some files only.
std::string scan_files_sql(const State& state, const FileSource& source, const Files& files);

// Names of the two columns that tell rows apart.
inline constexpr const char* kFileColumn = "__waybill_file";  // index in `files`
inline constexpr const char* kRowColumn = "__waybill_row";    // from 0, within the file
struct NumberedScan {
  std::string sql;          // the table's columns, then the two
  Files files;              // in the order that kFileColumn counts
  storage::Hold held = {};  // keeps them where they are
};
NumberedScan scan_numbered_sql(const State& state, const FileSource& source, const Files& files);

// Part of "CAST('value' AS type)" for a partition value of the log; timestamps without an offset
// are UTC.
std::string partition_literal(const SparkField& field, const std::optional<std::string>& value);

// Whether a path of the log is that of a data file in the table's folder: others are never read, so
// that a log cannot show what is not its table's.
bool is_own_file(const std::string& folder, const std::string& path);
// 'text' where DuckDB takes a file name: characters of patterns escaped.
std::string quote_file(const std::string& folder, const std::string& path);

}  // namespace lake
