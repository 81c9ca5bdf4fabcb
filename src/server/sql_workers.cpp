#include "server/sql_workers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <thread>

#include "base/logging.h"
#include "base/metrics.h"
#include "server/sql_worker.h"

namespace server {
namespace {

constexpr auto kTick = std::chrono::milliseconds(50);
constexpr int kYieldNice = 10;
const WorkloadGroup kDefault{};

std::uint64_t resident_bytes(int process) {
  std::ifstream file(fmt::format("/proc/{}/statm", process));
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// The process with its end of the socket as descriptor 3, no other one, in a group of its own.
base::Result<pid_t> spawn(std::string program, int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, kSqlWorkerSocket);
  posix_spawn_file_actions_addclosefrom_np(&actions, kSqlWorkerSocket + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::string argument = "sql-worker";
  std::string zone = "TZ=UTC";
  char* const arguments[] = {program.data(), argument.data(), nullptr};
  char* const environment[] = {zone.data(), nullptr};
  pid_t process = -1;
  const int failed =
      ::posix_spawn(&process, program.c_str(), &actions, &attributes, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed == 0) return process;
  return base::fail(base::Code::kUnavailable, "cannot start a SQL worker from {}: {}", program,
                    std::generic_category().message(failed));
}

}  // namespace

SqlLease::~SqlLease() { workers_.give_back(place_); }

base::Result<std::string> SqlLease::call(std::string_view question) {
  return workers_.call(place_, question);
}

SqlWorkers::SqlWorkers(LakeViews& views, SqlWorkersOptions options)
    : views_(views), options_(std::move(options)), workers_(options_.workers_max) {
  tasks_.run("sql-workers", [this](const std::stop_token& stop) {
    start_first();
    watch(stop);
  });
}

// So that the first query need not wait for it.
void SqlWorkers::start_first() {
  {
    const std::scoped_lock lock(mutex_);
    if (workers_.front().leased) return;
    workers_.front().leased = true;
  }
  Worker started;
  if (auto begun = start_worker(started, 0); !begun)
    spdlog::error("sql: {}", begun.error().to_string());
  {
    const std::scoped_lock lock(mutex_);
    workers_.front().process = started.process;
    workers_.front().socket = started.socket;
  }
  give_back(0);
}

SqlWorkers::~SqlWorkers() {
  tasks_.stop();
  for (Worker& worker : workers_) {
    if (worker.process >= 0) ::kill(worker.process, SIGKILL);
    end_worker(worker);
  }
}

const WorkloadGroup& SqlWorkers::group_of(const std::string& name) const {
  if (const auto found = options_.groups.find(name); found != options_.groups.end())
    return found->second;
  const auto found = options_.groups.find("default");
  return found == options_.groups.end() ? kDefault : found->second;
}

bool SqlWorkers::has_slot(const std::string& group) const {
  const auto used = std::ranges::count_if(
      workers_, [&](const Worker& worker) { return worker.leased && worker.group == group; });
  return static_cast<std::size_t>(used) < group_of(group).slots;
}

// The session's own worker, one that nobody has state in, a new one, or the one that was idle for
// the longest time.
std::optional<std::size_t> SqlWorkers::free_place(std::int64_t session) {
  std::optional<std::size_t> best;
  const auto rank = [&](const Worker& worker) {
    if (worker.process >= 0 && worker.session == session) return 0;
    if (worker.process >= 0 && worker.session == 0) return 1;
    return worker.process < 0 ? 2 : 3;
  };
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].leased) continue;
    const bool better =
        !best || rank(workers_[i]) < rank(workers_[*best]) ||
        (rank(workers_[i]) == rank(workers_[*best]) && workers_[i].used < workers_[*best].used);
    if (better) best = i;
  }
  return best;
}

