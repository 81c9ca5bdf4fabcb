#include "stream/pattern_output.h"

#include <algorithm>

#include "stream/plan.h"

namespace stream {
namespace {

using nlohmann::json;

// Columns of the long table in front of the source's.
columns::Schema long_schema(const columns::Schema& source, const std::set<std::string>& kept) {
  using columns::Type;
  columns::Schema schema{{{"match_id", Type::kString, false},
                          {"_wb_match", Type::kInt64, false},
                          {"_wb_row", Type::kInt32, false},
                          {"_wb_step", Type::kInt32, false},
                          {"_wb_name", Type::kString, false},
                          {"_wb_timed_out", Type::kBoolean, false},
                          {"_wb_decided", Type::kTimestamp, false}}};
  for (const columns::Field& field : source.fields) {
    if (kept.contains(field.name)) schema.fields.push_back({field.name, field.type, true});
  }
  return schema;
}

// Turns a measure into SQL over the long table grouped by match.
class MeasureSql {
 public:
  MeasureSql(const PatternNames& names, const Pattern& pattern, const PatternSql& sql,
             std::set<std::string>& columns)
      : names_(names), pattern_(pattern), sql_(sql), columns_(columns) {}

  base::Result<std::string> run() {
    json tree = TRY(names_.parse(sql_));
    TRY(rewrite(tree));
    return names_.print(tree);
  }

 private:
  base::Result<json> tree_of(const std::string& text) const {
    const json tree = TRY(names_.connection().parse("SELECT " + text));
    return json(tree.at("statements").at(0).at("node").at("select_list").at(0));
  }

  base::Result<> check_held(int step) const {
    const auto number = static_cast<std::size_t>(step);
    if (step < 0 || pattern_.tree.mapped[number]) return {};
    return sql_.fail(
        fmt::format("step '{}' stands behind 'not': it never holds a row", names_.steps()[number]),
        "measure the steps that must come");
  }

  base::Result<> rewrite(json& node) {
    if (text_of(node, "class") == "FUNCTION" && text_of(node, "function_name") == "classifier") {
      node = TRY(tree_of("last(_wb_name ORDER BY _wb_row)"));
      return {};
    }
    if (names_.is_aggregate(node)) return rewrite_aggregate(node);
    if (text_of(node, "class") == "COLUMN_REF") {
      const auto reference = TRY(names_.resolve(sql_, node));
      TRY(check_held(reference.step));
      if (reference.column.empty())
        return sql_.fail(fmt::format("'{}' is a step, not a value",
                                     node["column_names"].back().get<std::string>()),
                         "name one of its columns, or count(step)");
      columns_.insert(reference.column);
      const std::string of_step =
          reference.step < 0 ? "" : fmt::format(" FILTER (WHERE _wb_step = {})", reference.step);
      const std::string alias = text_of(node, "alias");
      node = TRY(tree_of(
          fmt::format("last({} ORDER BY _wb_row){}", sql::quote_name(reference.column), of_step)));
      node["alias"] = alias;
      return {};
    }
    if (node.is_object() || node.is_array()) {
      for (json& child : node) TRY(rewrite(child));
    }
    return {};
  }

  // The references inside an aggregate become columns of its rows; gives their step.
  base::Result<> strip(json& node, int& step) {
    if (text_of(node, "class") == "COLUMN_REF") {
      const auto reference = TRY(names_.resolve(sql_, node));
      TRY(check_held(reference.step));
      if (step != -2 && step != reference.step)
        return sql_.fail("an aggregate reads the rows of one step",
                         "use one aggregate per step, or columns without a step for all rows");
      step = reference.step;
      if (reference.column.empty()) {
        node = TRY(tree_of("_wb_row"));
        return {};
      }
      columns_.insert(reference.column);
      node["column_names"] = json::array({reference.column});
      return {};
    }
    if (node.is_object() || node.is_array()) {
      for (json& child : node) TRY(strip(child, step));
    }
    return {};
  }

