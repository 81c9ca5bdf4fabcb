#include "stream/pattern_reader.h"

#include <algorithm>

#include "stream/plan.h"

namespace stream {

base::Result<std::unique_ptr<PatternReader>> PatternReader::make(sql::Connection& connection,
                                                                 const runs::Model& model,
                                                                 const columns::Schema& source,
                                                                 const std::string& input) {
  auto made = std::make_unique<PatternReader>();
  made->pattern_ = TRY(parse_pattern_file(model.pattern, model.file));
  TRY(made->check_columns(model, source));
  TRY(connection.execute(empty_table(input, source)));
  TRY(made->bind(connection, model, source, input));
  made->start_anew();
  return made;
}

base::Result<> PatternReader::check_columns(const runs::Model& model,
                                            const columns::Schema& source) const {
  const auto refuse = [&](std::string message, std::string mend) {
    return std::unexpected(base::Error{
        .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                               .at(model.file, 1));
  };
  std::vector<std::string> names;
  for (const columns::Field& field : source.fields) names.push_back(field.name);
  const std::string columns = fmt::format("its columns are {}", fmt::join(names, ", "));
  for (const std::string& key : pattern_.key) {
    if (key == pattern_.time || key.starts_with('_') ||
        std::count(pattern_.key.begin(), pattern_.key.end(), key) > 1)
      return refuse(fmt::format("'{}' cannot be a key here", key),
                    "name each of the columns that tell the sequences apart once");
    if (!source.find(key))
      return refuse(fmt::format("key '{}' is no column of {}", key, pattern_.source), columns);
  }
  const auto time = source.find(pattern_.time);
  if (!time)
    return refuse(fmt::format("time '{}' is no column of {}", pattern_.time, pattern_.source),
                  columns);
  if (source.fields[*time].type != columns::Type::kTimestamp)
    return refuse(fmt::format("time '{}' is {}", pattern_.time,
                              columns::type_name(source.fields[*time].type)),
                  "name a timestamp column");
  if (!source.find("_partition") || !source.find("_offset"))
    return refuse(fmt::format("{} is a keyed table: its rows change and cannot be read as a stream",
                              pattern_.source),
                  "read a bronze table, a row-by-row or a de-duplicated model's table");
  return {};
}

base::Result<> PatternReader::bind(sql::Connection& connection, const runs::Model& model,
                                   const columns::Schema& source, const std::string& input) {
  for (const std::string& step : pattern_.tree.steps) {
    if (connection.parse(fmt::format("SELECT {}.x", step))) continue;
    return std::unexpected(base::Error{.code = base::Code::kInvalid,
                                       .message = fmt::format("'{}' is a word of SQL", step),
                                       .mend = "call the step something else"}
                               .at(model.file, 1));
  }
  const PatternNames names = TRY(PatternNames::make(connection, pattern_.tree.steps, source));
  if (pattern_.where) {
    const nlohmann::json tree = TRY(names.parse(*pattern_.where));
    where_ = "TRY(" + TRY(names.print(tree)) + ")";
    const auto bound = connection.prepare(
        fmt::format("SELECT 1 FROM {} WHERE {}", sql::quote_name(input), where_));
    if (!bound) return pattern_.where->fail("where: " + bound.error().message, bound.error().mend);
  }
  conditions_ = TRY(take_apart(names, pattern_.conditions, input));
  const auto bound = connection.prepare(conditions_.select(input));
  if (!bound) {
    return std::unexpected(base::Error(bound.error()).in("define").at(model.file, 1));
  }
  output_ = std::make_unique<PatternOutput>(TRY(PatternOutput::make(names, pattern_, model)));
  choose_kept(source);
  return {};
}

void PatternReader::choose_kept(const columns::Schema& source) {
  const auto add = [&](const std::string& name) {
    if (kept_.find(name)) return;
    columns::Field field = source.fields[*source.find(name)];
    field.nullable = true;
    kept_.fields.push_back(field);
  };
  for (const std::string& name : {pattern_.time, std::string("_partition"), std::string("_offset")})
    add(name);
  for (const std::string& name : pattern_.key) add(name);
  for (const columns::Field& field : source.fields) {
    if (conditions_.columns.contains(field.name) || output_->columns().contains(field.name))
      add(field.name);
  }
}

void PatternReader::start_anew() {
  PatternRules rules{.program = pattern_.program,
                     .later = conditions_.later,
                     .registers = conditions_.registers,
                     .initial = conditions_.initial_registers(),
                     .within_us = pattern_.within_us,
                     .rows_max = pattern_.rows_max,
                     .skip = pattern_.skip,
                     .skip_step = pattern_.skip_step,
                     .matches = pattern_.matches,
                     .timeouts = pattern_.timeouts};
  engine_ = std::make_unique<PatternEngine>(std::move(rules), pattern_.key.size());
}

base::Result<columns::Batch> PatternReader::take(sql::Connection& connection,
                                                 const std::string& input,
                                                 const std::string& condition) {
  std::vector<std::string> names;
  for (const columns::Field& field : kept_.fields) names.push_back(sql::quote_name(field.name));
  std::string select = conditions_.select(input);
  constexpr std::string_view kSelect = "SELECT ";
  select = fmt::format("SELECT {}, {}{}{}", fmt::join(names, ", "), select.substr(kSelect.size()),
                       condition.empty() ? "" : " WHERE ", condition);
  columns::Batch all = TRY(TRY(connection.query(select))->batch());
  PatternSegment segment;
  const auto move_to = [&](columns::Batch& to, std::size_t from, std::size_t until) {
    for (std::size_t c = from; c < until; ++c) {
      to.schema.fields.push_back(all.schema.fields[c]);
      to.columns.push_back(std::move(all.columns[c]));
    }
  };
  const std::size_t kept = kept_.fields.size();
  const std::size_t width = all.columns.size();
  move_to(segment.rows, 0, kept);
  move_to(segment.holds, kept, kept + 1);
  move_to(segment.leaves, kept + 1, width);
  columns::Batch rows = segment.rows;
  engine_->add(std::move(segment));
  return rows;
}

base::Result<> PatternReader::take_again(sql::Connection& connection, const columns::Batch& rows) {
  if (rows.rows() == 0) return {};
  const std::string input = "rows again for " + pattern_.table;
  TRY(connection.put(input, rows));
  TRY(take(connection, input, ""));
  return connection.execute("DROP TABLE IF EXISTS " + sql::quote_name(input));
}

}  // namespace stream
