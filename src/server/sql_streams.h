// A connection on which rows can still be taken while the next statements run.
//
// DuckDB ends a stream with the next statement on its connection. Here a statement that comes while
// a stream is open gets a fresh connection, with the same search path and variables, and the stream
// keeps the old one for itself.
// Threads: as sql::Connection; interrupt() stops what is working, not streams that wait.
#pragma once

#include <memory>

#include "sql/database.h"

namespace server {

// `database` outlives the connection. Streams and statements may outlive it.
std::unique_ptr<sql::Connection> streaming_connection(sql::Database& database,
                                                      std::unique_ptr<sql::Connection> connection);

}  // namespace server
