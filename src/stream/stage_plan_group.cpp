// Stages that group or order rows by key: GROUP BY, window functions, and SELECTs around them.
#include <algorithm>

#include "stream/kept_rows.h"
#include "stream/panes.h"
#include "stream/stage_plan.h"

namespace stream {
namespace {

// The expressions of GROUP BY: numbers and names of columns as what they stand for.
std::vector<Tree> groups_of(const Tree& node, const Rows& input) {
  std::vector<Tree> groups;
  const Tree& items = list_of(node, "select_list");
  if (text_of(node, "aggregate_handling") == "FORCE_AGGREGATES") {
    for (const Tree& item : items) {
      if (find_aggregate(item) == nullptr) groups.push_back(item);
    }
    return groups;
  }
  for (const Tree& group : list_of(node, "group_expressions")) {
    Tree found = group;
    if (text_of(group, "class") == "CONSTANT" &&
        group["value"].value("value", Tree()).is_number()) {
      const auto at = group["value"]["value"].get<std::size_t>();
      if (at >= 1 && at <= items.size()) found = items[at - 1];
    }
    const auto name = column_of(group);
    if (name && name->table.empty() && !input.has(name->column)) {
      for (const Tree& item : items) {
        if (text_of(item, "alias") == name->column) found = item;
      }
    }
    groups.push_back(std::move(found));
  }
  return groups;
}

// The place of an expression among the columns, or nullopt.
std::optional<std::size_t> shown_at(const Tree& expression, const std::vector<Tree>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (same_expression(bare(expression), bare(items[i]))) return i;
  }
  return std::nullopt;
}

// The column that shows an expression, also by a *; "" when none does.
std::string shown_as(const Tree& expression, const std::vector<Tree>& items,
                     const std::vector<StageColumn>& columns) {
  const bool star =
      std::ranges::any_of(items, [](const Tree& item) { return text_of(item, "class") == "STAR"; });
  if (!star) {
    const auto at = shown_at(expression, items);
    return at && *at < columns.size() ? columns[*at].name : "";
  }
  const auto name = column_of(expression);
  const bool has = name && std::ranges::count(columns, name->column, &StageColumn::name) == 1;
  return has ? name->column : "";
}

std::vector<Tree> windows_of(const Tree& node) {
  std::vector<Tree> windows;
  for (const char* part : {"select_list", "qualify"}) {
    if (!node.contains(part)) continue;
    walk(node[part], [&](const Tree& at) {
      if (text_of(at, "class") == "WINDOW") windows.push_back(at);
      return true;
    });
  }
  return windows;
}

// What every window function partitions by.
std::vector<Tree> common_partitions(const std::vector<Tree>& windows) {
  std::vector<Tree> common;
  for (const Tree& partition : list_of(windows.front(), "partitions")) {
    const bool everywhere = std::ranges::all_of(windows, [&](const Tree& window) {
      const Tree& list = list_of(window, "partitions");
      return std::any_of(list.begin(), list.end(),
                         [&](const Tree& p) { return same_expression(p, partition); });
    });
    if (everywhere) common.push_back(partition);
  }
  return common;
}

// The gap of sessions: what a difference to the row before, by lag(), is compared with.
std::int64_t session_gap_us(sql::Connection& connection, const Tree& node) {
  bool lags = false;
  std::int64_t gap = 0;
  walk(node, [&](const Tree& at) {
    lags = lags || text_of(at, "type") == "WINDOW_LAG";
    const std::string type = text_of(at, "type");
    if (type == "COMPARE_GREATERTHAN" || type == "COMPARE_GREATERTHANOREQUALTO")
      gap = std::max(gap, interval_us(connection, at["right"]).value_or(0));
    return true;
  });
  return lags ? gap : 0;
}

// `row_number() OVER (…)`, rank() or dense_rank() of a QUALIFY row_number() <= n, also by the name
// of a column; null: it is another condition. More rows can only push a row back.
const Tree* numbered(const Tree& node) {
  if (!has_node(node, "qualify")) return nullptr;
  const Tree& qualify = node["qualify"];
  const std::string type = text_of(qualify, "type");
  if (type != "COMPARE_EQUAL" && type != "COMPARE_LESSTHANOREQUALTO" && type != "COMPARE_LESSTHAN")
    return nullptr;
  if (text_of(qualify["right"], "class") != "CONSTANT") return nullptr;
  const Tree* left = &qualify["left"];
  if (const auto name = column_of(*left)) {
    for (const Tree& item : list_of(node, "select_list")) {
      if (text_of(item, "alias") == name->column) left = &item;
    }
  }
  static constexpr std::array kPlaces{"WINDOW_ROW_NUMBER", "WINDOW_RANK", "WINDOW_RANK_DENSE"};
  return std::ranges::find(kPlaces, text_of(*left, "type")) != kPlaces.end() ? left : nullptr;
}

// What every first place has: the greatest or least value of what it is ordered by first.
base::Result<> note_first(sql::Connection& connection, const Tree& node, const Tree& number,
                          RecomputeParts& parts) {
  const Tree& value = node["qualify"]["right"]["value"].value("value", Tree());
  const std::string type = text_of(node["qualify"], "type");
  const bool first = value.is_number_integer() &&
                     value.get<std::int64_t>() == (type == "COMPARE_LESSTHAN" ? 2 : 1);
  const Tree& orders = list_of(number, "orders");
  if (!first || orders.empty()) return {};
  const std::string nulls = text_of(orders[0], "null_order");
  if (nulls != "ORDER_DEFAULT" && nulls != "NULLS LAST") return {};
  const std::string way = text_of(orders[0], "type");
  parts.best_value = TRY(expression_sql(connection, orders[0]["expression"]));
  parts.best_of = fmt::format("{}({})", way == "DESCENDING" ? "max" : "min", parts.best_value);
  return {};
}

}  // namespace

