#include "server/remote_engine.h"

#include <algorithm>

#include "server/postgres_error.h"

namespace server {
namespace {

namespace pg = protocol::postgres;

pg::ErrorFields no_answer() {
  pg::ErrorFields fields;
  fields.message = "a SQL worker gave an answer that cannot be read";
  return fields;
}

class RemoteEngine;

class RemoteRows final : public pg::Rows {
 public:
  RemoteRows(std::shared_ptr<SqlLease> lease, std::uint32_t id,
             std::vector<pg::ColumnDescription> columns, bool done)
      : lease_(std::move(lease)), id_(id), columns_(std::move(columns)), done_(done) {
    if (done_) drop();
  }
  ~RemoteRows() override { drop(); }
  RemoteRows(const RemoteRows&) = delete;
  RemoteRows& operator=(const RemoteRows&) = delete;

  const std::vector<pg::ColumnDescription>& columns() const override { return columns_; }
  bool done() const override { return done_; }
  pg::Answer<std::size_t> fetch(std::size_t rows_max, std::size_t bytes_max,
                                const std::vector<pg::Format>& formats, std::string& out) override;

 private:
  void drop() {
    if (lease_) static_cast<void>(lease_->call(FrameWriter(FrameKind::kDropRows).u32(id_).bytes()));
    lease_.reset();
  }

  std::shared_ptr<SqlLease> lease_;  // until the last row was fetched
  const std::uint32_t id_;
  const std::vector<pg::ColumnDescription> columns_;
  bool done_;
};

class RemotePrepared final : public pg::Prepared {
 public:
  RemotePrepared(RemoteEngine& engine, std::string sql, std::vector<pg::Oid> named)
      : engine_(engine), sql_(std::move(sql)), named_(std::move(named)) {}

  const std::vector<pg::Oid>& parameter_types() const override { return types_; }
  const std::vector<pg::ColumnDescription>& columns() const override { return columns_; }
  pg::Answer<std::unique_ptr<pg::Rows>> run(
      const std::vector<std::optional<std::string>>& values) override;
  // In the worker that the session has now.
  pg::Answer<> prepare(SqlLease& lease);

 private:
  RemoteEngine& engine_;
  const std::string sql_;
  const std::vector<pg::Oid> named_;
  std::vector<pg::Oid> types_;
  std::vector<pg::ColumnDescription> columns_;
  std::uint32_t id_ = 0;
  std::uint64_t generation_ = 0;  // of the session's worker in which `id_` is
};

class RemoteEngine final : public pg::Engine, public Interruptible {
 public:
  RemoteEngine(SqlWorkers& workers, Running& running, std::int32_t process_id,
               std::shared_ptr<void> slot)
      : slot_(std::move(slot)),
        workers_(workers),
        running_(running),
        process_id_(process_id),
        session_(workers.new_session()) {}
  ~RemoteEngine() override { workers_.forget(session_); }
  RemoteEngine(const RemoteEngine&) = delete;
  RemoteEngine& operator=(const RemoteEngine&) = delete;

  pg::Answer<std::unique_ptr<pg::Rows>> query(const std::string& sql) override {
    return guarded<std::unique_ptr<pg::Rows>>([&]() -> pg::Answer<std::unique_ptr<pg::Rows>> {
      auto lease = open(sql);
      if (!lease) return std::unexpected(std::move(lease).error());
      auto frame = ask(**lease, FrameWriter(FrameKind::kQuery).text(sql));
      if (!frame) return std::unexpected(std::move(frame).error());
      return rows_of(*frame, *std::move(lease));
    });
  }

  pg::Answer<std::unique_ptr<pg::Prepared>> prepare(const std::string& sql,
                                                    const std::vector<pg::Oid>& types) override {
    return guarded<std::unique_ptr<pg::Prepared>>(
        [&]() -> pg::Answer<std::unique_ptr<pg::Prepared>> {
          auto lease = open(sql);
          if (!lease) return std::unexpected(std::move(lease).error());
          auto prepared = std::make_unique<RemotePrepared>(*this, sql, types);
          if (auto done = prepared->prepare(**lease); !done)
            return std::unexpected(std::move(done).error());
          return prepared;
        });
  }