base::Result<> SqlWorkers::wait_for_slot(std::unique_lock<std::mutex>& lock, std::int64_t session,
                                         const Waiting& request) {
  const std::string& group = request.group;
  const WorkloadGroup& limits = group_of(group);
  const auto free = [&] { return has_slot(group) && free_place(session).has_value(); };
  if (free()) return {};
  const auto queued = std::ranges::count_if(
      waiting_, [&](const auto& waiting) { return waiting.second.group == group; });
  if (static_cast<std::size_t>(queued) >= limits.queue_max) {
    return base::fail_with(base::Code::kUnavailable,
                           fmt::format("{} queries of workload '{}' wait already", queued, group),
                           "try again later, or raise queue or slots of the workload");
  }
  Waiting& waiting = waiting_[session] = request;
  const bool came =
      given_back_.wait_for(lock, limits.queue_time, [&] { return waiting.interrupted || free(); });
  const bool interrupted = waiting.interrupted;
  waiting_.erase(session);
  if (interrupted)
    return base::fail(base::Code::kCancelled, "the query was cancelled while it waited");
  if (came) return {};
  return base::fail_with(
      base::Code::kUnavailable,
      fmt::format("no slot of workload '{}' became free within {} s", group,
                  std::chrono::duration_cast<std::chrono::seconds>(limits.queue_time).count()),
      "try again later; `waybill queries` shows what runs");
}

base::Result<std::shared_ptr<SqlLease>> SqlWorkers::lease(std::int64_t session,
                                                          const std::string& group,
                                                          const std::string& client,
                                                          const std::string& sql) {
  std::unique_lock lock(mutex_);
  TRY(wait_for_slot(lock, session, {group, client, sql, Clock::now(), false}));
  const std::size_t place = *free_place(session);
  Worker& worker = workers_[place];
  bury_if_dead(worker);
  worker.leased = true;
  worker.group = group;
  worker.client = client;
  worker.sql = sql;
  worker.since = Clock::now();
  worker.interrupted.reset();
  worker.killed.clear();
  // Gives the place back, whatever comes.
  std::shared_ptr<SqlLease> lease = std::make_shared<SqlLease>(*this, place);
  lease->fresh_ = worker.process < 0 || worker.session != session;
  if (worker.process < 0) {
    lock.unlock();
    Worker started;
    if (auto begun = start_worker(started, place); !begun)
      return std::unexpected(std::move(begun).error());
    lock.lock();
    worker.process = started.process;
    worker.socket = started.socket;
  }
  worker.session = session;
  lock.unlock();
  return lease;
}

base::Result<> SqlWorkers::start_worker(Worker& worker, std::size_t place) {
  const base::Path spill = options_.spill / fmt::to_string(place);
  TRY(base::posix_file_system().create_directories(spill));
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return base::fail(base::Code::kUnavailable, "cannot make a socket for a SQL worker: {}",
                      std::generic_category().message(errno));
  }
  const auto process = spawn(options_.program, sockets[1]);
  ::close(sockets[1]);
  if (!process) {
    ::close(sockets[0]);
    return std::unexpected(process.error());
  }
  worker.process = *process;
  worker.socket = sockets[0];
  worker.session = 0;
  const auto set_up = [&]() -> base::Result<> {
    TRY(send_frame(worker.socket, FrameWriter(FrameKind::kSetUp)
                                      .text(options_.lake.string())
                                      .text(spill.string())
                                      .text(options_.memory_limit)
                                      .u32(static_cast<std::uint32_t>(options_.threads))
                                      .bytes()));
    TRY(receive_frame(worker.socket));
    return {};
  };
  if (auto ready = set_up(); !ready) {
    ::kill(worker.process, SIGKILL);
    end_worker(worker);
    return std::unexpected(std::move(ready).error().in("starting a SQL worker"));
  }
  return {};
}

// A worker that died while nobody used it.
void SqlWorkers::bury_if_dead(Worker& worker) {
  siginfo_t died{};
  if (worker.process < 0) return;
  const auto process = static_cast<id_t>(worker.process);
  if (::waitid(P_PID, process, &died, WEXITED | WNOHANG | WNOWAIT) == 0 && died.si_pid != 0)
    end_worker(worker);
}

