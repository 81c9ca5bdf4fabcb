#include "cli/quality_commands.h"

#include <filesystem>
#include <iostream>

#include "base/clock.h"
#include "cli/opened_lake.h"
#include "cli/print.h"
#include "quality/profile.h"
#include "quality/validator.h"

namespace cli {
namespace {

using base::Result;
using nlohmann::json;

constexpr std::size_t kSuiteBytesMax = 16UL << 20;

struct Flags {
  std::string suite;
  std::string table, file, lake;
  std::vector<std::string> others;  // NAME=FILE
  std::string result_format = "SUMMARY";
  std::vector<std::string> index_columns;
  std::vector<std::string> parameters;  // NAME=VALUE
  std::string out;                      // of profile
  bool as_json = false;
};

// What is judged, and all that keeps it readable.
struct Source {
  OpenedLake lake;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<sql::Connection> own;
  std::shared_ptr<const lake::Snapshot> snapshot;
  quality::Rows rows;
  sql::Connection& connection() { return own ? *own : *lake.connection; }
};

// What stands behind FROM for a file; a CSV is read once, into a temporary table.
Result<std::string> from_file(sql::Connection& connection, const std::string& file,
                              const std::string& name) {
  if (!std::filesystem::exists(file))
    return base::fail_with(base::Code::kNotFound, fmt::format("there is no file '{}'", file),
                           "name a .csv, .json or .parquet file");
  const std::string path = sql::quote_text(file);
  if (file.ends_with(".parquet")) return fmt::format("read_parquet({})", path);
  const bool is_json =
      file.ends_with(".json") || file.ends_with(".ndjson") || file.ends_with(".jsonl");
  TRY(connection.execute(
      fmt::format("CREATE TEMP TABLE {} AS SELECT * FROM {}", sql::quote_name(name),
                  is_json ? fmt::format("read_json_auto({})", path)
                          : fmt::format("read_csv({}, sample_size = -1)", path))));
  return sql::quote_name(name);
}

Result<std::pair<std::string, std::string>> pair_of(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0)
    return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is no NAME=VALUE", text),
                           "write a name, =, and what it stands for");
  return std::pair(text.substr(0, at), text.substr(at + 1));
}

Result<Source> open_source(const std::string& project, const Flags& flags) {
  Source source;
  if (flags.table.empty() == flags.file.empty())
    return base::fail_with(base::Code::kInvalid, "one of --table and --file is needed",
                           "name a table of the lake, or a file");
  std::string from;
  if (!flags.table.empty()) {
    source.lake = TRY(open_lake(project, flags.lake));
    source.snapshot = TRY(TRY(source.lake.catalog->table(flags.table))->snapshot());
    from = fmt::format("({})", source.snapshot->scan_sql());
  } else {
    source.database = TRY(sql::Database::open({.memory_limit = "4GB", .threads = 2}));
    source.own = TRY(source.database->connect());
    from = TRY(from_file(*source.own, flags.file, "batch"));
  }
  source.rows = TRY(quality::describe_rows(source.connection(), from));
  for (const std::string& other : flags.others) {
    const auto [name, file] = TRY(pair_of(other));
    source.rows.others[name] = TRY(from_file(source.connection(), file, "other " + name));
  }
  return source;
}

std::string observed(const json& one) {
  if (one["exception_info"]["raised_exception"] == true)
    return cell(one["exception_info"]["exception_message"]);
  const json& result = one["result"];
  if (result.contains("observed_value")) return cell(result["observed_value"]);
  if (!result.contains("unexpected_count")) return "";
  return fmt::format("{} of {} unexpected", cell(result["unexpected_count"]),
                     cell(result["element_count"]));
}

std::string target_of(const json& kwargs) {
  if (kwargs.contains("column")) return cell(kwargs["column"]);
  if (kwargs.contains("column_A"))
    return fmt::format("{}, {}", cell(kwargs["column_A"]), cell(kwargs.value("column_B", json())));
  return kwargs.contains("column_list") ? cell(kwargs["column_list"]) : "";
}

