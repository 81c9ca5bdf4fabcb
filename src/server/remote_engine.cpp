#include "server/remote_engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "protocol/postgres/command.h"
#include "protocol/postgres/lexer.h"
#include "protocol/postgres/types.h"
#include "server/postgres_error.h"
#include "server/postgres_rows.h"
#include "server/sql_writes.h"

namespace server {
namespace {

namespace pg = protocol::postgres;

pg::ErrorFields no_answer() {
  return pg::make_error("XX000", "a SQL worker gave an answer that cannot be read");
}

class RemoteEngine;

// What a call to a worker said of rows.
struct Fetched {
  std::size_t rows = 0;
  bool done = false;
  std::string bytes;
};

Fetched read_fetched(FrameReader& reader) {
  Fetched fetched;
  fetched.rows = static_cast<std::size_t>(reader.i64());
  fetched.done = reader.u8() != 0;
  fetched.bytes = reader.text();
  return fetched;
}

void append_fetch(const pg::FirstFetch& fetch, FrameWriter& frame) {
  frame.i64(static_cast<std::int64_t>(std::min<std::size_t>(fetch.rows_max, INT64_MAX)))
      .i64(static_cast<std::int64_t>(fetch.bytes_max))
      .u32(static_cast<std::uint32_t>(fetch.formats.size()));
  for (const pg::Format format : fetch.formats) frame.u8(static_cast<std::uint8_t>(format));
}

class RemoteRows final : public pg::Rows {
 public:
  // `first` came with the query's answer, as `wanted` had asked.
  RemoteRows(RemoteEngine& engine, std::shared_ptr<SqlLease> lease, std::uint32_t id,
             std::vector<pg::ColumnDescription> columns, Fetched first, std::string sources)
      : engine_(engine),
        lease_(std::move(lease)),
        id_(id),
        columns_(std::move(columns)),
        first_(std::move(first)),
        last_(first_.done),
        sources_(std::move(sources)) {
    if (last_) lease_.reset();  // the worker has dropped them
  }
  ~RemoteRows() override { drop(); }
  RemoteRows(const RemoteRows&) = delete;
  RemoteRows& operator=(const RemoteRows&) = delete;

  const std::vector<pg::ColumnDescription>& columns() const override { return columns_; }
  bool done() const override { return last_ && first_.rows == 0; }
  std::string sources() const override { return sources_; }
  pg::Answer<std::size_t> fetch(std::size_t rows_max, std::size_t bytes_max,
                                const std::vector<pg::Format>& formats, std::string& out) override;

 private:
  void drop() {
    if (lease_) static_cast<void>(lease_->call(FrameWriter(FrameKind::kDropRows).u32(id_).bytes()));
    lease_.reset();
  }

  RemoteEngine& engine_;
  std::shared_ptr<SqlLease> lease_;  // until the last row was fetched
  const std::uint32_t id_;
  const std::vector<pg::ColumnDescription> columns_;
  Fetched first_;
  bool last_;  // the worker has no more of them
  std::chrono::milliseconds worked_{0};
  const std::string sources_;
};

class RemotePrepared final : public pg::Prepared {
 public:
  RemotePrepared(RemoteEngine& engine, std::string sql, std::vector<pg::Oid> named)
      : engine_(engine), sql_(std::move(sql)), named_(std::move(named)) {}
  ~RemotePrepared() override;
  RemotePrepared(const RemotePrepared&) = delete;
  RemotePrepared& operator=(const RemotePrepared&) = delete;

  const std::vector<pg::Oid>& parameter_types() const override { return types_; }
  const std::vector<pg::ColumnDescription>& columns() const override { return columns_; }
  pg::Answer<std::unique_ptr<pg::Rows>> run(const std::vector<std::optional<std::string>>& values,
                                            const pg::FirstFetch& first) override;
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

// Of a change: no rows, the command's tag.
class ChangedRows final : public pg::Rows {
 public:
  explicit ChangedRows(std::string tag) : tag_(std::move(tag)) {}
  const std::vector<pg::ColumnDescription>& columns() const override { return columns_; }
  pg::Answer<std::size_t> fetch(std::size_t, std::size_t, const std::vector<pg::Format>&,
                                std::string&) override {
    return 0;
  }
  bool done() const override { return true; }
  std::string tag() const override { return tag_; }

