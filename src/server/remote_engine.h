// A PostgreSQL session's queries in a SQL worker.
//
// The session itself (statements, portals, settings) stays in the server: when its worker is killed
// or goes to another session, a new one is opened with the same settings, and prepared statements
// are prepared again when they are used next. A result that was not fetched to its end holds its
// worker.
// Threads: one at a time, except Running.
#pragma once

#include "protocol/postgres/engine.h"
#include "server/postgres_engine.h"
#include "server/sql_workers.h"

namespace server {

// SET waybill.workload chooses the group of slots. `running` and `workers` outlive the engine;
// `slot` is let go of when it ends.
std::unique_ptr<protocol::postgres::Engine> remote_engine(SqlWorkers& workers, Running& running,
                                                          std::int32_t process_id,
                                                          std::shared_ptr<void> slot);

// The query of the page or of an HTTP client, in the workload "page".
std::unique_ptr<JsonQuery> remote_json_query(SqlWorkers& workers, SqlRequest request);

}  // namespace server