  base::Result<> rewrite_aggregate(json& node) {
    int step = -2;
    TRY(strip(node["children"], step));
    TRY(strip(node["filter"], step));
    TRY(strip(node["order_bys"], step));
    const std::string name = text_of(node, "function_name");
    const bool nth = (name == "first" || name == "last") && node["children"].size() == 2;
    json offset;
    if (nth) {
      offset = node["children"][1];
      node["children"].erase(1);
      node["function_name"] = "list";
    }
    if (node["order_bys"]["orders"].empty() && !name.starts_with("count")) {
      const json ordered = TRY(tree_of("list(1 ORDER BY _wb_row)"));
      node["order_bys"] = ordered["order_bys"];
    }
    if (step >= 0) {
      json condition = TRY(tree_of(fmt::format("_wb_step = {}", step)));
      if (!node["filter"].is_null()) {
        json both = TRY(tree_of("true AND true"));
        both["children"] = json::array({condition, node["filter"]});
        condition = both;
      }
      node["filter"] = condition;
    }
    if (!nth) return {};
    json picked =
        TRY(tree_of(name == "first" ? "list_extract([1], 1 + 0)" : "list_extract([1], -(1 + 0))"));
    json& index = picked["children"][1];
    json& sum = name == "first" ? index : index["children"][0];
    sum["children"][1] = offset;
    picked["children"][0] = node;
    node = picked;
    return {};
  }

