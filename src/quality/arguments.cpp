#include "quality/arguments.h"

#include <algorithm>

#include "base/edit_distance.h"

namespace quality {

using nlohmann::json;

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

std::unexpected<base::Error> wrong_argument(std::string message, std::string mend) {
  return base::fail_with(base::Code::kInvalid, std::move(message), std::move(mend));
}

std::string literal(const json& value) {
  if (value.is_string()) return sql::quote_text(value.get<std::string>());
  if (value.is_boolean()) return value.get<bool>() ? "TRUE" : "FALSE";
  if (value.is_null()) return "NULL";
  return value.dump();
}

bool is_float(sql::Kind kind) { return kind == sql::Kind::kFloat || kind == sql::Kind::kDouble; }

bool is_number(sql::Kind kind) {
  return (kind >= sql::Kind::kTinyInt && kind <= sql::Kind::kDecimal);
}

bool is_time(sql::Kind kind) {
  return kind == sql::Kind::kDate ||
         (kind >= sql::Kind::kTimestamp && kind <= sql::Kind::kTimestampTz);
}

std::string missing_sql(const sql::ColumnInfo* column, const std::string& name) {
  const std::string c = sql::quote_name(name);
  if (column != nullptr && is_float(column->kind))
    return fmt::format("({} IS NULL OR isnan({}))", c, c);
  return c + " IS NULL";
}

Arguments::Arguments(std::string type, const json& kwargs, const Rows& rows, std::string where)
    : type_(std::move(type)), kwargs_(kwargs), rows_(rows), where_(std::move(where)) {}

bool Arguments::has(const char* key) const {
  const auto it = kwargs_.find(key);
  return it != kwargs_.end() && !it->is_null();
}

namespace {

std::unexpected<base::Error> missing_kwarg(const char* key) {
  return wrong_argument(fmt::format("'{}' is missing", key),
                        fmt::format("add \"{}\" to its kwargs", key));
}

std::unexpected<base::Error> wrong_kind(const char* key, const json& value, const char* what) {
  return wrong_argument(fmt::format("'{}' is not a valid {}: {}", key, what, value.dump()),
                        fmt::format("write {} for \"{}\"", what, key));
}

}  // namespace

base::Result<std::string> Arguments::text(const char* key) const {
  if (!has(key)) return missing_kwarg(key);
  if (!kwargs_[key].is_string()) return wrong_kind(key, kwargs_[key], "text");
  return kwargs_[key].get<std::string>();
}

base::Result<double> Arguments::number(const char* key) const {
  if (!has(key)) return missing_kwarg(key);
  if (!kwargs_[key].is_number()) return wrong_kind(key, kwargs_[key], "float");
  return kwargs_[key].get<double>();
}

base::Result<std::int64_t> Arguments::integer(const char* key) const {
  if (!has(key)) return missing_kwarg(key);
  const json& value = kwargs_[key];
  const bool whole = value.is_number_integer() ||
                     (value.is_number() && value.get<double>() == std::floor(value.get<double>()));
  if (!whole) return wrong_kind(key, value, "integer");
  return value.get<std::int64_t>();
}

base::Result<json> Arguments::list(const char* key) const {
  if (!has(key)) return missing_kwarg(key);
  if (!kwargs_[key].is_array()) return wrong_kind(key, kwargs_[key], "list");
  return kwargs_[key];
}

base::Result<std::vector<std::string>> Arguments::texts(const char* key) const {
  std::vector<std::string> found;
  for (const json& one : TRY(list(key))) {
    if (!one.is_string()) return wrong_kind(key, one, "list of texts");
    found.push_back(one.get<std::string>());
  }
  return found;
}

bool Arguments::flag(const char* key, bool otherwise) const {
  return has(key) && kwargs_[key].is_boolean() ? kwargs_[key].get<bool>() : otherwise;
}

std::string Arguments::text_or(const char* key, const std::string& otherwise) const {
  return has(key) && kwargs_[key].is_string() ? kwargs_[key].get<std::string>() : otherwise;
}

base::Result<double> Arguments::number_or(const char* key, double otherwise) const {
  if (!has(key)) return otherwise;
  return number(key);
}

base::Result<const sql::ColumnInfo*> Arguments::column(const std::string& name) const {
  if (rows_.columns.empty()) return nullptr;
  const auto it = std::ranges::find(rows_.columns, name, &sql::ColumnInfo::name);
  if (it != rows_.columns.end()) return &*it;
  std::vector<std::string> names;
  for (const sql::ColumnInfo& column : rows_.columns) names.push_back(column.name);
  return base::fail_with(base::Code::kNotFound,
                         fmt::format("{}: there is no column '{}'", type_, name),
                         nearest_of(name, names, "the columns"));
}

namespace {

bool reads_as_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0';
}

}  // namespace

