#include "protocol/postgres/command.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/postgres/lexer.h"
#include "protocol/postgres/settings.h"

namespace protocol::postgres {

namespace {

using Kind = Command::Kind;
using Read = std::expected<std::optional<Command>, ErrorFields>;

std::unexpected<ErrorFields> syntax_error(std::string_view what, std::string hint) {
  ErrorFields fields;
  fields.sqlstate = "42601";
  fields.message = "syntax error in " + std::string(what);
  fields.hint = std::move(hint);
  return std::unexpected(std::move(fields));
}

// A change gives no rows, and would be committed although the command fails.
std::unexpected<ErrorFields> refuse_change(std::string_view query, std::string_view where) {
  ErrorFields fields;
  fields.sqlstate = "0A000";
  fields.message = first_word(query) + " cannot run in " + std::string(where);
  fields.hint = "send it as a statement of its own";
  return std::unexpected(std::move(fields));
}

// Walks over the tokens of one statement.
class Cursor {
 public:
  Cursor(std::string_view sql, const std::vector<Token>& tokens) : sql_(sql), tokens_(tokens) {}

  bool word(std::string_view expected) {
    if (done() || !tokens_[at_].is_word(expected)) return false;
    ++at_;
    return true;
  }
  bool symbol(char expected) {
    if (done() || !tokens_[at_].is(expected)) return false;
    ++at_;
    return true;
  }
  bool any_word(std::initializer_list<std::string_view> expected) {
    for (const auto candidate : expected) {
      if (word(candidate)) return true;
    }
    return false;
  }
  std::optional<std::string> name() {
    if (done() || !tokens_[at_].is_name()) return std::nullopt;
    return name_of(tokens_[at_++]);
  }
  // "a.b" as one name: settings have such.
  std::optional<std::string> dotted_name() {
    auto all = name();
    while (all && symbol('.')) {
      const auto part = name();
      if (!part) return std::nullopt;
      *all += "." + *part;
    }
    return all;
  }
  std::optional<std::string> text() {
    if (done() || tokens_[at_].kind != Token::Kind::kText) return std::nullopt;
    return text_of(tokens_[at_++]);
  }
  std::optional<std::int64_t> integer() {
    const auto before = at_;
    const bool negative = symbol('-');
    if (!done() && tokens_[at_].kind == Token::Kind::kNumber) {
      std::int64_t value = 0;
      const auto digits = tokens_[at_].text;
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (error == std::errc() && end == digits.data() + digits.size()) {
        ++at_;
        return negative ? -value : value;
      }
    }
    at_ = before;
    return std::nullopt;
  }
  const Token* peek() const { return done() ? nullptr : &tokens_[at_]; }
  const Token& take() { return tokens_[at_++]; }
  bool done() const {
    return at_ >= tokens_.size() || (tokens_[at_].is(';') && at_ + 1 == tokens_.size());
  }
  std::string rest() const {
    return at_ < tokens_.size() ? std::string(sql_.substr(tokens_[at_].offset)) : std::string();
  }