void SqlWorkers::end_worker(Worker& worker) {
  if (worker.process < 0) return;
  ::close(worker.socket);
  while (::waitpid(worker.process, nullptr, 0) < 0 && errno == EINTR) {
  }
  worker.process = -1;
  worker.socket = -1;
  worker.session = 0;
  worker.yields = false;
  worker.resident_bytes = 0;
}

void SqlWorkers::give_back(std::size_t place) {
  decltype(Worker::files) files;  // let go of when nothing is locked
  {
    const std::scoped_lock lock(mutex_);
    Worker& worker = workers_[place];
    if (worker.process >= 0 && (worker.yields || !worker.killed.empty())) {
      ::kill(worker.process, SIGKILL);
      end_worker(worker);
    }
    worker.leased = false;
    files.swap(worker.files);
    worker.used = Clock::now();
    worker.sql.clear();
  }
  given_back_.notify_all();
}

base::Result<std::string> SqlWorkers::answer_view(std::size_t place, FrameReader& question) {
  if (question.kind() == FrameKind::kAskNames) {
    const auto names = views_.names();
    if (!names) return FrameWriter(FrameKind::kRefusal).refusal(names.error()).bytes();
    FrameWriter frame(FrameKind::kNames);
    frame.u32(static_cast<std::uint32_t>(names->size()));
    for (const std::string& name : *names) frame.text(name);
    return frame.bytes();
  }
  const std::string table(question.text());
  const std::int64_t known = question.i64();
  const auto need = question.u8() != 0 ? LakeViews::Need::kRows : LakeViews::Need::kShape;
  if (!question.ok()) return base::fail(base::Code::kCorrupt, "a SQL worker asked for no table");
  auto view = views_.view(table, known, need);
  if (!view) return FrameWriter(FrameKind::kRefusal).refusal(view.error()).bytes();
  if (view->files) {
    const std::scoped_lock lock(mutex_);
    workers_[place].files[{table, view->version}] = std::move(view->files);
  }
  if (!view->sql) return FrameWriter(FrameKind::kSameView).bytes();
  return FrameWriter(FrameKind::kView)
      .i64(view->version)
      .u8(view->has_rows ? 1 : 0)
      .text(*view->sql)
      .bytes();
}

base::Result<std::string> SqlWorkers::call(std::size_t place, std::string_view question) {
  int socket = -1;
  {
    const std::scoped_lock lock(mutex_);
    Worker& worker = workers_[place];
    socket = worker.socket;
    worker.since = Clock::now();
    worker.busy = true;
    worker.interrupted.reset();
  }
  auto answer = socket < 0 ? std::unexpected(ended(place, {.message = "it has ended"}))
                           : converse(place, socket, question);
  const std::scoped_lock lock(mutex_);
  workers_[place].busy = false;
  return answer;
}

base::Result<std::string> SqlWorkers::converse(std::size_t place, int socket,
                                               std::string_view question) {
  if (auto sent = send_frame(socket, question); !sent) {
    if (sent.error().code == base::Code::kLimit) return std::unexpected(sent.error());
    return std::unexpected(ended(place, sent.error()));
  }
  for (;;) {
    auto frame = receive_frame(socket);
    if (!frame) return std::unexpected(ended(place, frame.error()));
    FrameReader reader(*frame);
    if (reader.kind() != FrameKind::kAskNames && reader.kind() != FrameKind::kAskView) return frame;
    const auto view = answer_view(place, reader);
    if (!view) return std::unexpected(ended(place, view.error()));
    if (auto sent = send_frame(socket, *view); !sent)
      return std::unexpected(ended(place, sent.error()));
  }
}

