// The lake's tables as views of one database, and what the catalogs tell of them.
#include <algorithm>

#include "base/logging.h"
#include "server/postgres_catalog.h"
#include "server/sql_queries.h"
#include "server/sql_session.h"

namespace server {

using base::Code;

namespace {

constexpr std::size_t kPinnedMax = 1000;    // views of older versions that are kept
constexpr std::int64_t kPublicOid = 2'200;  // of the schema "public", as in PostgreSQL
constexpr std::int64_t kFirstOid = 16'384;  // PostgreSQL's own things are below

// The same in every process and at every start: clients keep oids, and join by them.
std::int64_t stable_oid(std::string_view kind, std::string_view name) {
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;
  for (const std::string_view part : {kind, std::string_view(":"), name}) {
    for (const char c : part) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
    }
  }
  return kFirstOid + static_cast<std::int64_t>(hash % (INT32_MAX - kFirstOid));
}

std::string text_list(const nlohmann::json& texts) {
  std::string list;
  for (const auto& text : texts) {
    if (text.is_string())
      list += (list.empty() ? "" : ", ") + sql::quote_text(text.get<std::string>());
  }
  return "[" + list + "]::VARCHAR[]";
}

}  // namespace

base::Result<std::unique_ptr<LakeSql>> LakeSql::open(LakeViews& views, sql::Database& database) {
  auto connection = TRY(database.connect());
  TRY(connection->execute(fmt::format("ATTACH ':memory:' AS {}; ATTACH ':memory:' AS {}",
                                      kLakeDatabase, kCompatDatabase)));
  TRY(connection->execute(fmt::format("USE {}", kLakeDatabase)));
  TRY(connection->execute(
      fmt::format("CREATE SCHEMA {}; CREATE SCHEMA {}", kDefaultSchema, kPinnedSchema)));
  for (const auto& statement : postgres_catalog_statements()) {
    TRY(connection->execute(statement));
  }
  auto lake = std::unique_ptr<LakeSql>(new LakeSql(views, database, std::move(connection)));
  lake->schemas_.insert(std::string(kDefaultSchema));
  TRY(lake->refresh_all());
  return lake;
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
    TRY(forget_facts(view->first));
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
  auto view = lake_views_.view(table, fits ? known.shown.version : -1, need);
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
  return note_facts(table, *view);
}

base::Result<> LakeSql::forget_facts(const std::string& table) {
  const auto oid = stable_oid("table", table);
  return connection_->execute(fmt::format(
      "DELETE FROM {0}.main.lake_tables WHERE oid = {1}; DELETE FROM {0}.main.lake_column_facts "
      "WHERE oid = {1}",
      kCompatDatabase, oid));
}

base::Result<> LakeSql::note_facts(const std::string& table, const LakeView& view) {
  auto facts = nlohmann::json::parse(view.facts, nullptr, false);
  if (!facts.is_object()) {  // no table of the lake
    views_[table] = {{.table = table, .version = view.version}, view.has_rows};
    return {};
  }
  const auto committed_us = facts.value("committed_us", std::int64_t{0});
  views_[table] = {{.table = table, .version = view.version, .committed_us = committed_us},
                   view.has_rows};
  TRY(forget_facts(table));
  const auto name = view_name(table);
  const auto oid = stable_oid("table", table);
  const auto description = facts.value("description", "");
  TRY(connection_->execute(fmt::format(
      "INSERT INTO {}.main.lake_tables VALUES ({}, {}, {}, {}, {}, {}, {}, make_timestamp({})::"
      "TIMESTAMPTZ, {}, {}, {}, {}, {}, {})",
      kCompatDatabase, oid,
      name.schema == kDefaultSchema ? kPublicOid : stable_oid("schema", name.schema),
      stable_oid("key", table), sql::quote_text(table), sql::quote_text(name.schema),
      sql::quote_text(name.table), view.version, committed_us,
      facts.value("rows", std::int64_t{-1}), facts.value("bytes", std::int64_t{-1}),
      facts.value("files", std::int64_t{-1}),
      description.empty() ? "NULL" : sql::quote_text(description),
      text_list(facts.value("key", nlohmann::json::array())),
      sql::quote_text(facts.value("model", "")))));
  std::string rows;
  const auto add = [&](const std::string& column, const std::string& what) {
    rows +=
        fmt::format("{}({}, {}, {})", rows.empty() ? "" : ", ", oid, sql::quote_text(column), what);
  };
  for (const auto& column : facts.value("required", nlohmann::json::array())) {
    if (column.is_string()) add(column.get<std::string>(), "true, NULL");
  }
  for (const auto& [column, comment] : facts.value("comments", nlohmann::json::object()).items()) {
    if (comment.is_string()) add(column, "false, " + sql::quote_text(comment.get<std::string>()));
  }
  if (rows.empty()) return {};
  return connection_->execute(
      fmt::format("INSERT INTO {}.main.lake_column_facts VALUES {}", kCompatDatabase, rows));
}

std::vector<ReadVersion> LakeSql::versions(const std::set<std::string>& tables) {
  const std::lock_guard lock(mutex_);
  std::vector<ReadVersion> versions;
  for (const auto& table : tables) {
    const auto found = views_.find(table);
    if (found != views_.end() && table != kQueriesTable) versions.push_back(found->second.shown);
  }
  return versions;
}

base::Result<std::pair<std::string, ReadVersion>> LakeSql::pin(const std::string& table,
                                                               TablePin pin) {
  const std::lock_guard lock(mutex_);
  const auto view = TRY(lake_views_.view_at(table, pin));
  auto name = fmt::format("{}@{}", table, view.version);
  ReadVersion shown{.table = table, .version = view.version};
  if (pinned_.contains(name)) return std::pair(std::move(name), std::move(shown));
  const auto full = [](const std::string& one) {
    return fmt::format("{}.{}.{}", kLakeDatabase, kPinnedSchema, sql::quote_name(one));
  };
  if (pinned_.size() >= kPinnedMax) {
    TRY(connection_->execute("DROP VIEW IF EXISTS " + full(pinned_.begin()->first)));
    pinned_.erase(pinned_.begin());
  }
  TRY(connection_->execute("CREATE OR REPLACE VIEW " + full(name) + " AS " + *view.sql));
  pinned_[name] = shown;
  return std::pair(std::move(name), std::move(shown));
}

}  // namespace server
