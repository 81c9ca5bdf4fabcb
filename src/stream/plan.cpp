#include "stream/plan.h"

#include <algorithm>

#include "stream/pattern_operator.h"

namespace stream {
namespace {

using nlohmann::json;

std::string text_of(const json& node, const char* key) {
  const auto it = node.find(key);
  return it != node.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool has_node(const json& node, const char* key) {
  const auto it = node.find(key);
  return it != node.end() && it->is_object();
}

// Calls `each` for every object of the tree, parents first; `each` returns false to not go deeper.
template <class F>
void walk(const json& node, F&& each) {
  if (node.is_object() && !each(node)) return;
  if (node.is_object() || node.is_array()) {
    for (const json& child : node) walk(child, each);
  }
}

json& select_node(json& tree) { return tree["statements"][0]["node"]; }
const json& select_node(const json& tree) { return tree.at("statements").at(0).at("node"); }

int line_of(const runs::Model& model, const json& node) {
  const auto it = node.find("query_location");
  if (it == node.end() || !it->is_number()) return model.sql_line;
  const auto at = std::min<std::size_t>(it->get<std::size_t>(), model.sql.size());
  return model.sql_line +
         static_cast<int>(std::count(model.sql.begin(),
                                     model.sql.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

std::unexpected<base::Error> refuse(const runs::Model& model, const json& node, std::string message,
                                    std::string mend) {
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                             .at(model.file, line_of(model, node)));
}

// One expression as SQL text: printed as the only column of a SELECT without FROM.
base::Result<std::string> expression_sql(sql::Connection& connection, const json& tree,
                                         const json& expression) {
  json copy = tree;
  json& node = select_node(copy);
  json column = expression;
  column["alias"] = "";
  node["select_list"] = json::array({column});
  node["from_table"] = {
      {"type", "EMPTY"}, {"alias", ""}, {"sample", nullptr}, {"query_location", 0}};
  for (const char* key : {"where_clause", "having", "qualify"}) node[key] = nullptr;
  node["group_expressions"] = json::array();
  node["group_sets"] = json::array();
  node["aggregate_handling"] = "STANDARD_HANDLING";
  std::string text = TRY(connection.print(copy));
  constexpr std::string_view kSelect = "SELECT ";
  if (text.starts_with(kSelect)) text.erase(0, kSelect.size());
  return text;
}

bool is_aggregate_name(const std::string& name) {
  static const std::vector<std::string> kNames{"count",
                                               "count_star",
                                               "sum",
                                               "min",
                                               "max",
                                               "avg",
                                               "mean",
                                               "median",
                                               "first",
                                               "last",
                                               "any_value",
                                               "arg_max",
                                               "arg_min",
                                               "max_by",
                                               "min_by",
                                               "stddev",
                                               "variance",
                                               "quantile_cont",
                                               "quantile_disc",
                                               "mode",
                                               "string_agg",
                                               "list",
                                               "array_agg",
                                               "bool_and",
                                               "bool_or",
                                               "count_if",
                                               "product",
                                               "histogram",
                                               "approx_count_distinct",
                                               "approx_quantile",
                                               "stddev_samp",
                                               "stddev_pop",
                                               "var_samp",
                                               "var_pop",
                                               "fsum",
                                               "favg",
                                               "listagg"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

const json* find_window(const json& node) {
  const json* found = nullptr;
  walk(node, [&](const json& at) {
    if (found == nullptr && text_of(at, "class") == "WINDOW") found = &at;
    return found == nullptr;
  });
  return found;
}

const json* find_function(const json& node, bool (*matches)(const std::string&)) {
  const json* found = nullptr;
  walk(node, [&](const json& at) {
    if (found == nullptr && text_of(at, "class") == "FUNCTION" &&
        matches(text_of(at, "function_name")))
      found = &at;
    return found == nullptr;
  });
  return found;
}

base::Result<> refuse_what_never_streams(const runs::Model& model, const json& node) {
  if (text_of(node, "type") != "SELECT_NODE") {
    return refuse(model, node, "a set operation (UNION, EXCEPT, INTERSECT) cannot stream yet",
                  "make one model for each side, or 'mode: daily at HH:MM'");
  }
  if (node.contains("cte_map") && !node["cte_map"].value("map", json::array()).empty()) {
    return refuse(model, node, "WITH cannot stream yet",
                  "write the inner SELECT as a model of its own");
  }
  const std::string from = node.contains("from_table") ? text_of(node["from_table"], "type") : "";
  if (from != "BASE_TABLE") {
    return refuse(
        model, node.value("from_table", json::object()),
        from == "JOIN" ? "a JOIN cannot stream yet"
                       : "a streaming model reads one table in its FROM",
        "read one bronze table or one streaming model's table, or use 'mode: daily at HH:MM'");
  }
  if (has_node(node, "having")) {
    return refuse(model, node["having"],
                  "HAVING cannot stream: a group could vanish from the table",
                  "filter in a model that reads this one");
  }
  for (const json& modifier : node.value("modifiers", json::array())) {
    return refuse(model, modifier, "ORDER BY, LIMIT and DISTINCT of the whole result cannot stream",
                  "leave them to the query that reads the table");
  }
  return {};
}

base::Result<> plan_window(sql::Connection& connection, const runs::Model& model, const json& node,
                           Plan& plan) {
  plan.shape = Shape::kWindowed;
  const json* bucket = find_function(node["select_list"],
                                     [](const std::string& name) { return name == "time_bucket"; });
  if (bucket == nullptr) {
    return refuse(model, node, "a GROUP BY without a time window would keep state for ever",
                  "group by time_bucket(INTERVAL '5 minutes', " +
                      (model.time.empty() ? "event_time" : model.time) + ") as well");
  }
  if (model.key.empty()) {
    return refuse(model, *bucket, "a windowed model needs a 'key' in its header",
                  "add 'key: [columns that group the rows]'");
  }
  if (model.watermark_us <= 0) {
    return refuse(model, *bucket, "a windowed model needs a 'watermark' in its header",
                  "add 'watermark: 2 minutes' (how late rows may come)");
  }
  const json& arguments = bucket->at("children");
  if (arguments.size() != 2)
    return refuse(model, *bucket, "time_bucket with an origin cannot stream yet",
                  "leave the origin out");
  plan.bucket = TRY(expression_sql(connection, plan.tree, *bucket));
  plan.bucket_time = TRY(expression_sql(connection, plan.tree, arguments[1]));
  const std::string width = TRY(expression_sql(connection, plan.tree, arguments[0]));
  const auto result =
      connection.query(fmt::format("SELECT epoch_us(TIMESTAMP '1970-01-01' + {0}), "
                                   "datepart('month', {0}) + datepart('year', {0})",
                                   width));
  if (!result || (*result)->int_at(1, 0) != 0 || (*result)->int_at(0, 0) <= 0) {
    return refuse(model, *bucket, "the width of a window must be a constant of days or less",
                  "write INTERVAL '5 minutes'");
  }
  plan.width_us = (*result)->int_at(0, 0);
  return {};
}

bool is_row_number_equals_one(const json& qualify) {
  return text_of(qualify, "type") == "COMPARE_EQUAL" &&
         text_of(qualify["left"], "type") == "WINDOW_ROW_NUMBER" &&
         text_of(qualify["right"], "class") == "CONSTANT" &&
         qualify["right"]["value"].value("value", json()) == json(1);
}

base::Result<> plan_qualify(sql::Connection& connection, const runs::Model& model, const json& node,
                            Plan& plan) {
  const json& qualify = node["qualify"];
  if (!is_row_number_equals_one(qualify)) {
    return refuse(model, qualify, "this QUALIFY cannot stream",
                  "write QUALIFY row_number() OVER (PARTITION BY … ORDER BY …) = 1");
  }
  const json& window = qualify["left"];
  for (const json& key : window.value("partitions", json::array())) {
    plan.partitions.push_back(TRY(expression_sql(connection, plan.tree, key)));
  }
  if (plan.partitions.empty())
    return refuse(model, window, "row_number() without PARTITION BY cannot stream",
                  "add PARTITION BY key");
  if (!model.key.empty()) {
    plan.shape = Shape::kLatest;
    return {};
  }
  plan.shape = Shape::kDeduplicated;
  const json orders = window.value("orders", json::array());
  const bool by_offset = orders.size() == 1 &&
                         orders[0]["expression"].value("column_names", json::array()).size() > 0 &&
                         orders[0]["expression"]["column_names"].back() == "_offset";
  if (!by_offset) {
    return refuse(model, window, "de-duplication keeps the row that came first",
                  "write ORDER BY _offset");
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
    case Shape::kWindowed:
      return "windowed";
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
  const json& node = select_node(plan.tree);
  TRY(refuse_what_never_streams(model, node));
  const json& from = node["from_table"];
  plan.source = text_of(from, "schema_name") + "." + text_of(from, "table_name");
  if (has_node(node, "where_clause"))
    plan.where = TRY(expression_sql(connection, plan.tree, node["where_clause"]));

  const bool grouped = text_of(node, "aggregate_handling") == "FORCE_AGGREGATES" ||
                       !node.value("group_expressions", json::array()).empty() ||
                       find_function(node["select_list"], [](const std::string& n) {
                         return is_aggregate_name(n);
                       }) != nullptr;
  if (grouped) {
    TRY(plan_window(connection, model, node, plan));
  } else if (has_node(node, "qualify")) {
    TRY(plan_qualify(connection, model, node, plan));
  } else if (const json* window = find_window(node["select_list"])) {
    return refuse(model, *window, "a window function over the whole stream cannot stream",
                  "use GROUP BY time_bucket(…), or 'mode: daily at HH:MM'");
  } else if (!model.key.empty()) {
    return refuse(
        model, node, "a streaming model with a 'key' needs to say which row of a key is kept",
        "add QUALIFY row_number() OVER (PARTITION BY key ORDER BY time DESC) = 1, or drop 'key'");
  }
  return plan;
}

std::vector<std::string> tables_of(const json& tree) {
  std::vector<std::string> tables;
  walk(tree, [&](const json& at) {
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
  json copy = plan.tree;
  json& node = select_node(copy);
  json& from = node["from_table"];
  if (text_of(from, "alias").empty()) from["alias"] = from["table_name"];
  from["schema_name"] = "";
  from["catalog_name"] = "";
  from["table_name"] = input;
  if (!qualify) node["qualify"] = nullptr;
  for (const std::string& name : extra) {
    const json parsed = TRY(connection.parse("SELECT " + name));
    node["select_list"].push_back(select_node(parsed)["select_list"][0]);
  }
  return connection.print(copy);
}

namespace {

base::Result<columns::Type> table_type(const runs::Model& model, const sql::ColumnInfo& column) {
  using sql::Kind;
  switch (column.kind) {
    case Kind::kBoolean:
      return columns::Type::kBoolean;
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kInteger:
    case Kind::kUTinyInt:
    case Kind::kUSmallInt:
      return columns::Type::kInt32;
    case Kind::kBigInt:
    case Kind::kHugeInt:
    case Kind::kUInteger:
    case Kind::kUBigInt:
    case Kind::kUHugeInt:
      return columns::Type::kInt64;
    case Kind::kFloat:
    case Kind::kDouble:
    case Kind::kDecimal:
      return columns::Type::kFloat64;
    case Kind::kVarchar:
    case Kind::kEnum:
    case Kind::kUuid:
      return columns::Type::kString;
    case Kind::kBlob:
      return columns::Type::kBytes;
    case Kind::kDate:
      return columns::Type::kDate;
    case Kind::kTimestamp:
    case Kind::kTimestampS:
    case Kind::kTimestampMs:
    case Kind::kTimestampNs:
    case Kind::kTimestampTz:
      return columns::Type::kTimestamp;
    default:
      return std::unexpected(
          base::Error{.code = base::Code::kInvalid,
                      .message = fmt::format("column '{}' is {}, which a table cannot hold yet",
                                             column.name, column.type),
                      .mend = "CAST it, for example to VARCHAR"}
              .at(model.file, model.sql_line));
  }
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
