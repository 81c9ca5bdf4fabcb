// Names, functions and trees of a pattern's expressions.
#include <algorithm>
#include <limits>

#include "base/edit_distance.h"
#include "stream/pattern_conditions.h"

namespace stream {
namespace {

using nlohmann::json;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const std::string& name : known) {
    const std::size_t distance = base::edit_distance(lower(word), lower(name));
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

base::Result<std::set<std::string>> function_names(sql::Connection& connection,
                                                   const std::string& where) {
  const auto rows = TRY(connection.query(
      "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE " + where));
  std::set<std::string> names;
  for (std::size_t row = 0; row < rows->rows(); ++row) names.insert(rows->text(0, row));
  return names;
}

}  // namespace

std::unexpected<base::Error> PatternSql::fail(std::string message, std::string mend) const {
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                             .at(file, line));
}

base::Result<PatternNames> PatternNames::make(sql::Connection& connection,
                                              std::vector<std::string> steps,
                                              columns::Schema source) {
  PatternNames names;
  names.connection_ = &connection;
  names.steps_ = std::move(steps);
  names.source_ = std::move(source);
  names.aggregates_ = TRY(function_names(connection, "function_type = 'aggregate'"));
  names.changing_ =
      TRY(function_names(connection, "function_type = 'scalar' AND stability <> 'CONSISTENT'"));
  return names;
}

base::Result<json> PatternNames::parse(const PatternSql& sql) const {
  auto tree = connection_->parse("SELECT " + sql.text);
  if (!tree) {
    const int line = sql.line + std::max(0, tree.error().line - 1);
    return std::unexpected(std::move(tree).error().at(sql.file, line));
  }
  const json& node = tree->at("statements").at(0).at("node");
  const bool alone = tree->at("statements").size() == 1 && text_of(node, "type") == "SELECT_NODE" &&
                     node["select_list"].size() == 1 &&
                     text_of(node["from_table"], "type") == "EMPTY" &&
                     node["where_clause"].is_null() && node["modifiers"].empty();
  if (!alone)
    return sql.fail(fmt::format("'{}' is not one SQL expression", sql.text),
                    "write one expression, without SELECT, FROM or a comma");
  json expression = node["select_list"][0];
  TRY(check_plain(sql, expression));
  return expression;
}

base::Result<std::string> PatternNames::print(const json& expression) const {
  json tree = TRY(connection_->parse("SELECT 1"));
  tree["statements"][0]["node"]["select_list"] = json::array({expression});
  std::string text = TRY(connection_->print(tree));
  constexpr std::string_view kSelect = "SELECT ";
  if (text.starts_with(kSelect)) text.erase(0, kSelect.size());
  return text;
}

base::Result<PatternNames::Reference> PatternNames::resolve(const PatternSql& sql,
                                                            const json& reference) const {
  const auto& parts = reference.at("column_names");
  const std::string first = parts.at(0);
  const auto step_of = [&](const std::string& name) {
    for (std::size_t i = 0; i < steps_.size(); ++i)
      if (lower(steps_[i]) == lower(name)) return static_cast<int>(i);
    return -1;
  };
  const auto column_of = [&](const std::string& name) -> std::string {
    for (const columns::Field& field : source_.fields)
      if (lower(field.name) == lower(name)) return field.name;
    return "";
  };
  std::vector<std::string> columns;
  for (const columns::Field& field : source_.fields) columns.push_back(field.name);
  if (parts.size() == 1) {
    Reference found{.step = -1, .column = column_of(first)};
    if (!found.column.empty()) return found;
    found.step = step_of(first);
    if (found.step >= 0) return found;
    return sql.fail(fmt::format("there is no column '{}'", first),
                    fmt::format("did you mean '{}'?", nearest(first, columns)));
  }
  const std::string second = parts.at(1);
  const Reference found{.step = step_of(first), .column = column_of(second)};
  if (parts.size() > 2 || found.step < 0)
    return sql.fail(fmt::format("there is no step '{}'", first),
                    fmt::format("the steps are {}", fmt::join(steps_, ", ")));
  if (found.column.empty())
    return sql.fail(fmt::format("there is no column '{}'", second),
                    fmt::format("did you mean '{}'?", nearest(second, columns)));
  return found;
}

bool PatternNames::is_aggregate(const json& node) const {
  return text_of(node, "class") == "FUNCTION" && !node.value("is_operator", false) &&
         aggregates_.contains(lower(text_of(node, "function_name")));
}

base::Result<> PatternNames::check_plain(const PatternSql& sql, const json& node) const {
  base::Result<> checked;
  walk(node, [&](const json& at) {
    if (!checked) return false;
    const std::string kind = text_of(at, "class");
    const std::string name = lower(text_of(at, "function_name"));
    if (kind == "SUBQUERY") {
      checked = sql.fail("a subquery cannot stand in a pattern",
                         "put the column into the model that the pattern reads");
    } else if (kind == "WINDOW") {
      checked = sql.fail(
          fmt::format("a window function ({}) cannot stand in a pattern", name),
          "write last(step.column, 1) for the row before, or count, avg, min, max of a step");
    } else if (kind == "FUNCTION" && changing_.contains(name)) {
      checked = sql.fail(fmt::format("{}() gives another answer each time", name),
                         "use the event time: the same rows must give the same matches");
    } else if (kind == "STAR" || kind == "PARAMETER" || kind == "LAMBDA") {
      checked =
          sql.fail("'*', parameters and lambdas cannot stand in a pattern", "name the columns");
    }
    return checked.has_value();
  });
  return checked;
}

}  // namespace stream