void show(const json& validation) {
  std::vector<std::vector<std::string>> rows;
  for (const json& one : validation["results"]) {
    const json& config = one["expectation_config"];
    rows.push_back({one["success"] == true ? "met" : "not met", cell(config["type"]),
                    target_of(config["kwargs"]), observed(one)});
  }
  std::cout << table({"", "expectation", "columns", "found"}, rows);
  const json& sums = validation["statistics"];
  std::cout << fmt::format("{} of {} expectations are met\n", cell(sums["successful_expectations"]),
                           cell(sums["evaluated_expectations"]));
}

Result<quality::ValidateOptions> options_of(const Flags& flags) {
  quality::ValidateOptions options;
  options.format = TRY(quality::ResultFormat::from(flags.result_format, {}));
  options.format.index_columns = flags.index_columns;
  options.now_us = base::SystemClock().now_us();
  for (const std::string& text : flags.parameters) {
    const auto [name, value] = TRY(pair_of(text));
    const json parsed = json::parse(value, nullptr, false);
    options.parameters[name] = parsed.is_discarded() ? json(value) : parsed;
  }
  return options;
}

Result<> validate(const std::string& project, const Flags& flags) {
  const quality::SuiteFile suite = TRY(quality::parse_suite_file(
      TRY(base::read_file(base::posix_file_system(), flags.suite, kSuiteBytesMax)), flags.suite));
  const quality::ValidateOptions options = TRY(options_of(flags));
  Source source = TRY(open_source(project, flags));
  const json validation = TRY(quality::validate(source.connection(), source.rows, suite, options));
  if (flags.as_json) {
    std::cout << validation.dump(2) << "\n";
  } else {
    show(validation);
  }
  if (validation["success"] == true) return {};
  return base::fail(base::Code::kInvalid, "{} of {} expectations of {} are not met",
                    cell(validation["statistics"]["unsuccessful_expectations"]),
                    cell(validation["statistics"]["evaluated_expectations"]), suite.name);
}

Result<> profile(const std::string& project, const Flags& flags) {
  Source source = TRY(open_source(project, flags));
  const std::string name = flags.table.empty() ? base::Path(flags.file).stem().string()
                                               : flags.table.substr(flags.table.find('.') + 1);
  const json suite = TRY(quality::propose_suite(source.connection(), source.rows, name));
  if (flags.out.empty()) {
    std::cout << suite.dump(2) << "\n";
    return {};
  }
  TRY(base::create_file_durably(base::posix_file_system(), flags.out, suite.dump(2) + "\n"));
  std::cout << fmt::format("{} expectations are in {}\n", suite["expectations"].size(), flags.out);
  return {};
}

}  // namespace

void add_quality_commands(CLI::App& app, const std::string& project,
                          std::function<Result<>()>& run) {
  const auto flags = std::make_shared<Flags>();
  auto* validate_command = app.add_subcommand("validate", "hold a suite against a table or a file");
  validate_command->add_option("suite", flags->suite, "its JSON file")->required();
  validate_command->add_option("--table", flags->table, "a table of the lake: gold.carriers");
  validate_command->add_option("--file", flags->file, "a .csv, .json or .parquet file");
  validate_command->add_option("--lake", flags->lake, "a lake's folder, instead of the project's");
  validate_command->add_option("--with", flags->others, "a further table: NAME=FILE");
  validate_command
      ->add_option("--result-format", flags->result_format,
                   "BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE")
      ->check(CLI::IsMember({"BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE"}));
  validate_command->add_option("--index", flags->index_columns,
                               "columns that say which rows are unexpected");
  validate_command->add_option("--parameter", flags->parameters, "of the suite: NAME=VALUE");
  validate_command->add_flag("--json", flags->as_json, "Great Expectations' result");
  validate_command->callback(
      [&project, &run, flags] { run = [&project, flags] { return validate(project, *flags); }; });
  auto* profile_command =
      app.add_subcommand("profile", "propose a suite from a table's or a file's rows");
  profile_command->add_option("--table", flags->table, "a table of the lake");
  profile_command->add_option("--file", flags->file, "a .csv, .json or .parquet file");
  profile_command->add_option("--lake", flags->lake, "a lake's folder, instead of the project's");
  profile_command->add_option("--suite", flags->out, "the new suite's file; printed without");
  profile_command->callback(
      [&project, &run, flags] { run = [&project, flags] { return profile(project, *flags); }; });
}

}  // namespace cli
