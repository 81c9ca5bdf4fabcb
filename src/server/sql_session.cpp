#include "server/sql_session.h"

#include <algorithm>

#include "base/logging.h"
#include "protocol/postgres/lexer.h"
#include "server/postgres_names.h"
#include "server/sql_streams.h"
#include "server/time_travel.h"

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

// A client's text as DuckDB gets it, and what it reads.
struct Checked {
  std::string sql;
  Reads reads;
  std::vector<ReadVersion> pinned;  // the older versions
};

// An error's place counts in the text that DuckDB got: of no use when that is not the client's.
base::Error without_place(base::Error error) {
  if (const auto place = error.message.find("\n\nLINE "); place != std::string::npos)
    error.message.resize(place);
  return error;
}

class LakeSession final : public ChangeSession {
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
    const auto checked = TRY(check(sql));
    TRY(begin_run(checked));
    auto rows = connection_->stream(checked.sql);
    if (!rows && !checked.pinned.empty()) return std::unexpected(without_place(rows.error()));
    return rows;
  }

  base::Result<std::unique_ptr<sql::Statement>> prepare(const std::string& sql) override;

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
  sql::Connection& connection() override { return *connection_; }
  base::Result<std::string> allow(const std::string& select) override {
    auto checked = TRY(check(select));
    TRY(refresh(checked.reads));
    return std::move(checked.sql);
  }
  std::string sources() const override { return sources_; }
  std::vector<std::string> names(std::size_t columns) const override {
    return postgres_column_names(tree_, columns);
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

  // The views of older versions, and the files that they read, may have gone since the check.
  base::Result<> pin_again(const Checked& checked) {
    for (const auto& [table, version, time] : checked.pinned)
      TRY(lake_.pin(table, {.by_time = false, .value = version}));
    return {};
  }

  // Makes the views fresh and keeps what a run of the statement reads.
  base::Result<> begin_run(const Checked& checked) {
    TRY(refresh(checked.reads));
    auto versions = lake_.versions(checked.reads.tables);
    versions.insert(versions.end(), checked.pinned.begin(), checked.pinned.end());
    sources_.clear();
    if (versions.empty()) return {};
    std::string rows;
    for (const auto& [table, version, committed_us] : versions) {
      sources_ += fmt::format("{}{}@{}", sources_.empty() ? "" : ", ", table, version);
      const auto time = committed_us == 0
                            ? std::string("NULL")
                            : fmt::format("make_timestamp({})::TIMESTAMPTZ", committed_us);
      rows += fmt::format("{}{{'table_name': {}, 'version': {}, 'committed_at': {}}}",
                          rows.empty() ? "" : ", ", sql::quote_text(table), version, time);
    }
    if (rows == noted_) return {};
    TRY(connection_->execute("SET VARIABLE waybill_versions = [" + rows + "]"));
    noted_ = std::move(rows);
    return {};
  }

 private:
  base::Result<std::unique_ptr<sql::Result>> query_one(const std::string& sql) {
    if (const auto path = read_search_path(sql)) {
      TRY(set_search_path(*path));
      return connection_->query("SELECT true AS success LIMIT 0");
    }
    if (is_variable(sql)) return connection_->query(sql);
    const auto checked = TRY(check(sql));
    TRY(begin_run(checked));
    auto result = connection_->query(checked.sql);
    if (!result && !checked.pinned.empty()) return std::unexpected(without_place(result.error()));
    return result;
  }

  base::Result<> refresh(const Reads& reads) {
    if (reads.catalogs) TRY(lake_.refresh_all());
    return lake_.refresh(reads.tables);
  }

  // Only what DuckDB's parser takes as one SELECT passes, judged by its own syntax tree of this
  // text.
  base::Result<Checked> check(const std::string& text) {
    auto checked = TRY(travel(text));
    const auto& sql = checked.sql;
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
    const auto reads = [&]() -> base::Result<Reads> {
      auto tables = lake_.tables();
      for (const auto& [table, version, time] : checked.pinned)
        tables.insert(fmt::format("{}.{}@{}", kPinnedSchema, table, version));
      return check_reads(*tree, inner ? *inner : sql, tables, search_path_);
    };
    auto read = reads();
    if (!read && read.error().code == Code::kNotFound) {
      // A table that another process made since the last look.
      TRY(lake_.refresh_all());
      read = reads();
    }
    tree_ = *tree;
    if (!read)
      return std::unexpected(checked.pinned.empty() ? read.error() : without_place(read.error()));
    checked.reads = *std::move(read);
    std::erase_if(checked.reads.tables, [](const std::string& table) {
      return table.starts_with(std::string(kPinnedSchema) + ".");
    });
    return checked;
  }

  // Puts views of the wanted versions in the places of AT (VERSION => 3).
  base::Result<Checked> travel(const std::string& sql) {
    Checked checked{.sql = sql, .reads = {}, .pinned = {}};
    const auto travels = find_time_travels(sql);
    std::vector<std::string> views;
    for (const auto& travel : travels) {
      const auto table = TRY(lake_name(travel.name));
      auto [view, version] = TRY(lake_.pin(table, TRY(pin_of(travel))));
      views.push_back(fmt::format("{}.{}.{}", kLakeDatabase, kPinnedSchema, sql::quote_name(view)));
      checked.pinned.push_back(std::move(version));
    }
    if (!travels.empty()) checked.sql = replace_time_travels(sql, travels, views);
    return checked;
  }

  // The lake's table by this name; kNotFound as for any other unknown table.
  base::Result<std::string> lake_name(const std::vector<std::string>& name) {
    std::string dotted;
    for (const auto& part : name) dotted += (dotted.empty() ? "" : ".") + sql::quote_name(part);
    const auto sql = "SELECT * FROM " + dotted;
    const auto tree = TRY(connection_->parse(sql));
    auto reads = check_reads(tree, sql, lake_.tables(), search_path_);
    if (!reads) {
      TRY(lake_.refresh_all());
      reads = check_reads(tree, sql, lake_.tables(), search_path_);
    }
    if (!reads) return std::unexpected(without_place(reads.error()));
    if (reads->tables.size() == 1) return *reads->tables.begin();
    return base::fail_with(Code::kInvalid, dotted + " has no versions",
                           "AT goes with the lake's tables; SHOW ALL TABLES lists them");
  }

  // Version and time are computed by a query of their own, which reads nothing.
  base::Result<TablePin> pin_of(const TimeTravel& travel) {
    const auto sql = travel.by_time
                         ? fmt::format("SELECT epoch_us(CAST(({}) AS TIMESTAMPTZ))", travel.value)
                         : fmt::format("SELECT CAST(({}) AS BIGINT)", travel.value);
    const auto wrong = [&](const std::string& why) {
      return base::fail_with(
          Code::kInvalid,
          fmt::format("AT needs a {}, not {}{}", travel.by_time ? "time" : "version number",
                      travel.value, why),
          "write AT (VERSION => 3) or AT (TIMESTAMP => '2026-01-31 12:00:00+00')");
    };
    const auto tree = connection_->parse(sql);
    if (!tree) return wrong("");
    const auto reads = TRY(check_reads(*tree, sql, {}, {}));
    if (reads.catalogs) return wrong("");
    const auto result = connection_->query(sql);
    if (!result) return wrong(": " + without_place(result.error()).message);
    if ((*result)->rows() != 1 || (*result)->is_null(0, 0)) return wrong("");
    return TablePin{.by_time = travel.by_time, .value = (*result)->int_at(0, 0)};
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

  LakeSql& lake_;
  std::unique_ptr<sql::Connection> connection_;
  std::vector<std::string> search_path_;
  nlohmann::json tree_;  // of the statement that was checked last
  std::string sources_;  // of the statement that ran last
  std::string noted_;    // what the variable waybill_versions holds
};

// A statement whose views are made fresh before each run.
class FreshStatement final : public sql::Statement {
 public:
  FreshStatement(LakeSession& session, Checked checked, std::unique_ptr<sql::Statement> statement)
      : session_(session), checked_(std::move(checked)), statement_(std::move(statement)) {}

  StatementKind kind() const override { return statement_->kind(); }
  std::size_t parameters() const override { return statement_->parameters(); }
  sql::Kind parameter_kind(std::size_t index) const override {
    return statement_->parameter_kind(index);
  }
  std::vector<sql::ColumnInfo> columns() const override { return statement_->columns(); }
  base::Result<std::unique_ptr<sql::Result>> run(
      const std::vector<std::optional<std::string>>& values) override {
    TRY(session_.pin_again(checked_));
    TRY(session_.begin_run(checked_));
    return statement_->run(values);
  }
  base::Result<std::unique_ptr<sql::RowStream>> stream(
      const std::vector<std::optional<std::string>>& values) override {
    TRY(session_.pin_again(checked_));
    TRY(session_.begin_run(checked_));
    return statement_->stream(values);
  }

 private:
  LakeSession& session_;
  const Checked checked_;
  std::unique_ptr<sql::Statement> statement_;
};

base::Result<std::unique_ptr<sql::Statement>> LakeSession::prepare(const std::string& sql) {
  auto checked = TRY(check(sql));
  TRY(refresh(checked.reads));
  auto statement = connection_->prepare(checked.sql);
  if (!statement) {
    return std::unexpected(checked.pinned.empty() ? statement.error()
                                                  : without_place(statement.error()));
  }
  return std::make_unique<FreshStatement>(*this, std::move(checked), *std::move(statement));
}

}  // namespace

base::Result<std::unique_ptr<SqlSession>> LakeSql::open_session() {
  auto connection = streaming_connection(database_, TRY(database_.connect()));
  auto session = std::make_unique<LakeSession>(*this, std::move(connection));
  TRY(session->start());
  return session;
}

base::Result<std::unique_ptr<ChangeSession>> LakeSql::open_change_session(
    const std::vector<std::string>& search_path) {
  auto session = std::make_unique<LakeSession>(*this, TRY(database_.connect()));
  TRY(session->start());
  TRY(session->set_search_path(search_path));
  return session;
}

}  // namespace server
