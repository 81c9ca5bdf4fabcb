// One attempt at a change of a table's rows: what it reads, removes and stages until it commits.
//
// Threads: as the connection.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lake/dml.h"
#include "lake/predicate.h"
#include "lake/snapshot.h"
#include "lake/store_table.h"

namespace lake {

class Change {
 public:
  using Body = std::function<base::Result<>(Change&)>;
  // Makes the change again while it loses against other writers. Commits when the body has put
  // something on the transaction.
  static base::Result<Changed> run(Table& table, sql::Connection& connection,
                                   const WriteOptions& options, const CommitInfo& info,
                                   const Body& body);

  // On a transaction that the caller commits.
  Change(StoreTable& table, sql::Connection& connection, Transaction& transaction);
  // What has to go when this is over; after an error also the files of this attempt.
  void clean_up(const base::Error* error);

  sql::Connection& connection() { return connection_; }
  Transaction& transaction() { return transaction_; }
  StoreTable& table() { return table_; }
  const StateSnapshot& base() const { return base_; }
  // The base, with the metadata that this change sets.
  const State& state() const { return state_; }
  Changed& counts() { return counts_; }
  bool feeds_changes() const;   // delta.enableChangeDataFeed
  bool writes_vectors() const;  // delta.enableDeletionVectors

  base::Result<> set_metadata(Metadata metadata);
  // Stages rows that have exactly the table's columns and adds their files; how many rows.
  base::Result<std::int64_t> stage(const std::string& select);
  // The same as files of the change data feed; the rows have a column _change_type, too.
  base::Result<> stage_changes(const std::string& select);
  void remove(const AddFile& file);
  void add(AddFile file);
  // A new file of this attempt that is not durable yet.
  void add_staged(AddFile file);

  // The files of the base that may have rows with this property.
  Files files_where(const std::function<bool(const AddFile&)>& may_match) const;
  // A condition's files; puts what is read on the transaction. "" = all.
  base::Result<Files> read_where(const std::string& condition, const std::string& qualifier);
  base::Result<Files> read_files(std::shared_ptr<const FilePredicate> predicate);

  // A temporary table that lives as long as this: its quoted name.
  base::Result<std::string> keep(const std::string& select);
  // A file of this attempt: removed when it fails.
  void staged(std::string key) { staged_.push_back(std::move(key)); }

 private:
  StoreTable& table_;
  sql::Connection& connection_;
  Transaction& transaction_;
  const StateSnapshot& base_;
  State state_;
  Changed counts_;
  bool anything_ = false;
  std::vector<std::string> staged_;  // keys
  std::vector<std::string> kept_;    // temporary tables
};

}  // namespace lake