// The worker is gone: says why, and makes its place free for a new one.
base::Error SqlWorkers::ended(std::size_t place, const base::Error& error) {
  const std::scoped_lock lock(mutex_);
  Worker& worker = workers_[place];
  const std::string why = worker.killed.empty() ? error.message : worker.killed;
  if (worker.process >= 0) {
    ::kill(worker.process, SIGKILL);
    end_worker(worker);
  }
  spdlog::warn("sql: a worker ended under a query: {}", why);
  return {.code = base::Code::kUnavailable,
          .message = "the query was ended with its process: " + why,
          .mend = "ask for less at once, or give the workload more memory"};
}

void SqlWorkers::forget(std::int64_t session) {
  const std::scoped_lock lock(mutex_);
  for (Worker& worker : workers_) {
    if (worker.session == session && !worker.leased) worker.session = 0;
  }
}

void SqlWorkers::interrupt(std::int64_t session) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = waiting_.find(session); found != waiting_.end()) {
    found->second.interrupted = true;
    given_back_.notify_all();
    return;
  }
  for (Worker& worker : workers_) {
    if (!worker.leased || worker.session != session || worker.process < 0) continue;
    if (!worker.interrupted) worker.interrupted = Clock::now();
    ::kill(worker.process, SIGUSR1);
  }
}

std::vector<RunningQuery> SqlWorkers::running() {
  const std::scoped_lock lock(mutex_);
  const auto now = Clock::now();
  const auto age = [&](Clock::time_point since) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - since).count();
  };
  std::vector<RunningQuery> queries;
  for (const Worker& worker : workers_) {
    if (!worker.leased) continue;
    queries.push_back({.id = worker.session,
                       .group = worker.group,
                       .client = worker.client,
                       .sql = worker.sql,
                       .running_ms = age(worker.since),
                       .resident_bytes = worker.resident_bytes});
  }
  for (const auto& [session, waiting] : waiting_) {
    queries.push_back({.id = session,
                       .group = waiting.group,
                       .client = waiting.client,
                       .sql = waiting.sql,
                       .running_ms = age(waiting.since),
                       .waiting = true});
  }
  return queries;
}

base::Result<> SqlWorkers::kill(std::int64_t session) {
  {
    const std::scoped_lock lock(mutex_);
    for (Worker& worker : workers_) {
      if (!worker.leased || worker.session != session) continue;
      kill_worker(worker, "it was killed on request");
      return {};
    }
    if (!waiting_.contains(session)) {
      return base::fail_with(base::Code::kNotFound, fmt::format("no query {} runs", session),
                             "`waybill queries` shows what runs");
    }
  }
  interrupt(session);
  return {};
}

void SqlWorkers::kill_worker(Worker& worker, std::string why) {
  if (worker.process < 0 || !worker.killed.empty()) return;
  worker.killed = std::move(why);
  ::kill(worker.process, SIGKILL);
}

void SqlWorkers::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::this_thread::sleep_for(kTick);
    watch_once();
  }
}

void SqlWorkers::watch_once() {
  const std::scoped_lock lock(mutex_);
  const auto now = Clock::now();
  std::size_t leased = 0;
  for (Worker& worker : workers_) {
    if (worker.process < 0) continue;
    worker.resident_bytes = resident_bytes(worker.process);
    if (worker.resident_bytes > options_.resident_bytes_max) {
      kill_worker(worker,
                  fmt::format("it took {} MB of memory, {} MB is the most",
                              worker.resident_bytes >> 20, options_.resident_bytes_max >> 20));
    }
    if (!worker.leased) continue;
    ++leased;
    if (worker.interrupted && now - *worker.interrupted > options_.stop_time)
      kill_worker(worker, "it did not stop when it was told to");
    if (worker.busy && !worker.yields && now - worker.since > options_.yield_after) {
      worker.yields = true;
      static_cast<void>(::setpriority(PRIO_PGRP, static_cast<id_t>(worker.process), kYieldNice));
    }
  }
  static auto& running = base::gauge("waybill_sql_running", "Queries that run in workers");
  static auto& waiting = base::gauge("waybill_sql_waiting", "Queries that wait for a slot");
  running.Set(static_cast<double>(leased));
  waiting.Set(static_cast<double>(waiting_.size()));
}

}  // namespace server
