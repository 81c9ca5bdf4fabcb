#include "server/sql_workers.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "base/logging.h"
#include "base/metrics.h"

namespace server {
namespace {

constexpr auto kTick = std::chrono::milliseconds(50);
constexpr int kYieldNice = 19;
constexpr std::size_t kShownBytes = 1000;  // of a query's text in lists
// Rows that nobody takes are given up even when nobody waits, after so many times `idle`.
constexpr int kIdleTimesMax = 10;
constexpr std::string_view kOnRequest = "it was killed on request";
const Workload kUnknown{};

// The beginning of a query's text, as good UTF-8.
std::string shown(const std::string& sql) {
  std::size_t end = std::min(sql.size(), kShownBytes);
  while (end > 0 && end < sql.size() && (static_cast<unsigned char>(sql[end]) & 0xC0) == 0x80)
    --end;
  const auto quoted = nlohmann::json(sql.substr(0, end))
                          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  auto text = nlohmann::json::parse(quoted).get<std::string>();
  std::ranges::replace(text, '\0', ' ');
  return text;
}

}  // namespace

SqlLease::~SqlLease() { workers_.give_back(place_, number_); }

bool SqlLease::renew(const std::string& sql) {
  fresh_ = false;
  return workers_.renew(place_, number_, sql);
}

base::Result<std::string> SqlLease::call(std::string_view question) {
  return workers_.call(place_, number_, question);
}

SqlWorkers::SqlWorkers(LakeViews& views, SqlWorkersOptions options)
    : options_(std::move(options)), views_(views, [this] { return running(); }) {
  std::size_t places = 0;
  for (const auto& [name, group] : options_.workloads) places += group.slots;
  workers_.resize(places);
  tasks_.run("sql-workers", [this](const std::stop_token& stop) {
    start_first();
    watch(stop);
  });
}

// So that the first query need not wait for it.
void SqlWorkers::start_first() {
  std::uint64_t lease = 0;
  const Workload& group = workload("default");
  {
    const std::scoped_lock lock(mutex_);
    if (workers_.front().leased) return;
    workers_.front().leased = true;
    lease = ++workers_.front().lease;
  }
  auto started = start(0, group);
  if (!started) spdlog::error("sql: {}", started.error().to_string());
  {
    const std::scoped_lock lock(mutex_);
    if (started) workers_.front().process = *started;
    workers_.front().profile = group.profile();
  }
  give_back(0, lease);
}

SqlWorkers::~SqlWorkers() {
  tasks_.stop();
  for (Worker& worker : workers_) worker.process.end();
}

const Workload& SqlWorkers::workload(const std::string& name) const {
  const auto found = options_.workloads.find(name);
  return found == options_.workloads.end() ? kUnknown : found->second;
}

bool SqlWorkers::has_slot(const std::string& name) const {
  const auto used = std::ranges::count_if(workers_, [&](const Worker& worker) {
    return worker.leased && worker.origin.workload == name;
  });
  return static_cast<std::size_t>(used) < workload(name).slots;
}

// The session's own worker, one that nobody has state in, a new one, or the one that was idle for
// the longest time; last those that must be started anew for another workload.
std::optional<std::size_t> SqlWorkers::free_place(std::int64_t session,
                                                  const std::string& profile) {
  const auto rank = [&](const Worker& worker) {
    if (!worker.process.alive()) return 2;
    if (worker.profile != profile) return 4;
    return worker.session == session ? 0 : worker.session == 0 ? 1 : 3;
  };
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].leased) continue;
    const bool better =
        !best || rank(workers_[i]) < rank(workers_[*best]) ||
        (rank(workers_[i]) == rank(workers_[*best]) && workers_[i].used < workers_[*best].used);
    if (better) best = i;
  }
  return best;
}

base::Result<> SqlWorkers::wait_for_slot(std::unique_lock<std::mutex>& lock,
                                         const Waiting& request) {
  const std::string& name = request.origin.workload;
  const Workload& group = workload(name);
  const auto free = [&] {
    return has_slot(name) && free_place(request.origin.session, group.profile()).has_value();
  };
  if (free()) return {};
  const auto queued = std::ranges::count_if(
      waiting_, [&](const auto& waiting) { return waiting.second.origin.workload == name; });
  if (static_cast<std::size_t>(queued) >= group.queue) {
    return base::fail_with(base::Code::kUnavailable,
                           fmt::format("{} queries of workload '{}' wait already", queued, name),
                           "try again later, or raise queue or slots of the workload");
  }
  const std::int64_t session = request.origin.session;
  Waiting& waiting = waiting_[session] = request;
  const bool came =
      given_back_.wait_for(lock, group.queue_time, [&] { return waiting.interrupted || free(); });
  const bool interrupted = waiting.interrupted;
  waiting_.erase(session);
  if (interrupted)
    return base::fail(base::Code::kCancelled, "the query was cancelled while it waited");
  if (came) return {};
  return base::fail_with(
      base::Code::kUnavailable,
      fmt::format("no slot of workload '{}' became free within {} s", name,
                  std::chrono::duration_cast<std::chrono::seconds>(group.queue_time).count()),
      "try again later; `waybill queries` shows what runs");
}

