// Expectations of each value of a column. A null passes all but those about nulls.
#include <algorithm>

#include "quality/expectation_list.h"
#include "quality/type_names.h"

namespace quality {
namespace {

using nlohmann::json;

std::string column_of(const Check& check) { return sql::quote_name(check.columns.front()); }

// The column as text, for patterns and lengths.
std::string text_of(const sql::ColumnInfo* column, const std::string& name) {
  const std::string c = sql::quote_name(name);
  if (column == nullptr || column->kind == sql::Kind::kVarchar) return c;
  return fmt::format("CAST({} AS VARCHAR)", c);
}

base::Result<Check> not_null(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  check.unexpected = std::exchange(check.missing, "");
  check.tells_missing = false;
  check.reason = "is missing";
  return check;
}

base::Result<Check> null(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  check.unexpected = fmt::format("NOT ({})", std::exchange(check.missing, ""));
  check.tells_missing = false;
  check.reason = "must be empty";
  return check;
}

base::Result<Check> between(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  TRY(check_bounds(a));
  const auto* column = TRY(a.column(check.columns.front()));
  for (const char* key : {"min_value", "max_value"}) {
    if (!a.has(key) || column == nullptr) continue;
    if (column->kind == sql::Kind::kVarchar && a.kwargs()[key].is_number())
      return wrong_argument(
          fmt::format("'{}' is a number and the column '{}' holds text: values and bounds must be "
                      "of the same type",
                      key, column->name),
          "write the bound as text, or make the column a number");
  }
  const Bounds b = bounds_of(column_of(check), a.kwargs());
  check.unexpected = b.outside;
  check.reason = "must be " + b.text;
  return check;
}

base::Result<std::string> length_of(const Arguments& a, const Check& check) {
  const auto* column = TRY(a.column(check.columns.front()));
  if (column != nullptr && column->kind != sql::Kind::kVarchar)
    return wrong_argument(
        fmt::format("the column '{}' holds {}: object of type '{}' has no len()", column->name,
                    column->type, is_float(column->kind) ? "float" : "int"),
        "name a column of texts");
  return fmt::format("length({})", column_of(check));
}

base::Result<Check> lengths_between(const Arguments& a) {
  for (const char* key : {"min_value", "max_value"}) {
    if (a.has(key) && !a.integer(key))
      return wrong_argument("min_value and max_value must be integers",
                            "write numbers of characters");
  }
  TRY(check_bounds(a));
  Check check = TRY(a.rows_of_column());
  const Bounds b = bounds_of(TRY(length_of(a, check)), a.kwargs());
  check.unexpected = b.outside;
  check.reason = fmt::format("must have {} characters", b.text);
  return check;
}

base::Result<Check> lengths_equal(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  const std::int64_t value = TRY(a.integer("value"));
  check.unexpected = fmt::format("{} <> {}", TRY(length_of(a, check)), value);
  check.reason = fmt::format("must have {} characters", value);
  return check;
}

base::Result<Check> in_set(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  const auto values = a.set_for(TRY(a.column(check.columns.front())), TRY(a.list("value_set")));
  check.unexpected = values.empty()
                         ? column_of(check) + " IS NOT NULL"
                         : fmt::format("{} NOT IN ({})", column_of(check), fmt::join(values, ", "));
  check.reason = fmt::format("must be one of {}", fmt::join(values, ", "));
  return check;
}

base::Result<Check> not_in_set(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  const auto values = a.set_for(TRY(a.column(check.columns.front())), TRY(a.list("value_set")));
  check.unexpected = values.empty()
                         ? "false"
                         : fmt::format("{} IN ({})", column_of(check), fmt::join(values, ", "));
  check.reason = fmt::format("must be none of {}", fmt::join(values, ", "));
  return check;
}

base::Result<Check> unique(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  const std::string c = column_of(check);
  const std::string where = a.judged(check.missing);
  check.repeats = true;
  check.groups = {{{c}, where, "coalesce(sum(n) FILTER (WHERE n > 1), 0)"}};
  check.unexpected =
      fmt::format("{} IN (SELECT {} FROM {} WHERE {} GROUP BY 1 HAVING count(*) > 1)", c, c,
                  a.rows().from, where);
  check.reason = "must be unique";
  return check;
}

base::Result<Check> z_scores(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  const double threshold = TRY(a.number("threshold"));
  const bool both = a.flag("double_sided", true);
  const std::string c = column_of(check);
  check.scan = {
      a.filtered(fmt::format("avg({})", c), fmt::format("NOT ({})", check.missing)),
      a.filtered(fmt::format("stddev_samp({})", c), fmt::format("NOT ({})", check.missing))};
  check.reason = fmt::format("must lie within {} standard deviations", threshold);
  check.refine = [c, threshold, both](const std::vector<json>& values) -> std::string {
    if (!values[0].is_number() || !values[1].is_number() || values[1].get<double>() == 0)
      return "false";
    const std::string score =
        fmt::format("(({} - {}) / {})", c, values[0].dump(), values[1].dump());
    return fmt::format("{} >= {}", both ? "abs" + score : score, threshold);
  };
  check.unexpected = "false";
  return check;
}

// Outside of the quartiles by more than so many interquartile ranges.
base::Result<Check> not_outliers(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  const std::string method = a.text_or("method", "iqr");
  if (method != "iqr" && method != "std")
    return wrong_argument(fmt::format("unknown method '{}'", method), "write iqr or std");
  const double multiplier = TRY(a.number_or("multiplier", method == "iqr" ? 1.5 : 3.0));
  const std::string c = column_of(check);
  const std::string kept = fmt::format("NOT ({})", check.missing);
  const bool iqr = method == "iqr";
  const std::string low = fmt::format(fmt::runtime(iqr ? "quantile_cont({}, 0.25)" : "avg({})"), c);
  const std::string high =
      fmt::format(fmt::runtime(iqr ? "quantile_cont({}, 0.75)" : "stddev_samp({})"), c);
  check.scan = {a.filtered(low, kept), a.filtered(high, kept)};
  check.reason = "must be no outlier";
  check.refine = [c, multiplier, iqr](const std::vector<json>& values) -> std::string {
    if (!values[0].is_number() || !values[1].is_number()) return "false";
    const double first = values[0].get<double>();
    const double second = values[1].get<double>();
    const double from = iqr ? first - multiplier * (second - first) : first - multiplier * second;
    const double to = iqr ? second + multiplier * (second - first) : first + multiplier * second;
    return fmt::format("{0} < {1} OR {0} > {2}", c, json(from).dump(), json(to).dump());
  };
  check.unexpected = "false";
  return check;
}

// One pattern, or several with match_on any or all; `negated` for those that must not match.
base::Result<Check> patterns(const Arguments& a, const char* one, const char* many,
                             const std::string& test, bool negated, const std::string& tail) {
  Check check = TRY(a.rows_of_column());
  const auto* column = TRY(a.column(check.columns.front()));
  const std::vector<std::string> list =
      many == nullptr ? std::vector<std::string>{TRY(a.text(one))} : TRY(a.texts(many));
  if (list.empty())
    return wrong_argument(fmt::format("'{}' has no patterns", many), "write at least one");
  const std::string match_on = a.text_or("match_on", "any");
  if (match_on != "any" && match_on != "all")
    return wrong_argument(fmt::format("unknown match_on '{}'", match_on), "write any or all");
  std::vector<std::string> tests;
  for (const std::string& pattern : list)
    tests.push_back(fmt::format(fmt::runtime(test), text_of(column, check.columns.front()),
                                sql::quote_text(pattern)) +
                    tail);
  const bool all = match_on == "all" && !negated;
  const std::string any = fmt::format("({})", fmt::join(tests, all ? " AND " : " OR "));
  check.unexpected = negated ? any : "NOT " + any;
  check.reason = fmt::format("must {}match {}", negated ? "not " : "", fmt::join(list, ", "));
  return check;
}

constexpr const char* kRegex = "regexp_matches({}, {})";
constexpr const char* kLike = "{} LIKE {}";

base::Result<std::string> escape_of(const Arguments& a) {
  if (!a.has("escape")) return std::string();
  const std::string escape = TRY(a.text("escape"));
  if (escape.size() != 1)
    return wrong_argument(fmt::format("'escape' is not one character: '{}'", escape),
                          "write one character");
  return " ESCAPE " + sql::quote_text(escape);
}

base::Result<Check> regex(const Arguments& a) {
  return patterns(a, "regex", nullptr, kRegex, false, "");
}
base::Result<Check> not_regex(const Arguments& a) {
  return patterns(a, "regex", nullptr, kRegex, true, "");
}
base::Result<Check> regex_list(const Arguments& a) {
  return patterns(a, nullptr, "regex_list", kRegex, false, "");
}
base::Result<Check> not_regex_list(const Arguments& a) {
  return patterns(a, nullptr, "regex_list", kRegex, true, "");
}
base::Result<Check> like(const Arguments& a) {
  return patterns(a, "like_pattern", nullptr, kLike, false, TRY(escape_of(a)));
}
base::Result<Check> not_like(const Arguments& a) {
  return patterns(a, "like_pattern", nullptr, kLike, true, TRY(escape_of(a)));
}
base::Result<Check> like_list(const Arguments& a) {
  return patterns(a, nullptr, "like_pattern_list", kLike, false, TRY(escape_of(a)));
}
base::Result<Check> not_like_list(const Arguments& a) {
  return patterns(a, nullptr, "like_pattern_list", kLike, true, TRY(escape_of(a)));
}

base::Result<Check> text_column(const Arguments& a) {
  Check check = TRY(a.rows_of_column());
  const auto* column = TRY(a.column(check.columns.front()));
  if (column != nullptr && column->kind != sql::Kind::kVarchar)
    return wrong_argument(
        fmt::format("the column '{}' holds {}: Values passed to {} must be of type string.",
                    column->name, column->type, a.type()),
        "name a column of texts");
  return check;
}

base::Result<Check> strftime(const Arguments& a) {
  const std::string format = TRY(a.text("strftime_format"));
  for (std::size_t at = format.find('%'); at != std::string::npos; at = format.find('%', at + 2)) {
    const char code = at + 1 < format.size() ? format[at + 1] : '\0';
    if (code == '\0' ||
        std::string_view("aAwdbBmyYHIpMSfzZjUWcxX%").find(code) == std::string_view::npos)
      return wrong_argument(
          fmt::format("Unable to use provided strftime_format. '%{}' in '{}' is no code", code,
                      format),
          "write codes such as %Y-%m-%d %H:%M:%S");
  }
  Check check = TRY(text_column(a));
  check.unexpected =
      fmt::format("try_strptime({}, {}) IS NULL", column_of(check), sql::quote_text(format));
  check.reason = fmt::format("must be written as {}", format);
  return check;
}

// Dates as people write them, in the forms that dateutil's parser takes most.
base::Result<Check> parseable(const Arguments& a) {
  Check check = TRY(text_column(a));
  const std::string c = column_of(check);
  check.unexpected = fmt::format(
      "TRY_CAST({0} AS TIMESTAMPTZ) IS NULL AND try_strptime({0}, ['%m/%d/%Y', '%d/%m/%Y', "
      "'%m/%d/%y', '%m-%d-%Y', '%d-%m-%Y', '%d.%m.%Y', '%Y/%m/%d', '%Y%m%d', '%b %d %Y', '%d %b "
      "%Y', "
      "'%B %d %Y', '%d %B %Y', '%B %d, %Y', '%b %d, %Y', '%d-%b-%Y', '%d-%b-%y', '%H:%M', "
      "'%H:%M:%S', '%m/%d/%Y %H:%M', '%m/%d/%Y %H:%M:%S', '%Y-%m-%d %H:%M', "
      "'%a %b %d %H:%M:%S %Y']) IS NULL",
      c);
  check.reason = "must be a date";
  return check;
}

base::Result<Check> json_parseable(const Arguments& a) {
  Check check = TRY(text_column(a));
  check.unexpected = fmt::format("NOT json_valid({})", column_of(check));
  check.reason = "must be JSON";
  return check;
}

base::Result<Check> ordered(const Arguments& a, const char* op, const char* strict_op,
                            const char* reason) {
  Check check = TRY(a.rows_of_column());
  const std::string c = column_of(check);
  check.source = fmt::format("(SELECT *, lag({} IGNORE NULLS) OVER () AS _wb_before FROM {}{})", c,
                             a.rows().from, check.where.empty() ? "" : " WHERE " + check.where);
  check.unexpected = fmt::format("{} {} _wb_before", c, a.flag("strictly", false) ? strict_op : op);
  check.reason = reason;
  return check;
}
base::Result<Check> increasing(const Arguments& a) {
  return ordered(a, "<", "<=", "must not be less than the one before");
}
base::Result<Check> decreasing(const Arguments& a) {
  return ordered(a, ">", ">=", "must not be greater than the one before");
}

// A typed column holds one type: the verdict is about the column.
base::Result<Check> typed(const Arguments& a, const std::vector<std::string>& names) {
  const std::string name = TRY(a.text("column"));
  const auto* column = TRY(a.column(name));
  Check check;
  check.columns = {name};
  const bool success = column != nullptr && std::ranges::any_of(names, [&](const auto& type) {
                         return has_type(*column, type);
                       });
  const std::string observed = column == nullptr ? "" : column->type;
  check.judge = [success, observed](const std::vector<json>&) -> base::Result<Verdict> {
    return Verdict{success, {{"observed_value", observed}}};
  };
  return check;
}
base::Result<Check> of_type(const Arguments& a) { return typed(a, {TRY(a.text("type_"))}); }
base::Result<Check> in_type_list(const Arguments& a) {
  if (!a.has("type_list")) {
    TRY(a.text("column"));
    Check check = TRY(typed(a, {}));
    check.judge = [](const std::vector<json>&) -> base::Result<Verdict> {
      return Verdict{true, {}};
    };
    return check;
  }
  return typed(a, TRY(a.texts("type_list")));
}

}  // namespace

std::map<std::string, Known> column_expectations() {
  const std::vector<std::string> bounds = {"column", "min_value", "max_value", "strict_min",
                                           "strict_max"};
  return {
      {"expect_column_values_to_not_be_null", {not_null, {"column"}}},
      {"expect_column_values_to_be_null", {null, {"column"}}},
      {"expect_column_values_to_be_between", {between, bounds}},
      {"expect_column_value_lengths_to_be_between", {lengths_between, bounds}},
      {"expect_column_value_lengths_to_equal", {lengths_equal, {"column", "value"}}},
      {"expect_column_values_to_be_in_set", {in_set, {"column", "value_set"}}},
      {"expect_column_values_to_not_be_in_set", {not_in_set, {"column", "value_set"}}},
      {"expect_column_values_to_be_unique", {unique, {"column"}}},
      {"expect_column_value_z_scores_to_be_less_than",
       {z_scores, {"column", "threshold", "double_sided"}}},
      {"expect_column_values_to_not_be_outliers",
       {not_outliers, {"column", "method", "multiplier"}}},
      {"expect_column_values_to_match_regex", {regex, {"column", "regex"}}},
      {"expect_column_values_to_not_match_regex", {not_regex, {"column", "regex"}}},
      {"expect_column_values_to_match_regex_list",
       {regex_list, {"column", "regex_list", "match_on"}}},
      {"expect_column_values_to_not_match_regex_list", {not_regex_list, {"column", "regex_list"}}},
      {"expect_column_values_to_match_like_pattern", {like, {"column", "like_pattern", "escape"}}},
      {"expect_column_values_to_not_match_like_pattern",
       {not_like, {"column", "like_pattern", "escape"}}},
      {"expect_column_values_to_match_like_pattern_list",
       {like_list, {"column", "like_pattern_list", "match_on", "escape"}}},
      {"expect_column_values_to_not_match_like_pattern_list",
       {not_like_list, {"column", "like_pattern_list", "escape"}}},
      {"expect_column_values_to_match_strftime_format", {strftime, {"column", "strftime_format"}}},
      {"expect_column_values_to_be_dateutil_parseable", {parseable, {"column"}}},
      {"expect_column_values_to_be_json_parseable", {json_parseable, {"column"}}},
      {"expect_column_values_to_be_increasing", {increasing, {"column", "strictly"}}},
      {"expect_column_values_to_be_decreasing", {decreasing, {"column", "strictly"}}},
      {"expect_column_values_to_be_of_type", {of_type, {"column", "type_"}}},
      {"expect_column_type_to_be", {of_type, {"column", "type_"}}},
      {"expect_column_values_to_be_in_type_list", {in_type_list, {"column", "type_list"}}},
  };
}

}  // namespace quality
