#include "lake/history_steps.h"

#include <algorithm>

namespace lake_test {
namespace {

using base::Code;
using base::Result;

constexpr int kIds = 40;

std::string values_sql(const std::vector<Row>& rows) {
  std::string values;
  for (const Row& row : rows) {
    values += fmt::format("{}({}, '{}', {})", values.empty() ? "" : ", ", row.id, row.p, row.v);
  }
  return "SELECT id::BIGINT AS id, p::VARCHAR AS p, v::BIGINT AS v FROM (VALUES " + values +
         ") AS given(id, p, v)";
}

template <class T>
Result<> drop_value(Result<T> result) {
  if (!result) return std::unexpected(std::move(result).error());
  return {};
}

}  // namespace

std::vector<std::string> Content::lines() const {
  std::vector<std::string> result = {"id p v "};
  for (const std::string& column : columns) result[0] += column + " ";
  for (const Row& row : rows) {
    std::string line = fmt::format("{}|{}|{}", row.id, row.p, row.v);
    for (const std::string& column : columns) {
      const auto it = row.more.find(column);
      line += it == row.more.end() ? "|NULL" : fmt::format("|{}", it->second);
    }
    result.push_back(std::move(line));
  }
  std::ranges::sort(result.begin() + 1, result.end());
  return result;
}

Row Steps::any_row() {
  return {.id = pick(kIds), .p = fmt::format("p{}", pick(3)), .v = pick(1000)};
}
std::vector<Row> Steps::any_rows(bool distinct) {
  std::vector<Row> rows;
  for (int i = 1 + pick(4); i > 0; --i) {
    Row row = any_row();
    const bool known = std::ranges::find(rows, row.id, &Row::id) != rows.end();
    if (!distinct || !known) rows.push_back(std::move(row));
  }
  return rows;
}

Condition Steps::any_condition() {
  const std::int64_t a = pick(kIds);
  switch (pick(5)) {
    case 0:
      return {fmt::format("id % 3 = {}", a % 3),
              [a](const Row& row) { return row.id % 3 == a % 3; }};
    case 1:
      return {fmt::format("p = 'p{}'", a % 3),
              [p = fmt::format("p{}", a % 3)](const Row& row) { return row.p == p; }};
    case 2:
      return {fmt::format("id BETWEEN {} AND {}", a, a + 8),
              [a](const Row& row) { return row.id >= a && row.id <= a + 8; }};
    case 3:
      return {fmt::format("v > {} AND p <> 'p1'", a * 20),
              [a](const Row& row) { return row.v > a * 20 && row.p != "p1"; }};
    default:
      return {fmt::format("id = {}", a), [a](const Row& row) { return row.id == a; }};
  }
}

Step Steps::append_step() {
  const auto rows = any_rows(false);
  return {
      .name = "append",
      .run =
          [rows](lake::Table& table, sql::Connection& connection) {
            return drop_value(lake::append(table, connection, values_sql(rows)));
          },
      .apply =
          [rows](Content& content) { std::ranges::copy(rows, std::back_inserter(content.rows)); }};
}

Step Steps::overwrite_step() {
  const auto rows = any_rows(false);
  return {.name = "overwrite",
          .run =
              [rows](lake::Table& table, sql::Connection& connection) {
                return drop_value(lake::overwrite(table, connection, values_sql(rows)));
              },
          .apply = [rows](Content& content) { content.rows = rows; }};
}

Step Steps::overwrite_partitions_step() {
  const auto rows = any_rows(false);
  return {.name = "overwrite partitions",
          .run =
              [rows](lake::Table& table, sql::Connection& connection) {
                return drop_value(lake::overwrite_partitions(table, connection, values_sql(rows)));
              },
          .apply =
              [rows](Content& content) {
                std::erase_if(content.rows, [&](const Row& row) {
                  return std::ranges::find(rows, row.p, &Row::p) != rows.end();
                });
                std::ranges::copy(rows, std::back_inserter(content.rows));
              }};
}

Step Steps::replace_step() {
  const Condition condition = any_condition();
  std::vector<Row> rows = any_rows(false);
  std::erase_if(rows, [&](const Row& row) { return !condition.holds(row); });
  if (rows.empty()) return delete_step();
  return {.name = "replace where " + condition.sql,
          .run =
              [=](lake::Table& table, sql::Connection& connection) {
                return drop_value(
                    lake::replace_where(table, connection, condition.sql, values_sql(rows)));
              },
          .apply =
              [=](Content& content) {
                std::erase_if(content.rows, condition.holds);
                std::ranges::copy(rows, std::back_inserter(content.rows));
              }};
}

Step Steps::delete_step() {
  const Condition condition = any_condition();
  return {.name = "delete where " + condition.sql,
          .run =
              [=](lake::Table& table, sql::Connection& connection) {
                return drop_value(lake::delete_where(table, connection, condition.sql));
              },
          .apply = [=](Content& content) { std::erase_if(content.rows, condition.holds); }};
}

Step Steps::update_step() {
  const Condition condition = any_condition();
  const std::int64_t by = pick(50);
  return {.name = "update where " + condition.sql,
          .run =
              [=](lake::Table& table, sql::Connection& connection) {
                return drop_value(lake::update_where(
                    table, connection, {{"v", fmt::format("v + {}", by)}}, condition.sql));
              },
          .apply =
              [=](Content& content) {
                for (Row& row : content.rows) {
                  if (condition.holds(row)) row.v += by;
                }
              }};
}

Step Steps::merge_step() {
  using Clause = lake::MergeClause;
  const auto rows = any_rows(true);
  const bool by_source = chance(3);
  std::vector<Clause> clauses = {
      {.what = Clause::Do::kDelete, .condition = "source.v % 5 = 0"},
      {.what = Clause::Do::kUpdate, .assignments = {{"v", "source.v"}, {"p", "source.p"}}},
      {.when = Clause::When::kNotMatched,
       .what = Clause::Do::kInsert,
       .assignments = {{"id", "source.id"}, {"p", "source.p"}, {"v", "source.v"}}}};
  if (by_source) {
    clauses.push_back({.when = Clause::When::kNotMatchedBySource,
                       .what = Clause::Do::kDelete,
                       .condition = "target.p = 'p0'"});
  }
  return {
      .name = "merge",
      .run =
          [=](lake::Table& table, sql::Connection& connection) {
            return drop_value(lake::merge(
                table, connection,
                {.source = values_sql(rows), .on = "target.id = source.id", .clauses = clauses}));
          },
      .apply =
          [=](Content& content) {
            std::vector<Row> next;
            for (Row row : content.rows) {
              const auto source = std::ranges::find(rows, row.id, &Row::id);
              if (source == rows.end()) {
                if (!by_source || row.p != "p0") next.push_back(std::move(row));
              } else if (source->v % 5 != 0) {
                row.v = source->v;
                row.p = source->p;
                next.push_back(std::move(row));
              }
            }
            for (const Row& row : rows) {
              if (std::ranges::find(content.rows, row.id, &Row::id) == content.rows.end()) {
                next.push_back(row);
              }
            }
            content.rows = std::move(next);
          }};
}

Step Steps::optimize_step() {
  lake::OptimizeOptions options{.files_min = 2};
  if (chance(2)) options.zorder = {"id", "v"};
  return {.name = "optimize", .run = [=](lake::Table& table, sql::Connection&) {
            auto done = table.optimize(options);
            // Moved files that another writer has changed meanwhile stay as they are.
            if (!done && done.error().code == Code::kConflict) return Result<>{};
            return drop_value(std::move(done));
          }};
}

Step Steps::restore_step(const std::map<lake::Version, Content>& versions, lake::Version readable) {
  auto it = versions.lower_bound(readable);
  std::advance(it, pick(static_cast<int>(std::distance(it, versions.end()))));
  return {.name = fmt::format("restore {}", it->first),
          .run = [version = it->first](
                     lake::Table& table,
                     sql::Connection&) { return drop_value(lake::restore(table, version)); },
          .apply = [then = it->second](Content& content) { content = then; }};
}

Step Steps::vacuum_step() {
  return {.name = "vacuum",
          .run =
              [](lake::Table& table, sql::Connection&) {
                return drop_value(table.vacuum(lake::VacuumOptions{
                    .keep_us = 0, .force = true, .now_us = base::SystemClock().now_us()}));
              },
          .forgets = true};
}

Step Steps::clean_log_step() {
  return {.name = "clean log",
          .run =
              [](lake::Table& table, sql::Connection&) {
                return drop_value(table.clean_log(0, base::SystemClock().now_us()));
              },
          .forgets = true};
}

Step Steps::add_column_step(int number) {
  const std::string name = fmt::format("c{}", number);
  return {.name = "add column",
          .run =
              [name](lake::Table& table, sql::Connection&) {
                return drop_value(lake::add_column(table, name, "BIGINT"));
              },
          .apply = [name](Content& content) { content.columns.push_back(name); }};
}

Step Steps::evolving_append_step(int number) {
  const std::string name = fmt::format("m{}", number);
  auto rows = any_rows(false);
  for (Row& row : rows) row.more[name] = row.id;
  return {.name = "append with a new column",
          .run =
              [=](lake::Table& table, sql::Connection& connection) {
                return drop_value(lake::append(
                    table, connection,
                    fmt::format("SELECT *, id AS {} FROM ({})", name, values_sql(rows)),
                    {.merge_schema = true}));
              },
          .apply =
              [=](Content& content) {
                content.columns.push_back(name);
                std::ranges::copy(rows, std::back_inserter(content.rows));
              }};
}

Step Steps::any(int number, const std::map<lake::Version, Content>& versions,
                lake::Version readable) {
  switch (pick(16)) {
    case 0:
      return overwrite_step();
    case 1:
      return partitioned_ ? overwrite_partitions_step() : replace_step();
    case 2:
    case 3:
      return replace_step();
    case 4:
    case 5:
      return delete_step();
    case 6:
    case 7:
      return update_step();
    case 8:
    case 9:
      return merge_step();
    case 10:
      return optimize_step();
    case 11:
      return restore_step(versions, readable);
    case 12:
      return chance(2) ? vacuum_step() : clean_log_step();
    case 13:
      return chance(2) ? add_column_step(number) : evolving_append_step(number);
    default:
      return append_step();
  }
}

Step Steps::rival(int number) {
  switch (pick(6)) {
    case 0:
      return delete_step();
    case 1:
      return update_step();
    case 2:
      return merge_step();
    case 3:
      return chance(3) ? evolving_append_step(number) : overwrite_step();
    default:
      return append_step();
  }
}

}  // namespace lake_test
