// DuckDB's errors as Waybill's.
#pragma once

#include <duckdb.h>

#include <string_view>

#include "base/result.h"

namespace sql {

base::Code code_of(duckdb_error_type type);
// By the words in front of a message ("Out of Memory Error: …"), where DuckDB gives no type.
base::Code code_of_message(std::string_view message);

// The error with DuckDB's message; `line` is taken from its "LINE n:".
std::unexpected<base::Error> fail_duckdb(base::Code code, const char* message);

// The line of the byte `position` of `text`, from 1.
int line_of(std::string_view text, std::size_t position);

}  // namespace sql
