// Two versions of a table's rows side by side: by key with a full join in DuckDB, or as bags of
// rows where there is no key.
//
// Threads: as the connection.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "columns/batch.h"
#include "sql/database.h"

namespace batch {

struct DiffRequest {
  std::string old_rows;  // SELECTs
  std::string new_rows;
  columns::Schema old_schema;
  columns::Schema new_schema;
  std::vector<std::string> key;  // of columns that both have; empty: rows have no name
  // Over old.column and new.column: has to be true of every row that is not the same. A row that
  // came has nulls in old, one that went in new. "" = anything may change.
  std::string expect = {};
  std::size_t samples = 5;
};

struct Diff {
  std::int64_t old_rows = 0;
  std::int64_t new_rows = 0;
  std::int64_t same = 0;
  std::int64_t added = 0;
  std::int64_t removed = 0;
  std::int64_t changed = 0;
  std::int64_t unexpected = 0;  // rows of which `expect` is not true
  // Rows more than keys. Rows of one key are compared in the order of their columns.
  std::int64_t old_doubled = 0;
  std::int64_t new_doubled = 0;
  std::map<std::string, std::int64_t> columns;  // changed rows by column
  std::vector<std::string> schema_changes;      // "+ column bigint", "- column", "column: a -> b"
  nlohmann::json samples = nlohmann::json::array();  // {"what","key","old","new","expected"}
  // Numeric columns: {"column","old","new"} sums.
  nlohmann::json totals = nlohmann::json::array();
};
nlohmann::json to_json(const Diff& diff);

// Before any row is computed: kInvalid when `expect` does not bind over rows of the schema, with
// DuckDB's message, or when there is no key that tells which rows changed. "" is always good.
base::Result<> check_expect(sql::Connection& connection, const columns::Schema& schema,
                            const std::vector<std::string>& key, const std::string& expect);

// kInvalid when `expect` does not bind, with DuckDB's message.
base::Result<Diff> diff_rows(sql::Connection& connection, const DiffRequest& request);

}  // namespace batch
