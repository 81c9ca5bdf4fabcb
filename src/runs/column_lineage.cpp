#include "runs/column_lineage.h"

#include <algorithm>

namespace runs {
namespace {

using nlohmann::json;

using ColumnsOf = std::function<std::vector<std::string>(const std::string&)>;

std::string text_in(const json& node, const char* key) {
  const auto it = node.find(key);
  return it != node.end() && it->is_string() ? it->get<std::string>() : "";
}

const json& member(const json& node, const char* key) {
  static const json kNone;
  const auto it = node.find(key);
  return it == node.end() ? kNone : *it;
}

bool is_list_with(const json& list, const std::string& word) {
  return list.is_array() && std::ranges::any_of(list, [&](const json& one) {
           return one.is_string() && one.get<std::string>() == word;
         });
}

struct Column {
  std::string name;
  ColumnOrigins origins;
};

// What stands in a FROM, under one name.
struct Relation {
  std::string alias;
  std::vector<Column> columns;
};
using Relations = std::vector<Relation>;
using Names = std::map<std::string, Relation>;  // of WITH

class Walker {
 public:
  explicit Walker(const ColumnsOf& columns_of) : columns_of_(columns_of) {}

  // The columns of a SELECT or set operation.
  std::vector<Column> query(const json& node, Names names, int depth) {
    if (depth > kQueryDepthMax || !node.is_object()) return {};
    for (const json& entry : member(member(node, "cte_map"), "map")) {
      const std::string name = text_in(entry, "key");
      const json& inner = member(member(member(entry, "value"), "query"), "node");
      names[name] = {.alias = name, .columns = query(inner, names, depth + 1)};
    }
    if (text_in(node, "type") == "SELECT_NODE") return select(node, names, depth);
    std::vector<Column> all;
    const auto unite = [&](const json& side) {
      const std::vector<Column> columns = query(side, names, depth + 1);
      if (all.empty()) {
        all = columns;
        return;
      }
      for (std::size_t i = 0; i < std::min(all.size(), columns.size()); ++i)
        all[i].origins.insert(columns[i].origins.begin(), columns[i].origins.end());
    };
    unite(member(node, "left"));
    unite(member(node, "right"));
    for (const json& child : member(node, "children")) unite(child);
    return all;
  }

  ColumnOrigins rows;

 private:
  std::vector<Column> select(const json& node, const Names& names, int depth) {
    const Relations from = relations(member(node, "from_table"), names, depth);
    for (const char* part : {"where_clause", "having", "qualify", "group_expressions"})
      note_rows(member(node, part), from, names, depth);
    std::vector<Column> columns;
    for (const json& item : member(node, "select_list")) {
      if (text_in(item, "class") == "STAR") {
        star(item, from, columns);
        continue;
      }
      Column column{.name = text_in(item, "alias"), .origins = {}};
      if (column.name.empty() && text_in(item, "class") == "COLUMN_REF")
        column.name = member(item, "column_names").back().get<std::string>();
      gather(item, from, names, depth, column.origins);
      columns.push_back(std::move(column));
    }
    return columns;
  }

  static void star(const json& item, const Relations& from, std::vector<Column>& columns) {
    const std::string of = text_in(item, "relation_name");
    for (const Relation& relation : from) {
      if (!of.empty() && relation.alias != of) continue;
      for (const Column& column : relation.columns) {
        if (!is_list_with(member(item, "exclude_list"), column.name)) columns.push_back(column);
      }
    }
  }

  Relations relations(const json& from, const Names& names, int depth) {
    const std::string type = text_in(from, "type");
    const std::string alias = text_in(from, "alias");
    if (depth > kQueryDepthMax) return {};
    if (type == "JOIN") {
      Relations both = relations(member(from, "left"), names, depth + 1);
      for (Relation& one : relations(member(from, "right"), names, depth + 1))
        both.push_back(std::move(one));
      note_rows(member(from, "condition"), both, names, depth);
      for (const json& shared : member(from, "using_columns"))
        if (shared.is_string()) resolve({shared.get<std::string>()}, both, rows);
      return both;
    }
    if (type == "SUBQUERY")
      return {{alias, query(member(member(from, "subquery"), "node"), names, depth + 1)}};
    if (type != "BASE_TABLE") return {};
    const std::string schema = text_in(from, "schema_name");
    const std::string name = text_in(from, "table_name");
    if (const auto it = names.find(name); schema.empty() && it != names.end())
      return {{alias.empty() ? name : alias, it->second.columns}};
    const std::string table = schema.empty() ? name : schema + "." + name;
    Relation relation{.alias = alias.empty() ? name : alias, .columns = {}};
    for (const std::string& column : columns_of_(table))
      relation.columns.push_back({column, {{table, column}}});
    return {std::move(relation)};
  }

  static void resolve(const std::vector<std::string>& path, const Relations& from,
                      ColumnOrigins& into) {
    const std::string& column = path.back();
    for (const Relation& relation : from) {
      // "t.c" and "schema.t.c"; "s.field" of a struct has a column's name first.
      const bool named = path.size() == 1 || relation.alias == path[path.size() - 2];
      for (const Column& one : relation.columns) {
        const bool is_field = path.size() > 1 && !named && one.name == path.front();
        if ((!named || one.name != column) && !is_field) continue;
        into.insert(one.origins.begin(), one.origins.end());
        return;
      }
    }
  }

  void note_rows(const json& expression, const Relations& from, const Names& names, int depth) {
    gather(expression, from, names, depth, rows);
  }

  // The columns that an expression names, those of queries inside of it too.
  void gather(const json& expression, const Relations& from, const Names& names, int depth,
              ColumnOrigins& into) {
    if (depth > 4 * kQueryDepthMax) return;
    if (expression.is_array()) {
      for (const json& one : expression) gather(one, from, names, depth + 1, into);
      return;
    }
    if (!expression.is_object()) return;
    const std::string kind = text_in(expression, "class");
    if (kind == "COLUMN_REF") {
      std::vector<std::string> path;
      for (const json& name : member(expression, "column_names"))
        if (name.is_string()) path.push_back(name.get<std::string>());
      if (!path.empty()) resolve(path, from, into);
      return;
    }
    if (kind == "SUBQUERY") {
      for (const Column& column :
           query(member(member(expression, "subquery"), "node"), names, depth + 1))
        into.insert(column.origins.begin(), column.origins.end());
    }
    for (const auto& [key, inner] : expression.items()) {
      if (key != "subquery" && inner.is_structured()) gather(inner, from, names, depth + 1, into);
    }
  }

  const ColumnsOf& columns_of_;
};

}  // namespace

ColumnLineage column_lineage(const json& tree, const ColumnsOf& columns_of) {
  ColumnLineage lineage;
  const json& statements = member(tree, "statements");
  if (!statements.is_array() || statements.empty()) return lineage;
  Walker walker(columns_of);
  for (Column& column : walker.query(member(statements[0], "node"), {}, 0)) {
    if (!column.name.empty())
      lineage.columns[column.name].insert(column.origins.begin(), column.origins.end());
  }
  lineage.rows = std::move(walker.rows);
  return lineage;
}

}  // namespace runs
