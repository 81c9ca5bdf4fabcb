#include "protocol/postgres/session.h"

#include <algorithm>

#include "protocol/postgres/lexer.h"
#include "protocol/postgres/types.h"

namespace protocol::postgres {

namespace {

std::unexpected<ErrorFields> refuse(std::string sqlstate, std::string message,
                                    std::string hint = "") {
  return std::unexpected(make_error(std::move(sqlstate), std::move(message), std::move(hint)));
}

ErrorFields wire_error(const base::Error& failure) {
  const bool unsupported = failure.code == base::Code::kUnsupported;
  const bool limit = failure.code == base::Code::kLimit;
  return make_error(unsupported ? "0A000"
                    : limit     ? "54000"
                                : "08P01",
                    failure.message, failure.mend);
}

int characters(std::string_view utf8) {
  return static_cast<int>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool ends_failed_transaction(const Command& command) {
  using Kind = Command::Kind;
  return command.kind == Kind::kCommit || command.kind == Kind::kRollback ||
         command.kind == Kind::kRollbackTo;
}

}  // namespace

Session::Next Session::step(std::string& out) {
  while (out.size() < kOutputBytes) {
    if (closed_) return Next::kClose;
    if (sending_) {
      continue_sending(out);
      continue;
    }
    if (simple_) {
      step_simple(out);
      continue;
    }
    if (flush_) {
      flush_ = false;
      return Next::kMore;
    }
    auto message = decoder_.next();
    if (!message) {
      fail_fatally(wire_error(message.error()), out);
      return Next::kClose;
    }
    if (!*message) return Next::kNeedInput;
    handle(**message, out);
  }
  return Next::kMore;
}

void Session::shut_down(std::string& out) {
  if (engine_ == nullptr || closed_) return;
  fail_fatally(make_error("57P01", "Waybill is stopping", "connect again when it is back"), out);
}

void Session::fail_fatally(ErrorFields fields, std::string& out) {
  fields.severity = "FATAL";
  BackendEncoder(out).error_response(fields);
  closed_ = true;
}

// An error in an extended query skips everything until Sync; in a simple one it drops the other
// statements of the same text.
void Session::fail(const ErrorFields& fields, std::string& out) {
  BackendEncoder(out).error_response(fields);
  if (status_ == TransactionStatus::kInTransaction) status_ = TransactionStatus::kFailed;
  sending_.reset();
  if (simple_) {
    simple_->clear();
  } else {
    skipping_ = true;
  }
}

void Session::handle(FrontendMessage& message, std::string& out) {
  if (engine_ == nullptr) return handle_before_start(message, out);
  if (std::holds_alternative<Terminate>(message)) {
    closed_ = true;
    return;
  }
  if (std::holds_alternative<Sync>(message)) return sync(out);
  if (const auto* unspoken = std::get_if<Unspoken>(&message)) {
    if (skipping_ || unspoken->type == 'd' || unspoken->type == 'c' || unspoken->type == 'f')
      return;
    fail(make_error("0A000", "function calls of the protocol are not served",
                    "call the function with SELECT"),
         out);
    skipping_ = false;
    return BackendEncoder(out).ready_for_query(status_);
  }
  if (skipping_) return;
  if (const auto* query = std::get_if<Query>(&message)) return begin_simple(query->sql);
  if (auto handled = handle_extended(message, out); !handled) fail(handled.error(), out);
}

Answer<> Session::handle_extended(FrontendMessage& message, std::string& out) {
  if (const auto* parse_message = std::get_if<Parse>(&message)) return parse(*parse_message, out);
  if (auto* bind_message = std::get_if<Bind>(&message)) return bind(*bind_message, out);
  if (const auto* describe_message = std::get_if<Describe>(&message))
    return describe(*describe_message, out);
  if (const auto* execute_message = std::get_if<Execute>(&message))
    return execute(*execute_message, out);
  if (const auto* close_message = std::get_if<Close>(&message)) {
    close(*close_message, out);
    return {};
  }
  if (std::holds_alternative<Flush>(message)) {
    flush_ = true;
    return {};
  }
  return refuse("08P01", "message out of order", "send it where the protocol has it");
}

void Session::sync(std::string& out) {
  skipping_ = false;
  if (status_ == TransactionStatus::kIdle) drop_portals(false);
  BackendEncoder(out).ready_for_query(status_);
}

Answer<> Session::check_not_failed(const Statement& statement) const {
  if (status_ != TransactionStatus::kFailed) return {};
  if (statement.command && ends_failed_transaction(*statement.command)) return {};
  return refuse("25P02",
                "current transaction is aborted, commands ignored until end of transaction block",
                "send ROLLBACK");
}

// A change is a commit of its own: a transaction could not take it back.
Answer<> Session::check_outside_transaction(const Statement& statement) const {
  if (status_ != TransactionStatus::kInTransaction || !statement.changes) return {};
  return refuse("25001", statement.tag + " cannot run inside a transaction block",
                "each change is committed at once: use autocommit");
}

void Session::name_query(std::string_view sql, Statement& statement) {
  const auto word = first_word(sql);
  statement.changes = is_change(sql);
  statement.tag = statement.changes || word == "EXPLAIN" ? word : "SELECT";
}

Answer<std::shared_ptr<Session::Statement>> Session::make_statement(const std::string& sql,
                                                                    const std::vector<Oid>& types) {
  auto statement = std::make_shared<Statement>();
  auto command = read_command(sql);
  if (!command) return std::unexpected(command.error());
  statement->command = std::move(*command);
  if (statement->command) {
    statement->tag = statement->command->tag;
    statement->empty = statement->command->kind == Command::Kind::kEmpty;
    if (statement->command->kind != Command::Kind::kDeclare) return statement;
  } else {
    name_query(sql, *statement);
  }
  if (status_ == TransactionStatus::kFailed) return statement;  // check_not_failed refuses it
  if (auto outside = check_outside_transaction(*statement); !outside)
    return std::unexpected(outside.error());
  auto prepared = engine_->prepare(statement->command ? statement->command->query : sql, types);
  if (!prepared) return std::unexpected(prepared.error());
  statement->prepared = std::move(*prepared);
  return statement;
}

Answer<> Session::parse(const Parse& message, std::string& out) {
  if (!message.name.empty() && statements_.contains(message.name)) {
    return refuse("42P05", "prepared statement \"" + message.name + "\" already exists",
                  "close it first");
  }
  if (statements_.size() >= kStatementsMax) {
    return refuse("53400", fmt::format("more than {} prepared statements", kStatementsMax),
                  "close statements that are not needed any more");
  }
  auto texts = split_statements(message.sql);
  if (texts.size() > 1) {
    return refuse("42601", "cannot insert multiple commands into a prepared statement",
                  "send them one by one, or as a simple query");
  }
  auto statement = make_statement(texts.empty() ? "" : texts.front().sql, message.types);
  if (!statement) return std::unexpected(statement.error());
  if (auto checked = check_not_failed(**statement); !checked) return checked;
  statements_[message.name] = std::move(*statement);
  BackendEncoder(out).parse_complete();
  return {};
}

Answer<> Session::bind(Bind& message, std::string& out) {
  const auto found = statements_.find(message.statement);
  if (found == statements_.end()) {
    return refuse("26000", "prepared statement \"" + message.statement + "\" does not exist",
                  "send Parse first");
  }
  const auto& statement = found->second;
  if (auto checked = check_not_failed(*statement); !checked) return checked;
  if (!message.portal.empty() && portals_.contains(message.portal)) {
    return refuse("42P03", "cursor \"" + message.portal + "\" already exists", "close it first");
  }
  if (portals_.size() >= kPortalsMax) {
    return refuse("53400", fmt::format("more than {} open portals", kPortalsMax),
                  "close some of them");
  }
  static const std::vector<Oid> kNone;
  const auto& types = statement->prepared ? statement->prepared->parameter_types() : kNone;
  if (message.parameters.size() != types.size()) {
    return refuse(
        "08P01",
        fmt::format(
            "bind message supplies {} parameters, but prepared statement \"{}\" requires {}",
            message.parameters.size(), message.statement, types.size()),
        "give one value for each parameter");
  }
  auto portal = std::make_shared<Portal>();
  portal->statement = statement;
  portal->tag = statement->tag;
  portal->formats = std::move(message.result_formats);
  for (std::size_t i = 0; i < types.size(); ++i) {
    auto& value = message.parameters[i];
    if (value && format_at(message.parameter_formats, i) == Format::kBinary) {
      auto text = binary_to_text(types[i], *value);
      if (!text) {
        const bool unsupported = text.error().code == base::Code::kUnsupported;
        return refuse(unsupported ? "0A000" : "22P03",
                      fmt::format("parameter ${}: {}", i + 1, text.error().message),
                      text.error().mend);
      }
      value = std::move(*text);
    }
    portal->values.push_back(std::move(value));
  }
  portals_[message.portal] = std::move(portal);
  BackendEncoder(out).bind_complete();
  return {};
}

Answer<> Session::describe(const Describe& message, std::string& out) {
  BackendEncoder encoder(out);
  if (message.target == Target::kStatement) {
    const auto found = statements_.find(message.name);
    if (found == statements_.end()) {
      return refuse("26000", "prepared statement \"" + message.name + "\" does not exist",
                    "send Parse first");
    }
    const auto& statement = *found->second;
    if (auto checked = check_not_failed(statement); !checked) return checked;
    auto columns = columns_of(statement);
    if (!columns) return std::unexpected(columns.error());
    encoder.parameter_description(statement.prepared ? statement.prepared->parameter_types()
                                                     : std::vector<Oid>{});
    if (*columns == nullptr) {
      encoder.no_data();
    } else {
      encoder.row_description(**columns, {});
    }
    return {};
  }
  const auto found = portals_.find(message.name);
  if (found == portals_.end()) {
    return refuse("34000", "portal \"" + message.name + "\" does not exist", "send Bind first");
  }
  const auto& portal = *found->second;
  if (portal.rows) {
    encoder.row_description(portal.rows->columns(), portal.formats);
    return {};
  }
  if (auto checked = check_not_failed(*portal.statement); !checked) return checked;
  auto columns = columns_of(*portal.statement);
  if (!columns) return std::unexpected(columns.error());
  if (*columns == nullptr) {
    encoder.no_data();
  } else {
    encoder.row_description(**columns, portal.formats);
  }
  return {};
}

Answer<> Session::execute(const Execute& message, std::string& out) {
  const auto found = portals_.find(message.portal);
  if (found == portals_.end()) {
    return refuse("34000", "portal \"" + message.portal + "\" does not exist", "send Bind first");
  }
  const auto portal = found->second;
  if (!portal->ran) {
    if (auto checked = check_not_failed(*portal->statement); !checked) return checked;
    // It may have been parsed before the transaction began.
    if (auto outside = check_outside_transaction(*portal->statement); !outside) return outside;
    if (portal->statement->empty) {
      BackendEncoder(out).empty_query_response();
      return {};
    }
    portal->ran = true;
    if (portal->statement->command) {
      if (auto ran = run_command(*portal->statement->command, portal, false, out); !ran) return ran;
      if (!portal->rows || sending_) return {};
    } else {
      const auto wanted = message.rows_max > 0 ? static_cast<std::size_t>(message.rows_max)
                                               : static_cast<std::size_t>(kAllRows);
      auto rows =
          portal->statement->prepared->run(portal->values, {wanted, kOutputBytes, portal->formats});
      if (!rows) return std::unexpected(rows.error());
      note_sources(**rows, out);
      portal->tag = (*rows)->tag().empty() ? portal->tag : (*rows)->tag();
      if ((*rows)->tag().empty()) portal->rows = std::move(*rows);
    }
  }
  if (!portal->rows) {
    BackendEncoder(out).command_complete(portal->tag);
    return {};
  }
  sending_ = Sending{.from = portal,
                     .formats = portal->formats,
                     .tag = portal->tag,
                     .counts = portal->tag == "SELECT"};
  if (message.rows_max > 0) {
    sending_->rows_left = message.rows_max;
    sending_->suspends = true;
  }
  return {};
}

void Session::close(const Close& message, std::string& out) {
  if (message.target == Target::kStatement) {
    statements_.erase(message.name);
  } else {
    portals_.erase(message.name);
  }
  BackendEncoder(out).close_complete();
}

void Session::begin_simple(std::string sql) {
  statements_.erase("");
  portals_.erase("");
  auto statements = split_statements(sql);
  if (statements.empty()) statements.emplace_back();
  simple_.emplace(statements.begin(), statements.end());
  simple_text_ = std::move(sql);
}

void Session::step_simple(std::string& out) {
  if (simple_->empty()) {
    simple_.reset();
    if (status_ == TransactionStatus::kIdle) drop_portals(false);
    BackendEncoder(out).ready_for_query(status_);
    return;
  }
  const auto statement = std::move(simple_->front());
  simple_->pop_front();
  auto ran = run_simple(statement.sql, out);
  if (ran) return;
  // Places are counted in the whole text that the client sent.
  if (ran.error().position > 0) {
    ran.error().position += characters(std::string_view(simple_text_).substr(0, statement.offset));
  }
  fail(ran.error(), out);
}

Answer<> Session::run_simple(const std::string& sql, std::string& out) {
  auto statement = std::make_shared<Statement>();
  auto command = read_command(sql);
  if (!command) return std::unexpected(command.error());
  statement->command = std::move(*command);
  if (statement->command && statement->command->kind == Command::Kind::kEmpty) {
    BackendEncoder(out).empty_query_response();
    return {};
  }
  if (auto checked = check_not_failed(*statement); !checked) return checked;
  auto portal = std::make_shared<Portal>();
  portal->statement = statement;
  if (statement->command) {
    portal->tag = statement->command->tag;
    if (statement->command->kind == Command::Kind::kDeclare) {
      auto prepared = engine_->prepare(statement->command->query, {});
      if (!prepared) return std::unexpected(prepared.error());
      statement->prepared = std::move(*prepared);
    }
    if (auto ran = run_command(*statement->command, portal, true, out); !ran) return ran;
    if (!portal->rows || sending_) return {};
  } else {
    name_query(sql, *statement);
    if (auto outside = check_outside_transaction(*statement); !outside) return outside;
    portal->tag = statement->tag;
    auto rows = engine_->query(sql, {static_cast<std::size_t>(kAllRows), kOutputBytes, {}});
    if (!rows) return std::unexpected(rows.error());
    note_sources(**rows, out);
    if (const auto tag = (*rows)->tag(); !tag.empty()) {
      BackendEncoder(out).command_complete(tag);
      return {};
    }
    portal->rows = std::move(*rows);
  }
  BackendEncoder(out).row_description(portal->rows->columns(), {});
  sending_ =
      Sending{.from = portal, .formats = {}, .tag = portal->tag, .counts = portal->tag == "SELECT"};
  return {};
}

void Session::note_sources(const Rows& rows, std::string& out) {
  const auto sources = rows.sources();
  if (sources.empty()) return;
  settings_.put("waybill.versions", sources);
  const auto shown = settings_.get("waybill.show_versions").value_or("off");
  if (shown != "on" && shown != "true" && shown != "1") return;
  ErrorFields notice;
  notice.severity = "NOTICE";
  notice.sqlstate = "00000";
  notice.message = "read " + sources;
  BackendEncoder(out).notice_response(notice);
}

void Session::continue_sending(std::string& out) {
  auto& sending = *sending_;
  auto& rows = *sending.from->rows;
  BackendEncoder encoder(out);
  if (sending.rows_left > 0 && !rows.done()) {
    std::string unseen;
    auto& into = sending.silent || sending.copy ? unseen : out;
    const auto count = rows.fetch(static_cast<std::size_t>(sending.rows_left), kOutputBytes,
                                  sending.formats, into);
    if (!count) return fail(ErrorFields(count.error()), out);
    if (sending.copy) sending.copy->append(unseen, out);
    sending.sent += static_cast<std::int64_t>(*count);
    if (sending.rows_left != kAllRows) sending.rows_left -= static_cast<std::int64_t>(*count);
    if (sending.rows_left > 0 && !rows.done()) return;
  }
  if (sending.copy) sending.copy->end(out);
  if (sending.suspends && !rows.done()) {
    encoder.portal_suspended();
  } else {
    encoder.command_complete(sending.counts ? fmt::format("{} {}", sending.tag, sending.sent)
                                            : sending.tag);
  }
  sending_.reset();
}

}  // namespace protocol::postgres
