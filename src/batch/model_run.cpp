#include "batch/model_run.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/clock.h"
#include "lake/actions.h"
#include "lake/snapshot.h"
#include "quality/validator.h"
#include "stream/plan.h"

namespace batch {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

// The parts that the table or the model has, NULL first.
Result<std::vector<Part>> found_parts(sql::Connection& connection, const runs::Model& model,
                                      const lake::Snapshot* table, const PartColumn& column,
                                      const std::string& where) {
  const std::string name = sql::quote_name(column.name);
  std::vector<std::string> sides{model.sql};
  if (table != nullptr) sides.push_back(table->scan_sql());
  std::set<std::optional<std::string>> found;
  for (const std::string& rows : sides) {
    auto values = connection.query(
        fmt::format("SELECT DISTINCT CAST({} AS VARCHAR) FROM ({}) WHERE {} LIMIT {}", name, rows,
                    where, kPartsMax + 1));
    if (!values) return at_model(model, std::move(values).error());
    for (std::size_t row = 0; row < (*values)->rows(); ++row)
      found.insert((*values)->is_null(0, row) ? std::nullopt
                                              : std::optional((*values)->text(0, row)));
  }
  std::vector<Part> parts;
  for (const std::optional<std::string>& value : found) parts.push_back({value});
  if (parts.size() <= kPartsMax) return parts;
  return base::fail_with(Code::kLimit,
                         fmt::format("{} has more than {} partitions", model.table, kPartsMax),
                         "name fewer with --from and --to");
}

Result<std::vector<Part>> days_between(const std::string& from, const std::string& to) {
  const std::int32_t first = TRY(base::parse_date(from));
  const std::int32_t last = TRY(base::parse_date(to));
  if (static_cast<std::size_t>(last - first) >= kPartsMax)
    return base::fail_with(Code::kLimit,
                           fmt::format("{} to {} are more than {} days", from, to, kPartsMax),
                           "name fewer");
  std::vector<Part> parts;
  for (std::int32_t day = first; day <= last; ++day) parts.push_back({base::format_date(day)});
  return parts;
}

// Whether every column of the model stands in the table with its type, and the other way round.
Result<> check_columns(const runs::Model& model, const columns::Schema& table,
                       const columns::Schema& schema) {
  for (const columns::Field& field : table.fields) {
    const auto index = schema.find(field.name);
    if (index && schema.fields[*index].type == field.type) continue;
    return std::unexpected(base::Error{
        .code = Code::kInvalid,
        .message = fmt::format(
            "{} has a column {} {}, which this version {}", model.table, field.name,
            columns::type_name(field.type),
            index ? fmt::format("gives as {}", columns::type_name(schema.fields[*index].type))
                  : std::string("does not give")),
        .mend = "cast or keep the column, or run the model for the whole table"}
                               .at(model.file, model.sql_line));
  }
  return {};
}

}  // namespace

std::vector<runs::Interval> Inputs::intervals() const {
  std::vector<runs::Interval> all;
  for (const auto& [name, snapshot] : tables) all.push_back({{name, 0}, 0, snapshot->version()});
  return all;
}

json Inputs::versions() const {
  json all = json::object();
  for (const auto& [name, snapshot] : tables) all[name] = snapshot->version();
  return all;
}

std::string Inputs::text() const {
  std::vector<std::string> all;
  for (const auto& [name, snapshot] : tables)
    all.push_back(fmt::format("{}@{}", name, snapshot->version()));
  return fmt::format("{}", fmt::join(all, ", "));
}

std::unexpected<base::Error> at_model(const runs::Model& model, base::Error error) {
  if (!error.file.empty()) return std::unexpected(std::move(error));
  const int line = model.sql_line + std::max(0, error.line - 1);
  return std::unexpected(std::move(error).at(model.file, line));
}

Result<Inputs> pin_inputs(lake::Catalog& catalog, sql::Connection& connection,
                          const runs::Model& model, const json& at) {
  Inputs inputs;
  auto tree = connection.parse(model.sql);
  if (!tree) return at_model(model, std::move(tree).error());
  for (const std::string& name : stream::tables_of(*tree)) {
    auto table = catalog.table(name);
    if (!table) return at_model(model, std::move(table).error());
    const bool pinned = at.is_object() && at.contains(name);
    inputs.tables[name] = TRY(pinned ? (*table)->snapshot_at(at.at(name).get<lake::Version>())
                                     : (*table)->snapshot());
  }
  return inputs;
}

Result<std::vector<storage::Hold>> bind_inputs(sql::Connection& connection, const Inputs& inputs) {
  std::vector<storage::Hold> held;
  for (const auto& [name, snapshot] : inputs.tables) {
    const auto instead = inputs.instead.find(name);
    held.push_back(TRY(snapshot->fetch()));
    TRY(connection.execute(
        fmt::format("CREATE SCHEMA IF NOT EXISTS {}; CREATE OR REPLACE "
                    "VIEW {} AS {}",
                    sql::quote_name(name.substr(0, name.find('.'))), sql::quote_table(name),
                    instead == inputs.instead.end() ? snapshot->scan_sql() : instead->second)));
  }
  return held;
}

