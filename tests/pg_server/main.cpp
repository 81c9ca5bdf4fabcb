// A PostgreSQL server over a lake folder and nothing else, for the interoperability tests.
//
//   pg_server LAKE PORT [TABLE=SELECT …]
//
// makes each TABLE of the rows of SELECT when the lake has no such table, prints "port N" when it
// listens, and stops when its standard input ends.
#include <iostream>

#include "base/logging.h"
#include "lake/catalog.h"
#include "server/postgres_listener.h"
#include "server/remote_engine.h"
#include "server/sql_session.h"
#include "server/sql_worker.h"
#include "storage/object_store.h"

namespace {

columns::Type type_of(sql::Kind kind) {
  switch (kind) {
    case sql::Kind::kBoolean:
      return columns::Type::kBoolean;
    case sql::Kind::kInteger:
      return columns::Type::kInt32;
    case sql::Kind::kBigInt:
      return columns::Type::kInt64;
    case sql::Kind::kDouble:
      return columns::Type::kFloat64;
    case sql::Kind::kBlob:
      return columns::Type::kBytes;
    case sql::Kind::kDate:
      return columns::Type::kDate;
    case sql::Kind::kTimestampTz:
      return columns::Type::kTimestamp;
    default:
      return columns::Type::kString;
  }
}

base::Result<> fill(lake::Catalog& catalog, sql::Database& database, const std::string& name,
                    const std::string& select) {
  if (catalog.table(name)) return {};
  const auto connection = TRY(database.connect());
  const auto statement = TRY(connection->prepare(select));
  columns::Schema schema;
  for (const auto& column : statement->columns()) {
    schema.fields.push_back({column.name, type_of(column.kind), true});
  }
  const auto table = TRY(catalog.open_or_create(name, {.name = name, .schema = schema}));
  auto transaction = TRY(table->begin());
  for (auto& file : TRY(table->stage(*connection, select))) transaction->add(std::move(file));
  TRY(transaction->commit({.operation = "WRITE"}));
  return {};
}

base::Result<> serve(const std::string& lake_path, int port,
                     const std::vector<std::string>& tables) {
  const auto store = TRY(storage::local_store(base::posix_file_system(), lake_path));
  const auto writer = TRY(sql::Database::open({}));
  const auto catalog = lake::make_catalog(*store, *writer);
  for (const auto& table : tables) {
    const auto equals = table.find('=');
    TRY(fill(*catalog, *writer, table.substr(0, equals), table.substr(equals + 1)));
  }
  const auto views = server::views_of(*catalog);
  server::SqlWorkers workers(*views, {.program = "/proc/self/exe",
                                      .lake = std::filesystem::absolute(lake_path),
                                      .spill = std::filesystem::absolute(lake_path) / "_spill"});
  const auto listener = TRY(server::PostgresListener::start(
      {.address = fmt::format("127.0.0.1:{}", port)},
      [&workers](server::Running& running, std::int32_t process_id, std::shared_ptr<void> slot)
          -> base::Result<std::unique_ptr<protocol::postgres::Engine>> {
        return server::remote_engine(workers, running, process_id, std::move(slot));
      }));
  std::cout << "port " << listener->port() << std::endl;
  while (std::cin.get() != std::char_traits<char>::eof()) {
  }
  listener->stop();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  base::start_logging("warn");
  if (argc == 2 && std::string(argv[1]) == "sql-worker") return server::run_sql_worker();
  if (argc < 3) {
    std::cerr << "usage: pg_server LAKE PORT [TABLE=SELECT …]\n";
    return 2;
  }
  const auto served = serve(argv[1], std::atoi(argv[2]), {argv + 3, argv + argc});
  if (!served) {
    std::cerr << served.error().to_string() << "\n";
    return 1;
  }
  return 0;
}
