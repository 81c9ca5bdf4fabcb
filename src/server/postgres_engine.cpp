#include "server/postgres_engine.h"

#include <algorithm>
#include <utility>

#include "protocol/postgres/lexer.h"
#include "protocol/postgres/types.h"
#include "server/postgres_error.h"
#include "server/postgres_rewrite.h"
#include "server/postgres_rows.h"

namespace server {

namespace {

namespace pg = protocol::postgres;

class LakePrepared final : public pg::Prepared {
 public:
  LakePrepared(PostgresEngine& engine, std::string sql, std::unique_ptr<sql::Statement> statement,
               const std::vector<pg::Oid>& named, std::vector<pg::ColumnDescription> columns)
      : engine_(engine),
        sql_(std::move(sql)),
        statement_(std::move(statement)),
        columns_(std::move(columns)) {
    for (std::size_t i = 0; i < statement_->parameters(); ++i) {
      const bool is_named = i < named.size() && named[i] != 0 && named[i] != pg::oid::kUnknown;
      types_.push_back(is_named ? named[i] : oid_of(statement_->parameter_kind(i)));
    }
  }

  const std::vector<pg::Oid>& parameter_types() const override { return types_; }
  const std::vector<pg::ColumnDescription>& columns() const override { return columns_; }

  pg::Answer<std::unique_ptr<pg::Rows>> run(const std::vector<std::optional<std::string>>& values,
                                            const pg::FirstFetch&) override {
    std::vector<std::optional<std::string>> texts;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i]) {
        texts.emplace_back();
        continue;
      }
      auto text = duckdb_text(types_[i], *values[i]);
      if (!text) return std::unexpected(postgres_error(text.error(), sql_));
      texts.push_back(std::move(*text));
    }
    auto result = engine_.run(sql_, [&] { return statement_->stream(texts); });
    if (!result) return std::unexpected(std::move(result).error());
    // The client reads the rows by what it was told of them.
    if ((*result)->columns().size() != columns_.size()) {
      return std::unexpected(pg::plan_changed());
    }
    return engine_.rows_of(std::move(*result), columns_, sql_);
  }

 private:
  PostgresEngine& engine_;
  std::string sql_;
  std::unique_ptr<sql::Statement> statement_;
  std::vector<pg::ColumnDescription> columns_;
  std::vector<pg::Oid> types_;
};

bool is_bound(const sql::Statement& statement) {
  const auto columns = statement.columns();
  return columns.size() != 1 || columns[0].kind != sql::Kind::kOther ||
         columns[0].name != "unknown";
}

std::string setting_map(const pg::Settings& settings, std::int32_t process_id) {
  std::string map = fmt::format("SET VARIABLE pg_settings = MAP {{'waybill.pid': '{}'", process_id);
  for (const auto& [name, value] : settings.all()) {
    map += fmt::format(", {}: {}", sql::quote_text(name), sql::quote_text(value));
  }
  return map + "}";
}

}  // namespace

Running::Reason Running::begin(Interruptible& query, std::chrono::milliseconds timeout) {
  const std::lock_guard lock(mutex_);
  query_ = &query;
  deadline_ = timeout.count() > 0 ? std::chrono::steady_clock::now() + timeout : Time::max();
  const bool stays = reason_ == Reason::kStopping || reason_ == Reason::kClientGone ||
                     (underway_ && reason_ == Reason::kCancelled);
  if (!stays) reason_ = Reason::kNone;
  return reason_;
}

Running::Reason Running::end(bool went_well) {
  const std::lock_guard lock(mutex_);
  query_ = nullptr;
  // An interrupt at the end of a call that was done already stops the next one.
  const Reason late = std::exchange(
      unheard_, went_well && reason_ == Reason::kTimeout ? Reason::kTimeout : Reason::kNone);
  const Reason reason = !went_well && reason_ == Reason::kNone ? late : reason_;
  // One cancel ends one query.
  if (!went_well && reason_ == Reason::kCancelled) reason_ = Reason::kNone;
  return reason;
}

void Running::set_underway(bool underway) {
  const std::lock_guard lock(mutex_);
  underway_ = underway;
  if (!underway_ && reason_ == Reason::kCancelled) reason_ = Reason::kNone;
}

void Running::interrupt(Reason reason) {
  const std::lock_guard lock(mutex_);
  const bool stays = reason == Reason::kStopping || reason == Reason::kClientGone;
  if (query_ == nullptr && !stays && !underway_) return;
  reason_ = reason;
  if (query_ != nullptr) query_->interrupt();
}

void Running::tick(Time now) {
  const std::lock_guard lock(mutex_);
  if (query_ == nullptr) return;
  if (reason_ == Reason::kNone && now >= deadline_) reason_ = Reason::kTimeout;
  if (reason_ != Reason::kNone) query_->interrupt();
}

std::unexpected<base::Error> was_stopped() {
  return base::fail(base::Code::kCancelled, "the query was stopped");
}

