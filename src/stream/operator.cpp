#include "stream/operator.h"

#include "stream/composed_operator.h"
#include "stream/latest_operator.h"
#include "stream/pattern_operator.h"
#include "stream/row_operator.h"

namespace stream {
namespace {

std::unexpected<base::Error> at_model(const runs::Model& model, std::string message,
                                      std::string mend) {
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                             .at(model.file, 1));
}

base::Result<> check_header_names(const runs::Model& model, const columns::Schema& schema,
                                  const columns::Schema& source) {
  const auto names = [](const columns::Schema& s) {
    std::vector<std::string> list;
    for (const columns::Field& f : s.fields) list.push_back(f.name);
    return fmt::format("the columns are {}", fmt::join(list, ", "));
  };
  for (const std::string& column : model.key) {
    if (!schema.find(column))
      return at_model(model, fmt::format("key '{}' is no column of the SELECT", column),
                      names(schema));
  }
  for (const std::string& column : model.partition) {
    if (!schema.find(column))
      return at_model(model, fmt::format("partition '{}' is no column of the SELECT", column),
                      names(schema));
  }
  if (!model.time.empty() && !schema.find(model.time) && !source.find(model.time)) {
    return at_model(
        model,
        fmt::format("time '{}' is neither a column of the SELECT nor of its source", model.time),
        names(schema));
  }
  return {};
}

}  // namespace

base::Result<bool> Operator::fits(const state::Store& store) const {
  const auto kept = TRY(store.get(state_prefix() + "kept"));
  return !kept || *kept == kept_as();
}

void Operator::note_kept(state::WriteSet& changes) const {
  changes.put(state_prefix() + "kept", kept_as());
}

TableChange append_rows(std::string table, std::string writer, const std::string& from,
                        std::int64_t rows) {
  return {.kind = TableChange::Kind::kAppend,
          .table = std::move(table),
          .writer = std::move(writer),
          .select = "SELECT * FROM " + sql::quote_name(from),
          .rows = rows};
}

std::string rows_table(const std::string& table) { return "rows of " + table; }

bool Relation::has_places() const { return !changes && schema.find("_partition").has_value(); }

std::string Epoch::run_id(const std::string& model) const {
  return fmt::format("{}/{:012}", model, number);
}

Operator::Operator(runs::Model model, Plan plan, std::vector<Relation> inputs, Relation output)
    : model_(std::move(model)),
      plan_(std::move(plan)),
      inputs_(std::move(inputs)),
      output_(std::move(output)),
      input_table_(rows_table(plan_.source())),
      output_table_(rows_table(model_.table)) {}

namespace {

// What only models of certain shapes may read or have.
base::Result<> check_shape(const runs::Model& model, const Plan& plan, const Relation& source,
                           const quality::Suite* suite) {
  const bool row_by_row = plan.shape == Shape::kRowByRow || plan.shape == Shape::kDeduplicated;
  if (plan.shape == Shape::kLatest && source.table.starts_with("bronze.")) {
    return at_model(
        model,
        fmt::format(
            "a {} model cannot read {}: rows that do not fit their schema would be lost in it",
            shape_name(plan.shape), source.table),
        "read a row-by-row model's table, which sends such rows to the dead letters");
  }
  if (!row_by_row && suite != nullptr) {
    return at_model(model, fmt::format("a {} model cannot have 'quality'", shape_name(plan.shape)),
                    "put the suite on the row-by-row model that it reads");
  }
  if (plan.shape == Shape::kRowByRow && !model.key.empty() && !source.changes) {
    return refuse(
        model, select_node(plan.tree),
        "a streaming model with a 'key' needs to say which row of a key is kept",
        "add QUALIFY row_number() OVER (PARTITION BY key ORDER BY time DESC) = 1, or drop 'key'");
  }
  return {};
}

base::Result<std::unique_ptr<Operator>> make_simple(sql::Connection& connection,
                                                    const runs::Model& model, Plan plan,
                                                    const Relation& source,
                                                    const quality::Suite* suite) {
  const std::string input = rows_table(source.table);
  const std::string select = TRY(select_from(connection, plan, input, true, {}));
  columns::Schema schema = TRY(describe(connection, model, select));
  TRY(check_header_names(model, schema, source.schema));
  if (plan.shape == Shape::kLatest)
    return make_latest_operator(connection, model, std::move(plan), source, std::move(schema));
  return make_row_operator(connection, model, std::move(plan), source, std::move(schema), suite);
}

}  // namespace

base::Result<std::unique_ptr<Operator>> make_operator(sql::Connection& connection,
                                                      const runs::Model& model,
                                                      const std::map<std::string, Relation>& known,
                                                      const quality::Suite* suite) {
  Plan plan = TRY(plan_model(connection, model));
  for (const std::string& table : plan.sources) {
    const auto it = known.find(table);
    if (it == known.end())
      return at_model(model, fmt::format("there is no table {}", table), "name one that there is");
    TRY(connection.execute(rows_table_sql(it->second)));
  }
  const Relation& source = known.at(plan.source());
  if (plan.shape == Shape::kPattern) return make_pattern_operator(connection, model, source);
  if (plan.shape != Shape::kComposed && !source.has_places()) plan.shape = Shape::kComposed;
  TRY(check_shape(model, plan, source, suite));
  std::unique_ptr<Operator> made;
  if (plan.shape == Shape::kComposed) {
    made = TRY(make_composed_operator(connection, model, std::move(plan), known));
    runs::Model untimed = model;  // its time is a column of its sources, which the stages look for
    untimed.time.clear();
    TRY(check_header_names(untimed, made->schema(), source.schema));
  } else {
    made = TRY(make_simple(connection, model, std::move(plan), source, suite));
  }
  TRY(connection.execute(rows_table_sql(made->output())));
  return made;
}

std::string rows_table_sql(const Relation& relation) {
  columns::Schema schema = relation.schema;
  if (relation.changes) schema.fields.push_back({kWeight, columns::Type::kInt64, false});
  return empty_table(rows_table(relation.table), schema);
}

std::string topic_sql(const Relation& relation) {
  if (!relation.has_places()) return sql::quote_text(relation.table);
  if (relation.topics.size() > 1) return "_topic";
  return sql::quote_text(relation.topics.front());
}

std::string partition_sql(const Relation& relation) {
  return relation.has_places() ? "_partition" : "0";
}

base::Result<std::map<eventlog::TopicPartition, std::int64_t>> count_by_source(
    sql::Connection& connection, const Relation& relation, const std::string& table,
    const std::string& where) {
  const auto result = TRY(connection.query(fmt::format(
      "SELECT {}, {}, count(*) FROM {}{} GROUP BY 1, 2", topic_sql(relation),
      partition_sql(relation), sql::quote_name(table), where.empty() ? "" : " WHERE " + where)));
  std::map<eventlog::TopicPartition, std::int64_t> counts;
  for (std::size_t row = 0; row < result->rows(); ++row) {
    counts[{result->text(0, row), static_cast<eventlog::Partition>(result->int_at(1, row))}] =
        result->int_at(2, row);
  }
  return counts;
}

}  // namespace stream