base::Result<std::shared_ptr<SqlLease>> SqlWorkers::lease(const QueryOrigin& origin,
                                                          const std::string& sql) {
  const Workload& group = workload(origin.workload);
  const std::string profile = group.profile();
  std::unique_lock lock(mutex_);
  TRY(wait_for_slot(lock, {origin, sql, Clock::now(), false}));
  const std::size_t place = *free_place(origin.session, profile);
  Worker& worker = workers_[place];
  if (worker.process.died() || (worker.process.alive() && worker.profile != profile))
    worker.process.end();
  worker.leased = true;
  worker.origin = origin;
  worker.sql = sql;
  worker.since = worker.used = Clock::now();
  worker.interrupted.reset();
  worker.killed.clear();
  // Gives the place back, whatever comes.
  auto lease = std::make_shared<SqlLease>(*this, place, ++worker.lease);
  lease->fresh_ = !worker.process.alive() || worker.session != origin.session;
  let_others_pass(origin.session);
  if (!worker.process.alive()) {
    worker.busy = true;  // nobody takes it back meanwhile
    lock.unlock();
    auto started = start(place, group);
    lock.lock();
    worker.busy = false;
    if (!started) {
      lock.unlock();  // the lease's end takes it
      return std::unexpected(std::move(started).error());
    }
    worker.process = *started;
    worker.profile = profile;
    worker.yields = false;
  }
  worker.session = origin.session;
  lock.unlock();
  return lease;
}

base::Result<WorkerProcess> SqlWorkers::start(std::size_t place, const Workload& group) {
  return start_worker_process(options_.program, options_.lake,
                              options_.spill / fmt::to_string(place), group);
}

// What runs long makes room when somebody else comes. It cannot be undone without a privilege, so
// what runs alone is left as it is.
void SqlWorkers::let_others_pass(std::int64_t session) {
  const auto now = Clock::now();
  for (Worker& worker : workers_) {
    const bool is_long = worker.leased && worker.busy && now - worker.since > options_.yield_after;
    if (!is_long || worker.yields || worker.session == session) continue;
    worker.yields = worker.process.set_nice(kYieldNice);
  }
}

void SqlWorkers::give_back(std::size_t place, std::uint64_t lease) {
  decltype(Worker::files) files;  // let go of when nothing is locked
  {
    const std::scoped_lock lock(mutex_);
    Worker& worker = workers_[place];
    if (worker.lease != lease || !worker.leased) return;
    const bool slow =
        worker.yields && !worker.process.set_nice(workload(worker.origin.workload).nice());
    if (slow || !worker.killed.empty()) worker.process.end();
    worker.yields = false;
    worker.leased = false;
    files.swap(worker.files);
    worker.used = Clock::now();
    worker.sql.clear();
  }
  given_back_.notify_all();
}

bool SqlWorkers::renew(std::size_t place, std::uint64_t lease, const std::string& sql) {
  const std::scoped_lock lock(mutex_);
  Worker& worker = workers_[place];
  if (worker.lease != lease || !worker.leased || !worker.process.alive() || !worker.killed.empty())
    return false;
  worker.sql = sql;
  worker.since = worker.used = Clock::now();
  worker.interrupted.reset();
  let_others_pass(worker.session);
  return true;
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
  const bool older = question.kind() == FrameKind::kAskViewAt;
  const bool by_time = older && question.u8() != 0;
  const std::int64_t value = question.i64();
  const bool rows = older || question.u8() != 0;
  if (!question.ok()) return base::fail(base::Code::kCorrupt, "a SQL worker asked for no table");
  const auto need = rows ? LakeViews::Need::kRows : LakeViews::Need::kShape;
  auto view = older ? views_.view_at(table, {.by_time = by_time, .value = value})
                    : views_.view(table, value, need);
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
      .text(view->facts)
      .bytes();
}

