#include "stream/plan.h"

#include <algorithm>
#include <array>

#include "sql/column_type.h"
#include "stream/pattern_operator.h"

namespace stream {
namespace {

// Functions and names whose value is another one when an epoch is run again.
constexpr std::array kVolatile{"current_date",
                               "current_localtime",
                               "current_localtimestamp",
                               "current_time",
                               "current_timestamp",
                               "currval",
                               "gen_random_uuid",
                               "get_current_time",
                               "get_current_timestamp",
                               "localtime",
                               "localtimestamp",
                               "nextval",
                               "now",
                               "random",
                               "setseed",
                               "today",
                               "transaction_timestamp",
                               "txid_current",
                               "uuid",
                               "uuidv4",
                               "uuidv7"};

bool is_volatile(const std::string& name) {
  return std::ranges::find(kVolatile, name) != kVolatile.end();
}

base::Result<> refuse_volatile(const runs::Model& model, const Tree& tree) {
  const Tree* found = nullptr;
  std::string name;
  walk(tree, [&](const Tree& at) {
    std::string here;
    if (text_of(at, "class") == "FUNCTION") here = text_of(at, "function_name");
    if (const auto column = column_of(at); column && column->table.empty()) here = column->column;
    if (found == nullptr && is_volatile(here)) {
      found = &at;
      name = here;
    }
    return found == nullptr;
  });
  if (found == nullptr) return {};
  return refuse(
      model, *found,
      fmt::format("{} gives another value when an epoch is run again after a crash", name),
      "use a column: _time of a bronze table is when the log took the record");
}

base::Result<> refuse_what_never_streams(const runs::Model& model, const Tree& node) {
  const Tree* found = nullptr;
  walk(node, [&](const Tree& at) {
    const bool whole = text_of(at, "type") == "ORDER_MODIFIER" ||
                       text_of(at, "type") == "LIMIT_MODIFIER" ||
                       text_of(at, "type") == "LIMIT_PERCENT_MODIFIER";
    if (found == nullptr && text_of(at, "class").empty()) {
      for (const Tree& modifier : list_of(at, "modifiers")) {
        if (text_of(modifier, "type") != "DISTINCT_MODIFIER") found = &at;
      }
    }
    return found == nullptr && !whole;
  });
  if (found == nullptr) return {};
  return refuse(model, *found, "ORDER BY and LIMIT of the whole result cannot stream",
                "leave them to the query that reads the table, or keep the first rows of each key "
                "by QUALIFY row_number() OVER (PARTITION BY … ORDER BY …) <= 10");
}

bool is_row_number_equals_one(const Tree& qualify) {
  return text_of(qualify, "type") == "COMPARE_EQUAL" &&
         text_of(qualify["left"], "type") == "WINDOW_ROW_NUMBER" &&
         text_of(qualify["right"], "class") == "CONSTANT" &&
         qualify["right"]["value"].value("value", Tree()) == Tree(1);
}

// A SELECT over one table with nothing that needs a stage of its own.
bool is_simple(const Tree& node) {
  if (text_of(node, "type") != "SELECT_NODE" || has_node(node, "having")) return false;
  if (node.contains("cte_map") && !node["cte_map"].value("map", Tree::array()).empty())
    return false;
  if (!has_node(node, "from_table") || text_of(node["from_table"], "type") != "BASE_TABLE")
    return false;
  if (!list_of(node, "modifiers").empty()) return false;
  const bool grouped = text_of(node, "aggregate_handling") == "FORCE_AGGREGATES" ||
                       !list_of(node, "group_expressions").empty() ||
                       find_aggregate(node["select_list"]) != nullptr;
  if (grouped || find_window(node["select_list"]) != nullptr) return false;
  bool subquery = false;
  walk(node, [&](const Tree& at) {
    subquery = subquery || text_of(at, "class") == "SUBQUERY";
    return !subquery;
  });
  return !subquery;
}

base::Result<> plan_qualify(sql::Connection& connection, const runs::Model& model, const Tree& node,
                            Plan& plan) {
  const Tree& qualify = node["qualify"];
  if (!is_row_number_equals_one(qualify)) {
    plan.shape = Shape::kComposed;
    return {};
  }
  const Tree& window = qualify["left"];
  for (const Tree& partition : list_of(window, "partitions"))
    plan.partitions.push_back(TRY(expression_sql(connection, partition)));
  if (plan.partitions.empty())
    return refuse(model, window, "row_number() without PARTITION BY cannot stream",
                  "add PARTITION BY key");
  if (!model.key.empty()) {
    plan.shape = Shape::kLatest;
    return {};
  }
  plan.shape = Shape::kDeduplicated;
  const Tree orders = window.value("orders", Tree::array());
  const bool by_offset = orders.size() == 1 &&
                         !list_of(orders[0]["expression"], "column_names").empty() &&
                         orders[0]["expression"]["column_names"].back() == "_offset";
  if (!by_offset) {
    return refuse(model, window, "de-duplication keeps the row that came first",
                  "write ORDER BY _offset, or add a 'key' to keep the latest row of each key");
  }
  if (model.ttl_us <= 0 || model.time.empty()) {
    return refuse(model, window, "a de-duplicated model needs 'time' and 'ttl' in its header",
                  "add 'time: event_time' and 'ttl: 1 hour' (how long a key is remembered)");
  }
  return {};
}

}  // namespace

std::string_view shape_name(Shape shape) {
  switch (shape) {
    case Shape::kRowByRow:
      return "row by row";
    case Shape::kDeduplicated:
      return "de-duplicated";
    case Shape::kLatest:
      return "latest by key";
    case Shape::kComposed:
      return "composed";
    case Shape::kPattern:
      return "pattern";
  }
  return "";
}

base::Result<Plan> plan_model(sql::Connection& connection, const runs::Model& model) {
  if (!model.pattern.empty()) return plan_pattern(model);
  Plan plan;
  auto tree = connection.parse(model.sql);
  if (!tree) {
    const int line = model.sql_line + std::max(0, tree.error().line - 1);
    return std::unexpected(std::move(tree).error().at(model.file, line));
  }
  plan.tree = *std::move(tree);
  const Tree& node = select_node(plan.tree);
  TRY(refuse_volatile(model, node));
  TRY(refuse_what_never_streams(model, node));
  plan.sources = tables_of(plan.tree);
  if (plan.sources.empty()) {
    return refuse(model, node, "a streaming model reads no table",
                  "name a bronze table or another model's table in its FROM, with its schema");
  }
  if (!is_simple(node)) {
    plan.shape = Shape::kComposed;
    return plan;
  }
  if (has_node(node, "where_clause"))
    plan.where = TRY(expression_sql(connection, node["where_clause"]));
  if (has_node(node, "qualify")) {
    TRY(plan_qualify(connection, model, node, plan));
    if (plan.shape == Shape::kComposed) plan.where.clear();
  }
  return plan;
}

std::vector<std::string> tables_of(const Tree& tree) {
  std::vector<std::string> tables;
  walk(tree, [&](const Tree& at) {
    if (text_of(at, "type") == "BASE_TABLE" && !text_of(at, "schema_name").empty()) {
      tables.push_back(text_of(at, "schema_name") + "." + text_of(at, "table_name"));
    }
    return true;
  });
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  return tables;
}

base::Result<std::string> select_from(sql::Connection& connection, const Plan& plan,
                                      const std::string& input, bool qualify,
                                      const std::vector<std::string>& extra) {
  Tree copy = plan.tree;
  Tree& node = select_node(copy);
  Tree& from = node["from_table"];
  if (text_of(from, "alias").empty()) from["alias"] = from["table_name"];
  from["schema_name"] = "";
  from["catalog_name"] = "";
  from["table_name"] = input;
  if (!qualify) node["qualify"] = nullptr;
  for (const std::string& name : extra) {
    const Tree parsed = TRY(connection.parse("SELECT " + name));
    node["select_list"].push_back(select_node(parsed)["select_list"][0]);
  }
  return connection.print(copy);
}

namespace {

base::Result<columns::Type> table_type(const runs::Model& model, const sql::ColumnInfo& column) {
  if (const auto type = sql::column_type(column.kind)) return *type;
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid,
      .message =
          fmt::format("column '{}' is {}, which a table cannot hold yet", column.name, column.type),
      .mend = "CAST it, for example to VARCHAR"}
                             .at(model.file, model.sql_line));
}

}  // namespace