 private:
  const std::vector<pg::ColumnDescription> columns_;
  const std::string tag_;
};

// Parameters stand as literals in the text that runs.
class PreparedChange final : public pg::Prepared {
 public:
  PreparedChange(RemoteEngine& engine, std::string sql, std::vector<pg::Oid> named)
      : engine_(engine), sql_(std::move(sql)), types_(std::move(named)) {
    for (const auto& token : pg::tokenize(sql_)) {
      if (token.kind != pg::Token::Kind::kParameter) continue;
      const auto number = std::strtoul(std::string(token.text.substr(1)).c_str(), nullptr, 10);
      types_.resize(std::max<std::size_t>(types_.size(), std::min(number, kParametersMax)));
    }
    for (auto& type : types_) {
      if (type == 0 || type == pg::oid::kUnknown) type = pg::oid::kText;
    }
  }
  const std::vector<pg::Oid>& parameter_types() const override { return types_; }
  const std::vector<pg::ColumnDescription>& columns() const override { return columns_; }
  pg::Answer<std::unique_ptr<pg::Rows>> run(const std::vector<std::optional<std::string>>& values,
                                            const pg::FirstFetch& first) override;

 private:
  static constexpr unsigned long kParametersMax = 65'535;

  RemoteEngine& engine_;
  const std::string sql_;
  std::vector<pg::Oid> types_;
  const std::vector<pg::ColumnDescription> columns_;
};

class RemoteEngine final : public pg::Engine, public Interruptible {
 public:
  RemoteEngine(SqlWorkers& workers, Running& running, std::int32_t process_id,
               std::shared_ptr<void> slot)
      : slot_(std::move(slot)), workers_(workers), running_(running), process_id_(process_id) {
    origin_.session = workers.new_session();
    origin_.process_id = process_id;
  }
  ~RemoteEngine() override { workers_.forget(origin_.session); }
  RemoteEngine(const RemoteEngine&) = delete;
  RemoteEngine& operator=(const RemoteEngine&) = delete;

  pg::Answer<std::unique_ptr<pg::Rows>> query(const std::string& sql,
                                              const pg::FirstFetch& first) override {
    if (may_change(sql)) return change(sql);
    return guarded<std::unique_ptr<pg::Rows>>([&]() -> pg::Answer<std::unique_ptr<pg::Rows>> {
      auto lease = open(sql);
      if (!lease) return std::unexpected(std::move(lease).error());
      FrameWriter question(FrameKind::kQuery);
      question.text(sql);
      append_fetch(first, question);
      auto frame = ask(**lease, question);
      if (!frame) return std::unexpected(std::move(frame).error());
      return rows_of(*frame, *std::move(lease));
    });
  }

  pg::Answer<std::unique_ptr<pg::Prepared>> prepare(const std::string& sql,
                                                    const std::vector<pg::Oid>& types) override {
    if (may_change(sql)) return std::make_unique<PreparedChange>(*this, sql, types);
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
    origin_.user = settings.get("session_authorization").value_or("");
    const auto of_user = workers_.options().users.find(origin_.user);
    const std::string usual =
        of_user == workers_.options().users.end() ? "default" : of_user->second;
    const std::string workload = settings.get("waybill.workload").value_or(usual);
    const auto& workloads = workers_.options().workloads;
    const auto found = workloads.find(workload);
    if (found == workloads.end()) return std::unexpected(no_workload(workload));
    settings_ = settings.all();
    changed_ = true;
    timeout_ = std::chrono::milliseconds(
        pg::parse_timeout_ms(settings.get("statement_timeout").value_or("0")).value_or(0));
    limit_ = found->second.timeout;
    origin_.workload = workload;
    origin_.client = settings.get("application_name").value_or("");
    return {};
  }

  bool cancel(std::int32_t process_id) override {
    for (const RunningQuery& query : workers_.running()) {
      const auto& origin = query.origin;
      if (process_id == 0 || origin.process_id != process_id || origin.user != origin_.user)
        continue;
      return workers_.kill(origin.session).has_value();
    }
    return false;
  }

  void interrupt() override {
    stop_change_ = true;
    workers_.interrupt(origin_.session);
  }

  bool may_write(const std::string& user) const override {
    const auto* const writes = workers_.options().writes;
    return writes != nullptr && writes->may_write(user);
  }
  // A user without any right is told of a session that only reads, as before.
  bool may_change(const std::string& sql) const {
    return may_write(origin_.user) && pg::is_change(sql);
  }

