#include "cli/tables_commands.h"

#include <iostream>

#include "cli/opened_lake.h"
#include "cli/print.h"
#include "lake/dml.h"

namespace cli {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

struct Flags {
  std::string table;
  std::string lake;  // a folder, instead of the project's
  std::string from, to, at, zorder, keep;
  std::int64_t version = -1;
  std::size_t limit = 20;
  bool as_json = false, dry_run = false, force = false;
};

using Lake = OpenedLake;

// Rows of JSON objects as a table for people, or as they are.
void show(const Flags& flags, const std::vector<std::string>& columns, const json& rows) {
  if (flags.as_json) {
    std::cout << rows.dump(2) << "\n";
    return;
  }
  std::vector<std::vector<std::string>> cells;
  for (const json& row : rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (const std::string& column : columns) line.push_back(cell(row.value(column, json())));
  }
  std::cout << table(columns, cells);
}

Result<> list(Lake& lake, const Flags& flags) {
  json rows = json::array();
  for (const std::string& name : TRY(lake.catalog->names(true))) {
    auto opened = lake.catalog->table(name);
    if (!opened) {
      rows.push_back({{"table", name}, {"problem", opened.error().message}});
      continue;
    }
    const auto snapshot = TRY((*opened)->snapshot());
    rows.push_back({{"table", name},
                    {"version", snapshot->version()},
                    {"files", snapshot->files().size()},
                    {"rows", snapshot->rows()},
                    {"bytes", snapshot->bytes()},
                    {"changed", base::format_rfc3339(snapshot->timestamp_us())},
                    {"problem", ""}});
  }
  show(flags, {"table", "version", "files", "rows", "bytes", "changed", "problem"}, rows);
  return {};
}

Result<> history(Lake& lake, const Flags& flags) {
  const auto table = TRY(lake.catalog->table(flags.table));
  json rows = json::array();
  for (const auto& entry : TRY(table->history(flags.limit))) {
    const json& info = entry.commit_info;
    rows.push_back(
        {{"version", entry.version},
         {"time", base::format_rfc3339(entry.timestamp_us)},
         {"operation", entry.operation},
         {"parameters", info.is_object() ? info.value("operationParameters", json()) : json()},
         {"by", info.is_object() ? info.value("engineInfo", json()) : json()}});
  }
  show(flags, {"version", "time", "operation", "parameters", "by"}, rows);
  return {};
}

Result<> describe(Lake& lake, const Flags& flags) {
  const auto table = TRY(lake.catalog->table(flags.table));
  const auto snapshot =
      TRY(flags.version >= 0 ? table->snapshot_at(flags.version) : table->snapshot());
  const lake::Metadata& metadata = snapshot->metadata();
  const auto types = TRY(lake.connection->query("DESCRIBE " + snapshot->scan_sql()));
  json columns = json::array();
  for (std::size_t row = 0; row < types->rows(); ++row) {
    const std::string name = types->text(0, row);
    const auto index = metadata.schema.find(name);
    columns.push_back({{"column", name},
                       {"type", types->text(1, row)},
                       {"nullable", !index || metadata.schema.fields[*index].nullable},
                       {"partition", std::ranges::find(metadata.partition_columns, name) !=
                                         metadata.partition_columns.end()}});
  }
  if (flags.as_json) {
    std::cout << json{{"table", flags.table},
                      {"version", snapshot->version()},
                      {"id", metadata.id},
                      {"files", snapshot->files().size()},
                      {"rows", snapshot->rows()},
                      {"bytes", snapshot->bytes()},
                      {"properties", metadata.configuration},
                      {"columns", columns}}
                     .dump(2)
              << "\n";
    return {};
  }
  std::cout << fmt::format("{} at version {}: {} rows in {} files, {} bytes\n", flags.table,
                           snapshot->version(), snapshot->rows(), snapshot->files().size(),
                           snapshot->bytes());
  for (const auto& [key, value] : metadata.configuration) {
    std::cout << fmt::format("  {} = {}\n", key, value);
  }
  show(flags, {"column", "type", "nullable", "partition"}, columns);
  return {};
}

Result<std::shared_ptr<const lake::Snapshot>> version_of(lake::Table& table,
                                                         const std::string& text) {
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
    return table.snapshot_at(std::stoll(text.substr(0, 18)));
  }
  const auto time_us = base::parse_timestamp(text);
  if (!time_us) {
    return base::fail_with(Code::kInvalid, fmt::format("\"{}\" is no version and no time", text),
                           "write a version's number, or a time such as 2026-01-31T08:00:00Z");
  }
  return table.snapshot_as_of(*time_us);
}

Result<> diff(Lake& lake, const Flags& flags) {
  const auto table = TRY(lake.catalog->table(flags.table));
  const auto from = TRY(version_of(*table, flags.from));
  const auto to = TRY(version_of(*table, flags.to));
  if (from->metadata().schema != to->metadata().schema) {
    std::cout << fmt::format(
        "the columns of version {} and {} differ; rows are compared by the "
        "columns of both\n",
        from->version(), to->version());
  }
  std::string columns;
  for (const auto& field : from->metadata().schema.fields) {
    if (!to->metadata().schema.find(field.name)) continue;
    columns += (columns.empty() ? "" : ", ") + sql::quote_name(field.name);
  }
  const auto side = [&](const lake::Snapshot& one) {
    return fmt::format("SELECT {} FROM ({})", columns, one.scan_sql());
  };
  json rows = json::array();
  std::vector<std::string> header = {"change"};
  for (const auto& [sign, a, b] : {std::tuple("-", &*from, &*to), std::tuple("+", &*to, &*from)}) {
    const auto found = TRY(lake.connection->query(
        fmt::format("SELECT * FROM (({}) EXCEPT ALL ({})) ORDER BY ALL LIMIT {}", side(*a),
                    side(*b), flags.limit)));
    header.resize(1);
    for (const auto& column : found->columns()) header.push_back(column.name);
    for (std::size_t row = 0; row < found->rows(); ++row) {
      json& line = rows.emplace_back(json{{"change", sign}});
      for (std::size_t i = 0; i < found->columns().size(); ++i) {
        line[found->columns()[i].name] = found->json(i, row);
      }
    }
  }
  show(flags, header, rows);
  return {};
}

