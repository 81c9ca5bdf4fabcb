// The lake as a library: create a table, write, change, go back in time. Nothing else of Waybill is
// needed: link waybill_lake and include lake/table.h and lake/dml.h.
//
// lake_example FOLDER
#include <cstdio>

#include "lake/dml.h"
#include "lake/table.h"

namespace {

base::Result<> show(sql::Connection& connection, const lake::Snapshot& snapshot) {
  const auto rows = TRY(connection.query("FROM (" + snapshot.scan_sql() + ") ORDER BY ALL"));
  fmt::print("version {}, {} rows\n", snapshot.version(), rows->rows());
  for (std::size_t row = 0; row < rows->rows(); ++row) {
    fmt::print("  truck {} in {} with {} kg\n", rows->text(0, row), rows->text(1, row),
               rows->text(2, row));
  }
  return {};
}

base::Result<> run(const base::Path& folder) {
  const auto store = TRY(storage::local_store(base::posix_file_system(), folder));
  const auto database =
      TRY(sql::Database::open({.temporary_directory = (folder / ".spill").string()}));
  const auto connection = TRY(database->connect());

  lake::Table::CreateOptions options{.name = "trucks", .schema = {}, .partition_columns = {"city"}};
  options.schema.fields = {{"truck", columns::Type::kInt64, false},
                           {"city", columns::Type::kString, true},
                           {"load_kg", columns::Type::kInt64, true}};
  const auto table = TRY(lake::Table::create(*store, *database, "trucks", options));

  TRY(lake::append(*table, *connection,
                   "SELECT * FROM (VALUES (1, 'Bremen', 800), (2, 'Lodz', 950)) AS v(truck, city, "
                   "load_kg)"));
  TRY(lake::update_where(*table, *connection, {{"load_kg", "load_kg + 50"}}, "city = 'Bremen'"));
  const auto merged =
      TRY(lake::merge(*table, *connection,
                      {.source = "SELECT * FROM (VALUES (2, 'Gent', 100), (3, 'Lyon', 700)) AS "
                                 "s(truck, city, load_kg)",
                       .on = "target.truck = source.truck",
                       .clauses = {{.what = lake::MergeClause::Do::kUpdate},
                                   {.when = lake::MergeClause::When::kNotMatched,
                                    .what = lake::MergeClause::Do::kInsert}}}));
  fmt::print("merged: {} updated, {} inserted\n", merged.rows_updated, merged.rows_inserted);

  TRY(show(*connection, *TRY(table->snapshot())));
  TRY(show(*connection, *TRY(table->snapshot_at(1))));
  return {};
}

}  // namespace

int main(int count, char** values) {
  const auto done = run(count > 1 ? values[1] : "lake-example");
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().to_string());
  return 1;
}
