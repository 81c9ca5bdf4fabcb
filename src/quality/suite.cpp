#include "quality/suite.h"

#include <algorithm>

#include "base/edit_distance.h"
#include "base/yaml.h"
#include "sql/database.h"

namespace quality {
namespace {

using nlohmann::json;

std::string literal(const json& value) {
  if (value.is_string()) return sql::quote_text(value.get<std::string>());
  if (value.is_boolean()) return value.get<bool>() ? "TRUE" : "FALSE";
  if (value.is_null()) return "NULL";
  return value.dump();
}

// Without the nulls: they pass every set, and in SQL one of them would make every answer unknown.
base::Result<std::string> value_set(const json& kwargs) {
  const auto it = kwargs.find("value_set");
  if (it == kwargs.end() || !it->is_array()) {
    return base::fail_with(base::Code::kInvalid, "'value_set' is missing or no list",
                           R"(add "value_set": [ … ] to its kwargs)");
  }
  std::vector<std::string> texts;
  for (const json& value : *it) {
    if (!value.is_null()) texts.push_back(literal(value));
  }
  if (texts.empty()) {
    return base::fail_with(base::Code::kInvalid, "'value_set' has no values",
                           "use expect_column_values_to_be_null, or leave the expectation out");
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

// " (did you mean 'x'?)" in front of a list of what there is.
std::string nearest_of(const std::string& word, const std::vector<std::string>& known,
                       std::string_view what) {
  std::string mend;
  const auto nearest =
      std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
        return base::edit_distance(a, word) < base::edit_distance(b, word);
      });
  if (nearest != known.end() && base::edit_distance(*nearest, word) <= 3 + word.size() / 8) {
    mend = fmt::format("did you mean '{}'? ", *nearest);
  }
  return fmt::format("{}{} are {}", mend, what, fmt::join(known, ", "));
}

// "at least 1 and at most 5", and the SQL that is true outside of it.
struct Bounds {
  std::string text;
  std::string outside;
};

Bounds bounds(const std::string& value, const json& k) {
  Bounds b;
  const auto add = [&](const char* key, const char* strict_key, const char* op,
                       const char* strict_op, const char* word, const char* strict_word) {
    if (!k.contains(key) || k[key].is_null()) return;
    const bool strict = k.value(strict_key, false);
    if (!b.outside.empty()) {
      b.outside += " OR ";
      b.text += " and ";
    }
    b.outside += fmt::format("{} {} {}", value, strict ? strict_op : op, literal(k[key]));
    b.text += fmt::format("{} {}", strict ? strict_word : word, literal(k[key]));
  };
  add("min_value", "strict_min", "<", "<=", "at least", "more than");
  add("max_value", "strict_max", ">", ">=", "at most", "less than");
  return b;
}

// One entry per expectation: what must be there and how a row fails it.
using Compile = base::Result<> (*)(const json& kwargs, const std::string& column, Rule& rule);

base::Result<> need(const json& kwargs, const char* key) {
  if (kwargs.contains(key) && !kwargs[key].is_null()) return {};
  return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is missing", key),
                         fmt::format("add \"{}\" to its kwargs", key));
}

base::Result<> not_null(const json&, const std::string& c, Rule& rule) {
  rule.fails = c + " IS NULL";
  rule.reason = "is missing";
  return {};
}
base::Result<> null(const json&, const std::string& c, Rule& rule) {
  rule.fails = c + " IS NOT NULL";
  rule.reason = "must be empty";
  return {};
}
base::Result<> between(const json& k, const std::string& c, Rule& rule) {
  const Bounds b = bounds(c, k);
  if (b.outside.empty()) return need(k, "min_value");
  rule.fails = b.outside;
  rule.reason = "must be " + b.text;
  return {};
}
base::Result<> lengths_between(const json& k, const std::string& c, Rule& rule) {
  const Bounds b = bounds(fmt::format("length({})", c), k);
  if (b.outside.empty()) return need(k, "min_value");
  rule.fails = b.outside;
  rule.reason = fmt::format("must have {} characters", b.text);
  return {};
}
base::Result<> in_set(const json& k, const std::string& c, Rule& rule) {
  const std::string values = TRY(value_set(k));
  rule.fails = fmt::format("{} NOT IN ({})", c, values);
  rule.reason = fmt::format("must be one of {}", values);
  return {};
}
base::Result<> not_in_set(const json& k, const std::string& c, Rule& rule) {
  const std::string values = TRY(value_set(k));
  rule.fails = fmt::format("{} IN ({})", c, values);
  rule.reason = fmt::format("must be none of {}", values);
  return {};
}
base::Result<> match(const json& k, const std::string& c, Rule& rule) {
  TRY(need(k, "regex"));
  rule.fails = fmt::format("NOT regexp_matches({}, {})", c, literal(k["regex"]));
  rule.reason = fmt::format("must match {}", k["regex"].get<std::string>());
  return {};
}
base::Result<> not_match(const json& k, const std::string& c, Rule& rule) {
  TRY(need(k, "regex"));
  rule.fails = fmt::format("regexp_matches({}, {})", c, literal(k["regex"]));
  rule.reason = fmt::format("must not match {}", k["regex"].get<std::string>());
  return {};
}
base::Result<> pair_greater(const json& k, const std::string&, Rule& rule) {
  TRY(need(k, "column_A"));
  TRY(need(k, "column_B"));
  const std::string a = k["column_A"].get<std::string>();
  const std::string b = k["column_B"].get<std::string>();
  const bool or_equal = k.value("or_equal", false);
  rule.column = a;
  rule.columns = {a, b};
  const std::string qa = sql::quote_name(a);
  const std::string qb = sql::quote_name(b);
  rule.fails = fmt::format("{} {} {}", qa, or_equal ? "<" : "<=", qb);
  const std::string ignore = k.value("ignore_row_if", "either_value_is_missing");
  if (ignore == "both_values_are_missing") {
    rule.fails += fmt::format(" OR ({} IS NULL) <> ({} IS NULL)", qa, qb);
  } else if (ignore == "neither") {
    rule.fails += fmt::format(" OR {} IS NULL OR {} IS NULL", qa, qb);
  } else if (ignore != "either_value_is_missing") {
    return base::fail_with(base::Code::kInvalid, fmt::format("unknown ignore_row_if '{}'", ignore),
                           "write either_value_is_missing, both_values_are_missing or neither");
  }
  rule.reason = fmt::format("must be greater than {}{}", or_equal ? "or equal to " : "", b);
  return {};
}

struct Expectation {
  Compile compile;
  std::vector<std::string> kwargs;  // beside kCommonKwargs
};

const std::map<std::string, Expectation>& expectations() {
  static const std::vector<std::string> kBounds = {"column", "min_value", "max_value", "strict_min",
                                                   "strict_max"};
  static const std::map<std::string, Expectation> kAll{
      {"expect_column_values_to_not_be_null", {not_null, {"column"}}},
      {"expect_column_values_to_be_null", {null, {"column"}}},
      {"expect_column_values_to_be_between", {between, kBounds}},
      {"expect_column_value_lengths_to_be_between", {lengths_between, kBounds}},
      {"expect_column_values_to_be_in_set", {in_set, {"column", "value_set"}}},
      {"expect_column_values_to_not_be_in_set", {not_in_set, {"column", "value_set"}}},
      {"expect_column_values_to_match_regex", {match, {"column", "regex"}}},
      {"expect_column_values_to_not_match_regex", {not_match, {"column", "regex"}}},
      {"expect_column_pair_values_a_to_be_greater_than_b",
       {pair_greater, {"column_A", "column_B", "or_equal", "ignore_row_if"}}},
  };
  return kAll;
}

// Taken everywhere; the last four say how Great Expectations is to report and mean nothing here.
const std::vector<std::string> kCommonKwargs = {
    "mostly",        "row_condition",    "condition_parser", "batch_id",
    "result_format", "catch_exceptions", "include_config"};

base::Result<> check_kwargs(const json& kwargs, const std::vector<std::string>& own) {
  std::vector<std::string> known = own;
  known.insert(known.end(), kCommonKwargs.begin(), kCommonKwargs.end());
  for (const auto& [key, value] : kwargs.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return base::fail_with(base::Code::kInvalid, fmt::format("unknown kwarg '{}'", key),
                           nearest_of(key, own, "its kwargs"));
  }
  return {};
}

base::Result<Rule> compile_rule(const json& entry) {
  Rule rule;
  rule.expectation = entry.value("type", entry.value("expectation_type", std::string()));
  const auto it = expectations().find(rule.expectation);
  if (it == expectations().end()) {
    std::vector<std::string> known;
    for (const auto& [name, expectation] : expectations()) known.push_back(name);
    return base::fail_with(base::Code::kUnsupported,
                           fmt::format("'{}' cannot judge single rows", rule.expectation),
                           nearest_of(rule.expectation, known, "those that can"));
  }
  json kwargs = json::object();  // those that say something
  for (const auto& [key, value] : entry.value("kwargs", json::object()).items()) {
    if (!value.is_null()) kwargs[key] = value;
  }
  TRY(check_kwargs(kwargs, it->second.kwargs));
  if (kwargs.value("mostly", 1.0) < 1.0) {
    return base::fail_with(base::Code::kUnsupported, "'mostly' has no meaning for single rows",
                           "leave it out");
  }
  rule.column = kwargs.value("column", std::string());
  if (!rule.column.empty()) rule.columns = {rule.column};
  TRY(it->second.compile(kwargs, sql::quote_name(rule.column), rule));
  if (rule.columns.empty()) TRY(need(kwargs, "column"));
  if (kwargs.contains("row_condition") && kwargs["row_condition"].is_string()) {
    rule.fails =
        fmt::format("({}) AND ({})", kwargs["row_condition"].get<std::string>(), rule.fails);
  }
  const json meta = entry.value("meta", json::object());
  if (meta.is_object() && meta.contains("reason")) rule.reason = meta["reason"].get<std::string>();
  return rule;
}

// JSON is YAML, and the YAML reader knows lines: that of each expectation, or none.
std::vector<int> expectation_lines(const std::string& text, const std::string& file) {
  std::vector<int> lines;
  const auto yaml = base::Yaml::parse(text, file);
  if (!yaml) return lines;
  const auto list = yaml->child("expectations");
  if (!list) return lines;
  for (const base::Yaml& item : list->items()) lines.push_back(item.line());
  return lines;
}

std::unexpected<base::Error> fail_in(const std::string& file, int line, std::string message,
                                     std::string mend = "") {
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                             .at(file, line));
}