  const PatternNames& names_;
  const Pattern& pattern_;
  const PatternSql& sql_;
  std::set<std::string>& columns_;
};

std::string one_per_match(const Pattern& pattern, const std::vector<std::string>& measures,
                          const std::string& held) {
  const std::string time = sql::quote_name(pattern.time);
  std::vector<std::string> list{"any_value(match_id) AS match_id"};
  for (const std::string& key : pattern.key)
    list.push_back(fmt::format("first({0}) AS {0}", sql::quote_name(key)));
  list.insert(list.end(), measures.begin(), measures.end());
  list.push_back(fmt::format("min({}) AS match_start", time));
  list.push_back(fmt::format("max({}) AS match_end", time));
  list.push_back("any_value(_wb_decided) AS match_time");
  if (pattern.timeouts) list.push_back("any_value(_wb_timed_out) AS timed_out");
  list.push_back("last(_partition ORDER BY _wb_row) AS _partition");
  list.push_back("last(_offset ORDER BY _wb_row) AS _offset");
  return fmt::format("SELECT {} FROM {} GROUP BY _wb_match ORDER BY _wb_match",
                     fmt::join(list, ", "), sql::quote_name(held));
}

// The measures and the columns of each held row beside them.
std::string row_by_row(const Pattern& pattern, const std::string& one,
                       const columns::Schema& source, const std::string& held) {
  std::vector<std::string> list{"m.match_id", "r._wb_row + 1 AS match_row",
                                "r._wb_name AS match_step"};
  std::vector<std::string> left_out{"match_id", "_partition", "_offset"};
  for (const std::string& key : pattern.key) left_out.push_back(key);
  for (const columns::Field& field : source.fields) {
    if (!field.name.starts_with('_')) list.push_back("r." + sql::quote_name(field.name));
  }
  std::vector<std::string> quoted;
  for (const std::string& name : left_out) quoted.push_back(sql::quote_name(name));
  list.push_back(fmt::format("m.* EXCLUDE ({})", fmt::join(quoted, ", ")));
  list.push_back("r._partition");
  list.push_back("r._offset");
  return fmt::format(
      "SELECT {} FROM {} r JOIN ({}) m USING (match_id) ORDER BY r._wb_match, "
      "r._wb_row",
      fmt::join(list, ", "), sql::quote_name(held), one);
}

std::string hex(const KeyHash& hash) { return fmt::format("{:016x}{:016x}", hash.high, hash.low); }

}  // namespace

base::Result<PatternOutput> PatternOutput::make(const PatternNames& names, const Pattern& pattern,
                                                const runs::Model& model) {
  PatternOutput made;
  made.table_ = pattern.table;
  made.steps_ = pattern.tree.steps;
  made.held_ = "held by " + pattern.table;
  made.columns_ = {pattern.time, "_partition", "_offset"};
  made.columns_.insert(pattern.key.begin(), pattern.key.end());
  if (pattern.all_rows) {
    for (const columns::Field& field : names.source().fields)
      if (!field.name.starts_with('_')) made.columns_.insert(field.name);
  }
  std::vector<std::string> measures;
  for (const PatternMeasure& measure : pattern.measures) {
    const std::string text = TRY(MeasureSql(names, pattern, measure.sql, made.columns_).run());
    measures.push_back(fmt::format("{} AS {}", text, sql::quote_name(measure.name)));
  }
  sql::Connection& connection = names.connection();
  TRY(connection.execute(empty_table(made.held_, long_schema(names.source(), made.columns_))));
  for (std::size_t i = 0; i < measures.size(); ++i) {  // each alone first: the error names its line
    auto bound = connection.prepare(fmt::format("SELECT {} FROM {} GROUP BY _wb_match", measures[i],
                                                sql::quote_name(made.held_)));
    if (!bound) {
      const PatternMeasure& measure = pattern.measures[i];
      return measure.sql.fail(fmt::format("measure '{}': {}", measure.name, bound.error().message),
                              bound.error().mend);
    }
  }
  std::string select = one_per_match(pattern, measures, made.held_);
  if (pattern.all_rows) select = row_by_row(pattern, select, names.source(), made.held_);
  made.schema_ = TRY(describe(connection, model, select));
  made.select_ = cast_to(made.schema_, select);
  return made;
}

base::Result<std::int64_t> PatternOutput::write(sql::Connection& connection,
                                                const PatternEngine& engine,
                                                const std::vector<PatternMatch>& matches,
                                                const columns::Schema& kept,
                                                const std::string& output) const {
  if (matches.empty()) {
    TRY(connection.execute(empty_table(output, schema_)));
    return 0;
  }
  columns::Batch rows(long_schema(kept, columns_));
  std::vector<std::size_t> from;  // of the kept columns
  for (std::size_t c = 0; c < kept.fields.size(); ++c)
    if (columns_.contains(kept.fields[c].name)) from.push_back(c);
  for (std::size_t m = 0; m < matches.size(); ++m) {
    const PatternMatch& match = matches[m];
    const PatternRow& first = match.held.front().row;
    KeyHash id = engine.key_of(engine.rows_of(first), first.index);
    const std::string place = fmt::format("{}|{}|{}|{}|{}", table_, first.time_us, first.partition,
                                          first.offset, match.timed_out);
    id = hash_field(id, place, false);
    for (std::size_t r = 0; r < match.held.size(); ++r) {
      const PatternMatch::Held& held = match.held[r];
      std::vector<columns::Column>& to = rows.columns;
      to[0].append_text(hex(id));
      to[1].append_int(static_cast<std::int64_t>(m));
      to[2].append_int(static_cast<std::int64_t>(r));
      to[3].append_int(held.step);
      to[4].append_text(steps_[static_cast<std::size_t>(held.step)]);
      to[5].append_int(match.timed_out ? 1 : 0);
      to[6].append_int(match.decided_us);
      const columns::Batch& source = engine.rows_of(held.row);
      for (std::size_t c = 0; c < from.size(); ++c) {
        const columns::Column& column = source.columns[from[c]];
        if (column.is_null(held.row.index)) {
          to[7 + c].append_null();
        } else if (column.is_text()) {
          to[7 + c].append_text(column.text_at(held.row.index));
        } else {
          to[7 + c].append_int(column.int_at(held.row.index));
        }
      }
    }
  }
  TRY(connection.put(held_, rows));
  TRY(connection.execute(
      fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(output), select_)));
  const auto count = TRY(connection.query("SELECT count(*) FROM " + sql::quote_name(output)));
  return count->int_at(0, 0);
}

}  // namespace stream
