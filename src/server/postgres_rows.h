// Results and parameters between DuckDB's types and PostgreSQL's.
//
// Threads: values; a Rows by one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/postgres/engine.h"
#include "sql/database.h"

namespace server {

std::vector<protocol::postgres::ColumnDescription> describe_columns(
    const std::vector<sql::ColumnInfo>& columns);
// The rows with their columns as they were described, one description per column of the result.
// `run` is what a call into the stream goes through: it stops the call, and names why.
using RunFetch = std::function<protocol::postgres::Answer<bool>(
    const std::function<base::Result<bool>()>& fetch)>;
std::unique_ptr<protocol::postgres::Rows> make_rows(
    std::unique_ptr<sql::RowStream> result,
    std::vector<protocol::postgres::ColumnDescription> columns, RunFetch run);

protocol::postgres::Oid oid_of(sql::Kind kind);

// The types that the client has named; for unnamed ones, text[] for $n in "= ANY($n)", where DuckDB
// infers none, and the array type in "$n::bigint[]".
std::vector<protocol::postgres::Oid> parameter_types(
    const std::string& sql, const std::vector<protocol::postgres::Oid>& named);

// `sql` with each $n whose type the client has named and that is not text as CAST($n AS type), so
// that DuckDB takes it for one.
std::string cast_parameters(const std::string& sql,
                            const std::vector<protocol::postgres::Oid>& types, bool texts = false);

// `sql` with CAST(NULL AS type) for each $n.
std::string null_parameters(const std::string& sql,
                            const std::vector<protocol::postgres::Oid>& types);

// PostgreSQL's text format of a value as the text that DuckDB reads: arrays "{1,2}" and bytea
// "\x01" differ.
base::Result<std::string> duckdb_text(protocol::postgres::Oid type, const std::string& text);

}  // namespace server