base::Result<std::string> SqlWorkers::call(std::size_t place, std::uint64_t lease,
                                           std::string_view question) {
  int socket = -1;
  {
    const std::scoped_lock lock(mutex_);
    Worker& worker = workers_[place];
    if (worker.lease != lease) {
      return base::fail_with(
          base::Code::kUnavailable,
          "the rows of this query were not taken for too long, and were given up",
          "take rows without a pause, or raise 'idle' of the workload in waybill.yaml");
    }
    socket = worker.process.socket;
    worker.busy = true;
    worker.interrupted.reset();
  }
  auto answer = socket < 0 ? std::unexpected(ended(place, {.message = "it has ended"}))
                           : converse(place, socket, question);
  const std::scoped_lock lock(mutex_);
  workers_[place].busy = false;
  workers_[place].used = Clock::now();
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
    const bool asks = reader.kind() == FrameKind::kAskNames ||
                      reader.kind() == FrameKind::kAskView ||
                      reader.kind() == FrameKind::kAskViewAt;
    if (!asks) return frame;
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
  worker.process.end();
  spdlog::warn("sql: a worker ended under a query: {}", why);
  return {.code = base::Code::kUnavailable,
          .message = "the query was ended with its process: " + why,
          .mend = why == kOnRequest ? "ask who ended it before you run it again"
                                    : "ask for less at once, or give the workload more memory"};
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
    if (!worker.leased || worker.session != session || !worker.process.alive()) continue;
    if (!worker.interrupted) worker.interrupted = Clock::now();
    worker.process.signal(SIGUSR1);
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
    if (!worker.leased || worker.sql.empty()) continue;
    queries.push_back({.origin = worker.origin,
                       .sql = shown(worker.sql),
                       .state = worker.busy ? "running" : "idle",
                       .running_ms = age(worker.since),
                       .resident_bytes = worker.resident_bytes});
  }
  for (const auto& [session, waiting] : waiting_) {
    queries.push_back({.origin = waiting.origin,
                       .sql = shown(waiting.sql),
                       .state = "waiting",
                       .running_ms = age(waiting.since)});
  }
  return queries;
}

base::Result<> SqlWorkers::kill(std::int64_t id) {
  {
    const std::scoped_lock lock(mutex_);
    for (Worker& worker : workers_) {
      if (!worker.leased || worker.origin.session != id) continue;
      if (worker.busy) {
        kill_worker(worker, std::string(kOnRequest));
      } else {
        take_back(worker);
        given_back_.notify_all();
      }
      return {};
    }
    if (!waiting_.contains(id)) {
      return base::fail_with(base::Code::kNotFound, fmt::format("no query {} runs", id),
                             "`waybill queries` shows what runs");
    }
  }
  interrupt(id);
  return {};
}

void SqlWorkers::kill_worker(Worker& worker, std::string why) {
  if (!worker.process.alive() || !worker.killed.empty()) return;
  worker.killed = std::move(why);
  worker.process.signal(SIGKILL);
}

void SqlWorkers::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::this_thread::sleep_for(kTick);
    watch_once();
    decltype(let_go_) files;  // let go of when nothing is locked
    const std::scoped_lock lock(mutex_);
    files.swap(let_go_);
  }
}

void SqlWorkers::watch_once() {
  const std::scoped_lock lock(mutex_);
  const auto now = Clock::now();
  std::size_t leased = 0;
  for (Worker& worker : workers_) {
    if (!worker.process.alive()) continue;
    worker.resident_bytes = worker.process.resident_bytes();
    const auto most = workload(worker.origin.workload).resident_bytes_max();
    if (worker.resident_bytes > most) {
      kill_worker(worker, fmt::format("it took {} MB of memory, {} MB is the most",
                                      worker.resident_bytes >> 20, most >> 20));
    }
    if (!worker.leased) continue;
    ++leased;
    if (worker.interrupted && now - *worker.interrupted > options_.stop_time)
      kill_worker(worker, "it did not stop when it was told to");
  }
  take_back_idle(now);
  static auto& running = base::gauge("waybill_sql_running", "Queries that run in workers");
  static auto& waiting = base::gauge("waybill_sql_waiting", "Queries that wait for a slot");
  running.Set(static_cast<double>(leased));
  waiting.Set(static_cast<double>(waiting_.size()));
}

// Rows that nobody has taken for a while give their slot to whoever waits.
void SqlWorkers::take_back_idle(Clock::time_point now) {
  bool taken = false;
  for (Worker& worker : workers_) {
    if (!worker.leased || worker.busy) continue;
    const auto idle = workload(worker.origin.workload).idle;
    const bool wanted = std::ranges::any_of(waiting_, [&](const auto& waiting) {
      return waiting.second.origin.workload == worker.origin.workload;
    });
    if (now - worker.used < (wanted ? idle : idle * kIdleTimesMax)) continue;
    spdlog::warn("sql: rows that nobody takes give their slot back: {}", shown(worker.sql));
    take_back(worker);
    taken = true;
  }
  if (taken) given_back_.notify_all();
}

// From a lease that waits for its client; it is told when it is used next.
void SqlWorkers::take_back(Worker& worker) {
  let_go_.push_back(std::move(worker.files));
  worker.files.clear();
  worker.process.end();
  worker.session = 0;
  worker.leased = false;
  worker.sql.clear();
  ++worker.lease;
}

}  // namespace server