  pg::Answer<std::unique_ptr<pg::Rows>> change(const std::string& sql) {
    stop_change_ = false;
    return guarded<std::unique_ptr<pg::Rows>>([&]() -> pg::Answer<std::unique_ptr<pg::Rows>> {
      std::vector<std::string> path;
      const auto found = settings_.find("search_path");
      for (const auto& token : pg::tokenize(found == settings_.end() ? "" : found->second)) {
        if (token.is_name()) path.push_back(pg::name_of(token));
      }
      auto tag = workers_.options().writes->run(origin_.user, sql, path, stop_change_);
      if (!tag) return std::unexpected(postgres_error(tag.error(), sql));
      return std::make_unique<ChangedRows>(*std::move(tag));
    });
  }

  // `call` as the query that can be interrupted, of which `worked` is over.
  template <class T, class Call>
  pg::Answer<T> guarded(Call call, std::chrono::milliseconds worked = {}) {
    using std::chrono::milliseconds;
    const bool limited = limit_.count() > 0 && (timeout_.count() == 0 || limit_ < timeout_);
    const milliseconds most = limited ? limit_ : timeout_;
    const auto stopped =
        running_.begin(*this, most.count() == 0 ? most : std::max(most - worked, milliseconds(1)));
    pg::Answer<T> answer = stopped == Running::Reason::kNone
                               ? call()
                               : std::unexpected(postgres_error(was_stopped().error(), ""));
    const auto reason = running_.end(answer.has_value());
    if (answer) return answer;
    name_reason(answer.error(), reason);
    if (limited && reason == Running::Reason::kTimeout) {
      answer.error().message += fmt::format(" of workload '{}'", origin_.workload);
      answer.error().hint = "ask for less, or raise 'timeout' of the workload in waybill.yaml";
    }
    return answer;
  }

