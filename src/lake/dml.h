// Changes of a table's rows: each is one commit, or none.
//
// Threads: as the connection. Conditions and values are SQL on the connection, so that they see its
// temporary tables. A change that lost against another writer's is made again on the newest
// version, up to kAttemptsMax times; then kConflict. A failed change leaves no file behind, unless
// its outcome is not known (kUnavailable). Memory: rows that are looked up or rewritten go through
// DuckDB's temporary tables, which spill into its temporary directory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lake/table.h"

namespace lake {

inline constexpr int kAttemptsMax = 30;

struct Changed {
  Version version = -1;  // -1: nothing to change, nothing committed
  std::int64_t rows_inserted = 0;
  std::int64_t rows_updated = 0;
  std::int64_t rows_deleted = 0;
};

struct WriteOptions {
  // Columns that the table lacks are added to it, nullable. Otherwise they are an error.
  bool merge_schema = false;
  // The application's own version (Delta `txn`): kAlreadyExists when the table has it.
  std::string app_id = {};
  std::int64_t app_version = 0;
  std::map<std::string, std::string> user_metadata = {};
};

// Rows of a SELECT. Columns are matched by name; those that it lacks become null.
base::Result<Changed> append(Table& table, sql::Connection& connection, const std::string& select,
                             const WriteOptions& options = {});
// Replaces all rows.
base::Result<Changed> overwrite(Table& table, sql::Connection& connection,
                                const std::string& select, const WriteOptions& options = {});
// Replaces the rows of every partition that the SELECT has rows of.
base::Result<Changed> overwrite_partitions(Table& table, sql::Connection& connection,
                                           const std::string& select,
                                           const WriteOptions& options = {});
// Replaces the rows that satisfy the condition. kInvalid when a new row does not satisfy it.
base::Result<Changed> replace_where(Table& table, sql::Connection& connection,
                                    const std::string& condition, const std::string& select,
                                    const WriteOptions& options = {});

// A column and the SQL of its new value.
struct Assignment {
  std::string column;
  std::string value;
};

// An empty condition means all rows.
base::Result<Changed> delete_where(Table& table, sql::Connection& connection,
                                   const std::string& condition, const WriteOptions& options = {});
base::Result<Changed> update_where(Table& table, sql::Connection& connection,
                                   const std::vector<Assignment>& assignments,
                                   const std::string& condition, const WriteOptions& options = {});

// One WHEN of a MERGE. Of several for a row, the first whose condition holds is done.
struct MergeClause {
  enum class When { kMatched, kNotMatched, kNotMatchedBySource };
  enum class Do { kUpdate, kDelete, kInsert };
  When when = When::kMatched;
  Do what = Do::kUpdate;
  std::string condition = {};  // "" = always
  // Values may use target.column and source.column (source only for kInsert, target only for
  // kNotMatchedBySource). Empty for kUpdate and kInsert: every column, by name.
  std::vector<Assignment> assignments = {};
};

struct Merge {
  std::string source;  // a SELECT
  std::string on;      // a condition on target.… and source.…
  std::vector<MergeClause> clauses;
};

// As Snapshot::scan_sql, without the files whose partitions or statistics exclude a condition on
// the table's columns; the rows still need to be filtered by it. kInvalid with DuckDB's message.
base::Result<std::string> scan_where(const Snapshot& snapshot, sql::Connection& connection,
                                     const std::string& condition);

// kInvalid when a row of the table is to be changed by two rows of the source.
base::Result<Changed> merge(Table& table, sql::Connection& connection, const Merge& what,
                            const WriteOptions& options = {});

// Makes the table what it was at that version, in a new one. kNotFound names a file that is gone.
base::Result<Changed> restore(Table& table, Version version);

// A new column at the end, nullable; `type` as DuckDB names it.
base::Result<Version> add_column(Table& table, const std::string& name, const std::string& type);
base::Result<Version> drop_not_null(Table& table, const std::string& column);
// Properties (delta.*, waybill.*); nullopt takes one away. A CHECK constraint
// (delta.constraints.NAME) is checked against the rows that there are. kUnsupported for one that
// needs a protocol which the table does not have.
base::Result<Version> set_properties(
    Table& table, sql::Connection& connection,
    const std::map<std::string, std::optional<std::string>>& properties);

}  // namespace lake