Result<PartColumn> part_column(const runs::Model& model, const columns::Schema& schema) {
  if (model.partition.empty()) return PartColumn{};
  const std::string& name = model.partition.front();
  const auto fails = [&](const std::string& what, const std::string& mend) {
    return std::unexpected(
        base::Error{.code = Code::kUnsupported, .message = what, .mend = mend}.at(model.file, 1));
  };
  const auto index = schema.find(name);
  if (!index)
    return fails(fmt::format("{} is partitioned by {}, which it does not give", model.table, name),
                 "give the SELECT that column");
  const columns::Type type = schema.fields[*index].type;
  if (type != columns::Type::kDate && type != columns::Type::kString &&
      type != columns::Type::kInt32 && type != columns::Type::kInt64)
    return fails(
        fmt::format("{} is partitioned by {} {}", model.table, name, columns::type_name(type)),
        "partition by a date, a text or a whole number");
  return PartColumn{name, type};
}

std::string Part::label(const PartColumn& column) const {
  if (column.name.empty()) return "the whole table";
  return column.name + "=" + value.value_or("NULL");
}

std::string part_condition(const PartColumn& column, const Part& part) {
  if (column.name.empty()) return "true";
  if (!part.value) return sql::quote_name(column.name) + " IS NULL";
  return fmt::format("{} = CAST({} AS {})", sql::quote_name(column.name),
                     sql::quote_text(*part.value), columns::sql_type(column.type));
}

std::string interval_condition(const PartColumn& column, const std::string& from,
                               const std::string& to) {
  return fmt::format("{0} >= CAST({1} AS {3}) AND {0} <= CAST({2} AS {3})",
                     sql::quote_name(column.name), sql::quote_text(from), sql::quote_text(to),
                     columns::sql_type(column.type));
}

bool in_interval(const PartColumn& column, const std::optional<std::string>& value,
                 const std::string& from, const std::string& to) {
  if (!value) return false;
  if (column.type != columns::Type::kInt32 && column.type != columns::Type::kInt64)
    return from <= *value && *value <= to;
  const std::int64_t number = std::strtoll(value->c_str(), nullptr, 10);
  return std::strtoll(from.c_str(), nullptr, 10) <= number &&
         number <= std::strtoll(to.c_str(), nullptr, 10);
}

Result<> check_interval(const PartColumn& column, const std::string& from, const std::string& to) {
  // One that ends before it begins does not even hold its own ends.
  if (in_interval(column, from, from, to)) return {};
  return base::fail_with(
      Code::kInvalid,
      fmt::format("no partition lies from {0}={1} to {0}={2}: the first comes after the last",
                  column.name, from, to),
      "exchange --from and --to; the last one is included");
}

std::optional<std::string> value_in(const lake::AddFile& file, const PartColumn& column) {
  const auto it = file.partition_values.find(column.name);
  return it == file.partition_values.end() ? std::nullopt : it->second;
}

std::vector<lake::AddFile> files_of(const lake::Snapshot& snapshot, const PartColumn& column,
                                    const Part& part) {
  if (column.name.empty()) return snapshot.files();
  std::vector<lake::AddFile> found;
  for (const lake::AddFile& file : snapshot.files())
    if (value_in(file, column) == part.value) found.push_back(file);
  return found;
}

std::string rows_of(const lake::Snapshot& snapshot, const std::vector<lake::AddFile>& files) {
  const auto& state = static_cast<const lake::StateSnapshot&>(snapshot);
  if (files.empty()) return fmt::format("SELECT * FROM ({}) WHERE false", state.scan_files_sql({}));
  lake::Files shared;
  for (const lake::AddFile& file : files)
    shared.push_back(std::make_shared<const lake::AddFile>(file));
  return state.scan_files_sql(shared);
}

Result<std::string> part_value(sql::Connection& connection, const PartColumn& column,
                               const std::string& text) {
  auto value = connection.query(fmt::format("SELECT CAST(CAST({} AS {}) AS VARCHAR)",
                                            sql::quote_text(text), columns::sql_type(column.type)));
  if (value) return std::string((*value)->text(0, 0));
  return base::fail_with(
      Code::kInvalid,
      fmt::format("'{}' is no value of the partition column {} {}", text.substr(0, 64), column.name,
                  columns::type_name(column.type)),
      column.type == columns::Type::kDate ? "write a day as 2026-03-01" : "write a whole number");
}

Result<std::vector<Part>> parts_between(sql::Connection& connection, const runs::Model& model,
                                        const lake::Snapshot* table, const PartColumn& column,
                                        const std::string& from, const std::string& to) {
  const std::string first = TRY(part_value(connection, column, from));
  const std::string last = TRY(part_value(connection, column, to));
  TRY(check_interval(column, first, last));
  if (column.type == columns::Type::kDate) return days_between(first, last);
  return found_parts(connection, model, table, column, interval_condition(column, first, last));
}

