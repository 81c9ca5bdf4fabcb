#include "stream/stage_plan.h"

#include <algorithm>

#include "stream/kept_rows.h"

namespace stream {
namespace {

// Passes nothing on itself: its rows are a view of other stages' rows.
class ViewStage final : public Stage {
 public:
  ViewStage(Rows gives, std::string sql) : sql_(std::move(sql)) { gives_ = std::move(gives); }
  base::Result<> process(const Tick&) override { return {}; }
  nlohmann::json explain() const override {
    return {{"stage", "SQL over the epoch's rows"}, {"sql", sql_}};
  }

 private:
  std::string sql_;
};

constexpr std::array kPlaces{"_wb_t", "_wb_p", "_wb_o"};

bool is_leaf(const Tree& from) { return text_of(from, "type") != "JOIN"; }

void collect_leaves(Tree& from, std::vector<Tree*>& leaves) {
  if (is_leaf(from)) {
    leaves.push_back(&from);
    return;
  }
  collect_leaves(from["left"], leaves);
  collect_leaves(from["right"], leaves);
}

std::string alias_of(const Tree& leaf) {
  std::string alias = text_of(leaf, "alias");
  if (alias.empty()) alias = text_of(leaf, "table_name");
  return alias.empty() ? "unnamed_subquery" : alias;
}

bool is_distinct(const Tree& node) {
  return std::ranges::any_of(list_of(node, "modifiers"), [](const Tree& modifier) {
    return text_of(modifier, "type") == "DISTINCT_MODIFIER";
  });
}

bool is_grouped(const Tree& node) {
  return text_of(node, "aggregate_handling") == "FORCE_AGGREGATES" ||
         !list_of(node, "group_expressions").empty() || has_node(node, "having") ||
         find_aggregate(node["select_list"]) != nullptr;
}

bool is_windowed(const Tree& node) {
  return has_node(node, "qualify") || find_window(node["select_list"]) != nullptr;
}

bool has_unnest(const Tree& node) {
  bool found = false;
  walk(node, [&](const Tree& at) {
    found = found || text_of(at, "function_name") == "unnest";
    return !found;
  });
  return found;
}

}  // namespace

Tree bare(Tree expression) {
  walk(expression, [](Tree& at) {
    if (const auto name = column_of(at)) at["column_names"] = {name->column};
    return true;
  });
  return expression;
}

std::string StagePlanner::stage_name() const { return fmt::format("{} {}", model_.table, names_); }

std::string StagePlanner::state_prefix() const {
  return fmt::format("op/{}/s/{}/", model_.table, names_);
}

base::Result<Tree> StagePlanner::table_ref(const std::string& table,
                                           const std::string& alias) const {
  const Tree parsed = TRY(connection_.parse(
      fmt::format("SELECT 1 FROM {} AS {}", sql::quote_name(table), sql::quote_name(alias))));
  return select_node(parsed)["from_table"];
}

base::Result<std::string> StagePlanner::print(const Tree& node) const {
  return connection_.print(statement_of(node));
}

base::Result<std::vector<StageColumn>> StagePlanner::describe_node(const Tree& node) const {
  auto columns = columns_of(connection_, TRY(print(node)));
  if (!columns) {
    return std::unexpected(std::move(columns).error().at(model_.file, model_.sql_line));
  }
  return columns;
}

base::Result<StagePlan> StagePlanner::plan(const Tree& statement) {
  Planned planned = TRY(plan_query(select_node(statement), {}));
  TRY(settle(planned));
  made_.gives = planned.rows;
  made_.last = planned.stage;
  return std::move(made_);
}

base::Result<StagePlanner::Planned> StagePlanner::add(std::unique_ptr<Stage> stage) {
  Planned planned;
  planned.rows = stage->gives();
  planned.stage = stage.get();
  made_.stages.push_back(std::move(stage));
  ++names_;
  return planned;
}

base::Result<> StagePlanner::settle(Planned& planned) {
  if (!planned.pending) return {};
  Pending pending = *std::exchange(planned.pending, std::nullopt);
  bound_by_gap(pending);
  TRY(refuse_unbounded(pending.node, pending.parts));
  Tree node = pending.node;
  for (std::size_t i = 0; i < pending.keys.size(); ++i) {
    Tree key = pending.keys[i];
    key["alias"] = fmt::format("_wb_k{}", i);
    node["select_list"].push_back(std::move(key));
  }
  pending.parts.select = TRY(print(node));
  auto stage = make_recompute_stage(connection_, std::move(pending.parts));
  if (!stage) return std::unexpected(std::move(stage).error().at(model_.file, model_.sql_line));
  planned = TRY(add(*std::move(stage)));
  return {};
}

base::Result<StagePlanner::Planned> StagePlanner::plan_query(const Tree& node, const With& outer) {
  With with = outer;
  if (node.contains("cte_map")) {
    for (const Tree& entry : list_of(node["cte_map"], "map"))
      with[text_of(entry, "key")] = &entry["value"]["query"]["node"];
  }
  const std::string type = text_of(node, "type");
  if (type == "SELECT_NODE") return plan_select(node, with);
  if (type == "SET_OPERATION_NODE") return plan_union(node, with);
  if (type == "CTE_NODE") {
    with[text_of(node, "ctename")] = &node["query"];
    return plan_query(node["child"], with);
  }
  return refuse(model_, node, "this kind of query cannot stream",
                "write a SELECT, a UNION ALL of SELECTs, or 'mode: daily at HH:MM'");
}

base::Result<StagePlanner::Planned> StagePlanner::plan_union(const Tree& node, const With& with) {
  if (text_of(node, "setop_type") != "UNION" || !node.value("setop_all", false)) {
    return refuse(model_, node,
                  fmt::format("{} of streams would keep every row for ever",
                              text_of(node, "setop_type") == "UNION" ? "UNION without ALL"
                                                                     : text_of(node, "setop_type")),
                  "write UNION ALL, and de-duplicate by GROUP BY or QUALIFY");
  }
  std::vector<Planned> sides;
  for (const char* side : {"left", "right"}) {
    if (!has_node(node, side)) continue;
    sides.push_back(TRY(plan_query(node[side], with)));
  }
  for (const Tree& child : list_of(node, "children")) sides.push_back(TRY(plan_query(child, with)));
  Rows rows;
  for (Planned& side : sides) {
    TRY(settle(side));
    if (side.stage != nullptr) side.stage->be_read();
    rows.changes = rows.changes || side.rows.changes;
  }
  rows.columns = sides.front().rows.columns;
  rows.places = std::ranges::all_of(sides, [](const Planned& s) { return s.rows.places; });
  std::string sql;
  for (const Planned& side : sides) {
    if (side.rows.columns.size() != rows.columns.size())
      return refuse(model_, node, "the sides of a UNION have different numbers of columns",
                    "give them the same columns");
    sql +=
        fmt::format("{}SELECT {}", sql.empty() ? "" : " UNION ALL ", names_of(side.rows.columns));
    if (rows.changes)
      sql += side.rows.changes ? fmt::format(", {}", kWeight) : fmt::format(", 1 AS {}", kWeight);
    for (const char* place : kPlaces) {
      if (rows.places) sql += fmt::format(", {}", place);
    }
    sql += " FROM " + sql::quote_name(side.rows.table);
  }
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    std::optional<std::int64_t> lag = 0;
    for (const Planned& side : sides) {
      const auto it = side.rows.lags.find(side.rows.columns[i].name);
      lag = it == side.rows.lags.end() || !lag ? std::nullopt
                                               : std::optional(std::max(*lag, it->second));
    }
    if (lag) rows.lags[rows.columns[i].name] = *lag;
  }
  made_.group_names.clear();
  rows.table = stage_name();
  TRY(connection_.execute(
      fmt::format("CREATE OR REPLACE TEMP VIEW {} AS {}", sql::quote_name(rows.table), sql)));
  rows.columns = TRY(columns_of(connection_, "SELECT * FROM " + sql::quote_name(rows.table)));
  return add(std::make_unique<ViewStage>(rows, sql));
}

