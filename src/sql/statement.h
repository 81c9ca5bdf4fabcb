// Prepared statements.
#pragma once

#include <memory>
#include <string>

#include "sql/database.h"
#include "sql/handles.h"

namespace sql {

StatementKind kind_of(duckdb_statement_type type);

// Keeps connection and database open as long as it lives.
base::Result<std::unique_ptr<Statement>> prepare_statement(
    std::shared_ptr<DatabaseHandle> database, std::shared_ptr<ConnectionHandle> connection,
    const std::string& sql);

}  // namespace sql
