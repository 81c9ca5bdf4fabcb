// A process that runs clients' SQL for the server: `waybill sql-worker`, started by SqlWorkers.
//
// It is shut in (sql_sandbox.h), so that a query that breaks out of DuckDB reaches neither files
// nor network, and it can be killed at any time: its queries are the only thing lost. It serves one
// session at a time. SIGUSR1 stops the query that runs.
#pragma once

namespace server {

// The descriptor under which a worker finds its socket.
inline constexpr int kSqlWorkerSocket = 3;

// Serves that socket until the other side closes it; the exit status of the process.
int run_sql_worker();

}  // namespace server
