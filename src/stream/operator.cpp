#include "stream/operator.h"

#include "stream/latest_operator.h"
#include "stream/pattern_operator.h"
#include "stream/row_operator.h"
#include "stream/window_operator.h"

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

base::Result<> Operator::check_kept(const state::Store& store, const std::string& what) const {
  const auto kept = TRY(store.get(state_prefix() + "kept"));
  if (!kept || *kept == what) return {};
  return at_model(
      model_,
      fmt::format("the state of {} was kept by another text of the model ({} then, {} now)",
                  model_.table, *kept, what),
      "write to a new table, or remove the data folder to build everything anew");
}

void Operator::note_kept(const std::string& what, state::WriteSet& changes) const {
  changes.put(state_prefix() + "kept", what);
}

std::string rows_table(const std::string& table) { return "rows of " + table; }

std::string Epoch::run_id(const std::string& model) const {
  return fmt::format("{}/{:012}", model, number);
}

Operator::Operator(runs::Model model, Plan plan, columns::Schema input, columns::Schema schema)
    : model_(std::move(model)),
      plan_(std::move(plan)),
      input_(std::move(input)),
      schema_(std::move(schema)),
      input_table_(rows_table(plan_.source)),
      output_(rows_table(model_.table)) {}

base::Result<std::unique_ptr<Operator>> make_operator(sql::Connection& connection,
                                                      const runs::Model& model,
                                                      const columns::Schema& source,
                                                      const quality::Suite* suite) {
  if (!model.pattern.empty()) return make_pattern_operator(connection, model, source);
  Plan plan = TRY(plan_model(connection, model));
  const bool row_by_row = plan.shape == Shape::kRowByRow || plan.shape == Shape::kDeduplicated;
  if (!row_by_row && plan.source.starts_with("bronze.")) {
    return at_model(
        model,
        fmt::format(
            "a {} model cannot read {}: rows that do not fit their schema would be lost in it",
            shape_name(plan.shape), plan.source),
        "read a row-by-row model's table, which sends such rows to the dead letters");
  }
  if (!row_by_row && suite != nullptr) {
    return at_model(model, fmt::format("a {} model cannot have 'quality'", shape_name(plan.shape)),
                    "put the suite on the row-by-row model that it reads");
  }
  if (!source.find("_partition")) {
    return at_model(
        model,
        fmt::format("{} is a keyed table: its rows change and cannot be read as a stream",
                    plan.source),
        "read the table that it reads, or use 'mode: daily at HH:MM'");
  }
  const std::string input = rows_table(plan.source);
  TRY(connection.execute(empty_table(input, source)));
  const std::string select = TRY(select_from(connection, plan, input, true, {}));
  columns::Schema schema = TRY(describe(connection, model, select));
  TRY(check_header_names(model, schema, source));
  std::unique_ptr<Operator> made;
  switch (plan.shape) {
    case Shape::kRowByRow:
    case Shape::kDeduplicated:
      made = TRY(
          make_row_operator(connection, model, std::move(plan), source, std::move(schema), suite));
      break;
    case Shape::kLatest:
      made =
          TRY(make_latest_operator(connection, model, std::move(plan), source, std::move(schema)));
      break;
    case Shape::kPattern:  // made above
      break;
    case Shape::kWindowed:
      made =
          TRY(make_window_operator(connection, model, std::move(plan), source, std::move(schema)));
      break;
  }
  return made;
}

base::Result<std::map<eventlog::Partition, std::int64_t>> count_by_partition(
    sql::Connection& connection, const std::string& table, const std::string& where) {
  const auto result = TRY(connection.query(
      fmt::format("SELECT _partition, count(*) FROM {}{} GROUP BY 1", sql::quote_name(table),
                  where.empty() ? "" : " WHERE " + where)));
  std::map<eventlog::Partition, std::int64_t> counts;
  for (std::size_t row = 0; row < result->rows(); ++row) {
    counts[static_cast<eventlog::Partition>(result->int_at(0, row))] = result->int_at(1, row);
  }
  return counts;
}

}  // namespace stream
