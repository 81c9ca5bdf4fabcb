// Stages that join: which sides are kept, and until when.
#include <algorithm>

#include "stream/kept_rows.h"
#include "stream/stage_plan.h"

namespace stream {
namespace {

// A condition as `low <= high`; two of them for equalities and BETWEEN.
struct Ordered {
  Tree low;
  Tree high;
};

std::vector<Ordered> ordered(const Tree& condition) {
  const std::string type = text_of(condition, "type");
  if (type == "COMPARE_BETWEEN")
    return {{condition["lower"], condition["input"]}, {condition["input"], condition["upper"]}};
  if (!has_node(condition, "left") || !has_node(condition, "right")) return {};
  const Tree& left = condition["left"];
  const Tree& right = condition["right"];
  if (type == "COMPARE_LESSTHANOREQUALTO" || type == "COMPARE_LESSTHAN") return {{left, right}};
  if (type == "COMPARE_GREATERTHANOREQUALTO" || type == "COMPARE_GREATERTHAN")
    return {{right, left}};
  if (type == "COMPARE_EQUAL") return {{left, right}, {right, left}};
  return {};
}

struct JoinNodes {
  std::vector<Tree> conditions;  // of ON and USING, over all joins
  std::vector<Tree*> joins;
};

void collect_joins(Tree& from, JoinNodes& found) {
  if (text_of(from, "type") != "JOIN") return;
  found.joins.push_back(&from);
  if (has_node(from, "condition")) {
    for (Tree& one : conjuncts(from["condition"])) found.conditions.push_back(std::move(one));
  }
  collect_joins(from["left"], found);
  collect_joins(from["right"], found);
}

void collect_tables(Tree& from, std::vector<Tree*>& leaves) {
  if (text_of(from, "type") == "JOIN") {
    collect_tables(from["left"], leaves);
    collect_tables(from["right"], leaves);
  } else if (text_of(from, "type") != "TABLE_FUNCTION") {
    leaves.push_back(&from);
  }
}

// USING as conditions between the sides that have the column.
base::Result<std::vector<Tree>> using_conditions(sql::Connection& connection, const Tree& join,
                                                 const std::string& left, const std::string& right,
                                                 bool as_of) {
  std::vector<Tree> found;
  const Tree& columns = list_of(join, "using_columns");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool last = i + 1 == columns.size();
    const std::string name = sql::quote_name(columns[i].get<std::string>());
    found.push_back(TRY(expression_of(
        connection, fmt::format("{}.{} {} {}.{}", sql::quote_name(left), name,
                                as_of && last ? ">=" : "=", sql::quote_name(right), name))));
  }
  return found;
}

void set_where(Tree& node, const Tree& more) {
  if (!has_node(node, "where_clause")) {
    node["where_clause"] = more;
    return;
  }
  Tree both{
      {"class", "CONJUNCTION"}, {"type", "CONJUNCTION_AND"}, {"alias", ""}, {"query_location", 0}};
  both["children"] = {node["where_clause"], more};
  node["where_clause"] = both;
}

}  // namespace

// GROUP BY or window functions over a join: the join is a stage, and they are the next.
base::Result<StagePlanner::Planned> StagePlanner::plan_split_join(Tree node,
                                                                  std::vector<Input>& inputs) {
  const auto flat = [](const std::string& alias, const std::string& column) {
    return alias + "." + column;
  };
  Tree join = node;
  join["select_list"] = Tree::array();
  for (const char* part : {"having", "qualify"}) join[part] = nullptr;
  join["group_expressions"] = Tree::array();
  join["group_sets"] = Tree::array();
  join["aggregate_handling"] = "STANDARD_HANDLING";
  bool star = false;
  std::map<std::pair<std::size_t, std::string>, bool> named;
  const auto take = [&](Tree& at) {
    star = star || text_of(at, "class") == "STAR";
    const auto name = column_of(at);
    if (!name) return true;
    auto side = side_of(*name, inputs);
    // A column of USING is in both.
    for (std::size_t i = 0; i < inputs.size() && !side && name->table.empty(); ++i) {
      if (inputs[i].planned.rows.has(name->column)) side = i;
    }
    if (!side) return true;
    named[{*side, name->column}] = true;
    at["column_names"] = {flat(inputs[*side].alias, name->column)};
    if (text_of(at, "alias").empty()) at["alias"] = name->column;
    return true;
  };
  for (const char* part : {"select_list", "group_expressions", "having", "qualify"}) {
    if (node.contains(part)) walk(node[part], take);
  }
  if (star) return refuse(model_, node, "* over a join cannot be grouped", "name the columns");
  for (const auto& [name, yes] : named) {
    Tree ref = column_ref(name.second);
    ref["column_names"] = {inputs[name.first].alias, name.second};
    ref["alias"] = flat(inputs[name.first].alias, name.second);
    join["select_list"].push_back(std::move(ref));
  }
  if (named.empty())
    join["select_list"].push_back(TRY(expression_of(connection_, "1 AS \"_one\"")));
  Input joined{
      .planned = TRY(plan_join(std::move(join), inputs)), .alias = "joined", .leaf = nullptr};
  node["where_clause"] = nullptr;
  node["from_table"] = TRY(table_ref(joined.planned.rows.table, joined.alias));
  return plan_one_input(std::move(node), std::move(joined));
}

