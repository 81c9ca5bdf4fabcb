// The calls of docs/http-api.md over a Platform: request in, answer out.
//
// Threads: any. Calls that may block run on the worker pool; the answer comes from whichever thread
// has it. No exception leaves.
#pragma once

#include "base/clock.h"
#include "server/http_ingest.h"
#include "server/http_message.h"
#include "server/http_options.h"
#include "server/http_router.h"
#include "server/http_static.h"
#include "server/platform.h"
#include "server/worker_pool.h"
#include "server/worker_watchdog.h"

namespace server {

class Api {
 public:
  // `slow_workers` for what may take long (SQL, runs), so that the rest does not wait behind it.
  Api(Platform& platform, const base::Clock& clock, WorkerPool& workers, WorkerPool& slow_workers,
      const HttpOptions& options)
      : platform_(platform),
        workers_(workers),
        slow_workers_(slow_workers),
        sql_timeout_(options.sql_timeout),
        ingest_(platform, clock, workers),
        files_(options.web_root) {}

  // `request` lives until `done` is called, once.
  void answer(Call call, const Request& request, Done done);

 private:
  Response run(Call call, const Request& request);  // may block
  Response topics();
  Response lookup(const Request& request);
  Response sql(const Request& request);
  Response dead_letters(const Request& request);
  Response redrive(const Request& request);
  Response kill_query(const Request& request);
  Response room_call(const Request& request);
  Response dashboard(const Request& request);
  Response fleet(const Request& request);
  Response unknown(const Request& request);

  Platform& platform_;
  WorkerPool& workers_;
  WorkerPool& slow_workers_;
  const std::chrono::milliseconds sql_timeout_;
  Watchdog watchdog_;
  Ingest ingest_;
  StaticFiles files_;
};

}  // namespace server
