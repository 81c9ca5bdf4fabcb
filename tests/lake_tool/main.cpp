// Writes and reads tables from the command line, so that other engines can be tried on them, and
// measures the lake. ROOT is a folder or an s3:// URL. Usage: lake_tool ROOT COMMAND TABLE ARGUMENT…
//   create TABLE "id bigint not null, day date" [day,…]
//   append TABLE SELECT | overwrite TABLE SELECT | replace TABLE COLUMN VALUE SELECT
//   upsert TABLE key,… SELECT | compact TABLE | vacuum TABLE KEEP_SECONDS
//   add-column TABLE NAME TYPE | drop-not-null TABLE COLUMN | set TABLE NAME=VALUE…
//   clean-log TABLE KEEP_SECONDS | read TABLE FILE.parquet [VERSION] | measure TABLE
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lake/dml.h"
#include "lake/upsert.h"
#include "measure.h"
#include "storage/s3_store.h"

namespace {

using base::Code;
using base::Result;
using Arguments = std::vector<std::string>;

struct Lake {
  base::Path copies;  // of what lies on S3; goes at the end
  std::unique_ptr<storage::ObjectStore> store;
  ~Lake() {
    if (!copies.empty()) std::filesystem::remove_all(copies);
  }
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<sql::Connection> connection;
};

Result<std::unique_ptr<storage::ObjectStore>> open_store(const std::string& root, Lake& lake) {
  base::FileSystem& disk = base::posix_file_system();
  if (!root.starts_with("s3://")) return storage::local_store(disk, root);
  static const base::SystemClock clock;
  lake.copies = std::filesystem::temp_directory_path() / fmt::format("lake-tool-{}", ::getpid());
  return storage::s3_store(
      disk, clock, {.location = TRY(storage::parse_s3_url(root)), .cache = lake.copies});
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (start <= text.size() && !text.empty()) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + separator.size();
  }
  return parts;
}

Result<> create(Lake& lake, const Arguments& arguments) {
  lake::Table::CreateOptions options;
  options.name = arguments[0];
  for (std::string column : split(arguments[1], ", ")) {
    const std::size_t not_null = column.find(" not null");
    const bool nullable = not_null == std::string::npos;
    if (!nullable) column.erase(not_null);
    const std::size_t space = column.find(' ');
    options.schema.fields.push_back({.name = column.substr(0, space),
                                     .type = TRY(columns::parse_type(column.substr(space + 1))),
                                     .nullable = nullable});
  }
  if (arguments.size() > 2) options.partition_columns = split(arguments[2], ",");
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    const std::size_t equals = arguments[i].find('=');
    options.configuration[arguments[i].substr(0, equals)] = arguments[i].substr(equals + 1);
  }
  TRY(lake::Table::create(*lake.store, *lake.database, arguments[0], options));
  return {};
}

Result<> write(Lake& lake, const std::string& path, const std::string& select,
               const std::function<bool(const lake::AddFile&)>& replaces) {
  const auto table = TRY(lake::Table::open(*lake.store, *lake.database, path));
  const auto transaction = TRY(table->begin());
  for (const auto& file : transaction->base().files()) {
    if (!replaces(file)) continue;
    transaction->read_partitions({file.partition_values});
    transaction->remove(file);
  }
  for (auto& file : TRY(table->stage(*lake.connection, select))) transaction->add(std::move(file));
  const auto version = TRY(transaction->commit({.operation = "WRITE"}));
  fmt::print("version {}\n", version);
  return {};
}

Result<> print(const lake::Changed& done) {
  fmt::print("version {} inserted {} updated {} deleted {}\n", done.version, done.rows_inserted,
             done.rows_updated, done.rows_deleted);
  return {};
}

Result<std::shared_ptr<lake::Table>> open(Lake& lake, const std::string& path) {
  return lake::Table::open(*lake.store, *lake.database, path);
}

Result<> append(Lake& lake, const Arguments& arguments) {
  const bool merges = arguments.size() > 2 && arguments[2] == "merge-schema";
  return print(TRY(lake::append(*TRY(open(lake, arguments[0])), *lake.connection, arguments[1],
                                {.merge_schema = merges})));
}