  // Kept here; the worker hears of it with the next question.
  pg::Answer<> apply(const pg::Settings& settings) override {
    settings_ = settings.all();
    changed_ = true;
    timeout_ = std::chrono::milliseconds(
        pg::parse_timeout_ms(settings.get("statement_timeout").value_or("0")).value_or(0));
    workload_ = settings.get("waybill.workload").value_or("default");
    client_ = settings.get("application_name").value_or("");
    return {};
  }

  void interrupt() override { workers_.interrupt(session_); }

  // `call` as the query that can be interrupted.
  template <class T, class Call>
  pg::Answer<T> guarded(Call call) {
    running_.begin(*this, timeout_);
    pg::Answer<T> answer = call();
    const auto reason = running_.end();
    if (!answer) name_reason(answer.error(), reason);
    return answer;
  }

  // The session's worker, set up for it.
  pg::Answer<std::shared_ptr<SqlLease>> open(const std::string& sql) {
    auto lease = workers_.lease(session_, workload_, client_, sql);
    if (!lease) return std::unexpected(postgres_error(lease.error(), sql));
    const bool fresh = (*lease)->fresh();
    if (!fresh && !changed_) return *std::move(lease);
    FrameWriter frame(fresh ? FrameKind::kOpen : FrameKind::kApply);
    if (fresh) {
      ++generation_;
      frame.u32(static_cast<std::uint32_t>(process_id_));
    }
    frame.u32(static_cast<std::uint32_t>(settings_.size()));
    for (const auto& [name, value] : settings_) frame.text(name).text(value);
    auto opened = ask(**lease, frame);
    if (!opened) {
      // Nobody knows how far it came: the next question opens it again.
      workers_.forget(session_);
      changed_ = true;
      return std::unexpected(std::move(opened).error());
    }
    changed_ = false;
    return *std::move(lease);
  }

  static pg::Answer<std::string> ask(SqlLease& lease, FrameWriter& question) {
    auto frame = lease.call(question.bytes());
    if (!frame) return std::unexpected(postgres_error(frame.error(), ""));
    FrameReader reader(*frame);
    if (reader.kind() == FrameKind::kFailure) return std::unexpected(reader.failure());
    if (reader.kind() == FrameKind::kRefusal)
      return std::unexpected(postgres_error(reader.refusal(), ""));
    return *std::move(frame);
  }

  static pg::Answer<std::unique_ptr<pg::Rows>> rows_of(std::string_view frame,
                                                       std::shared_ptr<SqlLease> lease) {
    FrameReader reader(frame);
    const std::uint32_t id = reader.u32();
    auto columns = reader.columns();
    const bool done = reader.u8() != 0;
    if (!reader.ok()) return std::unexpected(no_answer());
    return std::make_unique<RemoteRows>(std::move(lease), id, std::move(columns), done);
  }

  std::uint64_t generation() const { return generation_; }

