#include "quality/suite.h"

#include <functional>

#include "quality/arguments.h"
#include "quality/validator.h"
#include "sql/database.h"

namespace quality {
namespace {

constexpr std::size_t kSuiteBytesMax = 16UL << 20;

// Whether one row alone tells whether it breaks the check.
bool judges_rows(const Check& check) {
  return check.over_rows && !check.repeats && !check.refine && check.source.empty() &&
         check.mostly >= 1;
}

std::string fails_sql(const Check& check) {
  std::string fails = fmt::format("({})", check.unexpected);
  if (!check.missing.empty()) fails = fmt::format("NOT ({}) AND {}", check.missing, fails);
  if (!check.where.empty()) fails = fmt::format("({}) AND {}", check.where, fails);
  return fails;
}

std::string failed_sql(const std::vector<Rule>& rules,
                       const std::function<bool(const Rule&)>& which) {
  std::vector<std::string> cases;
  for (const Rule& rule : rules) {
    if (!which(rule)) continue;
    cases.push_back(fmt::format("CASE WHEN {} THEN {} END", rule.fails,
                                sql::quote_text(rule.column + ": " + rule.reason)));
  }
  if (cases.empty()) return "";
  return fmt::format("NULLIF(concat_ws('; ', {}), '')", fmt::join(cases, ", "));
}

}  // namespace

std::string Suite::failed_rules_sql() const {
  return failed_sql(rules, [](const Rule& rule) { return rule.severity != Severity::kWarn; });
}

std::string Suite::failed_rules_sql(Severity severity) const {
  return failed_sql(rules, [severity](const Rule& rule) { return rule.severity == severity; });
}

base::Result<> Suite::check_columns(const columns::Schema& schema) const {
  for (const Rule& rule : rules) {
    for (const std::string& column : rule.columns) {
      if (schema.find(column)) continue;
      std::vector<std::string> names;
      for (const columns::Field& field : schema.fields) names.push_back(field.name);
      return std::unexpected(base::Error{
          .code = base::Code::kInvalid,
          .message = fmt::format("{}: there is no column '{}'", rule.expectation, column),
          .mend = nearest_of(column, names, "the columns")}
                                 .at(file, rule.line));
    }
  }
  return {};
}

base::Result<Suite> parse_suite(const std::string& text, const std::string& file) {
  Suite suite;
  suite.declared = TRY(parse_suite_file(text, file));
  suite.name = suite.declared.name;
  suite.file = file;
  const Rows unknown;
  for (const Expectation& declared : suite.declared.expectations) {
    Expectation expectation = declared;
    if (expectation.type == "expect_column_pair_values_a_to_be_greater_than_b" &&
        !expectation.kwargs.contains("ignore_row_if"))
      expectation.kwargs["ignore_row_if"] = "either_value_is_missing";
    auto check =
        compile(expectation, unknown, suite.declared.parameters, base::SystemClock().now_us());
    if (!check) {
      // Tables and columns are known when it is judged.
      if (check.error().code == base::Code::kNotFound) continue;
      return std::unexpected(in_expectation(std::move(check).error(), suite.declared, declared));
    }
    if (!judges_rows(*check)) continue;
    const auto reason = declared.meta.find("reason");
    suite.rules.push_back({.expectation = declared.type,
                           .column = check->columns.front(),
                           .reason = reason != declared.meta.end() && reason->is_string()
                                         ? reason->get<std::string>()
                                         : check->reason,
                           .fails = fails_sql(*check),
                           .columns = check->columns,
                           .severity = declared.severity,
                           .line = declared.line});
  }
  return suite;
}

base::Result<std::map<std::string, Suite>> load_suites(const base::Path& project) {
  std::map<std::string, Suite> suites;
  base::FileSystem& disk = base::posix_file_system();
  for (const std::string& name : TRY(disk.list(project / "quality"))) {
    if (!name.ends_with(".json")) continue;
    const base::Path path = project / "quality" / name;
    suites.emplace(
        name, TRY(parse_suite(TRY(base::read_file(disk, path, kSuiteBytesMax)), path.string())));
  }
  return suites;
}

}  // namespace quality