base::Result<StagePlanner::Planned> StagePlanner::plan_join(Tree node, std::vector<Input>& inputs) {
  JoinNodes nodes;
  collect_joins(node["from_table"], nodes);
  std::size_t streams = 0;
  for (const Input& input : inputs) streams += input.planned.rows.standing ? 0 : 1;
  bool left_join = false;
  bool as_of = false;
  for (const Tree* join : nodes.joins) {
    const std::string type = text_of(*join, "join_type");
    if (type != "INNER" && type != "LEFT")
      return refuse(model_, *join, fmt::format("a {} JOIN cannot stream", type),
                    "write an inner or LEFT JOIN, the stream that must keep all its rows first");
    left_join = left_join || (type == "LEFT" && text_of(*join, "ref_type") != "ASOF");
    as_of = as_of || text_of(*join, "ref_type") == "ASOF";
  }
  // One stream looks tables up: nothing is kept.
  if (streams == 1 && inputs.front().planned.rows.standing && (left_join || as_of))
    return refuse(model_, *nodes.joins.front(),
                  "a table that stands cannot be first in a LEFT JOIN", "put the stream first");
  if (streams == 1) return plan_map(node, inputs);
  if ((left_join || as_of) && inputs.size() != 2)
    return refuse(model_, *nodes.joins.front(), "a LEFT or ASOF JOIN among several streams",
                  "join two of them in a model or WITH of their own");
  JoinParts parts;
  parts.kind = as_of       ? JoinParts::Kind::kAsOf
               : left_join ? JoinParts::Kind::kLeft
                           : JoinParts::Kind::kInner;
  parts.name = stage_name();
  parts.state = state_prefix();
  std::vector<Tree> conditions = nodes.conditions;
  for (const Tree* join : nodes.joins) {
    for (Tree& one :
         TRY(using_conditions(connection_, *join, inputs[0].alias, inputs.back().alias, as_of)))
      conditions.push_back(std::move(one));
  }
  std::vector<Tree> all = conditions;
  if (parts.kind == JoinParts::Kind::kInner && has_node(node, "where_clause")) {
    for (Tree& one : conjuncts(node["where_clause"])) all.push_back(std::move(one));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) TRY(bound_side(node, all, inputs, i, parts));
  if (parts.kind == JoinParts::Kind::kLeft) TRY(place_left(node, inputs, parts));
  if (parts.kind == JoinParts::Kind::kAsOf) TRY(place_as_of(node, conditions, inputs, parts));
  return finish_join(std::move(node), inputs, std::move(parts));
}

// The SELECTs of a join whose sides are known.
base::Result<StagePlanner::Planned> StagePlanner::finish_join(Tree node, std::vector<Input>& inputs,
                                                              JoinParts parts) {
  parts.columns = TRY(describe_node(node));
  const LagOf after = [&](const ColumnName& name) -> std::optional<std::int64_t> {
    const auto side = side_of(name, inputs);
    if (!side) return std::nullopt;
    const auto& lags = parts.sides[*side].rows.lags;
    const auto it = lags.find(name.column);
    return it == lags.end() ? std::nullopt : std::optional(it->second);
  };
  const auto items = list_of(node, "select_list").get<std::vector<Tree>>();
  const bool star =
      std::ranges::any_of(items, [](const Tree& item) { return text_of(item, "class") == "STAR"; });
  for (std::size_t i = 0; i < items.size() && !star; ++i) {
    if (const auto lag = lag_of(connection_, items[i], after))
      parts.lags[parts.columns[i].name] = *lag;
  }
  std::vector<Tree*> leaves;
  collect_tables(node["from_table"], leaves);
  std::string weight;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string table = side_table(parts.name, i);
    *leaves[i] = TRY(table_ref(table, inputs[i].alias));
    TRY(connection_.execute(fmt::format("CREATE OR REPLACE TEMP VIEW {} AS SELECT * FROM {}",
                                        sql::quote_name(table),
                                        sql::quote_name(inputs[i].planned.rows.table))));
    if (inputs[i].planned.rows.changes)
      weight += fmt::format("{}{}.{}", weight.empty() ? "" : " * ",
                            sql::quote_name(inputs[i].alias), kWeight);
  }
  if (!weight.empty() && star)
    return refuse(model_, node, "* over a join with a keyed side cannot stream",
                  "name the columns");
  if (!weight.empty())
    node["select_list"].push_back(
        TRY(expression_of(connection_, fmt::format("{} AS {}", weight, kWeight))));
  if (parts.kind == JoinParts::Kind::kLeft) {
    Tree lonely = node;
    set_where(lonely, TRY(expression_of(
                          connection_, sql::quote_name(inputs[1].alias) + "._wb_partner IS NULL")));
    parts.unmatched = TRY(print(lonely));
    node["from_table"]["join_type"] = "INNER";
  }
  parts.select = TRY(print(node));
  auto stage = make_join_stage(connection_, std::move(parts));
  if (!stage) return std::unexpected(std::move(stage).error().at(model_.file, model_.sql_line));
  made_.group_names.clear();
  return add(*std::move(stage));
}