base::Result<StagePlanner::Planned> StagePlanner::plan_source(const Tree& leaf, bool looked_up) {
  const std::string table = text_of(leaf, "schema_name") + "." + text_of(leaf, "table_name");
  const auto it = known_.find(table);
  if (it == known_.end())
    return refuse(model_, leaf, fmt::format("there is no table {}", table),
                  "name one that there is");
  SourceUse& use = made_.sources[table];
  use.relation = it->second;
  ++use.reads;
  Planned planned;
  planned.source = &use;
  for (const columns::Field& field : it->second.schema.fields)
    planned.rows.columns.push_back({field.name, std::string(columns::sql_type(field.type))});
  if (looked_up || it->second.is_static) {
    use.standing = fmt::format("{} looks up {}", model_.table, table);
    planned.rows.table = use.standing;
    planned.rows.standing = true;
  } else {
    use.streams = true;
    use.input = fmt::format("{} takes {}", model_.table, table);
    planned.rows.table = use.input;
    planned.rows.changes = it->second.changes;
    planned.rows.places = it->second.has_places();
    if (!it->second.changes && planned.rows.has(model_.time)) planned.rows.lags[model_.time] = 0;
  }
  std::string hidden;
  if (planned.rows.places)
    hidden = fmt::format(", {} AS _wb_t, {} AS _wb_p, _offset AS _wb_o", topic_sql(it->second),
                         partition_sql(it->second));
  TRY(connection_.execute(fmt::format("CREATE OR REPLACE TEMP VIEW {} AS SELECT *{} FROM {}",
                                      sql::quote_name(planned.rows.table), hidden,
                                      sql::quote_name(rows_table(table)))));
  return planned;
}