 private:
  std::string_view sql_;
  const std::vector<Token>& tokens_;
  std::size_t at_ = 0;
};

Read done(Cursor& cursor, Command command) {
  if (cursor.done()) return command;
  return syntax_error(command.tag, "see the PostgreSQL documentation of " + command.tag);
}

// The words after BEGIN: isolation levels and access modes. Nothing here writes, and each statement
// sees the newest commits, whatever they say.
Read read_begin(Cursor& cursor, std::string tag) {
  cursor.any_word({"work", "transaction"});
  while (!cursor.done()) {
    const bool known =
        cursor.any_word({"isolation", "level", "serializable", "repeatable", "read", "committed",
                         "uncommitted", "only", "write", "not", "deferrable"}) ||
        cursor.symbol(',');
    if (!known) return syntax_error("BEGIN", "write BEGIN, or BEGIN READ ONLY");
  }
  return Command{.kind = Kind::kBegin, .tag = std::move(tag)};
}

Read read_rollback(Cursor& cursor) {
  cursor.any_word({"work", "transaction"});
  if (cursor.word("to")) {
    cursor.word("savepoint");
    auto name = cursor.name();
    if (!name) return syntax_error("ROLLBACK", "name the savepoint: ROLLBACK TO name");
    return done(cursor, {.kind = Kind::kRollbackTo, .tag = "ROLLBACK", .name = *name});
  }
  if (cursor.word("and") && !(cursor.word("no") && cursor.word("chain"))) {
    return syntax_error("ROLLBACK", "write ROLLBACK");
  }
  return done(cursor, {.kind = Kind::kRollback, .tag = "ROLLBACK"});
}

Read read_commit(Cursor& cursor) {
  cursor.any_word({"work", "transaction"});
  if (cursor.word("and") && !(cursor.word("no") && cursor.word("chain"))) {
    return syntax_error("COMMIT", "write COMMIT");
  }
  return done(cursor, {.kind = Kind::kCommit, .tag = "COMMIT"});
}

Read read_named(Cursor& cursor, Kind kind, std::string tag) {
  auto name = cursor.name();
  if (!name) return syntax_error(tag, "a name must follow " + tag);
  return done(cursor, {.kind = kind, .tag = std::move(tag), .name = *name});
}

// The value of a SET: texts, words and numbers, several of them joined by ", ".
std::optional<std::string> read_value(Cursor& cursor) {
  std::string value;
  while (!cursor.done()) {
    const auto& token = cursor.take();
    if (token.is(',')) {
      value += ", ";
    } else if (token.kind == Token::Kind::kText) {
      value += text_of(token);
    } else if (token.kind == Token::Kind::kQuotedName) {
      value += name_of(token);
    } else if (token.kind == Token::Kind::kParameter || token.is('(') || token.is(';')) {
      return std::nullopt;
    } else {
      value += token.text;
    }
  }
  return value;
}

Read read_set(Cursor& cursor) {
  Command command{.kind = Kind::kSet, .tag = "SET"};
  if (cursor.word("local")) {
    command.local = true;
  } else if (cursor.word("session")) {
    if (cursor.any_word({"characteristics", "authorization"})) {
      return Command{.kind = Kind::kSetIgnored, .tag = "SET"};
    }
  }
  if (cursor.any_word({"transaction", "role", "constraints"})) {
    return Command{.kind = Kind::kSetIgnored, .tag = "SET"};
  }
  if (cursor.word("time")) {
    if (!cursor.word("zone")) return syntax_error("SET", "write SET TIME ZONE 'UTC'");
    command.name = "timezone";
  } else if (cursor.word("names")) {
    command.name = "client_encoding";
  } else {
    auto name = cursor.dotted_name();
    if (!name) return syntax_error("SET", "write SET name TO value");
    command.name = lower(*name);
    if (!cursor.symbol('=') && !cursor.word("to"))
      return syntax_error("SET", "write SET name TO value");
  }
  if (cursor.word("default")) return done(cursor, std::move(command));
  command.value = read_value(cursor);
  if (!command.value) return syntax_error("SET", "the value must be a text, a number or a word");
  return done(cursor, std::move(command));
}

// The name after SHOW or RESET; "" for ALL.
std::optional<std::string> read_setting_name(Cursor& cursor) {
  if (cursor.word("all")) return "";
  if (cursor.word("time"))
    return cursor.word("zone") ? std::optional<std::string>("timezone") : std::nullopt;
  if (cursor.word("transaction")) {
    if (cursor.word("isolation") && cursor.word("level")) return "transaction_isolation";
    return std::nullopt;
  }
  if (cursor.word("session")) {
    return cursor.word("authorization") ? std::optional<std::string>("session_authorization")
                                        : std::nullopt;
  }
  const auto name = cursor.dotted_name();
  return name ? std::optional(lower(*name)) : std::nullopt;
}

Read read_show(Cursor& cursor) {
  const auto name = read_setting_name(cursor);
  if (!name || !cursor.done()) return std::nullopt;
  const bool own = name->find('.') != std::string::npos;
  if (!name->empty() && !own && !is_setting(*name)) return std::nullopt;  // SHOW TABLES
  return Command{.kind = Kind::kShow, .tag = "SHOW", .name = *name};
}

Read read_reset(Cursor& cursor) {
  const auto name = read_setting_name(cursor);
  if (!name) return syntax_error("RESET", "write RESET name, or RESET ALL");
  return done(cursor, {.kind = Kind::kReset, .tag = "RESET", .name = *name});
}

// SELECT [pg_catalog.]set_config('name', 'value', false), pg_cancel_backend(1): with anything more
// it is a query.
Read read_select(Cursor& cursor) {
  if (cursor.word("pg_catalog") && !cursor.symbol('.')) return std::nullopt;
  for (const std::string name : {"pg_cancel_backend", "pg_terminate_backend"}) {
    if (!cursor.word(name)) continue;
    if (!cursor.symbol('(')) return std::nullopt;
    const auto process_id = cursor.integer();
    if (!process_id || !cursor.symbol(')') || !cursor.done()) return std::nullopt;
    return Command{.kind = Kind::kCancel, .tag = "SELECT 1", .name = name, .rows = *process_id};
  }
  if (!cursor.word("set_config") || !cursor.symbol('(')) return std::nullopt;
  auto name = cursor.text();
  if (!name || !cursor.symbol(',')) return std::nullopt;
  auto value = cursor.text();
  if (!value || !cursor.symbol(',')) return std::nullopt;
  const bool local = cursor.word("true");
  if ((!local && !cursor.word("false")) || !cursor.symbol(')') || !cursor.done())
    return std::nullopt;
  return Command{.kind = Kind::kSetConfig,
                 .tag = "SELECT 1",
                 .name = lower(*name),
                 .value = *value,
                 .local = local};
}

Read read_deallocate(Cursor& cursor) {
  cursor.word("prepare");
  if (cursor.word("all")) return done(cursor, {.kind = Kind::kDeallocate, .tag = "DEALLOCATE ALL"});
  return read_named(cursor, Kind::kDeallocate, "DEALLOCATE");
}

Read read_discard(Cursor& cursor) {
  if (cursor.word("all")) return done(cursor, {.kind = Kind::kDiscard, .tag = "DISCARD ALL"});
  if (cursor.any_word({"plans", "temp", "temporary", "sequences"})) {
    return done(cursor, {.kind = Kind::kSetIgnored, .tag = "DISCARD"});
  }
  return syntax_error("DISCARD", "write DISCARD ALL");
}

Read read_declare(Cursor& cursor) {
  Command command{.kind = Kind::kDeclare, .tag = "DECLARE CURSOR"};
  auto name = cursor.name();
  if (!name) return syntax_error("DECLARE", "write DECLARE name CURSOR FOR SELECT …");
  command.name = *name;
  while (!cursor.word("cursor")) {
    if (cursor.word("binary")) {
      command.binary = true;
    } else if (cursor.word("scroll")) {
      ErrorFields fields;
      fields.sqlstate = "0A000";
      fields.message = "a cursor cannot move backwards";
      fields.hint = "declare it with NO SCROLL";
      return std::unexpected(std::move(fields));
    } else if (cursor.word("no")) {
      cursor.word("scroll");
    } else if (!cursor.any_word({"insensitive", "asensitive"})) {
      return syntax_error("DECLARE", "write DECLARE name CURSOR FOR SELECT …");
    }
  }
  if (cursor.word("with")) {
    command.hold = true;
    cursor.word("hold");
  } else if (cursor.word("without")) {
    cursor.word("hold");
  }
  if (!cursor.word("for") || cursor.done()) {
    return syntax_error("DECLARE", "write DECLARE name CURSOR FOR SELECT …");
  }
  command.query = cursor.rest();
  if (is_change(command.query)) return refuse_change(command.query, "a cursor");
  return command;
}

Read read_fetch(Cursor& cursor, Kind kind, std::string tag) {
  Command command{.kind = kind, .tag = std::move(tag)};
  cursor.any_word({"forward", "next"});
  if (cursor.any_word({"backward", "prior", "first", "last", "absolute", "relative"})) {
    ErrorFields fields;
    fields.sqlstate = "0A000";
    fields.message = "a cursor only moves forward";
    fields.hint = "use FETCH FORWARD count FROM name";
    return std::unexpected(std::move(fields));
  }
  if (cursor.word("all")) {
    command.rows = kAllRows;
  } else if (const auto rows = cursor.integer()) {
    command.rows = *rows;
  }
  if (command.rows < 0) return syntax_error(command.tag, "a cursor only moves forward");
  cursor.any_word({"from", "in"});
  auto name = cursor.name();
  if (!name) return syntax_error(command.tag, "name the cursor: FETCH 100 FROM name");
  command.name = *name;
  return done(cursor, std::move(command));
}

Read read_close(Cursor& cursor) {
  if (cursor.word("all")) return done(cursor, {.kind = Kind::kClose, .tag = "CLOSE CURSOR ALL"});
  return read_named(cursor, Kind::kClose, "CLOSE CURSOR");
}

}  // namespace

Read read_command(std::string_view sql) {
  const auto tokens = tokenize(sql);
  Cursor cursor(sql, tokens);
  if (cursor.done()) return Command{.kind = Kind::kEmpty, .tag = ""};
  if (cursor.word("copy")) {
    auto copy = read_copy(sql);
    if (!copy) return std::unexpected(std::move(copy).error());
    if (is_change((*copy)->query)) return refuse_change((*copy)->query, "COPY");
    return Command{
        .kind = Kind::kCopy, .tag = "COPY", .query = (*copy)->query, .copy = (*copy)->options};
  }
  if (cursor.word("select")) return read_select(cursor);
  if (cursor.word("begin")) return read_begin(cursor, "BEGIN");
  if (cursor.word("start")) {
    if (cursor.word("transaction")) return read_begin(cursor, "START TRANSACTION");
    return syntax_error("START", "write START TRANSACTION");
  }
  if (cursor.any_word({"commit", "end"})) return read_commit(cursor);
  if (cursor.any_word({"rollback", "abort"})) return read_rollback(cursor);
  if (cursor.word("savepoint")) return read_named(cursor, Kind::kSavepoint, "SAVEPOINT");
  if (cursor.word("release")) {
    cursor.word("savepoint");
    return read_named(cursor, Kind::kRelease, "RELEASE");
  }
  if (cursor.word("set")) return read_set(cursor);
  if (cursor.word("reset")) return read_reset(cursor);
  if (cursor.word("show")) return read_show(cursor);
  if (cursor.word("deallocate")) return read_deallocate(cursor);
  if (cursor.word("discard")) return read_discard(cursor);
  if (cursor.word("declare")) return read_declare(cursor);
  if (cursor.word("fetch")) return read_fetch(cursor, Kind::kFetch, "FETCH");
  if (cursor.word("move")) return read_fetch(cursor, Kind::kMove, "MOVE");
  if (cursor.word("close")) return read_close(cursor);
  if (cursor.word("listen")) return Command{.kind = Kind::kListen, .tag = "LISTEN"};
  if (cursor.word("unlisten")) return Command{.kind = Kind::kListen, .tag = "UNLISTEN"};
  return std::nullopt;
}

std::string first_word(std::string_view sql) {
  for (const auto& token : tokenize(sql)) {
    if (token.is('(')) continue;
    if (token.kind != Token::Kind::kWord) break;
    auto word = lower(token.text);
    for (char& c : word) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return word;
  }
  return "SELECT";
}

bool is_change(std::string_view sql) {
  constexpr auto kWords =
      std::to_array<std::string_view>({"insert", "update", "delete", "merge", "create", "drop"});
  const auto tokens = tokenize(sql);
  return !tokens.empty() && std::ranges::any_of(kWords, [&](std::string_view word) {
    return tokens.front().is_word(word);
  });
}

}  // namespace protocol::postgres
