#include "batch/shadow.h"

#include <algorithm>
#include <cmath>

#include "batch/diff.h"
#include "stream/plan.h"

namespace batch {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr double kZ95 = 1.959963984540054;
constexpr std::int64_t kValuesMax = 64;  // of a column that may explain differences
constexpr double kExplains = 0.9;        // this share of the differences
constexpr double kExplainsOfAll = 0.5;   // among at most this share of the rows

json to_json(const Share& share) {
  return {{"value", share.value}, {"low", share.low}, {"high", share.high}};
}

// The joined rows: o_COLUMN and n_COLUMN, one row a key that both have.
constexpr const char* kJoined = "shadow_joined";

Result<> join(sql::Connection& connection, const std::vector<std::string>& key,
              const std::vector<std::string>& columns) {
  std::vector<std::string> select;
  std::vector<std::string> same;
  for (const std::string& name : key) {
    const std::string quoted = sql::quote_name(name);
    select.push_back(fmt::format("o.{0} AS {0}", quoted));
    same.push_back(fmt::format("o.{0} IS NOT DISTINCT FROM n.{0}", quoted));
  }
  for (const std::string& name : columns) {
    select.push_back(
        fmt::format("o.{} AS {}", sql::quote_name(name), sql::quote_name("o_" + name)));
    select.push_back(
        fmt::format("n.{} AS {}", sql::quote_name(name), sql::quote_name("n_" + name)));
  }
  return connection.execute(fmt::format(
      "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM shadow_old o JOIN shadow_new n "
      "ON {}",
      kJoined, fmt::join(select, ", "), fmt::join(same, " AND ")));
}

// Why a value differs, by its type; the first that fits.
std::string cause_sql(const columns::Field& field) {
  const std::string o = sql::quote_name("o_" + field.name);
  const std::string n = sql::quote_name("n_" + field.name);
  std::string causes = fmt::format(
      "WHEN {0} IS NULL THEN 'a value instead of null' "
      "WHEN {1} IS NULL THEN 'null instead of a value' ",
      o, n);
  using columns::Type;
  if (field.type == Type::kFloat64) {
    causes += fmt::format(
        "WHEN abs({0} - {1}) <= 1e-9 * greatest(abs({0}), abs({1})) THEN 'precision (the last "
        "digits)' WHEN round({0}, 2) = round({1}, 2) THEN 'rounding (the same to two digits)' ",
        o, n);
  }
  if (field.type == Type::kFloat64 || field.type == Type::kInt32 || field.type == Type::kInt64) {
    causes += fmt::format(
        "WHEN {0} = -{1} THEN 'the sign' "
        "WHEN {0} <> 0 AND round({1} / {0}, 6) IN (0.001, 0.01, 0.1, 0.5, 2, 10, 60, 100, 1000, "
        "3600) THEN 'a factor of ' || CAST(round({1} / {0}, 6) AS VARCHAR) "
        "WHEN {0} <> 0 AND round({0} / {1}, 6) IN (60, 3600) THEN 'a factor of 1/' || "
        "CAST(CAST(round({0} / {1}, 6) AS INTEGER) AS VARCHAR) "
        "WHEN {1} > {0} THEN 'larger' ELSE 'smaller' ",
        o, n);
  } else if (field.type == Type::kTimestamp || field.type == Type::kDate) {
    causes += fmt::format("ELSE 'a time shift of ' || CAST({1} - {0} AS VARCHAR) ", o, n);
  } else if (field.type == Type::kString) {
    causes += fmt::format(
        "WHEN trim({0}) = trim({1}) THEN 'space around it' WHEN lower({0}) = lower({1}) THEN "
        "'small "
        "and capital letters' WHEN list_sort(string_split({0}, ',')) = list_sort(string_split({1}, "
        "',')) THEN 'the order' WHEN starts_with({0}, {1}) OR starts_with({1}, {0}) THEN 'cut off' "
        "ELSE 'another text' ",
        o, n);
  } else {
    causes += "ELSE 'another value' ";
  }
  return "CASE " + causes + "END";
}

std::string differs(const std::string& column) {
  return fmt::format("{} IS DISTINCT FROM {}", sql::quote_name("o_" + column),
                     sql::quote_name("n_" + column));
}

Result<json> causes_of(sql::Connection& connection, const columns::Field& field) {
  const auto found = TRY(connection.query(
      fmt::format("SELECT {}, count(*), CAST(first({}) AS VARCHAR), CAST(first({}) AS VARCHAR) "
                  "FROM {} WHERE {} "
                  "GROUP BY 1 ORDER BY 2 DESC LIMIT 8",
                  cause_sql(field), sql::quote_name("o_" + field.name),
                  sql::quote_name("n_" + field.name), kJoined, differs(field.name))));
  json causes = json::array();
  for (std::size_t row = 0; row < found->rows(); ++row)
    causes.push_back({{"cause", found->text(0, row)},
                      {"rows", found->int_at(1, row)},
                      {"old", found->is_null(2, row) ? json() : json(found->text(2, row))},
                      {"new", found->is_null(3, row) ? json() : json(found->text(3, row))}});
  return causes;
}

// One value of one column that almost all differences have and most rows do not; null for none.
Result<json> where_of(sql::Connection& connection, const std::string& column,
                      const std::vector<std::string>& sides) {
  json best;
  double best_share = kExplains;
  for (const std::string& side : sides) {
    const auto found = TRY(connection.query(fmt::format(
        "SELECT CAST({0} AS VARCHAR), count(*) FILTER ({1}) AS d, count(*) AS n, sum(d) OVER () AS "
        "all_d, sum(n) OVER () AS all_n, count(*) OVER () AS v FROM {2} GROUP BY {0} ORDER BY d "
        "DESC LIMIT 1",
        sql::quote_name(side), differs(column), kJoined)));
    if (found->rows() == 0 || found->int_at(5, 0) > kValuesMax || found->int_at(3, 0) == 0)
      continue;
    const double share = found->double_at(1, 0) / found->double_at(3, 0);
    const double of_all = found->double_at(2, 0) / found->double_at(4, 0);
    if (share < best_share || of_all > kExplainsOfAll) continue;
    best_share = std::nextafter(share, 2.0);
    best = {{"column", side.starts_with("o_") ? side.substr(2) : side},
            {"value", found->is_null(0, 0) ? json() : json(found->text(0, 0))},
            {"share", share}};
  }
  return best;
}

// The rows of one version as a temporary table.
Result<> run_into(sql::Connection& connection, const ShadowRequest& request,
                  const runs::Model& model, const columns::Schema& schema,
                  const std::string& name) {
  std::string select = stream::cast_to(schema, model.sql);
  const PartColumn column = TRY(part_column(request.old_model, schema));
  if (!request.from.empty()) {
    if (column.name.empty())
      return base::fail_with(
          Code::kInvalid,
          fmt::format("{} has no partitions, so --from and --to name nothing", model.table),
          "leave them out");
    select = fmt::format("SELECT * FROM ({}) WHERE {}", select,
                         interval_condition(column, request.from, request.to));
  }
  auto ran = connection.execute(
      fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(name), select));
  if (!ran) return at_model(model, std::move(ran).error());
  return {};
}

