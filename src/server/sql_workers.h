// The processes that run clients' SQL, and who may use them when.
//
// A workload has slots, how many of its queries run at once, and a queue with a bound and a time. A
// worker stays with the session that used it last, so that prepared statements live on, until
// another session needs it. A worker that takes too much memory, or does not stop when told to, is
// killed: its query fails with the reason, the session goes on with another worker. A query that
// runs long gives way to those of others that come meanwhile (it is reniced). Rows that nobody
// takes hold a slot for a while only: then whoever waits gets it.
// Threads: any. Invariant: the server's own process never runs a client's query.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "base/task_group.h"
#include "server/lake_views.h"
#include "server/sql_frames.h"
#include "server/sql_queries.h"
#include "server/sql_worker_process.h"
#include "server/sql_workloads.h"

namespace server {

class SqlWrites;

struct SqlWorkersOptions {
  std::string program;  // the binary to start with the one argument "sql-worker"
  base::Path lake;      // what workers may read
  base::Path spill;     // a folder for each worker below it
  Workloads workloads = default_workloads();
  std::map<std::string, std::string> users = {};  // the workload of each user who has one
  SqlWrites* writes = nullptr;  // changes by SQL; null: nobody makes any. It outlives the workers
  std::chrono::milliseconds stop_time{2'000};    // from an interrupt to the kill
  std::chrono::milliseconds yield_after{1'000};  // a query that runs longer gives way
};

class SqlWorkers;

// A worker in use. Its end gives the worker back.
class SqlLease {
 public:
  SqlLease(SqlWorkers& workers, std::size_t place, std::uint64_t number)
      : workers_(workers), place_(place), number_(number) {}
  SqlLease(const SqlLease&) = delete;
  SqlLease& operator=(const SqlLease&) = delete;
  ~SqlLease();

  // Whether the worker has nothing of this session: it must be opened first.
  bool fresh() const { return fresh_; }
  // Goes on with another statement; false when the worker is not this lease's any more.
  bool renew(const std::string& sql);
  // One question and its answer (kAnswer, kFailure or kRefusal), answering what the worker asks for
  // meanwhile. kUnavailable with the reason when the worker ended.
  base::Result<std::string> call(std::string_view question);

 private:
  friend class SqlWorkers;
  SqlWorkers& workers_;
  const std::size_t place_;
  const std::uint64_t number_;
  bool fresh_ = true;
};

class SqlWorkers {
 public:
  // Begins to start the first worker; the others come when they are needed. `views` outlives it.
  SqlWorkers(LakeViews& views, SqlWorkersOptions options);
  ~SqlWorkers();

  const SqlWorkersOptions& options() const { return options_; }
  std::int64_t new_session() { return ++last_session_; }
  // Waits for a slot of the workload and a worker. kUnavailable with the mend when the queue is
  // full or the time is over; kCancelled when the session was interrupted.
  base::Result<std::shared_ptr<SqlLease>> lease(const QueryOrigin& origin, const std::string& sql);
  // The session is over: its worker is free for others.
  void forget(std::int64_t session);
  // Stops what the session runs or waits for; called again and again until it has stopped.
  void interrupt(std::int64_t session);

  std::vector<RunningQuery> running();
  // Kills the query's worker; kNotFound when there is none by this id.
  base::Result<> kill(std::int64_t id);

 private:
  friend class SqlLease;
  using Clock = std::chrono::steady_clock;
  struct Worker {
    WorkerProcess process;
    std::string profile;       // with which it was started
    std::int64_t session = 0;  // whose state it has
    std::uint64_t lease = 0;   // the number of the last one
    bool leased = false;
    bool busy = false;    // a question is being worked on
    bool yields = false;  // was reniced
    QueryOrigin origin;
    std::string sql;
    std::string killed;  // why
    Clock::time_point since = {};
    Clock::time_point used = {};
    std::optional<Clock::time_point> interrupted;
    std::uint64_t resident_bytes = 0;
    // Of the views that were given for the queries of this lease.
    std::map<std::pair<std::string, lake::Version>, storage::Hold> files;
  };
  struct Waiting {
    QueryOrigin origin;
    std::string sql;
    Clock::time_point since;
    bool interrupted = false;
  };

  void start_first();
  const Workload& workload(const std::string& name) const;
  bool has_slot(const std::string& workload) const;
  std::optional<std::size_t> free_place(std::int64_t session, const std::string& profile);
  base::Result<> wait_for_slot(std::unique_lock<std::mutex>& lock, const Waiting& waiting);
  base::Result<WorkerProcess> start(std::size_t place, const Workload& workload);
  void give_back(std::size_t place, std::uint64_t lease);
  bool renew(std::size_t place, std::uint64_t lease, const std::string& sql);
  base::Result<std::string> call(std::size_t place, std::uint64_t lease, std::string_view question);
  base::Result<std::string> converse(std::size_t place, int socket, std::string_view question);
  base::Result<std::string> answer_view(std::size_t place, FrameReader& question);
  base::Error ended(std::size_t place, const base::Error& error);
  void kill_worker(Worker& worker, std::string why);
  void let_others_pass(std::int64_t session);
  void watch(const std::stop_token& stop);
  void watch_once();
  void take_back_idle(Clock::time_point now);
  void take_back(Worker& worker);

  const SqlWorkersOptions options_;
  QueryViews views_;
  std::atomic<std::int64_t> last_session_{0};
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<Worker> workers_;
  std::vector<decltype(Worker::files)> let_go_;
  std::map<std::int64_t, Waiting> waiting_;
  base::TaskGroup tasks_;
};

}  // namespace server