int line_of_byte(const std::string& text, std::size_t byte) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(byte, text.size()));
  return 1 + static_cast<int>(std::count(text.begin(), end, '\n'));
}

}  // namespace

std::string Suite::failed_rules_sql() const {
  if (rules.empty()) return "";
  std::vector<std::string> cases;
  for (const Rule& rule : rules) {
    cases.push_back(fmt::format("CASE WHEN {} THEN {} END", rule.fails,
                                sql::quote_text(rule.column + ": " + rule.reason)));
  }
  return fmt::format("NULLIF(concat_ws('; ', {}), '')", fmt::join(cases, ", "));
}

base::Result<> Suite::check_columns(const columns::Schema& schema) const {
  for (const Rule& rule : rules) {
    for (const std::string& column : rule.columns) {
      if (schema.find(column)) continue;
      std::vector<std::string> names;
      for (const columns::Field& field : schema.fields) names.push_back(field.name);
      return fail_in(file, rule.line,
                     fmt::format("{}: there is no column '{}'", rule.expectation, column),
                     nearest_of(column, names, "the columns"));
    }
  }
  return {};
}

base::Result<Suite> parse_suite(const std::string& text, const std::string& file) {
  Suite suite;
  suite.file = file;
  json root;
  try {
    root = json::parse(text);
  } catch (const json::parse_error& e) {
    return fail_in(file, line_of_byte(text, e.byte), fmt::format("not JSON: {}", e.what()));
  }
  if (!root.is_object() || !root.contains("expectations") || !root["expectations"].is_array()) {
    return fail_in(file, 1, "a suite is an object with a list of 'expectations'",
                   R"(write {"name": "…", "expectations": [ … ]})");
  }
  const std::vector<int> lines = expectation_lines(text, file);
  try {
    suite.name = root.value("name", root.value("expectation_suite_name", file));
    for (const json& entry : root["expectations"]) {
      const std::size_t index = suite.rules.size();
      const int line = index < lines.size() ? lines[index] : 0;
      if (!entry.is_object()) return fail_in(file, line, "an expectation is an object");
      auto rule = compile_rule(entry);
      if (!rule) return std::unexpected(std::move(rule).error().at(file, line));
      rule->line = line;
      suite.rules.push_back(*std::move(rule));
    }
  } catch (const json::exception& e) {
    const std::size_t index = suite.rules.size();
    return fail_in(file, index < lines.size() ? lines[index] : 0,
                   fmt::format("a value is of the wrong kind: {}", e.what()));
  }
  return suite;
}

base::Result<std::map<std::string, Suite>> load_suites(const base::Path& project) {
  std::map<std::string, Suite> suites;
  base::FileSystem& disk = base::posix_file_system();
  for (const std::string& name : TRY(disk.list(project / "quality"))) {
    if (!name.ends_with(".json")) continue;
    const base::Path path = project / "quality" / name;
    suites.emplace(name,
                   TRY(parse_suite(TRY(base::read_file(disk, path, 16UL << 20)), path.string())));
  }
  return suites;
}

}  // namespace quality