  // The session's worker, set up for it.
  pg::Answer<std::shared_ptr<SqlLease>> open(const std::string& sql) {
    // Rows that are being taken hold one: it serves the next statement as well.
    auto lease = lease_.lock();
    if (!lease || !lease->renew(sql)) {
      lease.reset();
      auto other = workers_.lease(origin_, sql);
      if (!other) return std::unexpected(postgres_error(other.error(), sql));
      lease = *std::move(other);
      lease_ = lease;
    }
    const bool fresh = lease->fresh();
    if (!fresh && !changed_) return lease;
    FrameWriter frame(fresh ? FrameKind::kOpen : FrameKind::kApply);
    if (fresh) {
      ++generation_;
      dropped_.clear();
      frame.u32(static_cast<std::uint32_t>(process_id_));
    }
    frame.u32(static_cast<std::uint32_t>(settings_.size()));
    for (const auto& [name, value] : settings_) frame.text(name).text(value);
    auto opened = ask(*lease, frame);
    if (!opened) {
      // Nobody knows how far it came: the next question opens it again.
      lease_.reset();
      lease.reset();
      workers_.forget(origin_.session);
      changed_ = true;
      return std::unexpected(std::move(opened).error());
    }
    changed_ = false;
    return lease;
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

  pg::Answer<std::unique_ptr<pg::Rows>> rows_of(std::string_view frame,
                                                std::shared_ptr<SqlLease> lease) {
    FrameReader reader(frame);
    const std::uint32_t id = reader.u32();
    auto columns = reader.columns();
    auto first = read_fetched(reader);
    std::string sources(reader.text());
    if (!reader.ok()) return std::unexpected(no_answer());
    return std::make_unique<RemoteRows>(*this, std::move(lease), id, std::move(columns),
                                        std::move(first), std::move(sources));
  }

  std::uint64_t generation() const { return generation_; }

  // A statement of the session's worker is not needed any more: told with the next one.
  void drop_prepared(std::uint32_t id) { dropped_.push_back(id); }
  std::vector<std::uint32_t> take_dropped() { return std::exchange(dropped_, {}); }

 private:
  pg::ErrorFields no_workload(const std::string& name) const {
    std::string names;
    for (const auto& [known, workload] : workers_.options().workloads)
      names += (names.empty() ? "" : ", ") + known;
    return pg::make_error("22023", fmt::format("there is no workload \"{}\"", name),
                          "waybill.yaml has them under 'workloads': " + names);
  }

  std::shared_ptr<void> slot_;
  SqlWorkers& workers_;
  Running& running_;
  const std::int32_t process_id_;
  QueryOrigin origin_;
  std::weak_ptr<SqlLease> lease_;
  std::atomic<bool> stop_change_ = false;
  std::map<std::string, std::string> settings_;
  bool changed_ = true;
  std::uint64_t generation_ = 0;        // counts the workers that this session has had
  std::vector<std::uint32_t> dropped_;  // prepared in the worker, of no more use
  std::chrono::milliseconds timeout_{0};
  std::chrono::milliseconds limit_{0};  // the workload's
};

pg::Answer<std::size_t> RemoteRows::fetch(std::size_t rows_max, std::size_t bytes_max,
                                          const std::vector<pg::Format>& formats,
                                          std::string& out) {
  if (first_.rows > 0) {  // asked for with the same formats, and for no more rows
    CHECK(first_.rows <= rows_max);
    out += first_.bytes;
    first_.bytes = {};
    return std::exchange(first_.rows, 0);
  }
  if (last_) return 0;
  FrameWriter question(FrameKind::kFetch);
  question.u32(id_);
  append_fetch({rows_max, bytes_max > out.size() ? bytes_max - out.size() : 1, formats}, question);
  const auto began = std::chrono::steady_clock::now();
  auto frame =
      engine_.guarded<std::string>([&] { return RemoteEngine::ask(*lease_, question); }, worked_);
  worked_ += std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began);
  if (!frame) return std::unexpected(std::move(frame).error());
  FrameReader reader(*frame);
  const auto fetched = read_fetched(reader);
  if (!reader.ok()) return std::unexpected(no_answer());
  last_ = fetched.done;
  out += fetched.bytes;
  if (last_) lease_.reset();  // the worker has dropped them
  return fetched.rows;
}

RemotePrepared::~RemotePrepared() {
  if (generation_ != 0 && generation_ == engine_.generation()) engine_.drop_prepared(id_);
}

pg::Answer<> RemotePrepared::prepare(SqlLease& lease) {
  FrameWriter question(FrameKind::kPrepare);
  const auto dropped = engine_.take_dropped();
  question.u32(static_cast<std::uint32_t>(dropped.size()));
  for (const auto id : dropped) question.u32(id);
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
    engine_.drop_prepared(id_);
    return std::unexpected(pg::plan_changed());
  }
  types_ = std::move(types);
  columns_ = std::move(columns);
  generation_ = engine_.generation();
  return {};
}

pg::Answer<std::unique_ptr<pg::Rows>> RemotePrepared::run(
    const std::vector<std::optional<std::string>>& values, const pg::FirstFetch& first) {
  return engine_.guarded<std::unique_ptr<pg::Rows>>([&]() -> pg::Answer<std::unique_ptr<pg::Rows>> {
    auto lease = engine_.open(sql_);
    if (!lease) return std::unexpected(std::move(lease).error());
    if (generation_ != engine_.generation()) {
      if (auto done = prepare(**lease); !done) return std::unexpected(std::move(done).error());
    }
    FrameWriter question(FrameKind::kRun);
    question.u32(id_).u32(static_cast<std::uint32_t>(values.size()));
    for (const auto& value : values) question.optional_text(value);
    append_fetch(first, question);
    auto frame = RemoteEngine::ask(**lease, question);
    if (!frame) return std::unexpected(std::move(frame).error());
    return engine_.rows_of(*frame, *std::move(lease));
  });
}

pg::Answer<std::unique_ptr<pg::Rows>> PreparedChange::run(
    const std::vector<std::optional<std::string>>& values, const pg::FirstFetch&) {
  std::string out;
  std::size_t copied = 0;
  const auto typed = cast_parameters(sql_, types_);
  for (const auto& token : pg::tokenize(typed)) {
    if (token.kind != pg::Token::Kind::kParameter) continue;
    const auto number = std::strtoul(std::string(token.text.substr(1)).c_str(), nullptr, 10);
    if (number == 0 || number > values.size()) continue;
    std::string literal = "NULL";
    if (const auto& value = values[number - 1]) {
      auto text = duckdb_text(types_[number - 1], *value);
      if (!text) return std::unexpected(postgres_error(text.error(), sql_));
      literal = sql::quote_text(*text);
    }
    out.append(typed, copied, token.offset - copied).append(literal);
    copied = token.end();
  }
  return engine_.change(out.append(typed, copied));
}

}  // namespace

std::unique_ptr<pg::Engine> remote_engine(SqlWorkers& workers, Running& running,
                                          std::int32_t process_id, std::shared_ptr<void> slot) {
  return std::make_unique<RemoteEngine>(workers, running, process_id, std::move(slot));
}

}  // namespace server