Result<> delete_rows(Lake& lake, const Arguments& arguments) {
  return print(
      TRY(lake::delete_where(*TRY(open(lake, arguments[0])), *lake.connection, arguments[1])));
}

// update TABLE COLUMN VALUE CONDITION
Result<> update(Lake& lake, const Arguments& arguments) {
  return print(TRY(lake::update_where(*TRY(open(lake, arguments[0])), *lake.connection,
                                      {{arguments[1], arguments[2]}}, arguments[3])));
}

// merge TABLE SOURCE ON: updates what matches, inserts the rest.
Result<> merge(Lake& lake, const Arguments& arguments) {
  using Clause = lake::MergeClause;
  return print(TRY(lake::merge(
      *TRY(open(lake, arguments[0])), *lake.connection,
      {.source = arguments[1],
       .on = arguments[2],
       .clauses = {{.what = Clause::Do::kUpdate},
                   {.when = Clause::When::kNotMatched, .what = Clause::Do::kInsert}}})));
}

Result<> replace_where(Lake& lake, const Arguments& arguments) {
  return print(TRY(lake::replace_where(*TRY(open(lake, arguments[0])), *lake.connection,
                                       arguments[1], arguments[2])));
}

Result<> overwrite_partitions(Lake& lake, const Arguments& arguments) {
  return print(TRY(
      lake::overwrite_partitions(*TRY(open(lake, arguments[0])), *lake.connection, arguments[1])));
}

Result<> restore(Lake& lake, const Arguments& arguments) {
  return print(
      TRY(lake::restore(*TRY(open(lake, arguments[0])), std::atoll(arguments[1].c_str()))));
}

Result<> zorder(Lake& lake, const Arguments& arguments) {
  fmt::print("replaced {}\n",
             TRY(TRY(open(lake, arguments[0]))->optimize({.zorder = split(arguments[1], ",")})));
  return {};
}

// append-many TABLE SELECT TIMES: `{n}` in the SELECT is the number of the append.
Result<> append_many(Lake& lake, const Arguments& arguments) {
  const auto table = TRY(open(lake, arguments[0]));
  for (int i = 0; i < std::atoi(arguments[2].c_str()); ++i) {
    std::string select = arguments[1];
    for (std::size_t at = select.find("{n}"); at != std::string::npos; at = select.find("{n}")) {
      select.replace(at, 3, std::to_string(i));
    }
    const auto done = lake::append(*table, *lake.connection, select);
    fmt::print("{}\n", done ? fmt::format("ok {}", i) : "failed: " + done.error().to_string());
    std::fflush(stdout);
  }
  return {};
}

Result<> overwrite(Lake& lake, const Arguments& arguments) {
  return print(
      TRY(lake::overwrite(*TRY(open(lake, arguments[0])), *lake.connection, arguments[1])));
}

Result<> replace(Lake& lake, const Arguments& arguments) {
  return write(lake, arguments[0], arguments[3], [&](const lake::AddFile& file) {
    const auto it = file.partition_values.find(arguments[1]);
    return it != file.partition_values.end() && it->second == arguments[2];
  });
}

Result<> upsert(Lake& lake, const Arguments& arguments) {
  const auto table = TRY(lake::Table::open(*lake.store, *lake.database, arguments[0]));
  const auto transaction = TRY(table->begin());
  TRY(lake.connection->execute("CREATE TEMP TABLE changed AS " + arguments[2]));
  const auto done = TRY(lake::stage_upsert(*table, *lake.connection, *transaction, "changed",
                                           split(arguments[1], ",")));
  TRY(transaction->commit({.operation = "MERGE"}));
  fmt::print("inserted {} updated {}\n", done.rows_inserted, done.rows_updated);
  return {};
}

Result<> compact(Lake& lake, const Arguments& arguments) {
  const auto table = TRY(lake::Table::open(*lake.store, *lake.database, arguments[0]));
  fmt::print("replaced {}\n", TRY(table->compact(16 << 20, 2)));
  return {};
}

