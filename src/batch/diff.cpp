#include "batch/diff.h"

#include <algorithm>

namespace batch {
namespace {

using base::Result;
using nlohmann::json;

bool is_number(columns::Type type) {
  return type == columns::Type::kInt32 || type == columns::Type::kInt64 ||
         type == columns::Type::kFloat64;
}

// Columns of both sides that are no key.
std::vector<std::string> compared(const DiffRequest& request) {
  std::vector<std::string> names;
  for (const columns::Field& field : request.old_schema.fields) {
    if (request.new_schema.find(field.name) && std::ranges::count(request.key, field.name) == 0)
      names.push_back(field.name);
  }
  return names;
}

void compare_schemas(const DiffRequest& request, Diff& diff) {
  for (const columns::Field& field : request.new_schema.fields) {
    const auto index = request.old_schema.find(field.name);
    if (!index) {
      diff.schema_changes.push_back(
          fmt::format("+ {} {}", field.name, columns::type_name(field.type)));
    } else if (const auto old = request.old_schema.fields[*index].type; old != field.type) {
      diff.schema_changes.push_back(fmt::format("{}: {} -> {}", field.name, columns::type_name(old),
                                                columns::type_name(field.type)));
    }
  }
  for (const columns::Field& field : request.old_schema.fields) {
    if (!request.new_schema.find(field.name)) diff.schema_changes.push_back("- " + field.name);
  }
}

// "old" FULL JOIN "new", with _wb_o and _wb_n true on the sides that have the row.
std::string joined(const DiffRequest& request) {
  std::vector<std::string> same;
  for (const std::string& key : request.key)
    same.push_back(fmt::format("old.{0} IS NOT DISTINCT FROM new.{0}", sql::quote_name(key)));
  return fmt::format(
      "(SELECT *, true AS _wb_o FROM ({})) AS old FULL JOIN (SELECT *, true AS _wb_n FROM ({})) AS "
      "new ON {}",
      request.old_rows, request.new_rows, fmt::join(same, " AND "));
}

std::string differs(const std::string& column) {
  return fmt::format("old.{0} IS DISTINCT FROM new.{0}", sql::quote_name(column));
}

std::string any_differs(const std::vector<std::string>& columns) {
  if (columns.empty()) return "false";
  std::vector<std::string> terms;
  for (const std::string& column : columns) terms.push_back(differs(column));
  return fmt::format("({})", fmt::join(terms, " OR "));
}

std::string unexpected(const DiffRequest& request) {
  return request.expect.empty() ? "false" : fmt::format("({}\n) IS NOT TRUE", request.expect);
}

std::unexpected<base::Error> without_a_key() {
  return base::fail_with(base::Code::kInvalid,
                         "changed rows of a model without a key cannot be told from others",
                         "write 'key:' into the model's header, or leave --expect out");
}

base::Error at_predicate(base::Error error, const std::string& expect) {
  error = std::move(error).in(fmt::format("the predicate of expected changes ({})", expect));
  error.mend = "write a condition over old.COLUMN and new.COLUMN of the table's columns";
  return error;
}

Result<std::unique_ptr<sql::Result>> ask(sql::Connection& connection, const DiffRequest& request,
                                         const std::string& question) {
  auto answer = connection.query(question);
  if (answer || request.expect.empty()) return answer;
  // Whose fault it is: the predicate is the only text that comes from outside.
  DiffRequest without = request;
  without.expect.clear();
  auto error = std::move(answer).error();
  const auto plain =
      connection.prepare(fmt::format("SELECT {} FROM {}", unexpected(request), joined(request)));
  if (!plain) return std::unexpected(at_predicate(std::move(error), request.expect));
  return std::unexpected(std::move(error));
}

Result<> count_keyed(sql::Connection& connection, const DiffRequest& request,
                     const std::vector<std::string>& columns, Diff& diff) {
  const std::string any = any_differs(columns);
  std::string counts;
  for (const std::string& column : columns)
    counts += fmt::format(", count(*) FILTER (_wb_o AND _wb_n AND {})", differs(column));
  const auto found = TRY(ask(
      connection, request,
      fmt::format("SELECT count(*) FILTER (_wb_o IS NULL), count(*) FILTER (_wb_n IS NULL), "
                  "count(*) FILTER (_wb_o AND _wb_n AND {0}), count(*) FILTER (_wb_o AND _wb_n AND "
                  "NOT {0}), count(*) FILTER ((_wb_o IS NULL OR _wb_n IS NULL OR {0}) AND {1}){2} "
                  "FROM {3}",
                  any, unexpected(request), counts, joined(request))));
  diff.added = found->int_at(0, 0);
  diff.removed = found->int_at(1, 0);
  diff.changed = found->int_at(2, 0);
  diff.same = found->int_at(3, 0);
  diff.unexpected = found->int_at(4, 0);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (const std::int64_t n = found->int_at(5 + i, 0); n > 0) diff.columns[columns[i]] = n;
  }
  return {};
}

std::string struct_of(const std::string& side, const columns::Schema& schema) {
  std::vector<std::string> fields;
  for (const columns::Field& field : schema.fields)
    fields.push_back(
        fmt::format("{} := {}.{}", sql::quote_name(field.name), side, sql::quote_name(field.name)));
  return fmt::format("to_json(struct_pack({}))", fmt::join(fields, ", "));
}

// Unexpected rows first.
Result<> sample_keyed(sql::Connection& connection, const DiffRequest& request,
                      const std::vector<std::string>& columns, Diff& diff) {
  if (request.samples == 0 || diff.added + diff.removed + diff.changed == 0) return {};
  const auto found = TRY(connection.query(fmt::format(
      "SELECT CASE WHEN _wb_o IS NULL THEN 'added' WHEN _wb_n IS NULL THEN 'removed' ELSE "
      "'changed' END, CASE WHEN _wb_o THEN {} END, CASE WHEN _wb_n THEN {} END, NOT ({}) FROM {} "
      "WHERE _wb_o IS NULL OR _wb_n IS NULL OR {} ORDER BY 4, 1 LIMIT {}",
      struct_of("old", request.old_schema), struct_of("new", request.new_schema),
      unexpected(request), joined(request), any_differs(columns), request.samples)));
  for (std::size_t row = 0; row < found->rows(); ++row) {
    const auto side = [&](std::size_t column) {
      return found->is_null(column, row) ? json()
                                         : json::parse(found->text(column, row), nullptr, false);
    };
    diff.samples.push_back({{"what", found->text(0, row)},
                            {"old", side(1)},
                            {"new", side(2)},
                            {"expected", found->text(3, row) == "t"}});
  }
  return {};
}

// Rows without a key: those that one side has more often.
Result<> count_bags(sql::Connection& connection, const DiffRequest& request,
                    const std::vector<std::string>& columns, Diff& diff) {
  std::vector<std::string> quoted;
  for (const std::string& column : columns) quoted.push_back(sql::quote_name(column));
  const std::string names = fmt::format("{}", fmt::join(quoted, ", "));
  const std::string old_rows = fmt::format("SELECT {} FROM ({})", names, request.old_rows);
  const std::string new_rows = fmt::format("SELECT {} FROM ({})", names, request.new_rows);
  const auto more = [](const std::string& a, const std::string& b) {
    return fmt::format("(({}) EXCEPT ALL ({}))", a, b);
  };
  const auto found = TRY(
      connection.query(fmt::format("SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {})",
                                   more(new_rows, old_rows), more(old_rows, new_rows))));
  diff.added = found->int_at(0, 0);
  diff.removed = found->int_at(1, 0);
  diff.same = diff.old_rows - diff.removed;
  if (!request.expect.empty()) diff.unexpected = diff.added + diff.removed;
  for (const auto& [what, rows] : {std::pair{"added", more(new_rows, old_rows)},
                                   std::pair{"removed", more(old_rows, new_rows)}}) {
    const auto some = TRY(connection.query(
        fmt::format("SELECT to_json(r) FROM {} r LIMIT {}", rows, request.samples)));
    for (std::size_t row = 0; row < some->rows(); ++row) {
      const json values = json::parse(some->text(0, row), nullptr, false);
      const bool is_new = std::string_view(what) == "added";
      diff.samples.push_back({{"what", what},
                              {"old", is_new ? json() : values},
                              {"new", is_new ? values : json()},
                              {"expected", request.expect.empty()}});
    }
  }
  return {};
}

Result<> add_up(sql::Connection& connection, const DiffRequest& request, Diff& diff) {
  const auto sums = [&](const columns::Schema& schema, const std::string& rows) {
    std::string select = "count(*)";
    for (const columns::Field& field : schema.fields)
      if (is_number(field.type))
        select += fmt::format(", sum(CAST({} AS DOUBLE))", sql::quote_name(field.name));
    if (!request.key.empty()) {
      std::vector<std::string> keys;
      for (const std::string& key : request.key) keys.push_back(sql::quote_name(key));
      select += fmt::format(", count(*) - count(DISTINCT ROW({}))", fmt::join(keys, ", "));
    }
    return connection.query(fmt::format("SELECT {} FROM ({})", select, rows));
  };
  const auto before = TRY(sums(request.old_schema, request.old_rows));
  const auto after = TRY(sums(request.new_schema, request.new_rows));
  diff.old_rows = before->int_at(0, 0);
  diff.new_rows = after->int_at(0, 0);
  if (!request.key.empty()) {
    diff.old_doubled = before->int_at(before->columns().size() - 1, 0);
    diff.new_doubled = after->int_at(after->columns().size() - 1, 0);
  }
  std::map<std::string, std::size_t> places;
  std::size_t at = 1;
  for (const columns::Field& field : request.old_schema.fields)
    if (is_number(field.type)) places[field.name] = at++;
  at = 1;
  for (const columns::Field& field : request.new_schema.fields) {
    if (!is_number(field.type)) continue;
    const std::size_t mine = at++;
    if (!places.contains(field.name)) continue;
    diff.totals.push_back({{"column", field.name},
                           {"old", before->double_at(places.at(field.name), 0)},
                           {"new", after->double_at(mine, 0)}});
  }
  return {};
}

// Tells the rows of one key apart by their place among them, so that each has at most one of the
// other side.
DiffRequest numbered(DiffRequest request) {
  constexpr const char* kPlace = "_wb_place";
  std::vector<std::string> key;
  for (const std::string& name : request.key) key.push_back(sql::quote_name(name));
  const auto with_place = [&](const std::string& rows, const columns::Schema& schema) {
    std::vector<std::string> order;
    for (const columns::Field& field : schema.fields) order.push_back(sql::quote_name(field.name));
    return fmt::format("SELECT *, row_number() OVER (PARTITION BY {} ORDER BY {}) AS {} FROM ({})",
                       fmt::join(key, ", "), fmt::join(order, ", "), kPlace, rows);
  };
  request.old_rows = with_place(request.old_rows, request.old_schema);
  request.new_rows = with_place(request.new_rows, request.new_schema);
  request.key.emplace_back(kPlace);
  return request;
}

}  // namespace