Result<> restore(Lake& lake, const Flags& flags) {
  const auto table = TRY(lake.catalog->table(flags.table));
  const auto then = TRY(version_of(*table, flags.at));
  const auto done = TRY(lake::restore(*table, then->version()));
  std::cout << fmt::format("{} is as it was at version {}; this is version {}\n", flags.table,
                           then->version(), done.version);
  return {};
}

Result<> optimize(Lake& lake, const Flags& flags) {
  const auto table = TRY(lake.catalog->table(flags.table));
  lake::OptimizeOptions options{.files_min = 2};
  std::string column;
  for (const char c : flags.zorder + ",") {
    if (c != ',') {
      column += c;
    } else if (!column.empty()) {
      options.zorder.push_back(std::exchange(column, ""));
    }
  }
  std::cout << fmt::format("{} files of {} replaced\n", TRY(table->optimize(options)), flags.table);
  return {};
}

Result<> vacuum(Lake& lake, const Flags& flags) {
  const auto table = TRY(lake.catalog->table(flags.table));
  lake::VacuumOptions options{
      .force = flags.force, .dry_run = flags.dry_run, .now_us = base::SystemClock().now_us()};
  if (!flags.keep.empty()) options.keep_us = TRY(base::parse_duration_us(flags.keep));
  const lake::Vacuumed done = TRY(table->vacuum(options));
  if (flags.as_json) {
    std::cout
        << json{{"paths", done.paths}, {"bytes", done.bytes}, {"dry_run", flags.dry_run}}.dump(2)
        << "\n";
    return {};
  }
  if (flags.dry_run) {
    for (const std::string& path : done.paths) std::cout << path << "\n";
  }
  std::cout << fmt::format("{} files, {} bytes {}\n", done.paths.size(), done.bytes,
                           flags.dry_run ? "would be deleted" : "deleted");
  return {};
}

Result<> fsck(Lake& lake, const Flags& flags) {
  std::vector<std::string> names = {flags.table};
  if (flags.table.empty()) names = TRY(lake.catalog->names(true));
  json rows = json::array();
  for (const std::string& name : names) {
    const auto table = lake.catalog->table(name);
    if (!table) {
      rows.push_back({{"table", name}, {"path", ""}, {"problem", table.error().to_string()}});
      continue;
    }
    for (const lake::Finding& one : TRY((*table)->check())) {
      rows.push_back({{"table", name}, {"path", one.path}, {"problem", one.what}});
    }
  }
  show(flags, {"table", "path", "problem"}, rows);
  if (rows.empty()) return {};
  return base::fail_with(
      Code::kCorrupt, fmt::format("{} problems found", rows.size()),
      "restore the table to a version whose files are there, or bring them back");
}

}  // namespace

void add_tables_commands(CLI::App& app, const std::string& project,
                         std::function<Result<>()>& run) {
  auto* tables = app.add_subcommand("tables", "the lake's tables: history, repair, upkeep")
                     ->require_subcommand(1);
  const auto flags = std::make_shared<Flags>();
  const auto add = [&, flags](const char* name, const char* what,
                              Result<> (*command)(Lake&, const Flags&)) {
    auto* sub = tables->add_subcommand(name, what);
    sub->add_flag("--json", flags->as_json, "for programs");
    sub->add_option("--lake", flags->lake,
                    "a lake's folder or s3:// URL, instead of the project's");
    sub->callback([&project, &run, flags, command] {
      run = [&project, flags, command]() -> Result<> {
        Lake lake = TRY(open_lake(project, flags->lake));
        return command(lake, *flags);
      };
    });
    return sub;
  };
  const auto add_one = [&](const char* name, const char* what,
                           Result<> (*command)(Lake&, const Flags&)) {
    auto* sub = add(name, what, command);
    sub->add_option("table", flags->table, "its name, for example silver.scans")->required();
    return sub;
  };
  add("list", "every table with its size", list);
  add_one("history", "the newest versions and what made them", history)
      ->add_option("--limit", flags->limit, "versions at most");
  add_one("describe", "columns and properties", describe)
      ->add_option("--version", flags->version, "at this version");
  auto* compare = add_one("diff", "rows that differ between two versions", diff);
  compare->add_option("from", flags->from, "a version or a time")->required();
  compare->add_option("to", flags->to, "a version or a time")->required();
  compare->add_option("--limit", flags->limit, "rows at most of each side");
  add_one("restore", "make it what it was, as a new version", restore)
      ->add_option("at", flags->at, "a version or a time")
      ->required();
  add_one("optimize", "join small files", optimize)
      ->add_option("--zorder", flags->zorder, "columns by which rows come near each other: a,b");
  auto* clean = add_one("vacuum", "delete files that no kept version needs", vacuum);
  clean->add_flag("--dry-run", flags->dry_run, "only say which");
  clean->add_option("--keep", flags->keep, "how long, for example 7d; as the table says otherwise");
  clean->add_flag("--force", flags->force, "allow less than the table promises");
  add("fsck", "look for what is wrong", fsck)->add_option("table", flags->table, "only this one");
}

}  // namespace cli
