// A PostgreSQL session's queries on a SqlSession: types, parameters and rows as PostgreSQL has
// them.
//
// Threads: one at a time, except Running, which any thread may use.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "protocol/postgres/engine.h"
#include "server/platform.h"

namespace server {

// What runs a session's query.
class Interruptible {
 public:
  virtual ~Interruptible() = default;
  virtual void interrupt() = 0;  // from another thread; called again until the query has ended
};

// The query that a session runs now, so that others can stop it.
class Running {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Reason : std::uint8_t { kNone, kCancelled, kTimeout, kStopping, kClientGone };

  // Stops the query; nothing when none runs.
  void interrupt(Reason reason);
  // Stops it when its time is over, and once more what was told to stop and has not heard it: an
  // interrupt that comes between two phases of a query is lost.
  void tick(Time now);

  // Around each call that runs a query. begin() tells why it is not to run any more, end() why it
  // was stopped.
  Reason begin(Interruptible& query, std::chrono::milliseconds timeout);
  Reason end(bool went_well);
  // Whether a query or its rows are on their way, between calls as well: it can be cancelled then.
  void set_underway(bool underway);

 private:
  std::mutex mutex_;
  Interruptible* query_ = nullptr;
  bool underway_ = false;
  Time deadline_ = Time::max();
  Reason reason_ = Reason::kNone;
  Reason unheard_ = Reason::kNone;  // of the call before, which went well all the same
};

// What a call gives that begin() has not let run.
std::unexpected<base::Error> was_stopped();
// The message of a query that was stopped (57014) names the reason.
void name_reason(protocol::postgres::ErrorFields& fields, Running::Reason reason);

class PostgresEngine final : public protocol::postgres::Engine, public Interruptible {
 public:
  // `running` outlives the engine; `slot` is let go of when the engine ends.
  PostgresEngine(std::unique_ptr<SqlSession> session, Running& running, std::int32_t process_id,
                 std::shared_ptr<void> slot = nullptr)
      : slot_(std::move(slot)),
        session_(std::move(session)),
        running_(running),
        process_id_(process_id) {}

  protocol::postgres::Answer<std::unique_ptr<protocol::postgres::Rows>> query(
      const std::string& sql, const protocol::postgres::FirstFetch& first) override;
  protocol::postgres::Answer<std::unique_ptr<protocol::postgres::Prepared>> prepare(
      const std::string& sql, const std::vector<protocol::postgres::Oid>& types) override;
  protocol::postgres::Answer<> apply(const protocol::postgres::Settings& settings) override;
  bool cancel(std::int32_t) override { return false; }
  void interrupt() override { session_->interrupt(); }
  // What the last statement read (SqlSession).
  std::string sources() const { return session_->sources(); }

  // Runs `call` as the query that can be interrupted; its error as PostgreSQL's.
  template <class Call>
  auto run(const std::string& sql, Call call)
      -> std::expected<typename decltype(call())::value_type, protocol::postgres::ErrorFields> {
    const auto stopped = running_.begin(*this, timeout_);
    auto result = stopped == Running::Reason::kNone ? call() : decltype(call())(was_stopped());
    const auto reason = running_.end(result.has_value());
    if (!result) return std::unexpected(wire_error(result.error(), sql, reason));
    return std::move(*result);
  }
  std::unique_ptr<protocol::postgres::Rows> rows_of(
      std::unique_ptr<sql::RowStream> rows,
      std::vector<protocol::postgres::ColumnDescription> columns, std::string sql);

 private:
  // With PostgreSQL's names for columns without an alias.
  std::vector<protocol::postgres::ColumnDescription> with_names(
      std::vector<protocol::postgres::ColumnDescription> columns) const;
  protocol::postgres::Answer<std::unique_ptr<protocol::postgres::Prepared>> prepare_unbound(
      const std::string& sql, std::vector<protocol::postgres::Oid> types, std::size_t parameters);
  static protocol::postgres::ErrorFields wire_error(const base::Error& error,
                                                    const std::string& sql, Running::Reason reason);

  std::shared_ptr<void> slot_;
  std::unique_ptr<SqlSession> session_;
  Running& running_;
  std::int32_t process_id_;
  std::chrono::milliseconds timeout_{0};
  std::string applied_;
  std::string search_path_;
};

}  // namespace server
