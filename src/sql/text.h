// SQL text: where its statements begin and end, and what they are by their words.
//
// Pure. Knows quotes, dollar quotes, comments and nothing else of the grammar.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sql/database.h"

namespace sql {

// The statements of a text, trimmed, without their semicolons; those of only comments left out.
std::vector<std::string> split_statements(std::string_view sql);

// The kind by the first word; for WITH and EXPLAIN by the statement behind it, so that a change in
// their clothes is called by its name.
StatementKind kind_by_words(std::string_view statement);
// The statement that EXPLAIN (ANALYZE) runs; nullopt for another statement.
std::optional<StatementKind> explained_kind(std::string_view statement);

}  // namespace sql
