// A PostgreSQL server over a lake folder and nothing else, for the interoperability tests.
//
//   pg_server LAKE PORT [--user=NAME:PASSWORD] [--certificate=FILE --key=FILE]
//             [--writes=USER:SCHEMA] [--model=TABLE:KEY:DESCRIPTION] [TABLE=SELECT …]
//
// makes each TABLE of the rows of SELECT when the lake has no such table, prints "port N" when it
// listens, and stops when its standard input ends. With a user, only users come in.
#include <iostream>
#include <map>
#include <set>

#include "base/logging.h"
#include "lake/catalog.h"
#include "server/postgres_listener.h"
#include "server/remote_engine.h"
#include "server/sql_session.h"
#include "server/sql_worker.h"
#include "server/sql_writes.h"
#include "sql/column_type.h"
#include "storage/object_store.h"

namespace {

base::Result<> fill(lake::Catalog& catalog, sql::Database& database, const std::string& name,
                    const std::string& select) {
  if (catalog.table(name)) return {};
  const auto connection = TRY(database.connect());
  const auto statement = TRY(connection->prepare(select));
  columns::Schema schema;
  for (const auto& column : statement->columns()) {
    schema.fields.push_back(
        {column.name, sql::column_type(column.kind).value_or(columns::Type::kString), true});
  }
  const auto table = TRY(catalog.open_or_create(name, {.name = name, .schema = schema}));
  auto transaction = TRY(table->begin());
  for (auto& file : TRY(table->stage(*connection, select))) transaction->add(std::move(file));
  TRY(transaction->commit({.operation = "WRITE"}));
  return {};
}

struct Arguments {
  std::vector<std::string> tables;
  std::map<std::string, protocol::postgres::ScramVerifier> users;
  std::map<std::string, std::set<std::string>> rights;
  server::ProjectTables project;
  server::PostgresListener::Options listener;
};

Arguments read_arguments(char** first, char** last) {
  Arguments arguments;
  for (; first != last; ++first) {
    const std::string text = *first;
    const auto value = [&](std::string_view name) -> std::optional<std::string> {
      if (!text.starts_with(name)) return std::nullopt;
      return text.substr(name.size());
    };
    if (const auto user = value("--user=")) {
      const auto colon = user->find(':');
      arguments.users[user->substr(0, colon)] = protocol::postgres::make_scram_verifier(
          user->substr(colon + 1), protocol::postgres::scram_salt());
    } else if (const auto writes = value("--writes=")) {
      const auto colon = writes->find(':');
      arguments.rights[writes->substr(0, colon)].insert(writes->substr(colon + 1));
    } else if (const auto model = value("--model=")) {
      const auto colon = model->find(':');
      const auto second = model->find(':', colon + 1);
      arguments.project[model->substr(0, colon)] = {
          .model = "models/" + model->substr(0, colon) + ".sql",
          .key = {model->substr(colon + 1, second - colon - 1)},
          .description = model->substr(second + 1)};
    } else if (const auto certificate = value("--certificate=")) {
      arguments.listener.certificate = *certificate;
    } else if (const auto key = value("--key=")) {
      arguments.listener.key = *key;
    } else {
      arguments.tables.push_back(text);
    }
  }
  if (arguments.users.empty()) return arguments;
  arguments.listener.users =
      [users = arguments.users](
          const std::string& name) -> std::optional<protocol::postgres::ScramVerifier> {
    const auto found = users.find(name);
    return found == users.end() ? std::nullopt : std::optional(found->second);
  };
  return arguments;
}

base::Result<> serve(const std::string& lake_path, int port, Arguments arguments) {
  const auto& tables = arguments.tables;
  arguments.listener.address = fmt::format("127.0.0.1:{}", port);
  const auto store = TRY(storage::local_store(base::posix_file_system(), lake_path));
  const auto writer = TRY(sql::Database::open({}));
  const auto catalog = lake::make_catalog(*store, *writer);
  for (const auto& table : tables) {
    const auto equals = table.find('=');
    TRY(fill(*catalog, *writer, table.substr(0, equals), table.substr(equals + 1)));
  }
  const auto views = server::views_of(*catalog, arguments.project);
  server::SqlWrites writes(*catalog, *views,
                           {.program = "/proc/self/exe",
                            .lake = std::filesystem::absolute(lake_path),
                            .spill = std::filesystem::absolute(lake_path) / "_spill",
                            .rights = arguments.rights,
                            .project = arguments.project});
  auto workloads = server::default_workloads();
  workloads["dashboard"] = {.slots = 2, .threads = 2};
  workloads["short"] = {.slots = 1,
                        .timeout = std::chrono::milliseconds(500),
                        .queue = 1,
                        .queue_time = std::chrono::milliseconds(2000)};
  workloads["impatient"] = {.slots = 1, .idle = std::chrono::milliseconds(1000)};
  workloads["small"] = {.slots = 1, .memory = "128MB", .threads = 1, .cpu = 10};
  server::SqlWorkers workers(*views, {.program = "/proc/self/exe",
                                      .lake = std::filesystem::absolute(lake_path),
                                      .spill = std::filesystem::absolute(lake_path) / "_spill",
                                      .workloads = std::move(workloads),
                                      .writes = &writes});
  const auto listener = TRY(server::PostgresListener::start(
      arguments.listener,
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
  const auto served = serve(argv[1], std::atoi(argv[2]), read_arguments(argv + 3, argv + argc));
  if (!served) {
    std::cerr << served.error().to_string() << "\n";
    return 1;
  }
  return 0;
}