base::Result<columns::Schema> describe(sql::Connection& connection, const runs::Model& model,
                                       const std::string& select) {
  auto statement = connection.prepare(select);
  if (!statement) {
    const int line = model.sql_line + std::max(0, statement.error().line - 1);
    return std::unexpected(std::move(statement).error().at(model.file, line));
  }
  columns::Schema schema;
  for (const sql::ColumnInfo& column : (*statement)->columns()) {
    if (schema.find(column.name)) {
      return std::unexpected(
          base::Error{.code = base::Code::kInvalid,
                      .message = fmt::format("two columns are named '{}'", column.name),
                      .mend = "give one of them another name with AS"}
              .at(model.file, model.sql_line));
    }
    schema.fields.push_back({column.name, TRY(table_type(model, column)), true});
  }
  return schema;
}

std::string cast_to(const columns::Schema& schema, const std::string& select) {
  std::vector<std::string> columns;
  for (const columns::Field& field : schema.fields) {
    const std::string name = sql::quote_name(field.name);
    columns.push_back(fmt::format("CAST({0} AS {1}) AS {0}", name, columns::sql_type(field.type)));
  }
  return fmt::format("SELECT {} FROM ({})", fmt::join(columns, ", "), select);
}

std::string empty_table(const std::string& name, const columns::Schema& schema) {
  std::vector<std::string> columns;
  for (const columns::Field& field : schema.fields) {
    columns.push_back(
        fmt::format("{} {}", sql::quote_name(field.name), columns::sql_type(field.type)));
  }
  return fmt::format("CREATE OR REPLACE TEMP TABLE {} ({})", sql::quote_name(name),
                     fmt::join(columns, ", "));
}

}  // namespace stream
