#include "lake/predicate.h"

#include <algorithm>
#include <charconv>

#include "lake/dml.h"
#include "lake/json_text.h"
#include "lake/snapshot.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

// Spark cuts times in statistics to milliseconds: the greatest value may be up to this much later.
constexpr std::int64_t kStatisticsCutUs = 999;

const json& member(const json& object, const char* key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto it = object.find(key);
  return it == object.end() ? kNull : *it;
}

bool is_integer(const std::string& sql_type) {
  return sql_type == "TINYINT" || sql_type == "SMALLINT" || sql_type == "INTEGER" ||
         sql_type == "BIGINT";
}

std::optional<std::int64_t> parse_integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The constant that a node stands for, as JSON; null for none.
json literal_of(const json& node) {
  const json& kind = member(node, "class");
  if (kind == "CONSTANT") {
    const json& value = member(node, "value");
    const json& type = member(member(value, "type"), "id");
    // A decimal stands there without its point.
    if (member(value, "is_null") == true || type == "DECIMAL" || type == "HUGEINT") return {};
    return member(value, "value");
  }
  // DATE '2026-01-01'
  if (kind == "CAST" && member(node, "try_cast") == false) {
    const json inner = literal_of(member(node, "child"));
    return inner.is_string() ? inner : json();
  }
  return {};
}

}  // namespace

std::optional<FilePredicate::Value> FilePredicate::value_of(const std::string& sql_type,
                                                            const json& literal) {
  if (is_integer(sql_type)) {
    if (literal.is_number_integer()) return literal.get<std::int64_t>();
    if (!literal.is_string()) return std::nullopt;
    const auto value = parse_integer(literal.get<std::string>());
    return value ? std::optional<Value>(*value) : std::nullopt;
  }
  if (!literal.is_string()) return std::nullopt;
  const auto text = literal.get<std::string>();
  if (sql_type == "VARCHAR") return text;
  if (sql_type == "DATE") {
    return text.size() == 10 && base::parse_date(text) ? std::optional<Value>(text) : std::nullopt;
  }
  if (sql_type == "TIMESTAMPTZ" && (text.ends_with('Z') || text.ends_with("+00"))) {
    const auto time_us = base::parse_timestamp(text);
    return time_us ? std::optional<Value>(*time_us) : std::nullopt;
  }
  return std::nullopt;  // not a number is greater than all: FLOAT and DOUBLE tell nothing
}

FilePredicate FilePredicate::from_tree(const State& state, const json& tree,
                                       const std::string& qualifier) {
  FilePredicate predicate;
  predicate.take(state, tree, qualifier);
  return predicate;
}

Result<FilePredicate> FilePredicate::parse(const State& state, sql::Connection& connection,
                                           const std::string& condition,
                                           const std::string& qualifier) {
  const json tree =
      TRY(connection.parse("SELECT 1 FROM condition_of_rows WHERE (" + condition + ")"));
  const json::json_pointer at("/statements/0/node/where_clause");
  return from_tree(state, tree.contains(at) ? tree[at] : json(), qualifier);
}

void FilePredicate::take(const State& state, const json& tree, const std::string& qualifier) {
  const json& type = member(tree, "type");
  if (type == "CONJUNCTION_AND") {
    for (const json& child : member(tree, "children")) take(state, child, qualifier);
  } else if (member(tree, "class") == "COMPARISON") {
    take_comparison(state, tree, qualifier);
  } else if (type == "COMPARE_BETWEEN") {
    const json& column = member(tree, "input");
    take_test(state, column, Operator::kGreaterOrEqual, {literal_of(member(tree, "lower"))},
              qualifier);
    take_test(state, column, Operator::kLessOrEqual, {literal_of(member(tree, "upper"))},
              qualifier);
  } else if (type == "COMPARE_IN" || type == "OPERATOR_IS_NULL") {
    const json& children = member(tree, "children");
    if (!children.is_array() || children.empty()) return;
    std::vector<json> literals;
    for (std::size_t i = 1; i < children.size(); ++i) literals.push_back(literal_of(children[i]));
    take_test(state, children[0], type == "COMPARE_IN" ? Operator::kEqual : Operator::kIsNull,
              literals, qualifier);
  }
}