base::Result<StagePlanner::Planned> StagePlanner::plan_leaf(const Tree& leaf, const With& with,
                                                            bool looked_up) {
  if (!list_of(leaf, "column_name_alias").empty())
    return refuse(model_, leaf, "new names for the columns of a table in FROM cannot stream",
                  "name the columns inside, with AS");
  if (text_of(leaf, "type") == "SUBQUERY") return plan_query(leaf["subquery"]["node"], with);
  if (!text_of(leaf, "schema_name").empty()) return plan_source(leaf, looked_up);
  const auto it = with.find(text_of(leaf, "table_name"));
  if (it == with.end()) {
    return refuse(model_, leaf, fmt::format("there is no table {}", text_of(leaf, "table_name")),
                  "write the schema in front: bronze., silver. or gold.");
  }
  const std::string place = fmt::format("{}", static_cast<const void*>(it->second));
  if (const auto done = with_.find(place); done != with_.end()) return done->second;
  With inner = with;
  inner.erase(it->first);
  Planned planned = TRY(plan_query(*it->second, inner));
  if (planned.pending) return planned;  // computed with the one SELECT that reads it
  with_[place] = planned;
  return planned;
}

base::Result<std::vector<StagePlanner::Input>> StagePlanner::plan_inputs(Tree& from,
                                                                         const With& with) {
  std::vector<Tree*> leaves;
  collect_leaves(from, leaves);
  const auto keyed = [&](const Tree& leaf) {
    const auto it = known_.find(text_of(leaf, "schema_name") + "." + text_of(leaf, "table_name"));
    return text_of(leaf, "type") == "BASE_TABLE" && it != known_.end() && it->second.changes;
  };
  const auto stands = [&](const Tree& leaf) {
    const auto it = known_.find(text_of(leaf, "schema_name") + "." + text_of(leaf, "table_name"));
    return text_of(leaf, "type") == "TABLE_FUNCTION" ||
           (text_of(leaf, "type") == "BASE_TABLE" && it != known_.end() &&
            (it->second.changes || it->second.is_static));
  };
  // A keyed table beside a stream is looked up; by itself, its changes are the stream.
  const bool any_stream =
      std::ranges::any_of(leaves, [&](const Tree* leaf) { return !stands(*leaf); });
  std::vector<Input> inputs;
  for (Tree* leaf : leaves) {
    const std::string type = text_of(*leaf, "type");
    if (type == "TABLE_FUNCTION") continue;
    if (type != "BASE_TABLE" && type != "SUBQUERY")
      return refuse(model_, *leaf, "this FROM cannot stream", "read tables and subqueries");
    Input input{.planned = TRY(plan_leaf(*leaf, with, any_stream && keyed(*leaf))),
                .alias = alias_of(*leaf),
                .leaf = leaf};
    inputs.push_back(std::move(input));
  }
  if (inputs.empty())
    return refuse(model_, from, "a SELECT without a table cannot stream", "add a FROM");
  return inputs;
}

