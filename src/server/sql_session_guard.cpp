#include "server/sql_session_guard.h"

#include <algorithm>
#include <array>
#include <map>

#include "protocol/postgres/lexer.h"

namespace server {

namespace {

using base::Code;
using nlohmann::json;
using protocol::postgres::lower;

// Table functions that compute and touch nothing.
constexpr std::array<std::string_view, 14> kTableFunctions = {
    "range",
    "generate_series",
    "unnest",
    "repeat",
    "repeat_row",
    "json_each",
    "json_tree",
    "generate_subscripts",
    "pg_get_keywords",
    "pg_show_all_settings",
    "pg_timezone_names",
    "aclexplode",
    "waybill_tables",
    "waybill_versions",
};

// Functions that reach out of the session.
bool is_refused_function(std::string_view name) {
  return name.starts_with("read_") || name.starts_with("write_") || name == "getenv" ||
         name == "glob";
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(const std::string& name, const std::set<std::string>& tables) {
  std::string best;
  std::size_t least = SIZE_MAX;
  for (const auto& table : tables) {
    // A forgotten or wrong schema is the most common slip.
    const auto bare = table.substr(table.find('.') + 1);
    const auto away =
        std::min(distance(name, table), distance(name.substr(name.find('.') + 1), bare));
    if (away < least) {
      least = away;
      best = table;
    }
  }
  return least <= std::max<std::size_t>(2, name.size() / 2) ? best : "";
}

std::string text_at(const json& node, const char* key) {
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::size_t location_of(const json& node) {
  const auto found = node.find("query_location");
  return found != node.end() && found->is_number_unsigned() ? found->get<std::size_t>() : SIZE_MAX;
}

class Walker {
 public:
  Walker(const std::string& sql, const std::set<std::string>& tables,
         const std::vector<std::string>& search_path)
      : sql_(sql), search_path_(search_path), names_(tables) {
    for (const auto& table : tables) tables_.emplace(lower(table), table);
  }

  // Common table expressions may be named anywhere in the tree. A name that could be a file is
  // never taken for one of them, so it does not matter where they are visible.
  void collect_cte_names(const json& node) {
    if (node.is_object()) {
      if (const auto map = node.find("cte_map"); map != node.end() && map->is_object()) {
        for (const auto& entry : map->value("map", json::array()))
          ctes_.insert(lower(text_at(entry, "key")));
      }
      if (const auto name = text_at(node, "cte_name"); !name.empty()) ctes_.insert(lower(name));
    }
    if (node.is_structured()) {
      for (const auto& child : node) collect_cte_names(child);
    }
  }

  base::Result<> walk(const json& node) {
    if (node.is_object()) {
      const auto type = text_at(node, "type");
      if (type == "BASE_TABLE") TRY(base_table(node));
      if (type == "TABLE_FUNCTION") TRY(table_function(node));
      if (type == "SHOW_REF") TRY(show(node));
      if (type == "FUNCTION" && is_refused_function(lower(text_at(node, "function_name")))) {
        return refuse("function " + text_at(node, "function_name"), location_of(node));
      }
    }
    if (node.is_structured()) {
      for (const auto& child : node) TRY(walk(child));
    }
    return {};
  }

  Reads take() { return std::move(reads_); }

 private:
  std::unexpected<base::Error> refuse(const std::string& what, std::size_t location) const {
    return base::fail_with(Code::kInvalid, std::string(kNotAllowed) + what + mark(sql_, location),
                           "name the lake's tables; SHOW ALL TABLES lists them");
  }

  bool use(const std::string& name) {
    const auto found = tables_.find(name);
    if (found == tables_.end()) return false;
    reads_.tables.insert(found->second);
    return true;
  }

  bool use_unqualified(const std::string& table) {
    if (use(table)) return true;
    for (const auto& schema : search_path_) {
      if (use(schema + "." + table)) return true;
    }
    return false;
  }

  base::Result<> base_table(const json& node) {
    const auto catalog = lower(text_at(node, "catalog_name"));
    const auto schema = lower(text_at(node, "schema_name"));
    const auto table = lower(text_at(node, "table_name"));
    const auto shown = text_at(node, "table_name");
    if (!catalog.empty() && catalog != kLakeDatabase && catalog != kCompatDatabase &&
        catalog != "system") {
      return refuse("database " + catalog, location_of(node));
    }
    if (catalog == kCompatDatabase || schema == "pg_catalog" || schema == "information_schema" ||
        schema == kCompatDatabase) {
      reads_.catalogs = true;
      return {};
    }
    if (schema.empty()) {
      if (use_unqualified(table)) return {};
      if (table.find_first_of("./\\*?[:") != std::string::npos)
        return refuse("file '" + shown + "'", location_of(node));
      if (ctes_.contains(table)) return {};
      if (table.starts_with("pg_") || table.starts_with("duckdb_")) {
        reads_.catalogs = true;
        return {};
      }
    } else if (use(schema == kDefaultSchema ? table : schema + "." + table)) {
      return {};
    }
    const auto name = schema.empty() ? shown : text_at(node, "schema_name") + "." + shown;
    const auto near = nearest(lower(name), names_);
    return base::fail_with(
        Code::kNotFound,
        "Catalog Error: Table with name " + name + " does not exist!" +
            mark(sql_, location_of(node)),
        near.empty() ? "SHOW ALL TABLES lists the tables" : "did you mean " + near + "?");
  }

  // SHOW TABLES has a name, DESCRIBE a query.
  base::Result<> show(const json& node) {
    reads_.catalogs = true;
    if (const auto query = node.find("query"); query != node.end() && query->is_object()) return {};
    auto name = text_at(node, "table_name");
    std::erase(name, '"');
    const bool known = name == "tables" || name == "databases" || name == "variables" ||
                       name == "__show_tables_expanded" ||
                       text_at(node, "show_type") == "SHOW_FROM";
    return known ? base::Result<>{} : refuse("SHOW " + name, location_of(node));
  }

  base::Result<> table_function(const json& node) {
    const auto function = node.find("function");
    if (function == node.end()) return refuse("table function", location_of(node));
    const auto name = lower(text_at(*function, "function_name"));
    if (std::find(kTableFunctions.begin(), kTableFunctions.end(), name) != kTableFunctions.end())
      return {};
    return refuse("table function " + name, location_of(node));
  }

  const std::string& sql_;
  const std::vector<std::string>& search_path_;
  const std::set<std::string>& names_;
  std::map<std::string, std::string> tables_;  // lower case to the name
  std::set<std::string> ctes_;
  Reads reads_;
};

}  // namespace

base::Result<Reads> check_reads(const json& tree, const std::string& sql,
                                const std::set<std::string>& tables,
                                const std::vector<std::string>& search_path) {
  Walker walker(sql, tables, search_path);
  walker.collect_cte_names(tree);
  TRY(walker.walk(tree));
  return walker.take();
}

std::optional<std::string> explained(const std::string& sql) {
  const auto tokens = protocol::postgres::tokenize(sql);
  if (tokens.empty() || !tokens[0].is_word("explain")) return std::nullopt;
  std::size_t at = 1;
  while (at < tokens.size() && (tokens[at].is_word("analyze") || tokens[at].is_word("verbose")))
    ++at;
  // EXPLAIN (ANALYZE, FORMAT json) SELECT …; but EXPLAIN (SELECT …) is a query in parentheses.
  if (at + 1 < tokens.size() && tokens[at].is('(') &&
      (tokens[at + 1].is_word("analyze") || tokens[at + 1].is_word("format") ||
       tokens[at + 1].is_word("verbose"))) {
    while (at < tokens.size() && !tokens[at].is(')')) ++at;
    ++at;
  }
  return at < tokens.size() ? sql.substr(tokens[at].offset) : std::string();
}

std::string mark(const std::string& sql, std::size_t location) {
  if (location >= sql.size()) return "";
  const auto before = std::string_view(sql).substr(0, location);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const auto label = fmt::format("LINE {}: ", line);
  return fmt::format("\n\n{}{}\n{}^", label, sql.substr(start, sql.find('\n', start) - start),
                     std::string(label.size() + location - start, ' '));
}

ViewName view_name(const std::string& lake_table) {
  const auto dot = lake_table.find('.');
  if (dot == std::string::npos) return {std::string(kDefaultSchema), lake_table};
  return {lake_table.substr(0, dot), lake_table.substr(dot + 1)};
}

}  // namespace server
