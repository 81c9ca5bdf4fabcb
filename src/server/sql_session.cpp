#include "server/sql_session.h"

#include <algorithm>

#include "base/logging.h"
#include "protocol/postgres/lexer.h"
#include "server/postgres_catalog.h"
#include "server/sql_queries.h"
#include "server/sql_streams.h"

namespace server {

namespace {

using base::Code;
using protocol::postgres::lower;
using protocol::postgres::split_statements;
using sql::StatementKind;

std::string quote_path(const std::vector<std::string>& schemas) {
  std::string path;
  for (const auto& schema : schemas)
    path += fmt::format("{}.{},", kLakeDatabase, sql::quote_name(schema));
  return sql::quote_text(fmt::format("{}{}.main", path, kCompatDatabase));
}

std::unexpected<base::Error> only_reads(const std::string& sql) {
  const auto word = protocol::postgres::tokenize(sql);
  return base::fail_with(
      Code::kInvalid,
      fmt::format("{}{} is refused", kOnlyReads, word.empty() ? "this" : word.front().text),
      "send SELECT, WITH, VALUES, EXPLAIN, DESCRIBE or SHOW; models write the tables");
}

// A statement whose views are made fresh before each run.
class FreshStatement final : public sql::Statement {
 public:
  FreshStatement(LakeSql& lake, Reads reads, std::unique_ptr<sql::Statement> statement)
      : lake_(lake), reads_(std::move(reads)), statement_(std::move(statement)) {}

  StatementKind kind() const override { return statement_->kind(); }
  std::size_t parameters() const override { return statement_->parameters(); }
  sql::Kind parameter_kind(std::size_t index) const override {
    return statement_->parameter_kind(index);
  }
  std::vector<sql::ColumnInfo> columns() const override { return statement_->columns(); }
  base::Result<std::unique_ptr<sql::Result>> run(
      const std::vector<std::optional<std::string>>& values) override {
    if (reads_.catalogs) TRY(lake_.refresh_all());
    TRY(lake_.refresh(reads_.tables));
    return statement_->run(values);
  }
  base::Result<std::unique_ptr<sql::RowStream>> stream(
      const std::vector<std::optional<std::string>>& values) override {
    if (reads_.catalogs) TRY(lake_.refresh_all());
    TRY(lake_.refresh(reads_.tables));
    return statement_->stream(values);
  }

 private:
  LakeSql& lake_;
  Reads reads_;
  std::unique_ptr<sql::Statement> statement_;
};

class LakeSession final : public SqlSession {
 public:
  LakeSession(LakeSql& lake, std::unique_ptr<sql::Connection> connection)
      : lake_(lake), connection_(std::move(connection)) {}

  base::Result<> start() {
    TRY(connection_->execute(fmt::format("USE {}", kLakeDatabase)));
    return set_search_path({std::string(kDefaultSchema)});
  }

  base::Result<std::unique_ptr<sql::Result>> query(const std::string& sql) override {
    const auto statements = split_statements(sql);
    if (statements.empty()) return base::fail_with(Code::kInvalid, "no statement", "send a SELECT");
    for (std::size_t i = 0; i + 1 < statements.size(); ++i) TRY(query_one(statements[i].sql));
    return query_one(statements.back().sql);
  }

  base::Result<std::unique_ptr<sql::RowStream>> stream(const std::string& sql) override {
    if (read_search_path(sql) || is_variable(sql)) {
      TRY(query_one(sql));
      return connection_->stream("SELECT true AS success LIMIT 0");
    }
    const auto reads = TRY(check(sql));
    TRY(refresh(reads));
    return connection_->stream(sql);
  }

  base::Result<std::unique_ptr<sql::Statement>> prepare(const std::string& sql) override {
    auto reads = TRY(check(sql));
    TRY(refresh(reads));
    auto statement = TRY(connection_->prepare(sql));
    return std::make_unique<FreshStatement>(lake_, std::move(reads), std::move(statement));
  }

