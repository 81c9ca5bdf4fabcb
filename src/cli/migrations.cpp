#include "cli/migrations.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/logging.h"
#include "lake/change_column.h"
#include "lake/dml.h"
#include "runs/model.h"
#include "server/sql_change.h"

namespace cli {
namespace {

using base::Code;
using nlohmann::json;

constexpr std::size_t kMigrationBytesMax = 1UL << 20;

struct Statement {
  std::string sql;
  int line = 0;
};

// By semicolons outside of quotes; comments are left out.
std::vector<Statement> split(const std::string& text) {
  std::vector<Statement> all(1);
  int line = 1;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quote == 0 && c == '-' && i + 1 < text.size() && text[i + 1] == '-') {
      i = std::min(text.find('\n', i), text.size()) - 1;
      continue;
    }
    if (quote == 0 && c == '/' && i + 1 < text.size() && text[i + 1] == '*') {
      const std::size_t end = std::min(text.find("*/", i + 2), text.size());
      line += static_cast<int>(std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                                          text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      i = end + 1;
      continue;
    }
    if (quote == 0 && c == ';') {
      all.emplace_back();
      continue;
    }
    if (quote != 0 ? c == quote : (c == '\'' || c == '"')) quote = quote != 0 ? 0 : c;
    Statement& last = all.back();
    if (last.sql.empty() && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) continue;
    if (last.sql.empty()) last.line = line;
    last.sql.push_back(c);
  }
  std::erase_if(all, [](const Statement& each) { return each.sql.empty(); });
  return all;
}

struct Runner {
  const Migration& migration;
  lake::Catalog& catalog;
  sql::Connection& connection;

  std::string app() const { return "waybill/migration/" + migration.name; }

  lake::WriteOptions options(std::int64_t number) const {
    return {.merge_schema = false,
            .app_id = app(),
            .app_version = number,
            .user_metadata = {{"migration", migration.name}, {"hash", migration.hash}}};
  }

