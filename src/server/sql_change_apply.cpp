#include "server/sql_change_apply.h"

#include <algorithm>
#include <optional>

#include "protocol/postgres/lexer.h"
#include "server/postgres_rewrite.h"
#include "server/sql_change.h"
#include "sql/column_type.h"

namespace server {
namespace {

using base::Code;
using Kind = SqlChange::Kind;
using protocol::postgres::lower;

base::Result<columns::Schema> schema_of(const std::vector<sql::ColumnInfo>& columns) {
  columns::Schema schema;
  for (const auto& column : columns) {
    const auto type = sql::column_type(column.kind);
    // Sums of integers are huge integers.
    if (!sql::holds_exactly(column.kind) && column.kind != sql::Kind::kHugeInt) {
      return base::fail_with(
          Code::kUnsupported,
          fmt::format("a table made by SQL cannot have the column {} of type {}", column.name,
                      column.type),
          "cast it: to DOUBLE PRECISION, BIGINT, TEXT, DATE, TIMESTAMPTZ, BOOLEAN or BYTEA");
    }
    schema.fields.push_back({column.name, *type, true});
  }
  return schema;
}

// "a int, b text": as the columns of a query, so that DuckDB reads the types.
std::string empty_select(const std::string& definition) {
  return "SELECT * FROM (SELECT unnest([]::STRUCT(" + definition + ")[], recursive := true))";
}

class Applier {
 public:
  Applier(lake::Catalog& catalog, ChangeSession& session, const ChangeRequest& request,
          SqlChange change)
      : catalog_(catalog), session_(session), request_(request), change_(std::move(change)) {}

  base::Result<std::string> run() {
    switch (change_.kind) {
      case Kind::kCreate:
      case Kind::kCreateAs:
        return create();
      case Kind::kDrop:
        return base::fail(Code::kInvalid, "a table is dropped by the server itself");
      default:
        break;
    }
    // The checked text stands for the written one where it is a whole query: views of older
    // versions have their names in it.
    for (const auto& reading : change_.readings()) {
      auto allowed = TRY(session_.allow(reading));
      if (change_.kind == Kind::kInsert) change_.select = std::move(allowed);
    }
    const auto table = TRY(catalog_.table(request_.table));
    auto& connection = session_.connection();
    switch (change_.kind) {
      case Kind::kInsert: {
        const auto select = TRY(rows_for(*table));
        const auto changed = TRY(lake::append(*table, connection, select, options()));
        return fmt::format("INSERT 0 {}", changed.rows_inserted);
      }
      case Kind::kUpdate: {
        const auto changed = TRY(lake::update_where(*table, connection, change_.assignments,
                                                    change_.condition, options()));
        return fmt::format("UPDATE {}", changed.rows_updated);
      }
      case Kind::kDelete: {
        const auto changed =
            TRY(lake::delete_where(*table, connection, change_.condition, options()));
        return fmt::format("DELETE {}", changed.rows_deleted);
      }
      default: {
        const lake::Merge merge{
            .source = change_.select, .on = change_.condition, .clauses = change_.clauses};
        const auto changed = TRY(lake::merge(*table, connection, merge, options()));
        return fmt::format("MERGE {}",
                           changed.rows_inserted + changed.rows_updated + changed.rows_deleted);
      }
    }
  }

 private:
  lake::WriteOptions options() const {
    return {.user_metadata = {{"sql", request_.sql.substr(0, 1000)}}};
  }

  // The query's rows under the names of the table's columns, which it gives by place.
  base::Result<std::string> rows_for(lake::Table& table) {
    const auto statement = TRY(session_.connection().prepare(change_.select));
    const auto given = statement->columns().size();
    auto names = change_.columns;
    if (names.empty()) {
      const auto snapshot = TRY(table.snapshot());
      for (const auto& field : snapshot->metadata().schema.fields) {
        if (names.size() < given) names.push_back(field.name);
      }
    }
    if (names.size() != given) {
      return base::fail_with(
          Code::kInvalid,
          fmt::format("syntax error: INSERT has {} expressions than target columns",
                      given > names.size() ? "more" : "fewer"),
          fmt::format("{} columns are named, {} are given", names.size(), given));
    }
    const auto types = TRY(types_of(table));
    std::string list;
    std::string casts;
    for (const auto& name : names) {
      const auto quoted = sql::quote_name(name);
      list += (list.empty() ? "" : ", ") + quoted;
      const auto type = std::ranges::find(types, lower(name), &sql::ColumnInfo::name);
      // What the table does not have is named by the append.
      casts += fmt::format(
          "{}{} AS {}", casts.empty() ? "" : ", ",
          type == types.end() ? quoted : fmt::format("CAST({} AS {})", quoted, type->type), quoted);
    }
    return fmt::format("SELECT {} FROM ({}\n) AS given({})", casts, change_.select, list);
  }

  // The table's columns by their names in lower case.
  base::Result<std::vector<sql::ColumnInfo>> types_of(lake::Table& table) {
    const auto snapshot = TRY(table.snapshot());
    auto columns = TRY(session_.connection().prepare(snapshot->scan_sql()))->columns();
    for (auto& column : columns) column.name = lower(column.name);
    return columns;
  }

  base::Result<std::string> create() {
    const bool as = change_.kind == Kind::kCreateAs;
    const auto select = TRY(session_.allow(as ? change_.select : empty_select(change_.definition)));
    const auto statement = TRY(session_.connection().prepare(select));
    const auto schema = TRY(schema_of(statement->columns()));
    if (catalog_.table(request_.table)) {
      if (change_.if_exists) return as ? "CREATE TABLE AS" : "CREATE TABLE";
      return base::fail_with(Code::kAlreadyExists,
                             fmt::format("relation \"{}\" already exists", request_.table),
                             "drop it first, or choose another name");
    }
    const auto table =
        TRY(catalog_.open_or_create(request_.table, {.name = request_.table, .schema = schema}));
    if (!as) return "CREATE TABLE";
    const auto changed = lake::append(*table, session_.connection(), select, options());
    if (!changed) return std::unexpected(changed.error());
    return fmt::format("SELECT {}", changed->rows_inserted);
  }

  lake::Catalog& catalog_;
  ChangeSession& session_;
  const ChangeRequest& request_;
  SqlChange change_;
};

}  // namespace

base::Result<std::string> apply_change(lake::Catalog& catalog, ChangeSession& session,
                                       const ChangeRequest& request) {
  auto change = TRY(parse_change(rewrite_for_duckdb(request.sql)));
  return Applier(catalog, session, request, std::move(change)).run();
}

}  // namespace server