  base::Result<std::vector<sql::Connection::Part>> split(const std::string& sql) override {
    std::vector<sql::Connection::Part> parts;
    for (auto& [statement, offset] : split_statements(sql)) {
      const bool explain = explained(statement).has_value();
      parts.push_back(
          {std::move(statement), explain ? StatementKind::kExplain : StatementKind::kSelect});
    }
    return parts;
  }

  void interrupt() override { connection_->interrupt(); }

 private:
  base::Result<std::unique_ptr<sql::Result>> query_one(const std::string& sql) {
    if (const auto path = read_search_path(sql)) {
      TRY(set_search_path(*path));
      return connection_->query("SELECT true AS success LIMIT 0");
    }
    if (is_variable(sql)) return connection_->query(sql);
    const auto reads = TRY(check(sql));
    TRY(refresh(reads));
    return connection_->query(sql);
  }

  base::Result<> refresh(const Reads& reads) {
    if (reads.catalogs) TRY(lake_.refresh_all());
    return lake_.refresh(reads.tables);
  }

  // Only what DuckDB's parser takes as one SELECT passes, judged by its own syntax tree of this
  // text.
  base::Result<Reads> check(const std::string& sql) {
    const auto inner = explained(sql);
    const auto tree = connection_->parse(inner ? *inner : sql);
    if (!tree) {
      if (tree.error().message.find("Only SELECT statements") != std::string::npos)
        return only_reads(sql);
      // Text that does not parse cannot run: its preparation gives the message with the place
      // marked.
      if (auto statement = connection_->prepare(sql); !statement)
        return std::unexpected(statement.error());
      return std::unexpected(tree.error());
    }
    if (tree->value("statements", nlohmann::json::array()).size() != 1) {
      return base::fail_with(Code::kInvalid,
                             std::string(kNotAllowed) + "several statements at once",
                             "send them one by one");
    }
    auto reads = check_reads(*tree, inner ? *inner : sql, lake_.tables(), search_path_);
    if (reads || reads.error().code != Code::kNotFound) return reads;
    // A table that another process made since the last look.
    TRY(lake_.refresh_all());
    return check_reads(*tree, inner ? *inner : sql, lake_.tables(), search_path_);
  }

  // SET search_path TO a, b
  static std::optional<std::vector<std::string>> read_search_path(const std::string& sql) {
    const auto tokens = protocol::postgres::tokenize(sql);
    if (tokens.size() < 4 || !tokens[0].is_word("set") || !tokens[1].is_word("search_path"))
      return std::nullopt;
    if (!tokens[2].is('=') && !tokens[2].is_word("to")) return std::nullopt;
    std::vector<std::string> path;
    for (std::size_t i = 3; i < tokens.size(); ++i) {
      if (tokens[i].is_name()) path.push_back(protocol::postgres::name_of(tokens[i]));
      if (tokens[i].kind == protocol::postgres::Token::Kind::kText) {
        path.push_back(protocol::postgres::text_of(tokens[i]));
      }
    }
    return path;
  }

  // SET VARIABLE name = …: kept by DuckDB for this connection alone.
  bool is_variable(const std::string& sql) {
    const auto tokens = protocol::postgres::tokenize(sql);
    if (tokens.size() < 4 || !tokens[0].is_word("set") || !tokens[1].is_word("variable"))
      return false;
    // Its value may be any expression, with tables and functions: only constants pass.
    return std::all_of(tokens.begin() + 4, tokens.end(), [](const auto& token) {
      using Kind = protocol::postgres::Token::Kind;
      return token.kind == Kind::kText || token.kind == Kind::kNumber || token.is_word("map") ||
             (token.kind == Kind::kSymbol && !token.is('(') && !token.is(';'));
    });
  }

  // Schemas that do not exist are passed over, as PostgreSQL does.
  base::Result<> set_search_path(const std::vector<std::string>& wanted) {
    std::set<std::string> known = {std::string(kDefaultSchema)};
    for (const auto& table : lake_.tables()) known.insert(view_name(table).schema);
    std::vector<std::string> path;
    for (const auto& schema : wanted) {
      if (known.contains(schema)) path.push_back(schema);
    }
    TRY(connection_->execute("SET search_path = " + quote_path(path)));
    search_path_ = std::move(path);
    return {};
  }