std::vector<std::string> Arguments::set_for(const sql::ColumnInfo* column, const json& set) const {
  std::vector<std::string> texts;
  for (const json& value : set) {
    if (value.is_null()) continue;
    if (column == nullptr) {
      texts.push_back(literal(value));
    } else if (is_number(column->kind) && value.is_string()) {
      if (reads_as_number(value.get<std::string>())) texts.push_back(value.get<std::string>());
    } else if (column->kind == sql::Kind::kVarchar && !value.is_string()) {
      texts.push_back(sql::quote_text(value.dump()));
    } else {
      texts.push_back(literal(value));
    }
  }
  return texts;
}

std::string Arguments::filtered(const std::string& aggregate, const std::string& where) const {
  std::string all = where_;
  if (!where.empty()) all = all.empty() ? where : fmt::format("({}) AND ({})", all, where);
  return all.empty() ? aggregate : fmt::format("{} FILTER (WHERE {})", aggregate, all);
}

std::string Arguments::judged(const std::string& missing) const {
  const std::string kept = missing.empty() ? "true" : fmt::format("NOT ({})", missing);
  return where_.empty() ? kept : fmt::format("({}) AND {}", where_, kept);
}

base::Result<Check> Arguments::rows_of_column(const char* key) const {
  const std::string name = TRY(text(key));
  Check check;
  check.over_rows = true;
  check.columns = {name};
  check.where = where_;
  check.mostly = TRY(number_or("mostly", 1.0));
  if (check.mostly < 0 || check.mostly > 1)
    return wrong_argument("'mostly' is outside of 0 to 1", "write a share between 0 and 1");
  check.missing = missing_sql(TRY(column(name)), name);
  return check;
}

base::Result<Check> Arguments::rows_of_columns(const std::vector<std::string>& names) const {
  Check check;
  check.over_rows = true;
  check.columns = names;
  check.where = where_;
  check.mostly = TRY(number_or("mostly", 1.0));
  if (check.mostly < 0 || check.mostly > 1)
    return wrong_argument("'mostly' is outside of 0 to 1", "write a share between 0 and 1");
  check.shape = names.size() == 2 && has("column_A") ? Check::Shape::kPair : Check::Shape::kRecord;
  std::vector<std::string> tests;
  for (const std::string& name : names) tests.push_back(missing_sql(TRY(column(name)), name));
  const std::string ignore =
      text_or("ignore_row_if", check.shape == Check::Shape::kPair ? "both_values_are_missing"
                                                                  : "all_values_are_missing");
  if (ignore == "both_values_are_missing" || ignore == "all_values_are_missing") {
    check.missing = fmt::format("({})", fmt::join(tests, " AND "));
  } else if (ignore == "either_value_is_missing" || ignore == "any_value_is_missing") {
    check.missing = fmt::format("({})", fmt::join(tests, " OR "));
  } else if (const bool pair = check.shape == Check::Shape::kPair;
             ignore != (pair ? "neither" : "never")) {
    return wrong_argument(fmt::format("unknown ignore_row_if '{}'", ignore),
                          pair ? "write either_value_is_missing, both_values_are_missing or neither"
                               : "write any_value_is_missing, all_values_are_missing or never");
  }
  return check;
}

Bounds bounds_of(const std::string& value, const json& k) {
  Bounds b;
  const auto add = [&](const char* key, const char* strict_key, const char* out,
                       const char* strict_out, const char* in, const char* strict_in,
                       const char* word, const char* strict_word) {
    if (!k.contains(key) || k[key].is_null()) return;
    const bool strict = k.contains(strict_key) && k[strict_key] == true;
    if (!b.outside.empty()) {
      b.outside += " OR ";
      b.inside += " AND ";
      b.text += " and ";
    }
    const std::string bound = literal(k[key]);
    b.outside += fmt::format("{} {} {}", value, strict ? strict_out : out, bound);
    b.inside += fmt::format("{} {} {}", value, strict ? strict_in : in, bound);
    b.text += fmt::format("{} {}", strict ? strict_word : word, bound);
  };
  add("min_value", "strict_min", "<", "<=", ">=", ">", "at least", "more than");
  add("max_value", "strict_max", ">", ">=", "<=", "<", "at most", "less than");
  return b;
}

base::Result<> check_bounds(const Arguments& a) {
  for (const char* key : {"min_value", "max_value"}) {
    if (!a.has(key)) continue;
    const json& value = a.kwargs()[key];
    if (value.is_structured())
      return wrong_argument(
          fmt::format("'{}' is neither a number nor a text: {}", key, value.dump()),
          "write one value");
  }
  if (a.has("min_value") || a.has("max_value")) return {};
  return wrong_argument("'min_value' is missing: min_value and max_value cannot both be None",
                        "add \"min_value\" or \"max_value\" to its kwargs");
}

}  // namespace quality