 private:
  std::shared_ptr<void> slot_;
  SqlWorkers& workers_;
  Running& running_;
  const std::int32_t process_id_;
  const std::int64_t session_;
  std::map<std::string, std::string> settings_;
  bool changed_ = true;
  std::uint64_t generation_ = 0;  // counts the workers that this session has had
  std::chrono::milliseconds timeout_{0};
  std::string workload_ = "default";
  std::string client_;
};

pg::Answer<std::size_t> RemoteRows::fetch(std::size_t rows_max, std::size_t bytes_max,
                                          const std::vector<pg::Format>& formats,
                                          std::string& out) {
  if (done_) return 0;
  FrameWriter question(FrameKind::kFetch);
  question.u32(id_)
      .i64(static_cast<std::int64_t>(std::min<std::size_t>(rows_max, INT64_MAX)))
      .i64(static_cast<std::int64_t>(bytes_max > out.size() ? bytes_max - out.size() : 1))
      .u32(static_cast<std::uint32_t>(formats.size()));
  for (const pg::Format format : formats) question.u8(static_cast<std::uint8_t>(format));
  auto frame = RemoteEngine::ask(*lease_, question);
  if (!frame) return std::unexpected(std::move(frame).error());
  FrameReader reader(*frame);
  const auto rows = static_cast<std::size_t>(reader.i64());
  done_ = reader.u8() != 0;
  const std::string_view bytes = reader.text();
  if (!reader.ok()) return std::unexpected(no_answer());
  out += bytes;
  if (done_) drop();
  return rows;
}

pg::Answer<> RemotePrepared::prepare(SqlLease& lease) {
  FrameWriter question(FrameKind::kPrepare);
  question.text(sql_).u32(static_cast<std::uint32_t>(named_.size()));
  for (const pg::Oid type : named_) question.u32(type);
  auto frame = RemoteEngine::ask(lease, question);
  if (!frame) return std::unexpected(std::move(frame).error());
  FrameReader reader(*frame);
  id_ = reader.u32();
  std::vector<pg::Oid> types(reader.count());
  for (pg::Oid& type : types) type = reader.u32();
  auto columns = reader.columns();
  if (!reader.ok()) return std::unexpected(no_answer());
  // What the client was told of the statement stays true.
  const bool again = generation_ != 0;
  if (again && (types != types_ || columns.size() != columns_.size())) {
    pg::ErrorFields changed;
    changed.sqlstate = "0A000";
    changed.message = "cached plan must not change result type";
    changed.hint = "prepare the statement again";
    return std::unexpected(std::move(changed));
  }
  types_ = std::move(types);
  columns_ = std::move(columns);
  generation_ = engine_.generation();
  return {};
}

pg::Answer<std::unique_ptr<pg::Rows>> RemotePrepared::run(
    const std::vector<std::optional<std::string>>& values) {
  return engine_.guarded<std::unique_ptr<pg::Rows>>([&]() -> pg::Answer<std::unique_ptr<pg::Rows>> {
    auto lease = engine_.open(sql_);
    if (!lease) return std::unexpected(std::move(lease).error());
    if (generation_ != engine_.generation()) {
      if (auto done = prepare(**lease); !done) return std::unexpected(std::move(done).error());
    }
    FrameWriter question(FrameKind::kRun);
    question.u32(id_).u32(static_cast<std::uint32_t>(values.size()));
    for (const auto& value : values) question.optional_text(value);
    auto frame = RemoteEngine::ask(**lease, question);
    if (!frame) return std::unexpected(std::move(frame).error());
    return RemoteEngine::rows_of(*frame, *std::move(lease));
  });
}

class RemoteJsonQuery final : public JsonQuery {
 public:
  RemoteJsonQuery(SqlWorkers& workers, SqlRequest request)
      : workers_(workers), request_(std::move(request)), session_(workers.new_session()) {}
  ~RemoteJsonQuery() override { workers_.forget(session_); }
  RemoteJsonQuery(const RemoteJsonQuery&) = delete;
  RemoteJsonQuery& operator=(const RemoteJsonQuery&) = delete;

  base::Result<std::string> run() override {
    const auto lease = TRY(workers_.lease(session_, "page", "http", request_.sql));
    const std::string frame = TRY(lease->call(FrameWriter(FrameKind::kJson)
                                                  .text(request_.sql)
                                                  .i64(static_cast<std::int64_t>(request_.limit))
                                                  .bytes()));
    FrameReader reader(frame);
    if (reader.kind() == FrameKind::kRefusal) return std::unexpected(reader.refusal());
    std::string text(reader.text());
    if (reader.ok()) return text;
    return base::fail(base::Code::kCorrupt, "a SQL worker gave an answer that cannot be read");
  }
  void interrupt() override { workers_.interrupt(session_); }

 private:
  SqlWorkers& workers_;
  const SqlRequest request_;
  const std::int64_t session_;
};

}  // namespace

std::unique_ptr<JsonQuery> remote_json_query(SqlWorkers& workers, SqlRequest request) {
  return std::make_unique<RemoteJsonQuery>(workers, std::move(request));
}

std::unique_ptr<pg::Engine> remote_engine(SqlWorkers& workers, Running& running,
                                          std::int32_t process_id, std::shared_ptr<void> slot) {
  return std::make_unique<RemoteEngine>(workers, running, process_id, std::move(slot));
}

}  // namespace server