  LakeSql& lake_;
  std::unique_ptr<sql::Connection> connection_;
  std::vector<std::string> search_path_;
};

}  // namespace

base::Result<std::unique_ptr<LakeSql>> LakeSql::open(LakeViews& views, sql::Database& database) {
  auto connection = TRY(database.connect());
  TRY(connection->execute(fmt::format("ATTACH ':memory:' AS {}; ATTACH ':memory:' AS {}",
                                      kLakeDatabase, kCompatDatabase)));
  TRY(connection->execute(fmt::format("USE {}", kLakeDatabase)));
  TRY(connection->execute(fmt::format("CREATE SCHEMA {}", kDefaultSchema)));
  for (const auto& statement : postgres_catalog_statements()) {
    TRY(connection->execute(statement));
  }
  auto lake = std::unique_ptr<LakeSql>(new LakeSql(views, database, std::move(connection)));
  lake->schemas_.insert(std::string(kDefaultSchema));
  TRY(lake->refresh_all());
  return lake;
}

base::Result<std::unique_ptr<SqlSession>> LakeSql::open_session() {
  auto connection = streaming_connection(database_, TRY(database_.connect()));
  auto session = std::make_unique<LakeSession>(*this, std::move(connection));
  TRY(session->start());
  return session;
}

std::set<std::string> LakeSql::tables() {
  const std::lock_guard lock(mutex_);
  auto tables = tables_;
  tables.insert(std::string(kQueriesTable));  // there for those who name it; no list has it
  return tables;
}

base::Result<> LakeSql::refresh_all() {
  const std::lock_guard lock(mutex_);
  const auto names = TRY(lake_views_.names());
  tables_ = {names.begin(), names.end()};
  for (auto view = views_.begin(); view != views_.end();) {
    if (tables_.contains(view->first)) {
      ++view;
      continue;
    }
    const auto name = view_name(view->first);
    TRY(connection_->execute(fmt::format("DROP VIEW IF EXISTS {}.{}.{}", kLakeDatabase,
                                         sql::quote_name(name.schema),
                                         sql::quote_name(name.table))));
    view = views_.erase(view);
  }
  // One broken table must not hide the others; whoever names it gets its error.
  for (const auto& table : tables_) {
    const auto refreshed = refresh_one(table, LakeViews::Need::kShape);
    const auto message = refreshed ? std::string() : refreshed.error().to_string();
    if (!refreshed && broken_[table] != message) spdlog::warn("sql: {}", message);
    broken_[table] = message;
  }
  return {};
}

base::Result<> LakeSql::refresh(const std::set<std::string>& tables) {
  const std::lock_guard lock(mutex_);
  for (const auto& table : tables) TRY(refresh_one(table, LakeViews::Need::kRows));
  return {};
}

base::Result<> LakeSql::refresh_one(const std::string& table, LakeViews::Need need) {
  const auto it = views_.find(table);
  const View known = it == views_.end() ? View{} : it->second;
  // A view with rows keeps them: another session may be about to read it.
  if (known.has_rows) need = LakeViews::Need::kRows;
  const bool fits = known.has_rows || need == LakeViews::Need::kShape;
  auto view = lake_views_.view(table, fits ? known.version : -1, need);
  if (!view) {
    if (view.error().code == Code::kNotFound) views_.erase(table);
    return std::unexpected(std::move(view).error());
  }
  if (!view->sql) return {};
  const auto name = view_name(table);
  if (schemas_.insert(name.schema).second) {
    TRY(connection_->execute(fmt::format("CREATE SCHEMA IF NOT EXISTS {}.{}", kLakeDatabase,
                                         sql::quote_name(name.schema))));
  }
  TRY(connection_->execute(fmt::format("CREATE OR REPLACE VIEW {}.{}.{} AS {}", kLakeDatabase,
                                       sql::quote_name(name.schema), sql::quote_name(name.table),
                                       *view->sql)));
  views_[table] = {.version = view->version, .has_rows = view->has_rows};
  return {};
}

}  // namespace server
