// DuckDB's syntax trees (json_serialize_sql) as they are searched, changed and printed.
//
// Pure, except that expressions are printed by a connection. Threads: as the connection.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "runs/model.h"
#include "sql/database.h"

namespace stream {

using Tree = nlohmann::json;

// The text of a member; "" when there is none.
std::string text_of(const Tree& node, const char* key);
bool has_node(const Tree& node, const char* key);
// The list of a member; empty when there is none.
const Tree& list_of(const Tree& node, const char* key);

// Calls `each` for every object of the tree, parents first; `each` returns false to not go deeper.
void walk(const Tree& node, const std::function<bool(const Tree&)>& each);
// The same over a tree that `each` may change.
void walk(Tree& node, const std::function<bool(Tree&)>& each);

Tree& select_node(Tree& tree);
const Tree& select_node(const Tree& tree);
// A statement around a SELECT or set operation.
Tree statement_of(const Tree& node);

// kInvalid at the line of the model's file where the node stands.
std::unexpected<base::Error> refuse(const runs::Model& model, const Tree& node, std::string message,
                                    std::string mend);

// One expression as SQL text, without its alias.
base::Result<std::string> expression_sql(sql::Connection& connection, const Tree& expression);
// The expression that a text is.
base::Result<Tree> expression_of(sql::Connection& connection, const std::string& sql);
// The same expression, wherever it stands and whatever it is called.
bool same_expression(const Tree& left, const Tree& right);
// A column by its name alone, for example {"", "x"} or {"a", "x"}; nullopt for everything else.
struct ColumnName {
  std::string table;
  std::string column;
};
std::optional<ColumnName> column_of(const Tree& expression);
Tree column_ref(const std::string& name);
// The conditions that an AND joins.
std::vector<Tree> conjuncts(const Tree& condition);

const Tree* find_window(const Tree& node);  // the first window function
const Tree* find_aggregate(const Tree& node);
bool is_aggregate(const Tree& node);

}  // namespace stream
