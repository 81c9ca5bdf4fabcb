// Waybill's and DuckDB's errors as PostgreSQL's: SQLSTATE, message, hint, position.
// Source: PostgreSQL documentation, appendix "PostgreSQL Error Codes".
//
// Threads: pure functions.
#pragma once

#include <string>

#include "base/result.h"
#include "protocol/postgres/backend.h"

namespace server {

// `sql` is the text that the error's marked place ("LINE 1: …" and "^") refers to.
protocol::postgres::ErrorFields postgres_error(const base::Error& error, const std::string& sql);

}  // namespace server