void FilePredicate::take_comparison(const State& state, const json& tree,
                                    const std::string& qualifier) {
  struct Comparison {
    std::string_view type;
    Operator op;
    Operator mirrored;  // constant on the left
  };
  constexpr std::array kComparisons{
      Comparison{"COMPARE_EQUAL", Operator::kEqual, Operator::kEqual},
      Comparison{"COMPARE_LESSTHAN", Operator::kLess, Operator::kGreater},
      Comparison{"COMPARE_LESSTHANOREQUALTO", Operator::kLessOrEqual, Operator::kGreaterOrEqual},
      Comparison{"COMPARE_GREATERTHAN", Operator::kGreater, Operator::kLess},
      Comparison{"COMPARE_GREATERTHANOREQUALTO", Operator::kGreaterOrEqual,
                 Operator::kLessOrEqual}};
  const json& type = member(tree, "type");
  for (const Comparison& one : kComparisons) {
    if (type != one.type) continue;
    const json& left = member(tree, "left");
    const json& right = member(tree, "right");
    take_test(state, left, one.op, {literal_of(right)}, qualifier);
    take_test(state, right, one.mirrored, {literal_of(left)}, qualifier);
  }
}

void FilePredicate::take_test(const State& state, const json& column, Operator op,
                              const std::vector<json>& literals, const std::string& qualifier) {
  if (member(column, "class") != "COLUMN_REF") return;
  const json& names = member(column, "column_names");
  if (!names.is_array() || names.empty() || names.size() > 2) return;
  if (names.size() == 2 && names[0] != qualifier) return;
  const auto same_name = [&](const SparkField& field) {
    const auto name = names.back().get<std::string>();
    return std::ranges::equal(field.name, name, [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) ==
             std::tolower(static_cast<unsigned char>(b));
    });
  };
  const auto field = std::ranges::find_if(*state.fields, same_name);
  if (field == state.fields->end()) return;
  const auto& partitions = state.metadata->partition_columns;
  Test test{.column = field->physical_name,
            .partition = std::ranges::find(partitions, field->name) != partitions.end(),
            .sql_type = field->sql_type,
            .op = op,
            .values = {}};
  for (const json& literal : literals) {
    auto value = value_of(field->sql_type, literal);
    if (!value) return;
    test.values.push_back(std::move(*value));
  }
  tests_.push_back(std::move(test));
}

void FilePredicate::add_range(const State& state, const std::string& column, const std::string& min,
                              const std::string& max) {
  const json reference = {{"class", "COLUMN_REF"}, {"column_names", {column}}};
  take_test(state, reference, Operator::kGreaterOrEqual, {min}, "");
  take_test(state, reference, Operator::kLessOrEqual, {max}, "");
}

bool FilePredicate::may_match_range(const Test& test, const std::optional<Value>& min,
                                    const std::optional<Value>& max) {
  return std::ranges::any_of(test.values, [&](const Value& value) {
    switch (test.op) {
      case Operator::kEqual:
        return (!min || *min <= value) && (!max || value <= *max);
      case Operator::kLess:
        return !min || *min < value;
      case Operator::kLessOrEqual:
        return !min || *min <= value;
      case Operator::kGreater:
        return !max || *max > value;
      case Operator::kGreaterOrEqual:
        return !max || *max >= value;
      case Operator::kIsNull:
        return true;
    }
    return true;
  });
}

bool FilePredicate::may_match_partition(const Test& test, const AddFile& file) {
  const auto it = file.partition_values.find(test.column);
  if (it == file.partition_values.end()) return true;
  const bool null = !it->second || it->second->empty();
  if (test.op == Operator::kIsNull) return null;
  if (null) return false;
  const auto value = value_of(test.sql_type, json(*it->second));
  return !value || may_match_range(test, value, value);
}

bool FilePredicate::may_match_statistics(const Test& test, const json& stats) {
  if (test.op == Operator::kIsNull) {
    return member(member(stats, "nullCount"), test.column.c_str()) != 0;
  }
  const auto min = value_of(test.sql_type, member(member(stats, "minValues"), test.column.c_str()));
  auto max = value_of(test.sql_type, member(member(stats, "maxValues"), test.column.c_str()));
  if (max && test.sql_type == "TIMESTAMPTZ") std::get<std::int64_t>(*max) += kStatisticsCutUs;
  return may_match_range(test, min, max);
}

Result<std::string> scan_where(const Snapshot& snapshot, sql::Connection& connection,
                               const std::string& condition) {
  const auto& base = static_cast<const StateSnapshot&>(snapshot);
  const auto predicate = TRY(FilePredicate::parse(base.state(), connection, condition, ""));
  Files files;
  base.state().files.each([&](const auto& file) {
    if (predicate.may_match(*file)) files.push_back(file);
  });
  return base.scan_files_sql(files);
}

bool FilePredicate::may_match(const AddFile& file) const {
  std::optional<json> stats;
  for (const Test& test : tests_) {
    if (test.partition) {
      if (!may_match_partition(test, file)) return false;
      continue;
    }
    if (!stats) stats = parse_json(file.stats);
    if (!may_match_statistics(test, *stats)) return false;
  }
  return true;
}

}  // namespace lake
