#include "server/sql_worker.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <thread>

#include "base/logging.h"
#include "protocol/postgres/settings.h"
#include "server/http_sql.h"
#include "server/postgres_engine.h"
#include "server/postgres_error.h"
#include "server/sql_change_apply.h"
#include "server/sql_frames.h"
#include "server/sql_sandbox.h"
#include "server/sql_session.h"
#include "storage/object_store.h"

namespace server {
namespace {

namespace pg = protocol::postgres;

constexpr std::size_t kHandlesMax = 10'000;  // prepared statements and results of one session

// Asks the server for the views while a question of its is being worked on.
class RemoteViews final : public LakeViews {
 public:
  explicit RemoteViews(int socket) : socket_(socket) {}

  base::Result<std::vector<std::string>> names() override {
    const std::string frame = TRY(ask(FrameWriter(FrameKind::kAskNames).bytes()));
    FrameReader reader(frame);
    if (reader.kind() == FrameKind::kRefusal) return std::unexpected(reader.refusal());
    std::vector<std::string> names(reader.count());
    for (std::string& name : names) name = reader.text();
    return names;
  }

  base::Result<LakeView> view(const std::string& table, lake::Version known, Need need) override {
    const std::string frame = TRY(ask(FrameWriter(FrameKind::kAskView)
                                          .text(table)
                                          .i64(known)
                                          .u8(need == Need::kRows ? 1 : 0)
                                          .bytes()));
    FrameReader reader(frame);
    if (reader.kind() == FrameKind::kRefusal) return std::unexpected(reader.refusal());
    if (reader.kind() == FrameKind::kSameView) return LakeView{.version = known};
    return read_view(reader);
  }

  base::Result<LakeView> view_at(const std::string& table, TablePin pin) override {
    FrameWriter question(FrameKind::kAskViewAt);
    question.text(table).u8(pin.by_time ? 1 : 0).i64(pin.value);
    const std::string frame = TRY(ask(question.bytes()));
    FrameReader reader(frame);
    if (reader.kind() == FrameKind::kRefusal) return std::unexpected(reader.refusal());
    return read_view(reader);
  }

 private:
  static LakeView read_view(FrameReader& reader) {
    LakeView view{.version = reader.i64()};
    view.has_rows = reader.u8() != 0;
    view.sql = reader.text();
    view.facts = reader.text();
    return view;
  }

  base::Result<std::string> ask(const std::string& question) {
    TRY(send_frame(socket_, question));
    return receive_frame(socket_);
  }

  const int socket_;
};

// Hands SIGUSR1 on to the query that runs.
class Interrupts {
 public:
  void set(SqlSession* session) {
    const std::scoped_lock lock(mutex_);
    session_ = session;
  }
  void interrupt() {
    const std::scoped_lock lock(mutex_);
    if (session_ != nullptr) session_->interrupt();
  }

 private:
  std::mutex mutex_;
  SqlSession* session_ = nullptr;
};

class Worker {
 public:
  Worker(int socket, base::Path lake, std::unique_ptr<sql::Database> database,
         Interrupts& interrupts)
      : socket_(socket),
        folder_(std::move(lake)),
        views_(socket),
        database_(std::move(database)),
        interrupts_(interrupts) {}

  // Serves questions until the socket ends.
  base::Result<> serve() {
    for (;;) {
      const auto frame = receive_frame(socket_);
      if (!frame) return {};
      FrameReader reader(*frame);
      TRY(send_frame(socket_, answer(reader)));
    }
  }

 private:
  static std::string failure(const pg::ErrorFields& fields) {
    return FrameWriter(FrameKind::kFailure).failure(fields).bytes();
  }
  static std::string refusal(const base::Error& error) {
    return FrameWriter(FrameKind::kRefusal).refusal(error).bytes();
  }
  static std::string done() { return FrameWriter(FrameKind::kAnswer).bytes(); }

  std::string answer(FrameReader& reader) {
    switch (reader.kind()) {
      case FrameKind::kOpen:
        return open(reader);
      case FrameKind::kApply:
        return apply(reader);
      case FrameKind::kQuery:
        return query(reader);
      case FrameKind::kPrepare:
        return prepare(reader);
      case FrameKind::kRun:
        return run(reader);
      case FrameKind::kFetch:
        return fetch(reader);
      case FrameKind::kDropRows:
        rows_.erase(reader.u32());
        return done();
      case FrameKind::kJson:
        return json(reader);
      case FrameKind::kChange:
        return change(reader);
      default:
        return refusal({.code = base::Code::kUnsupported,
                        .message = "a SQL worker was asked what it does not know"});
    }
  }

  // The lake's tables are looked at with the first session, when the server can answer for them.
  base::Result<std::unique_ptr<SqlSession>> new_session() {
    if (!lake_) lake_ = TRY(LakeSql::open(views_, *database_));
    return lake_->open_session();
  }