// Until when rows of one side can be found by rows to come of the others: a row can go when none of
// them can satisfy `low <= high` any more, for a condition with each of them.
base::Result<StagePlanner::SideBounds> StagePlanner::bounds_of(const std::vector<Tree>& conditions,
                                                               const std::vector<Input>& inputs,
                                                               std::size_t side) const {
  const LagOf lags = lags_of(inputs);
  std::map<std::size_t, std::string> drops;  // by other side
  std::map<std::size_t, std::map<std::string, std::int64_t>> lags_by;
  SideBounds bounds;
  for (const Tree& condition : conditions) {
    for (const Ordered& pair : ordered(condition)) {
      const auto low = only_side(pair.low, inputs);
      const auto high = only_side(pair.high, inputs);
      if (!low || high != side || low == high || inputs[*low].planned.rows.standing) continue;
      const auto lag = lag_of(connection_, pair.low, lags);
      if (!lag) continue;
      if (const auto ahead = ahead_of(connection_, pair.high)) {
        const std::int64_t us = ahead->us + *lag;
        auto& known = lags_by[*low].try_emplace(ahead->column.column, us).first->second;
        known = std::min(known, us);
      }
      const std::string sql = TRY(expression_sql(connection_, bare(pair.high)));
      drops.try_emplace(*low, fmt::format("epoch_us({}) + {}", sql, *lag));
      bounds.words = fmt::format("until the watermark is {} past {}",
                                 base::format_duration(std::max<std::int64_t>(0, *lag)), sql);
    }
  }
  std::size_t others = 0;
  for (std::size_t j = 0; j < inputs.size(); ++j) {
    if (j == side || inputs[j].planned.rows.standing) continue;
    std::map<std::string, std::int64_t> both;
    for (const auto& [column, us] : lags_by[j]) {
      const auto it = bounds.lags.find(column);
      if (others == 0) both[column] = us;
      if (others > 0 && it != bounds.lags.end()) both[column] = std::max(us, it->second);
    }
    bounds.lags = std::move(both);
    ++others;
  }
  if (others == 0 || drops.size() < others) return bounds;
  std::vector<std::string> all;
  for (const auto& [j, drop] : drops) all.push_back(drop);
  bounds.drop_us =
      all.size() == 1 ? "(" + all[0] + ")" : fmt::format("greatest({})", fmt::join(all, ", "));
  return bounds;
}

// What one side keeps, and until when.
base::Result<> StagePlanner::bound_side(const Tree& node, const std::vector<Tree>& conditions,
                                        const std::vector<Input>& inputs, std::size_t i,
                                        JoinParts& parts) {
  const Rows& rows = inputs[i].planned.rows;
  JoinSide side{.rows = rows, .alias = inputs[i].alias};
  for (const StageColumn& column : rows.columns) {
    columns::Schema one{{{column.name, columns::Type::kString, true}}};
    if (!needed_columns(node, one).fields.empty()) side.needed.push_back(column);
  }
  for (const Tree& condition : conditions) {
    if (parts.kind == JoinParts::Kind::kInner && only_side(condition, inputs) == i)
      side.where += fmt::format("{}({})", side.where.empty() ? "" : " AND ",
                                TRY(expression_sql(connection_, bare(condition))));
  }
  SideBounds bounds = TRY(bounds_of(conditions, inputs, i));
  if (!rows.standing) side.drop_us = bounds.drop_us;
  side.bound = bounds.words;
  if (side.drop_us.empty() && model_.ttl_us > 0 && rows.lags.contains(model_.time)) {
    side.drop_us = fmt::format("(epoch_us({}) + {})", sql::quote_name(model_.time), model_.ttl_us);
    side.bound = "ttl " + base::format_duration(model_.ttl_us);
    bounds.lags[model_.time] = model_.ttl_us;
    if (std::ranges::find(side.needed, model_.time, &StageColumn::name) == side.needed.end())
      side.needed.push_back({model_.time, "TIMESTAMP WITH TIME ZONE"});
  }
  made_.bounded_by_time = made_.bounded_by_time || !side.drop_us.empty();
  const bool as_of = parts.kind == JoinParts::Kind::kAsOf;
  if (side.drop_us.empty() && !rows.standing && !rows.changes && !as_of) {
    const bool no_time = model_.ttl_us > 0 && !rows.lags.contains(model_.time);
    return refuse(
        model_, node, fmt::format("the rows of {} would be kept for ever in this join", side.alias),
        no_time ? "'ttl' counts from the event time: add 'time' and 'watermark' to the "
                  "header, and pass the time on to this SELECT"
                : fmt::format("bound it by time: … BETWEEN {}.{} - INTERVAL '1 hour' AND …, or add "
                              "'ttl: 1 day' to the header",
                              side.alias, model_.time.empty() ? "event_time" : model_.time));
  }
  if (side.bound.empty()) side.bound = "the keys of its source";
  // What is kept comes again, with the partners to come.
  for (auto it = side.rows.lags.begin(); !rows.standing && it != side.rows.lags.end();) {
    const auto kept = bounds.lags.find(it->first);
    if (kept == bounds.lags.end() && !as_of) {
      it = side.rows.lags.erase(it);
      continue;
    }
    if (kept != bounds.lags.end()) it->second = std::max(it->second, kept->second);
    ++it;
  }
  parts.sides.push_back(std::move(side));
  return {};
}