// A session that nothing can join any more need not be kept.
void StagePlanner::bound_by_gap(Pending& pending) {
  RecomputeParts& parts = pending.parts;
  if (parts.ttl_us > 0 || parts.time.empty() || !parts.key_lags.empty() || !parts.best.empty())
    return;
  if (std::ranges::count(parts.needed, parts.time, &StageColumn::name) == 0) return;
  parts.ttl_us = session_gap_us(connection_, pending.node);
  made_.bounded_by_time = made_.bounded_by_time || parts.ttl_us > 0;
}

base::Result<> StagePlanner::refuse_unbounded(const Tree& node, const RecomputeParts& parts) const {
  if (!parts.key_lags.empty() || !parts.best.empty() || parts.input.changes) return {};
  if (parts.ttl_us > 0 && !parts.time.empty()) return {};
  return refuse(
      model_, node, "the rows of every key would be kept for ever",
      parts.ttl_us > 0
          ? fmt::format("pass '{}' on to this SELECT, by which 'ttl' forgets keys", model_.time)
          : "add 'time' and 'ttl: 7 days' to the header (a key that is silent for so long "
            "is forgotten), or group by a time_bucket as well");
}

base::Result<StagePlanner::Planned> StagePlanner::plan_group(Tree node, Input& input) {
  std::vector<Tree> groups;
  if (input.planned.pending) {
    groups = groups_of(node, Rows{.columns = input.planned.pending->parts.columns});
    if (auto extended = TRY(extend(node, input, &groups))) return *std::move(extended);
  }
  if (input.planned.stage != nullptr) {
    input.planned.stage->be_read();
    input.planned.rows = input.planned.stage->gives();
  }
  const Rows& rows = input.planned.rows;
  groups = groups_of(node, rows);
  AggregateParts parts;
  parts.name = stage_name();
  parts.state = state_prefix();
  parts.input = rows;
  parts.alias = input.alias;
  parts.map = input.planned.map;
  if (has_node(node, "where_clause"))
    parts.where = TRY(expression_sql(connection_, node["where_clause"]));
  parts.columns = TRY(describe_node(node));
  parts.items = list_of(node, "select_list").get<std::vector<Tree>>();
  parts.groups = groups;
  if (has_node(node, "having")) parts.having = node["having"];
  std::vector<Input> inputs{input};
  const LagOf lags = lags_of(inputs);
  made_.group_names.clear();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto shown = shown_at(groups[i], parts.items);
    parts.group_names.push_back(shown ? parts.columns[*shown].name : "");
    made_.group_names.push_back(parts.group_names.back());
    const auto lag = lag_of(connection_, groups[i], lags);
    if (!lag) continue;
    parts.lags[i] = *lag;
    made_.bounded_by_time = true;
    SourceUse* source = input.planned.source;
    if (source == nullptr || rows.changes) continue;
    // A row is late when the first of its groups to close is closed.
    const Tree closing =
        TRY(with_plain_buckets(connection_, bare(groups[i]), sql::quote_name(rows.table)));
    const std::string closes =
        fmt::format("epoch_us({}) + {}", TRY(expression_sql(connection_, closing)), *lag);
    source->late_us =
        source->late_us.empty() ? closes : fmt::format("least({}, {})", source->late_us, closes);
  }
  if (!parts.where.empty())
    TRY(note_where(node, input, TRY(expression_sql(connection_, bare(node["where_clause"])))));
  if (auto stage = TRY(make_aggregate_stage(connection_, parts))) return add(std::move(stage));
  return plan_rows_of_groups(node, input, parts);
}