base::Result<StagePlanner::Planned> StagePlanner::plan_select(Tree node, const With& with) {
  node["cte_map"] = {{"map", Tree::array()}};
  std::vector<Input> inputs = TRY(plan_inputs(node["from_table"], with));
  if (list_of(node, "group_sets").size() > 1)
    return refuse(model_, node, "GROUPING SETS, ROLLUP and CUBE cannot stream",
                  "write one model for each grouping");
  const Tree* nested = nullptr;
  walk(node, [&](const Tree& at) {
    if (text_of(at, "class") == "SUBQUERY") nested = &at;
    return nested == nullptr && text_of(at, "type") != "SUBQUERY";
  });
  if (nested != nullptr)
    return refuse(model_, *nested, "a subquery outside FROM cannot stream",
                  "write it as a JOIN with the table that it reads");
  if (is_distinct(node)) {
    if (is_grouped(node) || is_windowed(node))
      return refuse(model_, node, "DISTINCT over groups or windows cannot stream",
                    "leave DISTINCT out, or put the SELECT into FROM");
    node["modifiers"] = Tree::array();
    node["aggregate_handling"] = "FORCE_AGGREGATES";
  }
  for (Input& input : inputs) {
    const bool alone = inputs.size() == 1;
    if (!alone) TRY(settle(input.planned));
    if (!alone && input.planned.stage != nullptr) input.planned.stage->be_read();
    if (input.planned.stage != nullptr) input.planned.rows = input.planned.stage->gives();
    if (input.planned.pending) continue;
    *input.leaf = TRY(table_ref(input.planned.rows.table, input.alias));
  }
  if (inputs.size() == 1) return plan_one_input(std::move(node), std::move(inputs.front()));
  if (is_grouped(node) || is_windowed(node)) return plan_split_join(std::move(node), inputs);
  return plan_join(std::move(node), inputs);
}

base::Result<StagePlanner::Planned> StagePlanner::plan_one_input(Tree node, Input input) {
  // The SELECT was moved: where its input stands in it has to be found again.
  std::vector<Tree*> leaves;
  collect_leaves(node["from_table"], leaves);
  for (Tree* leaf : leaves) {
    if (text_of(*leaf, "type") != "TABLE_FUNCTION") input.leaf = leaf;
  }
  if (is_grouped(node)) return plan_group(std::move(node), input);
  if (auto extended = TRY(extend(node, input, nullptr))) return *std::move(extended);
  if (input.planned.stage != nullptr) {
    input.planned.stage->be_read();
    input.planned.rows = input.planned.stage->gives();
  }
  if (is_windowed(node)) return plan_window(node, input);
  std::vector<Input> inputs;
  inputs.push_back(std::move(input));
  return plan_map(node, inputs);
}

