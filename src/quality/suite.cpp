#include "quality/suite.h"

#include <algorithm>

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

std::string literals(const json& list) {
  std::vector<std::string> texts;
  for (const json& value : list) texts.push_back(literal(value));
  return fmt::format("{}", fmt::join(texts, ", "));
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
  TRY(need(k, "value_set"));
  rule.fails = fmt::format("{} NOT IN ({})", c, literals(k["value_set"]));
  rule.reason = fmt::format("must be one of {}", literals(k["value_set"]));
  return {};
}
base::Result<> not_in_set(const json& k, const std::string& c, Rule& rule) {
  TRY(need(k, "value_set"));
  rule.fails = fmt::format("{} IN ({})", c, literals(k["value_set"]));
  rule.reason = fmt::format("must be none of {}", literals(k["value_set"]));
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
  rule.fails =
      fmt::format("{} {} {}", sql::quote_name(a), or_equal ? "<" : "<=", sql::quote_name(b));
  rule.reason = fmt::format("must be greater than {}{}", or_equal ? "or equal to " : "", b);
  return {};
}

const std::map<std::string, Compile>& expectations() {
  static const std::map<std::string, Compile> kAll{
      {"expect_column_values_to_not_be_null", not_null},
      {"expect_column_values_to_be_null", null},
      {"expect_column_values_to_be_between", between},
      {"expect_column_value_lengths_to_be_between", lengths_between},
      {"expect_column_values_to_be_in_set", in_set},
      {"expect_column_values_to_not_be_in_set", not_in_set},
      {"expect_column_values_to_match_regex", match},
      {"expect_column_values_to_not_match_regex", not_match},
      {"expect_column_pair_values_a_to_be_greater_than_b", pair_greater},
  };
  return kAll;
}

base::Result<Rule> compile_rule(const json& entry) {
  Rule rule;
  rule.expectation = entry.value("type", entry.value("expectation_type", std::string()));
  const auto it = expectations().find(rule.expectation);
  if (it == expectations().end()) {
    std::vector<std::string> known;
    for (const auto& [name, compile] : expectations()) known.push_back(name);
    return base::fail_with(base::Code::kUnsupported,
                           fmt::format("'{}' cannot judge single rows", rule.expectation),
                           fmt::format("use one of {}", fmt::join(known, ", ")));
  }
  const json kwargs = entry.value("kwargs", json::object());
  if (kwargs.value("mostly", 1.0) < 1.0) {
    return base::fail_with(base::Code::kUnsupported, "'mostly' has no meaning for single rows",
                           "leave it out");
  }
  rule.column = kwargs.value("column", std::string());
  if (!rule.column.empty()) rule.columns = {rule.column};
  TRY(it->second(kwargs, sql::quote_name(rule.column), rule));
  if (rule.columns.empty()) TRY(need(kwargs, "column"));
  if (kwargs.contains("row_condition") && kwargs["row_condition"].is_string()) {
    rule.fails =
        fmt::format("({}) AND ({})", kwargs["row_condition"].get<std::string>(), rule.fails);
  }
  const json meta = entry.value("meta", json::object());
  if (meta.is_object() && meta.contains("reason")) rule.reason = meta["reason"].get<std::string>();
  return rule;
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
      return std::unexpected(base::Error{
          .code = base::Code::kInvalid,
          .message = fmt::format("{}: there is no column '{}'", rule.expectation, column),
          .mend = fmt::format("the columns are {}", fmt::join(names, ", "))}
                                 .at(file, 0));
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
  } catch (const json::exception& e) {
    return std::unexpected(
        base::Error{.code = base::Code::kInvalid, .message = fmt::format("not JSON: {}", e.what())}
            .at(file, 0));
  }
  if (!root.is_object() || !root.contains("expectations") || !root["expectations"].is_array()) {
    return std::unexpected(
        base::Error{.code = base::Code::kInvalid,
                    .message = "a suite is an object with a list of 'expectations'",
                    .mend = R"(write {"name": "…", "expectations": [ … ]})"}
            .at(file, 0));
  }
  suite.name = root.value("name", root.value("expectation_suite_name", file));
  std::size_t number = 0;
  for (const json& entry : root["expectations"]) {
    ++number;
    try {
      auto rule = compile_rule(entry);
      if (!rule) {
        return std::unexpected(
            std::move(rule).error().in(fmt::format("expectation {}", number)).at(file, 0));
      }
      suite.rules.push_back(*std::move(rule));
    } catch (const json::exception& e) {
      return std::unexpected(base::Error{
          .code = base::Code::kInvalid,
          .message =
              fmt::format("expectation {} has a value of the wrong kind: {}", number, e.what())}
                                 .at(file, 0));
    }
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