  void end_session() {
    rows_.clear();
    prepared_.clear();
    interrupts_.set(nullptr);
    engine_.reset();
  }

  std::string open(FrameReader& reader) {
    end_session();
    const auto process_id = static_cast<std::int32_t>(reader.u32());
    auto session = new_session();
    if (!session) return refusal(session.error());
    interrupts_.set(session->get());
    engine_ = std::make_unique<PostgresEngine>(*std::move(session), running_, process_id);
    return apply(reader);
  }

  std::string apply(FrameReader& reader) {
    if (!engine_) return refusal({.message = "a SQL worker has no session"});
    pg::Settings settings;
    for (std::uint32_t items = reader.count(); items > 0; --items) {
      const std::string name(reader.text());
      settings.put(name, std::string(reader.text()));
    }
    const auto applied = engine_->apply(settings);
    return applied ? done() : failure(applied.error());
  }

  // The rows' id and columns, and the first of them when they are wanted: rows, done, bytes.
  std::string give_rows(pg::Answer<std::unique_ptr<pg::Rows>> rows, const pg::FirstFetch& first) {
    if (!rows) return failure(rows.error());
    if (rows_.size() >= kHandlesMax) {
      return refusal({.code = base::Code::kLimit,
                      .message = fmt::format("a session has {} open results", rows_.size()),
                      .mend = "close cursors that are not needed"});
    }
    out_.clear();
    std::size_t fetched = 0;
    if (first.rows_max > 0) {
      const auto count = (*rows)->fetch(first.rows_max, first.bytes_max, first.formats, out_);
      if (!count) return failure(count.error());
      fetched = *count;
    }
    const bool is_done = (*rows)->done();
    const std::uint32_t id = ++last_id_;
    FrameWriter frame(FrameKind::kAnswer);
    frame.u32(id).columns((*rows)->columns());
    frame.i64(static_cast<std::int64_t>(fetched))
        .u8(is_done ? 1 : 0)
        .text(out_)
        .text(engine_->sources());
    if (!is_done) rows_[id] = *std::move(rows);
    return frame.bytes();
  }

  static pg::FirstFetch read_first(FrameReader& reader) {
    pg::FirstFetch first;
    first.rows_max = static_cast<std::size_t>(reader.i64());
    first.bytes_max = static_cast<std::size_t>(reader.i64());
    first.formats.resize(reader.count());
    for (pg::Format& format : first.formats) format = static_cast<pg::Format>(reader.u8());
    return first;
  }

  std::string query(FrameReader& reader) {
    if (!engine_) return refusal({.message = "a SQL worker has no session"});
    const std::string sql(reader.text());
    const auto first = read_first(reader);
    return give_rows(engine_->query(sql, first), first);
  }

  std::string prepare(FrameReader& reader) {
    if (!engine_) return refusal({.message = "a SQL worker has no session"});
    for (std::uint32_t dropped = reader.count(); dropped > 0; --dropped)
      prepared_.erase(reader.u32());
    const std::string sql(reader.text());
    std::vector<pg::Oid> types(reader.count());
    for (pg::Oid& type : types) type = reader.u32();
    auto prepared = engine_->prepare(sql, types);
    if (!prepared) return failure(prepared.error());
    if (prepared_.size() >= kHandlesMax) {
      return refusal(
          {.code = base::Code::kLimit,
           .message = fmt::format("a session has {} prepared statements", prepared_.size()),
           .mend = "deallocate those that are not needed"});
    }
    const std::uint32_t id = ++last_id_;
    FrameWriter frame(FrameKind::kAnswer);
    frame.u32(id).u32(static_cast<std::uint32_t>((*prepared)->parameter_types().size()));
    for (const pg::Oid type : (*prepared)->parameter_types()) frame.u32(type);
    frame.columns((*prepared)->columns());
    prepared_[id] = *std::move(prepared);
    return frame.bytes();
  }

  std::string run(FrameReader& reader) {
    const auto found = prepared_.find(reader.u32());
    if (found == prepared_.end()) return refusal({.message = "no such prepared statement"});
    std::vector<std::optional<std::string>> values(reader.count());
    for (auto& value : values) value = reader.optional_text();
    const auto first = read_first(reader);
    return give_rows(found->second->run(values, first), first);
  }

  std::string fetch(FrameReader& reader) {
    const auto found = rows_.find(reader.u32());
    if (found == rows_.end()) return refusal({.message = "no such result"});
    const auto first = read_first(reader);
    out_.clear();
    const auto fetched = found->second->fetch(first.rows_max, first.bytes_max, first.formats, out_);
    if (!fetched) return failure(fetched.error());
    const bool is_done = found->second->done();
    if (is_done) rows_.erase(found);
    return FrameWriter(FrameKind::kAnswer)
        .i64(static_cast<std::int64_t>(*fetched))
        .u8(is_done ? 1 : 0)
        .text(out_)
        .bytes();
  }

