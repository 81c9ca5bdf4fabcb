#include "stream/state_log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "sql/column_type.h"

namespace stream {
namespace {

constexpr std::int64_t kRowsAlways = 300;  // small enough for tests to get there
constexpr std::int64_t kRowsOfChunk = 50'000;

}  // namespace

StateLog::StateLog(std::string prefix, std::string table)
    : prefix_(std::move(prefix)),
      kept_(std::move(table)),
      added_(kept_ + " added"),
      whole_(kept_ + " whole"),
      next_(kept_ + " next") {}

base::Result<> StateLog::create(sql::Connection& connection, const std::string& select) {
  TRY(connection.execute(fmt::format(
      "CREATE OR REPLACE TEMP TABLE {0} AS SELECT * FROM ({2}) LIMIT 0;"
      "CREATE OR REPLACE TEMP TABLE {1} AS SELECT * FROM {0};"
      "CREATE OR REPLACE TEMP VIEW {3} AS SELECT * FROM {0} UNION ALL SELECT * FROM {1}",
      sql::quote_name(kept_), sql::quote_name(added_), select, sql::quote_name(whole_))));
  std::vector<std::string> save;
  std::vector<std::string> load;
  const auto statement = TRY(connection.prepare("SELECT * FROM " + sql::quote_name(kept_)));
  for (const sql::ColumnInfo& column : statement->columns()) {
    const std::string name = sql::quote_name(column.name);
    save.push_back(
        sql::holds_exactly(column.kind) ? name : fmt::format("CAST({0} AS VARCHAR) AS {0}", name));
    load.push_back(fmt::format("CAST({} AS {})", name, column.type));
  }
  save_ = fmt::format("{}", fmt::join(save, ", "));
  load_ = fmt::format("{}", fmt::join(load, ", "));
  rows_ = rows_added_ = live_ = bytes_ = 0;
  rows_next_ = -1;
  return {};
}

base::Result<> StateLog::restore(const state::Store& store, sql::Connection& connection) {
  TRY(connection.execute(
      fmt::format("CREATE OR REPLACE TEMP TABLE {0} AS SELECT * FROM {0} LIMIT 0;"
                  "CREATE OR REPLACE TEMP TABLE {1} AS SELECT * FROM {0}",
                  sql::quote_name(kept_), sql::quote_name(added_))));
  rows_ = rows_added_ = bytes_ = 0;
  rows_next_ = -1;
  base::Result<> loaded;
  TRY(store.scan(prefix_, [&](std::string_view, std::string_view value) {
    loaded = [&]() -> base::Result<> {
      const columns::Batch chunk = TRY(columns::decode(value));
      bytes_ += static_cast<std::int64_t>(value.size());
      rows_ += static_cast<std::int64_t>(chunk.rows());
      TRY(connection.put("chunk", chunk));
      return connection.execute(
          fmt::format("INSERT INTO {} SELECT {} FROM chunk", sql::quote_name(kept_), load_));
    }();
    return loaded.has_value();
  }));
  live_ = rows_;
  return loaded;
}

base::Result<> StateLog::add(sql::Connection& connection, const std::string& select) {
  TRY(connection.execute(
      fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(added_), select)));
  const auto rows = TRY(connection.query("SELECT count(*) FROM " + sql::quote_name(added_)));
  rows_added_ = rows->int_at(0, 0);
  rows_next_ = -1;
  return {};
}

bool StateLog::is_long() const { return rows_ + rows_added_ > 2 * live_ + kRowsAlways; }

base::Result<> StateLog::keep(sql::Connection& connection, std::int64_t epoch,
                              const std::string& anew, state::WriteSet& changes) {
  if (anew.empty()) return write(connection, added_, rows_added_, epoch, changes);
  TRY(connection.execute(
      fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(next_), anew)));
  const auto rows = TRY(connection.query("SELECT count(*) FROM " + sql::quote_name(next_)));
  rows_next_ = rows->int_at(0, 0);
  changes.remove_range(prefix_, prefix_ + state::key_number(static_cast<std::uint64_t>(epoch)));
  return write(connection, next_, rows_next_, epoch, changes);
}

base::Result<> StateLog::write(sql::Connection& connection, const std::string& table,
                               std::int64_t rows, std::int64_t epoch, state::WriteSet& changes) {
  bytes_written_ = 0;
  const std::string number = state::key_number(static_cast<std::uint64_t>(epoch));
  for (std::int64_t from = 0; from < rows; from += kRowsOfChunk) {
    const auto part =
        TRY(connection.query(fmt::format("SELECT {} FROM {} LIMIT {} OFFSET {}", save_,
                                         sql::quote_name(table), kRowsOfChunk, from)));
    std::string chunk = columns::encode(TRY(part->batch()));
    bytes_written_ += static_cast<std::int64_t>(chunk.size());
    changes.put(prefix_ + number + state::key_number(static_cast<std::uint64_t>(from)),
                std::move(chunk));
  }
  return {};
}

base::Result<> StateLog::committed(sql::Connection& connection) {
  if (rows_next_ >= 0) {
    TRY(connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {0} AS SELECT * FROM {1};"
                    "DROP TABLE {1};TRUNCATE {2}",
                    sql::quote_name(kept_), sql::quote_name(next_), sql::quote_name(added_))));
    rows_ = live_ = rows_next_;
    bytes_ = 0;
  } else if (rows_added_ > 0) {
    TRY(connection.execute(fmt::format("INSERT INTO {0} SELECT * FROM {1};TRUNCATE {1}",
                                       sql::quote_name(kept_), sql::quote_name(added_))));
    rows_ += rows_added_;
  }
  bytes_ += std::exchange(bytes_written_, 0);
  rows_next_ = -1;
  rows_added_ = 0;
  return {};
}

}  // namespace stream