// A SELECT that remembers nothing, over one stream (and tables that stand).
base::Result<StagePlanner::Planned> StagePlanner::plan_map(const Tree& node,
                                                           std::vector<Input>& inputs) {
  made_.group_names.clear();
  Tree select = node;
  Rows rows;
  rows.table = stage_name();
  rows.places = !has_unnest(node) && inputs.size() == 1 && is_leaf(node["from_table"]);
  const std::vector<Tree> items = expanded_items(node, inputs);
  select["select_list"] = items;
  for (const Input& input : inputs) {
    rows.changes = rows.changes || input.planned.rows.changes;
    rows.places = rows.places && input.planned.rows.places;
  }
  if (rows.changes) select["select_list"].push_back(column_ref(kWeight));
  for (const char* place : kPlaces) {
    if (rows.places) select["select_list"].push_back(column_ref(place));
  }
  rows.columns = TRY(describe_node(select));
  const LagOf lags = lags_of(inputs);
  for (std::size_t i = 0; i < items.size() && i < rows.columns.size(); ++i) {
    if (const auto lag = lag_of(connection_, items[i], lags))
      rows.lags[rows.columns[i].name] = *lag;
  }
  if (has_node(node, "where_clause") && inputs.size() == 1)
    TRY(note_where(node, inputs[0], TRY(expression_sql(connection_, bare(node["where_clause"])))));
  const std::string sql = TRY(print(select));
  TRY(connection_.execute(
      fmt::format("CREATE OR REPLACE TEMP VIEW {} AS {}", sql::quote_name(rows.table), sql)));
  Planned planned = TRY(add(std::make_unique<ViewStage>(rows, sql)));
  planned.map = std::move(select);
  return planned;
}

// A condition that drops a source's rows before anything else sees them is counted by its name.
base::Result<> StagePlanner::note_where(const Tree&, Input& input, const std::string& where) {
  if (input.planned.source == nullptr || input.planned.rows.changes) return {};
  input.planned.source->where = where;
  return {};
}

std::vector<Tree> StagePlanner::expanded_items(const Tree& node,
                                               const std::vector<Input>& inputs) const {
  std::vector<Tree> items;
  for (const Tree& item : list_of(node, "select_list")) {
    const bool plain =
        text_of(item, "class") == "STAR" && !item.value("columns", false) &&
        list_of(item, "replace_list").empty() && list_of(item, "rename_list").empty() &&
        list_of(item, "qualified_exclude_list").empty() && is_leaf(node["from_table"]);
    if (!plain) {
      items.push_back(item);
      continue;
    }
    const Tree& excluded = list_of(item, "exclude_list");
    for (const Input& input : inputs) {
      for (const StageColumn& column : input.planned.rows.columns) {
        if (std::ranges::find(excluded, Tree(column.name)) != excluded.end()) continue;
        Tree ref = column_ref(column.name);
        ref["column_names"] = {input.alias, column.name};
        items.push_back(std::move(ref));
      }
    }
  }
  return items;
}

LagOf StagePlanner::lags_of(const std::vector<Input>& inputs) const {
  return [this, &inputs](const ColumnName& name) -> std::optional<std::int64_t> {
    const auto side = side_of(name, inputs);
    if (!side) return std::nullopt;
    const auto& lags = inputs[*side].planned.rows.lags;
    const auto it = lags.find(name.column);
    return it == lags.end() ? std::nullopt : std::optional(it->second);
  };
}

std::optional<std::size_t> StagePlanner::side_of(const ColumnName& name,
                                                 const std::vector<Input>& inputs) const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!name.table.empty() && name.table != inputs[i].alias) continue;
    if (!inputs[i].planned.rows.has(name.column)) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

std::optional<std::size_t> StagePlanner::only_side(const Tree& expression,
                                                   const std::vector<Input>& inputs) const {
  std::optional<std::size_t> found;
  bool one = true;
  walk(expression, [&](const Tree& at) {
    const auto name = column_of(at);
    if (!name) return true;
    const auto side = side_of(*name, inputs);
    one = one && side && (!found || *found == *side);
    if (side) found = side;
    return true;
  });
  return one ? found : std::nullopt;
}

}  // namespace stream