Result<> vacuum(Lake& lake, const Arguments& arguments) {
  const auto table = TRY(lake::Table::open(*lake.store, *lake.database, arguments[0]));
  const std::int64_t keep_us = std::atoll(arguments[1].c_str()) * base::kUsPerSecond;
  fmt::print("deleted {}\n", TRY(table->vacuum(keep_us, base::SystemClock().now_us())));
  return {};
}

Result<> add_column(Lake& lake, const Arguments& arguments) {
  const auto version =
      TRY(lake::add_column(*TRY(open(lake, arguments[0])), arguments[1], arguments[2]));
  fmt::print("version {}\n", version);
  return {};
}

Result<> drop_not_null(Lake& lake, const Arguments& arguments) {
  fmt::print("version {}\n",
             TRY(lake::drop_not_null(*TRY(open(lake, arguments[0])), arguments[1])));
  return {};
}

Result<> set_properties(Lake& lake, const Arguments& arguments) {
  std::map<std::string, std::optional<std::string>> properties;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::size_t equals = arguments[i].find('=');
    properties[arguments[i].substr(0, equals)] = arguments[i].substr(equals + 1);
  }
  fmt::print("version {}\n", TRY(lake::set_properties(*TRY(open(lake, arguments[0])),
                                                      *lake.connection, properties)));
  return {};
}

Result<> clean_log(Lake& lake, const Arguments& arguments) {
  const std::int64_t keep_us = std::atoll(arguments[1].c_str()) * base::kUsPerSecond;
  fmt::print("deleted {}\n",
             TRY(TRY(open(lake, arguments[0]))->clean_log(keep_us, base::SystemClock().now_us())));
  return {};
}

Result<> read(Lake& lake, const Arguments& arguments) {
  const auto table = TRY(lake::Table::open(*lake.store, *lake.database, arguments[0]));
  const auto snapshot = arguments.size() > 2
                            ? TRY(table->snapshot_at(std::atoll(arguments[2].c_str())))
                            : TRY(table->snapshot());
  TRY(lake.connection->execute("COPY (" + snapshot->scan_sql() + ") TO " +
                               sql::quote_text(arguments[1]) + " (FORMAT parquet)"));
  fmt::print("version {} rows {}\n", snapshot->version(), snapshot->rows());
  return {};
}

Result<> measure(Lake& lake, const Arguments& arguments) {
  return lake_tool::measure(*lake.store, *lake.database, arguments[0]);
}

struct Command {
  std::size_t arguments_min;
  Result<> (*run)(Lake&, const Arguments&);
};

const std::map<std::string, Command> kCommands = {
    {"create", {2, create}},
    {"append", {2, append}},
    {"overwrite", {2, overwrite}},
    {"replace", {4, replace}},
    {"upsert", {3, upsert}},
    {"compact", {1, compact}},
    {"delete", {2, delete_rows}},
    {"update", {4, update}},
    {"merge", {3, merge}},
    {"replace-where", {3, replace_where}},
    {"overwrite-partitions", {2, overwrite_partitions}},
    {"restore", {2, restore}},
    {"zorder", {2, zorder}},
    {"append-many", {3, append_many}},
    {"vacuum", {2, vacuum}},
    {"add-column", {3, add_column}},
    {"drop-not-null", {2, drop_not_null}},
    {"set", {2, set_properties}},
    {"clean-log", {2, clean_log}},
    {"read", {2, read}},
    {"measure", {1, measure}},
};

Result<> run(const Arguments& arguments) {
  if (arguments.size() < 3) return base::fail(Code::kInvalid, "too few arguments");
  const auto command = kCommands.find(arguments[1]);
  const Arguments rest(arguments.begin() + 2, arguments.end());
  if (command == kCommands.end() || rest.size() < command->second.arguments_min) {
    return base::fail(Code::kInvalid, "no such command, or too few arguments: {}", arguments[1]);
  }
  Lake lake;
  lake.store = TRY(open_store(arguments[0], lake));
  lake.database = TRY(sql::Database::open({}));
  lake.connection = TRY(lake.database->connect());
  return command->second.run(lake, rest);
}

}  // namespace

int main(int count, char** values) {
  const auto done = run(Arguments(values + 1, values + count));
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().to_string());
  return 1;
}
