// One client's PostgreSQL session: bytes in, bytes out; queries go to an Engine.
// Source: PostgreSQL documentation, "Frontend/Backend Protocol", section Message Flow: start-up,
// simple query, extended query (statements, portals, row limits, pipelining, errors until Sync),
// cancel.
//
// Threads: one at a time; step() runs the engine, so it takes as long as the query does.
// Invariant: step() leaves at most about kOutputBytes in `out`, whatever the result's size.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/postgres/command.h"
#include "protocol/postgres/engine.h"
#include "protocol/postgres/lexer.h"
#include "protocol/postgres/scram.h"

namespace protocol::postgres {

inline constexpr std::size_t kOutputBytes = 256UL << 10;
inline constexpr std::size_t kStatementsMax = 4096;  // prepared, per session
inline constexpr std::size_t kPortalsMax = 1024;
inline constexpr std::size_t kSavepointsMax = 1024;

// Who may come in.
struct Access {
  FindUser users;  // none: everybody, by any name
  bool encryption_required = false;
};

class Session {
 public:
  enum class Next : std::uint8_t {
    kNeedInput,  // write `out`, feed more bytes
    kMore,       // write `out`, call step() again
    kClose,      // write `out`, close the connection
  };

  // What the client needs to cancel this session's queries.
  struct Key {
    std::int32_t process_id = 0;
    std::int32_t secret_key = 0;
  };

  Session(OpenEngine open_engine, Key key, Access access = {})
      : open_engine_(std::move(open_engine)), key_(key), access_(std::move(access)) {}

  void feed(std::string_view bytes) { decoder_.feed(bytes); }
  Next step(std::string& out);
  // Bytes that were fed and wait for step().
  std::size_t buffered() const { return decoder_.buffered(); }

  // Set when the client only came to cancel a query of another session; step() has said kClose.
  const std::optional<CancelRequest>& cancel_request() const { return cancel_request_; }
  // Tells the client that the server stops (57P01); step() is not called any more.
  void shut_down(std::string& out);
  bool started() const { return engine_ != nullptr; }
  // The bytes come through TLS.
  void set_encrypted() {
    encrypted_ = true;
    settings_.put("ssl", "on");
  }
  bool refused() const { return refused_; }  // a log-in has failed

 private:
  struct Statement {
    std::optional<Command> command;
    std::unique_ptr<Prepared> prepared;  // of a query, and of the query in DECLARE
    std::string tag;
    bool empty = false;
    bool changes = false;  // tables
  };
  struct Portal {
    std::shared_ptr<Statement> statement;
    std::vector<std::optional<std::string>> values;
    std::vector<Format> formats;
    std::unique_ptr<Rows> rows;  // once it runs
    std::string tag;
    bool ran = false;
    bool hold = false;
  };
  // Rows on their way to the client, over several steps.
  struct Sending {
    std::shared_ptr<Portal> from;
    std::vector<Format> formats;
    std::string tag;
    std::int64_t rows_left = kAllRows;
    std::int64_t sent = 0;
    bool suspends = false;  // PortalSuspended when rows_left runs out
    bool counts = true;     // the tag ends in the number of rows
    bool silent = false;    // MOVE
    std::shared_ptr<CopyWriter> copy = {};
  };

  struct Login {
    Login(Startup s, ScramExchange e) : startup(std::move(s)), exchange(std::move(e)) {}
    Startup startup;
    ScramExchange exchange;
    bool begun = false;
  };

  void handle_before_start(FrontendMessage& message, std::string& out);
  void start(const Startup& startup, std::string& out);
  void log_in(const Password& message, std::string& out);
  void open_engine(const Startup& startup, std::string& out);
  Answer<> apply_startup_parameters(const Startup& startup, std::string& out);
  void handle(FrontendMessage& message, std::string& out);
  Answer<> handle_extended(FrontendMessage& message, std::string& out);
  Answer<> parse(const Parse& message, std::string& out);
  Answer<> bind(Bind& message, std::string& out);
  Answer<> describe(const Describe& message, std::string& out);
  Answer<> execute(const Execute& message, std::string& out);
  void close(const Close& message, std::string& out);
  void sync(std::string& out);

  void begin_simple(std::string sql);
  void step_simple(std::string& out);
  Answer<> run_simple(const std::string& sql, std::string& out);
  void continue_sending(std::string& out);
  // Keeps what the rows came from as waybill.versions, and says so to who asked to be told.
  void note_sources(const Rows& rows, std::string& out);
  void fail(const ErrorFields& fields, std::string& out);
  void fail_fatally(ErrorFields fields, std::string& out);

  // What it is called and whether it changes tables, of what is no command.
  static void name_query(std::string_view sql, Statement& statement);
  Answer<std::shared_ptr<Statement>> make_statement(const std::string& sql,
                                                    const std::vector<Oid>& types);
  Answer<> check_not_failed(const Statement& statement) const;
  Answer<> check_outside_transaction(const Statement& statement) const;
  Answer<const std::vector<ColumnDescription>*> columns_of(const Statement& statement);
  // Runs a command; what it sends after its effect is left in `portal` or `sending_`.
  Answer<> run_command(const Command& command, const std::shared_ptr<Portal>& portal, bool simple,
                       std::string& out);
  Answer<> run_transaction_command(const Command& command, std::string& out);
  Answer<> run_setting_command(const Command& command, std::string& out);
  Answer<> change_setting(const Command& command, std::string& out);
  Answer<> declare(const Command& command, Portal& portal, std::string& out);
  Answer<> fetch(const Command& command, const Portal& portal, bool simple);
  Answer<> copy(const Command& command, Portal& portal, std::string& out);
  Answer<> drop_named(const Command& command, std::string& out);
  void end_transaction();
  void drop_portals(bool held_too);
  void report_settings(const Settings& before, std::string& out);

  OpenEngine open_engine_;
  Key key_;
  Access access_;
  bool encrypted_ = false;
  bool refused_ = false;
  std::optional<Login> login_;
  FrontendDecoder decoder_;
  std::unique_ptr<Engine> engine_;
  Settings settings_;
  std::optional<Settings> settings_before_transaction_;
  std::map<std::string, std::string> local_settings_;  // SET LOCAL: name to the value before
  TransactionStatus status_ = TransactionStatus::kIdle;
  std::vector<std::string> savepoints_;
  std::map<std::string, std::shared_ptr<Statement>> statements_;
  std::map<std::string, std::shared_ptr<Portal>> portals_;
  std::optional<Sending> sending_;
  std::optional<std::deque<StatementText>> simple_;  // statements of a Query still to run
  std::string simple_text_;
  bool skipping_ = false;  // after an error, until Sync
  bool flush_ = false;
  bool closed_ = false;
  std::optional<CancelRequest> cancel_request_;
};

}  // namespace protocol::postgres