Result<std::vector<Part>> all_parts(sql::Connection& connection, const runs::Model& model,
                                    const lake::Snapshot* table, const PartColumn& column) {
  if (column.name.empty()) return std::vector<Part>{Part{}};
  return found_parts(connection, model, table, column, "true");
}

Result<> check_target(const runs::Model& model, const lake::Metadata& table,
                      const columns::Schema& schema) {
  if (table.partition_columns != model.partition) {
    return std::unexpected(base::Error{
        .code = Code::kInvalid,
        .message =
            fmt::format("{} is partitioned by ({}), the model by ({})", model.table,
                        fmt::join(table.partition_columns, ", "), fmt::join(model.partition, ", ")),
        .mend = "write 'partition:' as the table has it, or name another table"}
                               .at(model.file, 1));
  }
  return check_columns(model, table.schema, schema);
}

Result<std::shared_ptr<lake::Table>> open_target(lake::Catalog& catalog, const runs::Model& model,
                                                 const columns::Schema& schema, bool whole) {
  auto table = TRY(catalog.open_or_create(
      model.table, {.name = model.table, .schema = schema, .partition_columns = model.partition}));
  const auto snapshot = TRY(table->snapshot());
  lake::Metadata metadata = snapshot->metadata();
  TRY(check_target(model, metadata, whole ? metadata.schema : schema));
  if (metadata.schema == schema) return table;
  columns::Schema wanted = schema;
  if (!whole) {
    wanted = metadata.schema;
    for (const columns::Field& field : schema.fields)
      if (!wanted.find(field.name)) wanted.fields.push_back(field);
    if (wanted == metadata.schema) return table;  // in another order
  }
  auto transaction = TRY(table->begin());
  metadata.schema = wanted;
  transaction->set_metadata(metadata);
  TRY(transaction->commit({.operation = whole ? "REPLACE COLUMNS" : "ADD COLUMNS"}));
  return table;
}

Staged::Staged(std::vector<lake::AddFile> staged) : files(std::move(staged)) {
  for (const lake::AddFile& file : files) {
    rows += file.rows();
    bytes += file.size;
  }
}

Result<Staged> stage_part(lake::Table& table, sql::Connection& connection, const runs::Model& model,
                          const columns::Schema& schema, const PartColumn& column,
                          const Part* part) {
  std::string select = stream::cast_to(schema, model.sql);
  if (part != nullptr && !column.name.empty())
    select = fmt::format("SELECT * FROM ({}) WHERE {}", select, part_condition(column, *part));
  auto files = table.stage(connection, select);
  if (!files) return at_model(model, std::move(files).error());
  return Staged(*std::move(files));
}

Result<QualityVerdict> check_quality(sql::Connection& connection, const quality::Suite& suite,
                                     const std::string& rows) {
  QualityVerdict verdict;
  const quality::Rows described =
      TRY(quality::describe_rows(connection, "(" + rows + ") AS written"));
  quality::ValidateOptions options;
  options.now_us = base::SystemClock().now_us();
  const json answer = TRY(quality::validate(connection, described, suite.declared, options));
  const json& results = answer.at("results");
  verdict.expectations = static_cast<std::int64_t>(results.size());
  for (std::size_t i = 0; i < results.size() && i < suite.declared.expectations.size(); ++i) {
    if (results[i].at("success").get<bool>()) continue;
    const quality::Expectation& one = suite.declared.expectations[i];
    std::string what = one.type;
    if (one.kwargs.contains("column") && one.kwargs.at("column").is_string())
      what += " of " + one.kwargs.at("column").get<std::string>();
    const json found = results[i].value("result", json::object());
    if (found.contains("unexpected_count"))
      what += fmt::format(": {} rows break it", found.at("unexpected_count").dump());
    else if (found.contains("observed_value"))
      what += ": observed " + found.at("observed_value").dump();
    const bool warns = one.severity == quality::Severity::kWarn;
    (warns ? verdict.warnings : verdict.failed).push_back(std::move(what));
  }
  return verdict;
}

std::map<std::string, std::string> run_metadata(const runs::Model& model, const std::string& run,
                                                const std::string& mode, const Inputs& inputs) {
  std::map<std::string, std::string> said{{"run", run},
                                          {"mode", mode},
                                          {"model_version", std::to_string(model.version)},
                                          {"model_hash", model.fingerprint()},
                                          {"inputs", inputs.text()}};
  if (!inputs.flags.empty()) said["flags"] = inputs.flags;
  return said;
}

json to_json(const std::vector<lake::AddFile>& files) {
  json all = json::array();
  for (const lake::AddFile& file : files) {
    std::string line;
    lake::print_action(line, file);
    all.push_back(json::parse(line));
  }
  return all;
}

Result<std::vector<lake::AddFile>> files_from_json(const json& actions) {
  lake::Commit commit;
  for (const json& action : actions) TRY(lake::parse_action(action, commit));
  return std::move(commit.adds);
}

}  // namespace batch
