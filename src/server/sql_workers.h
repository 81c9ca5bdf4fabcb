// The processes that run clients' SQL, and who may use them when.
//
// A workload group has slots, how many of its queries run at once, and a queue with a bound and a
// time. A worker stays with the session that used it last, so that prepared statements live on,
// until another session needs it. A worker that takes too much memory, or does not stop when told
// to, is killed: its query fails with the reason, the session goes on with another worker. A query
// that runs long gives way to the others (it is reniced), and its worker is replaced afterwards.
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

namespace server {

struct WorkloadGroup {
  std::size_t slots = 2;
  std::size_t queue_max = 100;
  std::chrono::milliseconds queue_time{30'000};
};

struct SqlWorkersOptions {
  std::string program;  // the binary to start with the one argument "sql-worker"
  base::Path lake;      // what workers may read
  base::Path spill;     // a folder for each worker below it
  std::size_t workers_max = 4;
  std::string memory_limit = "1GB";                 // DuckDB's, of each worker
  std::uint64_t resident_bytes_max = 1536UL << 20;  // above it a worker is killed
  int threads = 2;
  std::chrono::milliseconds stop_time{2'000};        // from an interrupt to the kill
  std::chrono::milliseconds yield_after{1'000};      // a query that runs longer gives way
  std::map<std::string, WorkloadGroup> groups = {};  // "default" is there in any case
};

class SqlWorkers;

// A worker in use. Its end gives the worker back.
class SqlLease {
 public:
  SqlLease(SqlWorkers& workers, std::size_t place) : workers_(workers), place_(place) {}
  SqlLease(const SqlLease&) = delete;
  SqlLease& operator=(const SqlLease&) = delete;
  ~SqlLease();

  // Whether the worker has nothing of this session: it must be opened first.
  bool fresh() const { return fresh_; }
  // One question and its answer (kAnswer, kFailure or kRefusal), answering what the worker asks for
  // meanwhile. kUnavailable with the reason when the worker ended.
  base::Result<std::string> call(std::string_view question);

 private:
  friend class SqlWorkers;
  SqlWorkers& workers_;
  const std::size_t place_;
  bool fresh_ = true;
};

struct RunningQuery {
  std::int64_t id = 0;  // of the session
  std::string group;
  std::string client;  // "psql", "page"
  std::string sql;
  std::int64_t running_ms = 0;
  std::uint64_t resident_bytes = 0;
  bool waiting = false;  // for a slot
};

class SqlWorkers {
 public:
  // Begins to start the first worker; the others come when they are needed. `views` outlives it.
  SqlWorkers(LakeViews& views, SqlWorkersOptions options);
  ~SqlWorkers();

  std::int64_t new_session() { return ++last_session_; }
  // Waits for a slot of the group and a worker. kUnavailable with the mend when the queue is full
  // or the time is over; kCancelled when the session was interrupted.
  base::Result<std::shared_ptr<SqlLease>> lease(std::int64_t session, const std::string& group,
                                                const std::string& client, const std::string& sql);
  // The session is over: its worker is free for others.
  void forget(std::int64_t session);
  // Stops what the session runs or waits for; called again and again until it has stopped.
  void interrupt(std::int64_t session);

  std::vector<RunningQuery> running();
  // Kills the session's worker; kNotFound when it runs nothing.
  base::Result<> kill(std::int64_t session);

 private:
  friend class SqlLease;
  using Clock = std::chrono::steady_clock;
  struct Worker {
    int process = -1;  // -1: none
    int socket = -1;
    std::int64_t session = 0;  // whose state it has
    bool leased = false;
    bool busy = false;    // a question is being worked on
    bool yields = false;  // was reniced: replaced when it is given back
    std::string group;
    std::string client;
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
    std::string group;
    std::string client;
    std::string sql;
    Clock::time_point since;
    bool interrupted = false;
  };

  void start_first();
  const WorkloadGroup& group_of(const std::string& name) const;
  bool has_slot(const std::string& group) const;
  std::optional<std::size_t> free_place(std::int64_t session);
  base::Result<> wait_for_slot(std::unique_lock<std::mutex>& lock, std::int64_t session,
                               const Waiting& waiting);
  base::Result<> start_worker(Worker& worker, std::size_t place);
  void bury_if_dead(Worker& worker);
  void end_worker(Worker& worker);
  void give_back(std::size_t place);
  base::Result<std::string> call(std::size_t place, std::string_view question);
  base::Result<std::string> converse(std::size_t place, int socket, std::string_view question);
  base::Result<std::string> answer_view(std::size_t place, FrameReader& question);
  base::Error ended(std::size_t place, const base::Error& error);
  void kill_worker(Worker& worker, std::string why);
  void watch(const std::stop_token& stop);
  void watch_once();

  LakeViews& views_;
  const SqlWorkersOptions options_;
  std::atomic<std::int64_t> last_session_{0};
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<Worker> workers_;
  std::map<std::int64_t, Waiting> waiting_;
  base::TaskGroup tasks_;
};

}  // namespace server