// Aggregates without parts: the rows of each group are kept.
base::Result<StagePlanner::Planned> StagePlanner::plan_rows_of_groups(const Tree& node,
                                                                      Input& input,
                                                                      const AggregateParts& parts) {
  if (parts.groups.empty())
    return refuse(model_, node, "an aggregate over the whole stream would keep every row for ever",
                  "group by a time_bucket");
  Planned planned;
  planned.pending.emplace();
  Pending& pending = *planned.pending;
  pending.parts.name = parts.name;
  pending.parts.state = parts.state;
  pending.parts.input = input.planned.rows;
  pending.parts.alias = input.alias;
  pending.parts.where = parts.where;
  pending.parts.keys = parts.groups;
  pending.parts.key_lags = parts.lags;
  pending.parts.columns = parts.columns;
  pending.parts.time = input.planned.rows.lags.contains(model_.time) ? model_.time : "";
  pending.parts.ttl_us = model_.ttl_us;
  for (const StageColumn& column : input.planned.rows.columns) {
    columns::Schema one{{{column.name, columns::Type::kString, true}}};
    if (!needed_columns(node, one).fields.empty()) pending.parts.needed.push_back(column);
  }
  for (const auto& [i, lag] : parts.lags) {
    if (!parts.group_names[i].empty()) pending.parts.lags[parts.group_names[i]] = lag;
  }
  made_.bounded_by_time = made_.bounded_by_time || model_.ttl_us > 0;
  pending.node = node;
  pending.node["from_table"] = TRY(table_ref(touched_table(parts.name), input.alias));
  pending.keys = parts.groups;
  pending.shown = parts.group_names;
  ++names_;
  return planned;
}

