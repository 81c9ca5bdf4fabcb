// Results and parameters between DuckDB's types and PostgreSQL's.
//
// Threads: values; a Rows by one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/postgres/engine.h"
#include "sql/database.h"

namespace server {

std::vector<protocol::postgres::ColumnDescription> describe_columns(
    const std::vector<sql::ColumnInfo>& columns);
std::unique_ptr<protocol::postgres::Rows> make_rows(std::unique_ptr<sql::Result> result);

protocol::postgres::Oid oid_of(sql::Kind kind);

// The types that the client has named, and text[] for each unnamed $n in "= ANY($n)", where DuckDB
// infers none.
std::vector<protocol::postgres::Oid> parameter_types(
    const std::string& sql, const std::vector<protocol::postgres::Oid>& named);

// `sql` with each $n whose type the client has named and that is not text as CAST($n AS type), so
// that DuckDB takes it for one.
std::string cast_parameters(const std::string& sql,
                            const std::vector<protocol::postgres::Oid>& types);

// PostgreSQL's text format of a value as the text that DuckDB reads: arrays "{1,2}" and bytea
// "\x01" differ.
base::Result<std::string> duckdb_text(protocol::postgres::Oid type, const std::string& text);

}  // namespace server