// A left row is given alone when the watermark is past its last partner's time, so its partners are
// kept until then.
base::Result<> StagePlanner::place_left(const Tree& node, std::vector<Input>& inputs,
                                        JoinParts& parts) {
  for (const JoinSide& side : parts.sides) {
    if (side.rows.changes)
      return refuse(model_, node, "a LEFT JOIN of groups that change cannot stream",
                    "join the groups in a model that reads them");
    if (side.drop_us.empty())
      return refuse(model_, node, "a LEFT JOIN of streams needs times on both sides",
                    fmt::format("write AND {0}.t BETWEEN {1}.t - INTERVAL '1 hour' AND {1}.t + "
                                "INTERVAL '1 hour'",
                                inputs[1].alias, inputs[0].alias));
  }
  const std::string time = sql::quote_name(model_.time);
  const auto& lags = inputs[0].planned.rows.lags;
  if (!lags.contains(model_.time))
    return refuse(model_, node, fmt::format("the left side has no column '{}'", model_.time),
                  "pass the event time on");
  const auto ahead = parts.sides[0].rows.lags.find(model_.time);
  if (ahead == parts.sides[0].rows.lags.end())
    return refuse(model_, node, "the last time of a partner is no constant step from the left row",
                  fmt::format("write … AND {}.t <= {}.t + INTERVAL '1 hour'", inputs[1].alias,
                              inputs[0].alias));
  parts.sides[1].drop_us =
      fmt::format("({} + {})", parts.sides[1].drop_us, std::max<std::int64_t>(0, ahead->second));
  return {};
}

base::Result<> StagePlanner::place_as_of(const Tree& node, const std::vector<Tree>& conditions,
                                         std::vector<Input>& inputs, JoinParts& parts) {
  const LagOf lags = lags_of(inputs);
  for (const JoinSide& side : parts.sides) {
    if (side.rows.changes)
      return refuse(model_, node, "an ASOF JOIN of groups that change cannot stream",
                    "read a stream of the versions");
  }
  for (const Tree& condition : conditions) {
    const std::string type = text_of(condition, "type");
    for (const Ordered& pair : ordered(condition)) {
      if (only_side(pair.low, inputs) != 1U || only_side(pair.high, inputs) != 0U) continue;
      if (type == "COMPARE_EQUAL") {
        parts.right_key.push_back(TRY(expression_sql(connection_, bare(pair.low))));
        continue;
      }
      if (lag_of(connection_, pair.high, lags) != 0 || lag_of(connection_, pair.low, lags) != 0)
        continue;
      parts.left_time =
          fmt::format("epoch_us({})", TRY(expression_sql(connection_, bare(pair.high))));
      parts.right_time =
          fmt::format("epoch_us({})", TRY(expression_sql(connection_, bare(pair.low))));
    }
  }
  if (parts.left_time.empty())
    return refuse(
        model_, node, "an ASOF JOIN of streams compares their event times",
        fmt::format("write ASOF JOIN … ON {0}.k = {1}.k AND {0}.t >= {1}.t, with 'time: t'",
                    inputs[0].alias, inputs[1].alias));
  parts.sides[0].drop_us = parts.left_time;
  parts.sides[0].bound = "until the watermark has passed it";
  parts.sides[1].drop_us.clear();
  parts.sides[1].bound = "the newest of each key before the watermark, and those after it";
  made_.bounded_by_time = true;
  return {};
}

}  // namespace stream