base::Result<StagePlanner::Planned> StagePlanner::plan_window(const Tree& node, Input& input) {
  const std::vector<Tree> windows = windows_of(node);
  if (windows.empty())
    return refuse(model_, node["qualify"], "this QUALIFY has no window function",
                  "write the condition into WHERE");
  Planned planned;
  planned.pending.emplace();
  Pending& pending = *planned.pending;
  RecomputeParts& parts = pending.parts;
  parts.keys = common_partitions(windows);
  if (parts.keys.empty())
    return refuse(model_, windows.front(),
                  "a window function over the whole stream would keep every row for ever",
                  "add PARTITION BY key to all of them, the same");
  parts.name = stage_name();
  parts.state = state_prefix();
  parts.input = input.planned.rows;
  parts.alias = input.alias;
  if (has_node(node, "where_clause")) {
    parts.where = TRY(expression_sql(connection_, node["where_clause"]));
    TRY(note_where(node, input, TRY(expression_sql(connection_, bare(node["where_clause"])))));
  }
  parts.columns = TRY(describe_node(node));
  for (const StageColumn& column : input.planned.rows.columns) {
    columns::Schema one{{{column.name, columns::Type::kString, true}}};
    if (!needed_columns(node, one).fields.empty()) parts.needed.push_back(column);
  }
  const Tree* number = numbered(node);
  const bool one = std::ranges::all_of(
      windows, [&](const Tree& window) { return same_expression(window, windows.front()); });
  if (number != nullptr && one && !input.planned.rows.changes) {
    const bool equal = text_of(node["qualify"], "type") == "COMPARE_EQUAL";
    parts.best = fmt::format("QUALIFY {} {} {}", TRY(expression_sql(connection_, *number)),
                             equal                                                    ? "<="
                             : text_of(node["qualify"], "type") == "COMPARE_LESSTHAN" ? "<"
                                                                                      : "<=",
                             TRY(expression_sql(connection_, node["qualify"]["right"])));
    TRY(note_first(connection_, node, *number, parts));
  }
  std::vector<Input> inputs{input};
  const LagOf lags = lags_of(inputs);
  const auto items = list_of(node, "select_list").get<std::vector<Tree>>();
  for (std::size_t i = 0; i < parts.keys.size(); ++i) {
    pending.shown.push_back(shown_as(parts.keys[i], items, parts.columns));
    if (const auto lag = lag_of(connection_, parts.keys[i], lags)) {
      parts.key_lags[i] = *lag;
      if (!pending.shown.back().empty()) parts.lags[pending.shown.back()] = *lag;
      made_.bounded_by_time = true;
    }
  }
  parts.time = input.planned.rows.lags.contains(model_.time) ? model_.time : "";
  parts.ttl_us = model_.ttl_us;
  if (parts.ttl_us > 0 && !parts.time.empty()) {
    made_.bounded_by_time = true;
    if (std::ranges::find(parts.needed, parts.time, &StageColumn::name) == parts.needed.end())
      parts.needed.push_back({parts.time, "TIMESTAMP WITH TIME ZONE"});
  }
  pending.node = node;
  pending.node["from_table"] = TRY(table_ref(touched_table(parts.name), input.alias));
  pending.keys = parts.keys;
  made_.group_names.clear();
  ++names_;
  return planned;
}

// A SELECT around one whose keys' rows are computed anew: when it depends on the same keys alone it
// is computed with it. nullopt: it is not, and the inner one is a stage of its own now.
base::Result<std::optional<StagePlanner::Planned>> StagePlanner::extend(
    const Tree& node, Input& input, const std::vector<Tree>* groups) {
  if (!input.planned.pending) return std::nullopt;
  const Pending& inner = *input.planned.pending;
  std::vector<Tree> keys;
  for (const std::string& name : inner.shown) keys.push_back(column_ref(name));
  const auto has_keys = [&](const std::vector<Tree>& list) {
    return std::ranges::all_of(keys,
                               [&](const Tree& key) { return shown_at(key, list).has_value(); });
  };
  bool same = std::ranges::none_of(inner.shown, [](const auto& name) { return name.empty(); });
  for (const Tree& window : windows_of(node))
    same = same && has_keys(list_of(window, "partitions").get<std::vector<Tree>>());
  if (groups != nullptr) same = same && has_keys(*groups);
  if (!same) {
    TRY(settle(input.planned));
    *input.leaf = TRY(table_ref(input.planned.rows.table, input.alias));
    return std::nullopt;
  }
  Planned planned;
  planned.pending = inner;
  TRY(connection_.execute(fmt::format("CREATE OR REPLACE TEMP VIEW {} AS SELECT * FROM {}",
                                      sql::quote_name(touched_table(inner.parts.name)),
                                      sql::quote_name(inner.parts.input.table))));
  Pending& outer = *planned.pending;
  outer.node = node;
  Tree* leaf = &outer.node["from_table"];
  const Tree subquery = TRY(connection_.parse("SELECT 1 FROM (SELECT 1) AS x"));
  *leaf = select_node(subquery)["from_table"];
  (*leaf)["alias"] = input.alias;
  (*leaf)["subquery"]["node"] = inner.node;
  outer.parts.columns = TRY(describe_node(outer.node));
  outer.parts.best.clear();
  outer.parts.best_of.clear();
  outer.parts.lags.clear();
  outer.keys.clear();
  outer.shown.clear();
  const auto items = list_of(node, "select_list").get<std::vector<Tree>>();
  for (const Tree& key : keys) {
    outer.keys.push_back(key);
    outer.shown.push_back(shown_as(key, items, outer.parts.columns));
  }
  made_.group_names.clear();  // a session's number, say, need not be shown
  return planned;
}

}  // namespace stream