Result<json> columns_of(sql::Connection& connection, const ShadowRequest& request,
                        const columns::Schema& schema, const Diff& diff, const Diff& noise,
                        const std::vector<std::string>& names) {
  const std::int64_t both = diff.same + diff.changed;
  const std::int64_t noise_both = noise.same + noise.changed;
  std::vector<std::string> sides = request.old_model.key;
  for (const std::string& name : names) sides.push_back("o_" + name);
  json columns = json::array();
  for (const std::string& name : names) {
    const auto count = [&](const Diff& of) {
      const auto it = of.columns.find(name);
      return it == of.columns.end() ? std::int64_t{0} : it->second;
    };
    const Share differing = wilson(count(diff), both);
    const Share noisy = wilson(count(noise), noise_both);
    json one{{"column", name},
             {"match", to_json(wilson(both - count(diff), both))},
             {"noise", to_json(noisy)},
             {"differences", count(diff)},
             {"beyond_noise", count(noise) == 0 ? count(diff) > 0 : differing.low > noisy.high}};
    if (count(diff) > 0) {
      one["causes"] = TRY(causes_of(connection, schema.fields[*schema.find(name)]));
      one["where"] = TRY(where_of(connection, name, sides));
    }
    columns.push_back(std::move(one));
  }
  std::sort(columns.begin(), columns.end(), [](const json& a, const json& b) {
    const auto more = b.at("differences").get<std::int64_t>();
    const auto mine = a.at("differences").get<std::int64_t>();
    return mine != more ? mine > more : a.at("column") < b.at("column");
  });
  return columns;
}