  // A question of its own, apart from any session.
  std::string json(FrameReader& reader) {
    end_session();
    SqlRequest request{.sql = std::string(reader.text())};
    request.limit = static_cast<std::size_t>(reader.i64());
    auto session = new_session();
    if (!session) return refusal(session.error());
    interrupts_.set(session->get());
    const auto result = run_sql(**session, request);
    interrupts_.set(nullptr);
    if (!result) return refusal(result.error());
    return FrameWriter(FrameKind::kAnswer)
        .text(result->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
        .bytes();
  }

  // In a process that was started for it, with the lake at hand instead of views from the server.
  std::string change(FrameReader& reader) {
    ChangeRequest request{.sql = std::string(reader.text()), .table = {}, .search_path = {}};
    request.table = reader.text();
    for (std::uint32_t items = reader.count(); items > 0; --items)
      request.search_path.emplace_back(reader.text());
    const auto tag = change_lake(request);
    return tag ? FrameWriter(FrameKind::kAnswer).text(*tag).bytes() : refusal(tag.error());
  }
  base::Result<std::string> change_lake(const ChangeRequest& request) {
    const auto store =
        TRY(storage::local_store(base::posix_file_system(), folder_, storage::Root::kThere));
    const auto catalog = lake::make_catalog(*store, *database_);
    const auto views = views_of(*catalog);
    const auto lake = TRY(LakeSql::open(*views, *database_));
    const auto session = TRY(lake->open_change_session(request.search_path));
    interrupts_.set(session.get());
    auto tag = apply_change(*catalog, *session, request);
    interrupts_.set(nullptr);
    return tag;
  }

  const int socket_;
  const base::Path folder_;
  RemoteViews views_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<LakeSql> lake_;
  Interrupts& interrupts_;
  Running running_;
  std::unique_ptr<PostgresEngine> engine_;
  std::map<std::uint32_t, std::unique_ptr<pg::Prepared>> prepared_;
  std::map<std::uint32_t, std::unique_ptr<pg::Rows>> rows_;
  std::uint32_t last_id_ = 0;
  std::string out_;
};

struct SetUp {
  Sandbox sandbox;
  sql::Options database;
};

base::Result<SetUp> receive_set_up(int socket) {
  const std::string frame = TRY(receive_frame(socket));
  FrameReader reader(frame);
  SetUp set_up;
  set_up.sandbox.lake = std::string(reader.text());
  set_up.sandbox.spill = std::string(reader.text());
  set_up.database.memory_limit = reader.text();
  set_up.database.threads = static_cast<int>(reader.u32());
  set_up.database.temporary_directory = set_up.sandbox.spill;
  set_up.database.locked = true;
  set_up.database.allowed_directory = set_up.sandbox.lake;
  set_up.sandbox.writes = std::string(reader.text());
  if (reader.kind() != FrameKind::kSetUp || !reader.ok())
    return base::fail(base::Code::kCorrupt, "the first frame of a SQL worker is no set-up");
  return set_up;
}

base::Result<> serve(int socket, Interrupts& interrupts) {
  const SetUp set_up = TRY(receive_set_up(socket));
  if (auto shut_in = enter_sandbox(set_up.sandbox); !shut_in) {
    if (shut_in.error().code != base::Code::kUnsupported) return shut_in;
    spdlog::warn("sql: queries are not shut in: {}", shut_in.error().to_string());
  }
  // Behind the sandbox: threads that begin before it would be outside of it.
  std::jthread listening([&interrupts] {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGUSR2);
    for (int signal = 0; sigwait(&signals, &signal) == 0 && signal != SIGUSR2;)
      interrupts.interrupt();
  });
  auto database = sql::Database::open(set_up.database);
  base::Result<> served;
  if (database) {
    Worker worker(socket, set_up.sandbox.lake, *std::move(database), interrupts);
    TRY(send_frame(socket, FrameWriter(FrameKind::kAnswer).bytes()));
    served = worker.serve();
  } else {
    served = std::unexpected(database.error());
  }
  ::pthread_kill(listening.native_handle(), SIGUSR2);
  return served;
}

}  // namespace

int run_sql_worker() {
  // It never outlives the server, and a kill by the kernel for want of memory meets it first.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() == 1) return 1;
  if (auto file = base::posix_file_system().open("/proc/self/oom_score_adj", false)) {
    constexpr std::string_view kFirst = "1000";
    static_cast<void>((*file)->write_at(0, std::as_bytes(std::span(kFirst))));
  }
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGUSR1, SIGUSR2, SIGINT, SIGTERM}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  Interrupts interrupts;
  const auto served = serve(kSqlWorkerSocket, interrupts);
  if (!served) spdlog::error("sql: a worker ends: {}", served.error().to_string());
  return served ? 0 : 1;
}

}  // namespace server
