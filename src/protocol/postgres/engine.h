// What a PostgreSQL session needs of whoever runs its queries.
//
// Threads: one at a time.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/postgres/backend.h"
#include "protocol/postgres/frontend.h"
#include "protocol/postgres/settings.h"

namespace protocol::postgres {

template <class T = void>
using Answer = std::expected<T, ErrorFields>;

// The rows of one query, taken once from first to last.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual const std::vector<ColumnDescription>& columns() const = 0;
  // Appends DataRow messages: at most `rows_max`, and none after `out` has grown beyond
  // `bytes_max`. The number of rows appended.
  virtual Answer<std::size_t> fetch(std::size_t rows_max, std::size_t bytes_max,
                                    const std::vector<Format>& formats, std::string& out) = 0;
  virtual bool done() const = 0;  // no row is left
  // The tables that were read, with their versions: "silver.scans@12, gold.hubs@3"; "" for none.
  virtual std::string sources() const { return {}; }
  // Of a statement that changes rows and gives none, its whole command tag: "INSERT 0 3".
  virtual std::string tag() const { return {}; }
};

// What the first fetch will ask for, so that rows can come with the answer.
struct FirstFetch {
  std::size_t rows_max = 0;  // 0: none yet
  std::size_t bytes_max = 0;
  std::vector<Format> formats = {};
};

class Prepared {
 public:
  virtual ~Prepared() = default;
  virtual const std::vector<Oid>& parameter_types() const = 0;
  virtual const std::vector<ColumnDescription>& columns() const = 0;
  // Values in PostgreSQL's text format, one per parameter type.
  virtual Answer<std::unique_ptr<Rows>> run(const std::vector<std::optional<std::string>>& values,
                                            const FirstFetch& first) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  // One statement each.
  virtual Answer<std::unique_ptr<Rows>> query(const std::string& sql, const FirstFetch& first) = 0;
  virtual Answer<std::unique_ptr<Prepared>> prepare(const std::string& sql,
                                                    const std::vector<Oid>& types) = 0;
  // Whether the user may change anything: by that clients choose what they offer.
  virtual bool may_write(const std::string&) const { return false; }
  // Called at the start and after every change.
  virtual Answer<> apply(const Settings& settings) = 0;
  // Stops what the session of this process id runs, for pg_cancel_backend; false when there is
  // none, or it is another user's.
  virtual bool cancel(std::int32_t process_id) = 0;
};

// Opens the engine of a session that starts; an error ends the session as FATAL.
using OpenEngine = std::function<Answer<std::unique_ptr<Engine>>(const Startup&)>;

}  // namespace protocol::postgres
