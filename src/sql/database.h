// DuckDB behind one small interface: run SQL over named batches and Parquet files.
//
// Threads: a Database may be used from any thread; a Connection and its results by one thread at a
// time, except interrupt(). Results own their data and may outlive the connection.
// Nothing outside this folder includes duckdb.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "columns/batch.h"

namespace sql {

// What a result column is, by DuckDB's names; PostgreSQL OIDs and JSON types derive from it.
enum class Kind : std::uint8_t {
  kBoolean,
  kTinyInt,
  kSmallInt,
  kInteger,
  kBigInt,
  kHugeInt,
  kUTinyInt,
  kUSmallInt,
  kUInteger,
  kUBigInt,
  kUHugeInt,
  kFloat,
  kDouble,
  kDecimal,
  kVarchar,
  kBlob,
  kDate,
  kTime,
  kTimeTz,
  kTimestamp,
  kTimestampS,
  kTimestampMs,
  kTimestampNs,
  kTimestampTz,
  kInterval,
  kUuid,
  kEnum,
  kList,
  kStruct,
  kMap,
  kArray,
  kUnion,
  kBit,
  kNull,
  kOther,
};

struct ColumnInfo {
  std::string name;
  Kind kind = Kind::kVarchar;
  int width = 0;  // DECIMAL(width, scale)
  int scale = 0;
  std::string type;            // as SQL text: "DECIMAL(10,2)", "VARCHAR[]"
  Kind element = Kind::kNull;  // of a LIST or ARRAY
};

class Result {
 public:
  virtual ~Result() = default;
  virtual const std::vector<ColumnInfo>& columns() const = 0;
  virtual std::size_t rows() const = 0;
  // For INSERT, UPDATE, DELETE and COPY: rows changed.
  virtual std::int64_t rows_changed() const = 0;
  virtual bool is_null(std::size_t column, std::size_t row) const = 0;
  // The value as PostgreSQL prints it in text format (booleans t/f, timestamps
  // "2026-01-01 00:00:00.5+00", nested values as JSON); "" for null.
  virtual std::string text(std::size_t column, std::size_t row) const = 0;
  // The value as JSON (numbers as numbers, timestamps as RFC 3339, HUGEINT and DECIMAL as numbers).
  virtual nlohmann::json json(std::size_t column, std::size_t row) const = 0;
  virtual std::int64_t int_at(std::size_t column, std::size_t row) const = 0;  // 0 for null
  virtual double double_at(std::size_t column, std::size_t row) const = 0;
  // All rows as a Batch. Other integer kinds widen to int64, FLOAT and DECIMAL to double, HUGEINT
  // to int64 (kLimit when it does not fit), naive TIMESTAMP counts as UTC, the rest as text.
  virtual base::Result<columns::Batch> batch() const = 0;
};

// The rows of a query while it runs: what is not asked for is not computed, but for a small buffer,
// so that neither side needs memory for all of it. The next statement on the connection ends it.
class RowStream {
 public:
  virtual ~RowStream() = default;
  virtual const std::vector<ColumnInfo>& columns() const = 0;
  // Goes on to the next rows, a few thousand at most; false when there are none. Errors are those
  // of Connection::query, which may come late.
  virtual base::Result<bool> next() = 0;
  virtual std::size_t rows() const = 0;  // that next() came to
  virtual bool is_null(std::size_t column, std::size_t row) const = 0;
  // As Result's text, int_at and double_at; not for a null.
  virtual void append_text(std::size_t column, std::size_t row, std::string& out) const = 0;
  // The texts of a LIST's or ARRAY's elements; nullopt for a null.
  virtual std::vector<std::optional<std::string>> elements(std::size_t column,
                                                           std::size_t row) const = 0;
  virtual std::int64_t int_at(std::size_t column, std::size_t row) const = 0;
  virtual double double_at(std::size_t column, std::size_t row) const = 0;
};

enum class StatementKind : std::uint8_t {
  kSelect,
  kInsert,
  kUpdate,
  kDelete,
  kCopy,
  kCreate,
  kDrop,
  kAlter,
  kSet,
  kTransaction,
  kExplain,
  kPragma,
  kAttach,
  kLoad,
  kCall,
  kOther,
};

class Statement {  // prepared
 public:
  virtual ~Statement() = default;
  virtual StatementKind kind() const = 0;
  virtual std::size_t parameters() const = 0;
  virtual Kind parameter_kind(std::size_t index) const = 0;  // from 0; kOther when unknown
  // Result columns without running it.
  virtual std::vector<ColumnInfo> columns() const = 0;
  // Parameters as text, in DuckDB's literal syntax for their kind; nullopt = NULL.
  virtual base::Result<std::unique_ptr<Result>> run(
      const std::vector<std::optional<std::string>>& values) = 0;
  virtual base::Result<std::unique_ptr<RowStream>> stream(
      const std::vector<std::optional<std::string>>& values) = 0;
};

class Connection {
 public:
  virtual ~Connection() = default;
  // Runs one or more statements; the result is the last one's. kInvalid with DuckDB's message for
  // wrong SQL, kLimit for out of memory, kCancelled after interrupt().
  virtual base::Result<std::unique_ptr<Result>> query(const std::string& sql) = 0;
  base::Result<> execute(const std::string& sql);
  // One statement.
  virtual base::Result<std::unique_ptr<RowStream>> stream(const std::string& sql) = 0;
  virtual base::Result<std::unique_ptr<Statement>> prepare(const std::string& sql) = 0;
  // The statements of a text, split by DuckDB's own parser, with their kinds.
  struct Part {
    std::string sql;
    StatementKind kind;
  };
  virtual base::Result<std::vector<Part>> split(const std::string& sql) = 0;

  // Makes the batch a temporary table of this connection (replaces one of the same name).
  virtual base::Result<> put(const std::string& table, const columns::Batch& batch) = 0;
  // The same without a copy: the name is a view of the batch, which the connection keeps until the
  // name is given to another one. Scanned by one thread, in order; only to be read.
  virtual base::Result<> share(const std::string& table,
                               std::shared_ptr<const columns::Batch> batch) = 0;
  // Appends to a table that exists, columns in the table's order.
  virtual base::Result<> append(const std::string& table, const columns::Batch& batch) = 0;

  // DuckDB's own syntax tree of a SELECT, and back (json_serialize_sql, json_deserialize_sql).
  // kInvalid with DuckDB's message and `line` set from its position for text that does not parse.
  virtual base::Result<nlohmann::json> parse(const std::string& sql) = 0;
  virtual base::Result<std::string> print(const nlohmann::json& tree) = 0;

  // Stops the running query from another thread.
  virtual void interrupt() = 0;
};

struct Options {
  std::string memory_limit = "2GB";
  int threads = 2;
  std::string temporary_directory = {};  // where it may spill; "" = nowhere
  // Serving: no file outside `allowed_directory`, no extension, configuration locked.
  bool locked = false;
  std::string allowed_directory = {};
};

class Database {
 public:
  virtual ~Database() = default;
  static base::Result<std::unique_ptr<Database>> open(const Options& options);
  virtual base::Result<std::unique_ptr<Connection>> connect() = 0;
};

// 'it''s' and "a ""name""".
std::string quote_text(std::string_view text);
std::string quote_name(std::string_view name);
// "silver.scans" as "silver"."scans".
std::string quote_table(std::string_view dotted);

}  // namespace sql