  base::Result<> run(const std::string& sql, std::int64_t number) {
    static const std::regex kAdd(
        R"(\s*ALTER\s+TABLE\s+([A-Za-z_][\w.\-]*)\s+ADD\s+(?:COLUMN\s+)?("?)([A-Za-z_]\w*)\2\s+([A-Za-z][\w ,()\[\]]*?)\s*)",
        std::regex::icase);
    static const std::regex kAlter(R"(\s*ALTER\s[^]*)", std::regex::icase);
    std::smatch parts;
    if (std::regex_match(sql, parts, kAdd)) return add(parts[1], parts[3], parts[4], number);
    using Column = lake::ColumnChange;
    static const std::regex kRename(
        R"(\s*ALTER\s+TABLE\s+([A-Za-z_][\w.\-]*)\s+RENAME\s+(?:COLUMN\s+)?("?)([A-Za-z_]\w*)\2\s+TO\s+("?)([A-Za-z_]\w*)\4\s*)",
        std::regex::icase);
    if (std::regex_match(sql, parts, kRename))
      return alter(parts[1], {Column::Kind::kRename, parts[3], parts[5], {}}, number);
    static const std::regex kDrop(
        R"(\s*ALTER\s+TABLE\s+([A-Za-z_][\w.\-]*)\s+DROP\s+(?:COLUMN\s+)?("?)([A-Za-z_]\w*)\2\s*)",
        std::regex::icase);
    if (std::regex_match(sql, parts, kDrop))
      return alter(parts[1], {Column::Kind::kDrop, parts[3], {}, {}}, number);
    static const std::regex kRetype(
        R"(\s*ALTER\s+TABLE\s+([A-Za-z_][\w.\-]*)\s+ALTER\s+(?:COLUMN\s+)?("?)([A-Za-z_]\w*)\2\s+(?:SET\s+DATA\s+)?TYPE\s+([A-Za-z][\w ,()\[\]]*?)(?:\s+USING\s+([^]+?))?\s*)",
        std::regex::icase);
    if (std::regex_match(sql, parts, kRetype))
      return alter(parts[1], {Column::Kind::kRetype, parts[3], parts[4], parts[5]}, number);
    if (std::regex_match(sql, kAlter))
      return base::fail_with(Code::kUnsupported, "this change of a table is not known here",
                             "write ALTER TABLE … ADD COLUMN, RENAME COLUMN … TO, DROP COLUMN, or "
                             "ALTER COLUMN … TYPE … [USING …]");
    return change(sql, number);
  }

  // Null for a table that there is not yet: it comes as the project has it now.
  base::Result<std::shared_ptr<lake::Table>> find(const std::string& name) const {
    auto table = catalog.table(name);
    if (!table && table.error().code == Code::kNotFound) return nullptr;
    return table;
  }

  base::Result<bool> is_done(lake::Table& table, std::int64_t number) const {
    return TRY(table.snapshot())->transaction_version(app()) >= number;
  }

  base::Result<> add(const std::string& name, const std::string& column, const std::string& type,
                     std::int64_t number) {
    const auto table = TRY(find(name));
    if (table == nullptr || TRY(is_done(*table, number))) return {};
    if (TRY(table->snapshot())->metadata().schema.find(column))
      return base::fail_with(Code::kAlreadyExists, fmt::format("{} has a column {}", name, column),
                             "choose another name, or drop the statement");
    lake::WriteOptions with = options(number);
    with.merge_schema = true;
    TRY(lake::append(
        *table, connection,
        fmt::format("SELECT CAST(NULL AS {}) AS {} WHERE false", type, sql::quote_name(column)),
        with));
    return {};
  }

  base::Result<> alter(const std::string& name, const lake::ColumnChange& what,
                       std::int64_t number) {
    const auto table = TRY(find(name));
    if (table == nullptr || TRY(is_done(*table, number))) return {};
    const auto done = TRY(lake::change_column(*table, connection, what, options(number)));
    spdlog::info("migration {}: {} rows written anew", migration.name, done.rows_updated);
    return {};
  }

  base::Result<> change(const std::string& sql, std::int64_t number) {
    using Kind = server::SqlChange::Kind;
    const server::SqlChange what = TRY(server::parse_change(sql));
    const auto table = TRY(find(fmt::format("{}", fmt::join(what.target, "."))));
    if (table == nullptr || TRY(is_done(*table, number))) return {};
    const lake::WriteOptions with = options(number);
    lake::Changed changed;
    if (what.kind == Kind::kUpdate) {
      changed = TRY(lake::update_where(*table, connection, what.assignments, what.condition, with));
    } else if (what.kind == Kind::kDelete) {
      changed = TRY(lake::delete_where(*table, connection, what.condition, with));
    } else {
      return base::fail_with(Code::kUnsupported, "this statement is not known in migrations",
                             "write ALTER TABLE, UPDATE or DELETE");
    }
    spdlog::info("migration {}: {} rows changed", migration.name,
                 changed.rows_updated + changed.rows_deleted);
    return {};
  }
};

std::string hash_of(const std::string& text) {
  runs::Model model;
  model.sql = text;
  return model.fingerprint();
}

base::Path record_file(const base::Path& data) { return data / "migrations.json"; }

base::Result<json> read_record(const base::Path& data) {
  const auto text = base::read_file(base::posix_file_system(), record_file(data));
  if (!text && text.error().code == Code::kNotFound) return json::array();
  json record = json::parse(TRY(base::Result<std::string>(text)), nullptr, false);
  if (record.is_array()) return record;
  return base::fail_with(Code::kCorrupt, record_file(data).string() + " is not as it was written",
                         "restore it with the data folder");
}

base::Result<> write_record(const base::Path& data, const json& record) {
  return base::write_file_durably(base::posix_file_system(), record_file(data), record.dump(2));
}

json& entry_of(json& record, const std::string& name) {
  const auto at = std::ranges::find_if(
      record, [&](const json& entry) { return entry.value("name", std::string()) == name; });
  if (at != record.end()) return *at;
  record.push_back({{"name", name}, {"done", json::array()}});
  return record.back();
}