json to_json(const Diff& diff) {
  return {{"old_rows", diff.old_rows},
          {"new_rows", diff.new_rows},
          {"same", diff.same},
          {"added", diff.added},
          {"removed", diff.removed},
          {"changed", diff.changed},
          {"unexpected", diff.unexpected},
          {"doubled_keys", {{"old", diff.old_doubled}, {"new", diff.new_doubled}}},
          {"columns", diff.columns},
          {"schema", diff.schema_changes},
          {"samples", diff.samples},
          {"totals", diff.totals}};
}

Result<> check_expect(sql::Connection& connection, const columns::Schema& schema,
                      const std::vector<std::string>& key, const std::string& expect) {
  if (expect.empty()) return {};
  if (key.empty()) return without_a_key();
  std::vector<std::string> nulls;
  for (const columns::Field& field : schema.fields)
    nulls.push_back(fmt::format("CAST(NULL AS {}) AS {}", columns::sql_type(field.type),
                                sql::quote_name(field.name)));
  auto bound = connection.prepare(
      fmt::format("SELECT ({0}\n) IS NOT TRUE FROM (SELECT {1}) AS old, (SELECT {1}) AS new",
                  expect, fmt::join(nulls, ", ")));
  if (!bound) return std::unexpected(at_predicate(std::move(bound).error(), expect));
  return {};
}

Result<Diff> diff_rows(sql::Connection& connection, const DiffRequest& asked) {
  Diff diff;
  compare_schemas(asked, diff);
  TRY(add_up(connection, asked, diff));
  const DiffRequest request = diff.old_doubled + diff.new_doubled == 0 ? asked : numbered(asked);
  const std::vector<std::string> columns = compared(request);
  if (request.key.empty()) {
    if (!request.expect.empty()) return without_a_key();
    TRY(count_bags(connection, request, columns, diff));
    return diff;
  }
  TRY(count_keyed(connection, request, columns, diff));
  TRY(sample_keyed(connection, request, columns, diff));
  return diff;
}

}  // namespace batch
