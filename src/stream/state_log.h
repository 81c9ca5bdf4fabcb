// The rows that a stage remembers: a table of the connection that only grows, with what epochs
// added, and is now and then written anew without what has become needless. The same on disk, in
// chunks.
//
// Threads: the pipeline's. Invariant: what an epoch adds is apart (added()) until the epoch is
// committed.
#pragma once

#include <string>
#include <vector>

#include "sql/database.h"
#include "state/store.h"

namespace stream {

// What is kept: rows in memory, bytes as they are on disk.
struct StateSize {
  std::int64_t rows = 0;
  std::int64_t bytes = 0;  // 0 where nobody counts them

  StateSize& operator+=(const StateSize& other) {
    rows += other.rows;
    bytes += other.bytes;
    return *this;
  }
};

class StateLog {
 public:
  // `prefix` begins its keys of the store, `table` its names on the connection.
  StateLog(std::string prefix, std::string table);

  // Makes it empty, with the columns of a SELECT.
  base::Result<> create(sql::Connection& connection, const std::string& select);
  base::Result<> restore(const state::Store& store, sql::Connection& connection);
  // This epoch's rows; once in each epoch.
  base::Result<> add(sql::Connection& connection, const std::string& select);

  const std::string& kept() const { return kept_; }    // as the last epoch left it
  const std::string& added() const { return added_; }  // by this epoch
  const std::string& whole() const { return whole_; }  // a view of both
  std::int64_t rows_added() const { return rows_added_; }
  std::int64_t rows() const { return rows_; }
  StateSize size() const { return {rows_, bytes_}; }

  // True when it has grown so far that it should be written anew.
  bool is_long() const;
  // Hands over the epoch's rows or, when `anew` is a SELECT over whole(), everything.
  base::Result<> keep(sql::Connection& connection, std::int64_t epoch, const std::string& anew,
                      state::WriteSet& changes);
  base::Result<> committed(sql::Connection& connection);

 private:
  base::Result<> write(sql::Connection& connection, const std::string& table, std::int64_t rows,
                       std::int64_t epoch, state::WriteSet& changes);

  std::string prefix_;
  std::string kept_;
  std::string added_;
  std::string whole_;
  std::string next_;
  std::string save_;  // columns as they are written: what a batch cannot hold as text
  std::string load_;  // and read again
  std::int64_t rows_ = 0;
  std::int64_t bytes_ = 0;
  std::int64_t bytes_written_ = 0;  // of the epoch under way
  std::int64_t rows_added_ = 0;
  std::int64_t rows_next_ = -1;  // -1: nothing was written anew
  std::int64_t live_ = 0;        // rows when it was last written anew
};

}  // namespace stream
