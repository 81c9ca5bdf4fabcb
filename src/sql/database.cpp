#include "sql/database.h"

#include "sql/connection.h"
#include "sql/error.h"
#include "sql/handles.h"
#include "sql/postgres_functions.h"

namespace sql {
namespace {

class DuckDatabase final : public Database {
 public:
  explicit DuckDatabase(DatabaseHandle handle)
      : handle_(std::make_shared<DatabaseHandle>(std::move(handle))) {}

  base::Result<> register_functions(bool serving) {
    ConnectionHandle connection;
    if (duckdb_connect(handle_->get(), connection.out()) != DuckDBSuccess) {
      return base::fail(base::Code::kUnavailable, "DuckDB takes no connection");
    }
    if (serving) TRY(register_postgres_functions(connection.get()));
    return register_batch_function(connection.get(), batches_);
  }

  base::Result<std::unique_ptr<Connection>> connect() override {
    ConnectionHandle connection;
    if (duckdb_connect(handle_->get(), connection.out()) != DuckDBSuccess) {
      return base::fail(base::Code::kUnavailable, "DuckDB takes no connection");
    }
    return make_connection(handle_, batches_, std::move(connection));
  }

 private:
  std::shared_ptr<DatabaseHandle> handle_;
  std::shared_ptr<SharedBatches> batches_ = std::make_shared<SharedBatches>();
};

base::Result<> set(const ConfigHandle& config, const char* name, const std::string& value) {
  if (duckdb_set_config(config.get(), name, value.c_str()) == DuckDBSuccess) return {};
  return base::fail(base::Code::kInvalid, "DuckDB has no setting '{}' with the value '{}'", name,
                    value);
}

// Settings that need the database open; the lock comes last.
base::Result<> settle(Connection& connection, const Options& options) {
  TRY(connection.execute("SET GLOBAL TimeZone = 'UTC'"));
  if (!options.locked) return {};
  if (!options.allowed_directory.empty()) {
    std::string directory = options.allowed_directory;
    if (!directory.ends_with('/')) directory.push_back('/');
    TRY(connection.execute(
        fmt::format("SET GLOBAL allowed_directories = [{}]", quote_text(directory))));
  }
  TRY(connection.execute("SET GLOBAL enable_external_access = false"));
  return connection.execute("SET GLOBAL lock_configuration = true");
}

}  // namespace

base::Result<std::unique_ptr<Database>> Database::open(const Options& options) {
  ConfigHandle config;
  if (duckdb_create_config(config.out()) != DuckDBSuccess) {
    return base::fail(base::Code::kLimit, "DuckDB has no memory for its settings");
  }
  TRY(set(config, "memory_limit", options.memory_limit));
  TRY(set(config, "threads", std::to_string(options.threads)));
  TRY(set(config, "temp_directory", options.temporary_directory));
  TRY(set(config, "autoinstall_known_extensions", "false"));
  TRY(set(config, "autoload_known_extensions", "false"));
  TRY(set(config, "allow_community_extensions", "false"));
  // Rows in the order in which they came.
  TRY(set(config, "preserve_insertion_order", "true"));
  // Clients order as in PostgreSQL: nulls are the greatest values.
  if (options.locked) TRY(set(config, "default_null_order", "nulls_last_on_asc_first_on_desc"));
  DatabaseHandle handle;
  char* message = nullptr;
  if (duckdb_open_ext(nullptr, handle.out(), config.get(), &message) != DuckDBSuccess) {
    auto error = fail_duckdb(base::Code::kInvalid, message);
    duckdb_free(message);
    return error;
  }
  auto database = std::make_unique<DuckDatabase>(std::move(handle));
  TRY(database->register_functions(options.locked));
  const auto connection = TRY(database->connect());
  TRY(settle(*connection, options));
  return database;
}

}  // namespace sql