Result<> check_request(const ShadowRequest& request) {
  if (request.old_model.table != request.candidate.table)
    return std::unexpected(
        base::Error{.code = Code::kInvalid,
                    .message = fmt::format("the candidate writes {}, the model {}",
                                           request.candidate.table, request.old_model.table),
                    .mend = "give the candidate the same 'table:'"}
            .at(request.candidate.file, 1));
  if (request.old_model.key.empty())
    return std::unexpected(base::Error{
        .code = Code::kInvalid,
        .message =
            fmt::format("rows of {} cannot be told apart: it has no key", request.old_model.table),
        .mend = "write 'key: [column, …]' into its header"}
                               .at(request.old_model.file, 1));
  return {};
}

}  // namespace

Share wilson(std::int64_t hits, std::int64_t of) {
  if (of <= 0) return {};
  const double n = static_cast<double>(of);
  const double p = static_cast<double>(hits) / n;
  const double z2 = kZ95 * kZ95;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kZ95 * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  return {p, hits == 0 ? 0.0 : std::max(0.0, middle - half),
          hits == of ? 1.0 : std::min(1.0, middle + half)};
}

Result<json> run_shadow(lake::Catalog& catalog, const ShadowOptions& options,
                        const ShadowRequest& request) {
  TRY(check_request(request));
  const auto database = TRY(sql::Database::open(
      {.memory_limit = options.memory, .threads = 2, .temporary_directory = options.spill}));
  const auto connection = TRY(database->connect());
  const runs::Model& old_model = request.old_model;
  Inputs inputs = TRY(pin_inputs(catalog, *connection, old_model));
  const Inputs theirs = TRY(pin_inputs(catalog, *connection, request.candidate, inputs.versions()));
  inputs.tables.insert(theirs.tables.begin(), theirs.tables.end());
  const auto held = TRY(bind_inputs(*connection, inputs));
  const columns::Schema old_schema = TRY(stream::describe(*connection, old_model, old_model.sql));
  const columns::Schema new_schema =
      TRY(stream::describe(*connection, request.candidate, request.candidate.sql));
  TRY(run_into(*connection, request, old_model, old_schema, "shadow_old"));
  // The second run by one thread: rows and sums come in another order.
  TRY(connection->execute("SET threads = 1"));
  TRY(run_into(*connection, request, old_model, old_schema, "shadow_again"));
  TRY(connection->execute("SET threads = 2"));
  TRY(run_into(*connection, request, request.candidate, new_schema, "shadow_new"));

  DiffRequest ask{.old_rows = "FROM shadow_old",
                  .new_rows = "FROM shadow_again",
                  .old_schema = old_schema,
                  .new_schema = old_schema,
                  .key = old_model.key,
                  .expect = {},
                  .samples = 0};
  const Diff noise = TRY(diff_rows(*connection, ask));
  ask.new_rows = "FROM shadow_new";
  ask.new_schema = new_schema;
  ask.samples = request.samples;
  const Diff diff = TRY(diff_rows(*connection, ask));
  std::vector<std::string> names;
  for (const columns::Field& field : old_schema.fields) {
    const auto index = new_schema.find(field.name);
    if (index && new_schema.fields[*index].type == field.type &&
        std::ranges::count(old_model.key, field.name) == 0)
      names.push_back(field.name);
  }
  TRY(join(*connection, old_model.key, names));
  const std::int64_t all = diff.same + diff.changed + diff.added + diff.removed;
  const std::int64_t differing = diff.changed + diff.added + diff.removed;
  const std::int64_t noise_rows = noise.changed + noise.added + noise.removed;
  const double beyond =
      all == 0 ? 0.0
               : static_cast<double>(std::max<std::int64_t>(differing - noise_rows, 0)) /
                     static_cast<double>(all);
  return json{{"model", old_model.table},
              {"old_version", old_model.version},
              {"old_hash", old_model.fingerprint()},
              {"candidate_version", request.candidate.version},
              {"candidate_hash", request.candidate.fingerprint()},
              {"inputs", inputs.versions()},
              {"rows", all},
              {"same", diff.same},
              {"added", diff.added},
              {"removed", diff.removed},
              {"changed", diff.changed},
              {"noise_rows", noise_rows},
              {"share", to_json(wilson(differing, all))},
              {"beyond_noise", beyond},
              {"tolerance", request.tolerance},
              {"doubled_keys", {{"old", diff.old_doubled}, {"new", diff.new_doubled}}},
              {"halted", beyond > request.tolerance || diff.new_doubled > diff.old_doubled},
              {"columns", TRY(columns_of(*connection, request, old_schema, diff, noise, names))},
              {"schema", diff.schema_changes},
              {"samples", diff.samples}};
}

}  // namespace batch