void name_reason(pg::ErrorFields& fields, Running::Reason reason) {
  if (fields.sqlstate != "57014") return;
  switch (reason) {
    case Running::Reason::kTimeout:
      fields.message = "canceling statement due to statement timeout";
      fields.hint = "raise statement_timeout or ask for less";
      break;
    case Running::Reason::kStopping:
      fields.sqlstate = "57P01";
      fields.message = "canceling statement because Waybill is stopping";
      break;
    case Running::Reason::kNone:
    case Running::Reason::kCancelled:
    case Running::Reason::kClientGone:
      fields.message = "canceling statement due to user request";
      break;
  }
}

pg::ErrorFields PostgresEngine::wire_error(const base::Error& error, const std::string& sql,
                                           Running::Reason reason) {
  auto fields = postgres_error(error, sql);
  name_reason(fields, reason);
  return fields;
}

std::vector<pg::ColumnDescription> PostgresEngine::with_names(
    std::vector<pg::ColumnDescription> columns) const {
  const auto names = session_->names(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!names[i].empty()) columns[i].name = names[i];
  }
  return columns;
}

pg::Answer<std::unique_ptr<pg::Rows>> PostgresEngine::query(const std::string& sql,
                                                            const pg::FirstFetch&) {
  const auto rewritten = rewrite_for_duckdb(sql);
  auto result = run(rewritten, [&] { return session_->stream(rewritten); });
  if (!result) {
    if (rewritten != sql) result.error().position = 0;
    return std::unexpected(std::move(result).error());
  }
  auto columns = with_names(describe_columns((*result)->columns()));
  return rows_of(std::move(*result), std::move(columns), rewritten);
}

// Rows are computed while they are fetched: that is stopped as the query itself is.
std::unique_ptr<pg::Rows> PostgresEngine::rows_of(std::unique_ptr<sql::RowStream> rows,
                                                  std::vector<pg::ColumnDescription> columns,
                                                  std::string sql) {
  return make_rows(std::move(rows), std::move(columns),
                   [this, sql = std::move(sql)](const std::function<base::Result<bool>()>& fetch) {
                     return run(sql, fetch);
                   });
}

pg::Answer<std::unique_ptr<pg::Prepared>> PostgresEngine::prepare(
    const std::string& sql, const std::vector<pg::Oid>& named) {
  const auto types = parameter_types(sql, named);
  const auto rewritten = cast_parameters(rewrite_for_duckdb(sql), types);
  auto statement = run(rewritten, [&] { return session_->prepare(rewritten); });
  if (!statement) {
    if (rewritten != sql) statement.error().position = 0;
    return std::unexpected(std::move(statement).error());
  }
  if (!is_bound(**statement)) return prepare_unbound(sql, types, (*statement)->parameters());
  auto columns = with_names(describe_columns((*statement)->columns()));
  return std::make_unique<LakePrepared>(*this, rewritten, std::move(*statement), types,
                                        std::move(columns));
}

// DuckDB says nothing about the columns before it knows every parameter's type. Those that it
// cannot tell are texts, as PostgreSQL takes them; the columns are those of the query over nulls of
// the parameters' types.
pg::Answer<std::unique_ptr<pg::Prepared>> PostgresEngine::prepare_unbound(
    const std::string& sql, std::vector<pg::Oid> types, std::size_t parameters) {
  types.resize(std::max(types.size(), parameters));
  for (auto& type : types) {
    if (type == 0 || type == pg::oid::kUnknown) type = pg::oid::kText;
  }
  const auto rewritten = rewrite_for_duckdb(sql);
  const auto typed = cast_parameters(rewritten, types, true);
  auto statement = run(typed, [&] { return session_->prepare(typed); });
  const auto nulls = null_parameters(rewritten, types);
  const auto shape = run(nulls, [&] { return session_->prepare(nulls); });
  if (!statement || !shape) {
    pg::ErrorFields unknown;
    unknown.sqlstate = "42P18";
    unknown.message = "could not determine the data type of a parameter";
    unknown.detail = statement ? shape.error().message : statement.error().message;
    unknown.hint = "cast it, for example $1::bigint";
    return std::unexpected(std::move(unknown));
  }
  auto columns = with_names(describe_columns((*shape)->columns()));
  return std::make_unique<LakePrepared>(*this, typed, std::move(*statement), types,
                                        std::move(columns));
}

pg::Answer<> PostgresEngine::apply(const pg::Settings& settings) {
  timeout_ = std::chrono::milliseconds(
      pg::parse_timeout_ms(settings.get("statement_timeout").value_or("0")).value_or(0));
  const auto apply_text = [&](const std::string& sql) -> pg::Answer<> {
    auto result = session_->query(sql);
    if (!result) return std::unexpected(postgres_error(result.error(), sql));
    return {};
  };
  if (const auto path = settings.get("search_path").value_or(""); path != search_path_) {
    std::string names;
    for (const auto& token : pg::tokenize(path)) {
      if (token.is_name())
        names += (names.empty() ? "" : ", ") + sql::quote_name(pg::name_of(token));
    }
    // An empty path leaves nothing to look names up in but the system's.
    if (names.empty()) names = "''";
    if (auto applied = apply_text("SET search_path = " + names); !applied) return applied;
    search_path_ = path;
  }
  auto map = setting_map(settings, process_id_);
  if (map == applied_) return {};
  if (auto applied = apply_text(map); !applied) return applied;
  applied_ = std::move(map);
  return {};
}

}  // namespace server