// The record says which statements were begun: a number in a table's log says nothing of a text
// that was changed since. One that failed is taken out again.
base::Result<> run_statements(const base::Path& data, Runner runner, json& record) {
  json& done = entry_of(record, runner.migration.name)["done"];
  const std::vector<Statement> statements = split(runner.migration.text);
  for (std::size_t i = 0; i < std::max(statements.size(), done.size()); ++i) {
    if (i < done.size() && (i >= statements.size() || done[i] != statements[i].sql))
      return std::unexpected(base::Error{
          .code = Code::kInvalid,
          .message = fmt::format("statement {} of the migration {} was changed after it ran", i + 1,
                                 runner.migration.name),
          .mend = fmt::format("write it as it was ({}), and what is new behind it", done[i].dump())}
                                 .at(runner.migration.file,
                                     i < statements.size() ? statements[i].line : 0));
    if (i >= done.size()) {
      done.push_back(statements[i].sql);
      TRY(write_record(data, record));
    }
    auto ran = runner.run(statements[i].sql, static_cast<std::int64_t>(i) + 1);
    if (ran) continue;
    if (i + 1 == done.size()) done.erase(i);
    TRY(write_record(data, record));
    return std::unexpected(std::move(ran).error().at(runner.migration.file, statements[i].line));
  }
  return {};
}

std::string number_of(const std::string& name) { return name.substr(0, name.find('_')); }

base::Result<std::vector<Migration>> read_files(const base::Path& project) {
  std::vector<Migration> all;
  const base::Path folder = project / "migrations";
  for (const std::string& file : TRY(base::posix_file_system().list(folder))) {
    if (!file.ends_with(".sql")) continue;
    const std::string path = (folder / file).string();
    static const std::regex kName(R"(\d{1,9}_[A-Za-z0-9_\-]+\.sql)");
    const auto wrong = [&](const std::string& message, const std::string& mend) {
      return std::unexpected(
          base::Error{.code = Code::kInvalid, .message = message, .mend = mend}.at(path, 0));
    };
    if (!std::regex_match(file, kName))
      return wrong(fmt::format("'{}' is no migration's name", file), "call it 0001_name.sql");
    Migration migration{.name = file.substr(0, file.size() - 4), .file = path};
    migration.text =
        TRY(base::read_file(base::posix_file_system(), folder / file, kMigrationBytesMax));
    migration.hash = hash_of(migration.text);
    for (const Migration& other : all) {
      if (std::stol(number_of(other.name)) == std::stol(number_of(migration.name)))
        return wrong(fmt::format("{} and {} have one number", other.name, migration.name),
                     "give the newer one the next number");
    }
    all.push_back(std::move(migration));
  }
  std::ranges::sort(all, {}, [](const Migration& m) { return std::stol(number_of(m.name)); });
  return all;
}

}  // namespace

base::Result<std::vector<MigrationState>> migrations(const base::Path& project,
                                                     const base::Path& data) {
  const json record = TRY(read_record(data));
  std::vector<MigrationState> states;
  for (Migration& migration : TRY(read_files(project)))
    states.push_back({.migration = std::move(migration), .ran_at = ""});
  for (const json& ran : record) {
    if (!ran.contains("ran_at")) continue;
    const std::string name = ran.value("name", std::string());
    const auto at = std::ranges::find_if(
        states, [&](const MigrationState& state) { return state.migration.name == name; });
    if (at == states.end())
      return base::fail_with(Code::kInvalid,
                             fmt::format("the migration {} has run, but its file is gone", name),
                             "bring the file back: what has run stays where it can be read");
    if (at->migration.hash != ran.value("hash", std::string()))
      return std::unexpected(
          base::Error{.code = Code::kInvalid,
                      .message = fmt::format("the migration {} was changed after it had run", name),
                      .mend = "take the change back, and write it as a further migration"}
              .at(at->migration.file, 0));
    at->ran_at = ran.value("ran_at", std::string());
  }
  return states;
}

base::Result<> run_migrations(const base::Path& project, const base::Path& data,
                              lake::Catalog& catalog, sql::Database& database,
                              const base::Clock& clock) {
  json record = TRY(read_record(data));
  for (const MigrationState& state : TRY(migrations(project, data))) {
    if (!state.ran_at.empty()) continue;
    const auto connection = TRY(database.connect());
    TRY(run_statements(data, Runner{state.migration, catalog, *connection}, record));
    json& entry = entry_of(record, state.migration.name);
    entry = {{"name", state.migration.name},
             {"hash", state.migration.hash},
             {"ran_at", base::format_rfc3339(clock.now_us())}};
    TRY(write_record(data, record));
    spdlog::info("migration {} has run", state.migration.name);
  }
  return {};
}

}  // namespace cli
