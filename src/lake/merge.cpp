// MERGE: source rows are joined with the table once; what each row becomes is then a number.
#include <algorithm>
#include <set>

#include "lake/assignments.h"
#include "lake/change.h"
#include "lake/rewrite.h"

namespace lake {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;
using When = MergeClause::When;
using Do = MergeClause::Do;

bool is_integer(const std::string& type) {
  return type == "TINYINT" || type == "SMALLINT" || type == "INTEGER" || type == "BIGINT";
}

// A tree of DuckDB's: its columns are all source's, and it has no query of its own.
bool reads_only_source(const json& tree) {
  if (tree.is_object()) {
    const auto kind = tree.find("class");
    if (kind != tree.end() && (*kind == "SUBQUERY" || *kind == "STAR")) return false;
    if (kind != tree.end() && *kind == "COLUMN_REF") {
      const json& names = tree["column_names"];
      return names.size() > 1 && names[0] == "source";
    }
  }
  if (!tree.is_structured()) return true;
  return std::ranges::all_of(tree, [](const json& child) { return reads_only_source(child); });
}

std::string holds(const MergeClause& clause) {
  return clause.condition.empty() ? "true" : "(" + clause.condition + ")";
}

class Merging {
 public:
  Merging(Change& change, const Merge& what) : change_(change), what_(what) {}

  Result<> run() {
    TRY(check_clauses());
    source_ =
        TRY(change_.keep(fmt::format("SELECT row_number() OVER () AS {}, given.* FROM ({}) "
                                     "AS given",
                                     Rewrite::kSourceColumn, what_.source)));
    source_columns_ = TRY(change_.connection().query("FROM " + source_ + " LIMIT 0"))->columns();
    TRY(plan_actions());
    Rewrite rewrite(change_, TRY(candidates()));
    TRY(rewrite.touch(fmt::format("SELECT {}, {}, source.{} FROM {} JOIN {} AS source ON {}",
                                  Rewrite::place(), choice(When::kMatched), Rewrite::kSourceColumn,
                                  rewrite.target(), source_, what_.on)));
    TRY(check_double(rewrite));
    std::string inserts;
    if (has(When::kNotMatched)) inserts = TRY(keep_inserts(rewrite));
    if (has(When::kNotMatchedBySource)) {
      TRY(rewrite.touch_more(
          fmt::format("SELECT {}, {}, NULL FROM {} ANTI JOIN {} AS touched ON {}", Rewrite::place(),
                      choice(When::kNotMatchedBySource), rewrite.target(), rewrite.touched(),
                      Rewrite::same_place())));
    }
    return rewrite.apply(actions_, source_, inserts);
  }

 private:
  bool has(When when) const {
    return std::ranges::any_of(what_.clauses,
                               [&](const MergeClause& one) { return one.when == when; });
  }

  Result<> check_clauses() const {
    if (what_.clauses.empty()) return base::fail(Code::kInvalid, "a MERGE needs a WHEN clause");
    for (const MergeClause& one : what_.clauses) {
      if ((one.what == Do::kInsert) == (one.when == When::kNotMatched)) continue;
      return base::fail_with(Code::kInvalid, "a MERGE inserts when not matched, and only then",
                             "use INSERT with WHEN NOT MATCHED, UPDATE and DELETE with the others");
    }
    return {};
  }

  // Number of the clause among the actions, from 1; 0 for inserts.
  Result<> plan_actions() {
    for (const MergeClause& one : what_.clauses) {
      numbers_.push_back(0);
      if (one.what == Do::kInsert) continue;
      RowAction action{.deletes = one.what == Do::kDelete};
      if (!action.deletes) action.values = TRY(values_of(one));
      action.only_source = !action.deletes && TRY(read_only_source(action.values));
      actions_.push_back(std::move(action));
      numbers_.back() = actions_.size();
    }
    return {};
  }

  Result<std::vector<std::string>> values_of(const MergeClause& clause) const {
    if (!clause.assignments.empty()) {
      return assigned_values(change_.state(), clause.assignments,
                             clause.what == Do::kInsert ? "" : "target");
    }
    std::vector<std::string> values;
    for (const SparkField& field : *change_.state().fields) {
      const bool given = std::ranges::any_of(
          source_columns_, [&](const auto& column) { return column.name == field.name; });
      if (!given) {
        return base::fail_with(Code::kInvalid,
                               fmt::format("the source of the MERGE has no column {}", field.name),
                               "give it that column, or list the assignments");
      }
      values.push_back("source." + sql::quote_name(field.name));
    }
    return values;
  }

  // Whether every column that the values read is qualified as the source's.
  Result<bool> read_only_source(const std::vector<std::string>& values) const {
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "(" : ", (") + value + ")";
    return reads_only_source(TRY(change_.connection().parse("SELECT " + list)));
  }

  // SQL for the number of the first clause that holds.
  std::string choice(When when) const {
    std::string cases;
    for (std::size_t i = 0; i < what_.clauses.size(); ++i) {
      if (what_.clauses[i].when != when) continue;
      cases += fmt::format(" WHEN {} THEN {}", holds(what_.clauses[i]), numbers_[i]);
    }
    return cases.empty() ? "0" : "CASE" + cases + " ELSE 0 END";
  }

  // Only files whose values can meet the source's by ON.
  Result<Files> candidates() {
    if (has(When::kNotMatchedBySource)) return change_.read_where("", "");
    const json tree =
        TRY(change_.connection().parse("SELECT 1 FROM condition_of_rows WHERE (" + what_.on + ")"));
    const json::json_pointer at("/statements/0/node/where_clause");
    const json condition = tree.contains(at) ? tree[at] : json();
    FilePredicate predicate = FilePredicate::from_tree(change_.base().state(), condition, "target");
    TRY(add_ranges(condition, predicate));
    return change_.read_files(std::make_shared<const FilePredicate>(std::move(predicate)));
  }

  // target.a = source.b: rows of the table have an `a` between the least and the greatest `b`.
  Result<> add_ranges(const json& tree, FilePredicate& predicate) {
    if (!tree.is_object()) return {};
    if (tree.value("type", "") == "CONJUNCTION_AND") {
      for (const json& child : tree["children"]) TRY(add_ranges(child, predicate));
      return {};
    }
    if (tree.value("type", "") != "COMPARE_EQUAL") return {};
    const auto column = [](const json& node, const std::string& qualifier) -> std::string {
      if (node.value("class", "") != "COLUMN_REF" || node["column_names"].size() != 2 ||
          node["column_names"][0] != qualifier) {
        return "";
      }
      return node["column_names"][1].get<std::string>();
    };
    const json& left = tree["left"];
    const json& right = tree["right"];
    std::string mine = column(left, "target");
    std::string theirs = column(right, "source");
    if (mine.empty()) {
      mine = column(right, "target");
      theirs = column(left, "source");
    }
    if (mine.empty() || theirs.empty()) return {};
    const auto& fields = *change_.base().state().fields;
    const auto field = std::ranges::find(fields, mine, &SparkField::name);
    const auto given = std::ranges::find(source_columns_, theirs, &sql::ColumnInfo::name);
    const std::string type =
        given == source_columns_.end() || given->type == "TIMESTAMP WITH TIME ZONE" ? "TIMESTAMPTZ"
                                                                                    : given->type;
    // Of another type the order may be another one.
    const bool integers = field != fields.end() && is_integer(field->sql_type) && is_integer(type);
    if (field == fields.end() || (field->sql_type != type && !integers)) return {};
    const auto range = TRY(change_.connection().query(
        fmt::format("SELECT CAST(min({0}) AS VARCHAR), CAST(max({0}) AS VARCHAR) FROM {1}",
                    sql::quote_name(theirs), source_)));
    if (range->is_null(0, 0)) return {};
    predicate.add_range(change_.base().state(), mine, range->text(0, 0), range->text(1, 0));
    return {};
  }

  Result<> check_double(const Rewrite& rewrite) {
    const bool only_delete =
        std::ranges::count(what_.clauses, When::kMatched, &MergeClause::when) == 1 &&
        std::ranges::any_of(what_.clauses, [](const MergeClause& one) {
          return one.when == When::kMatched && one.what == Do::kDelete && one.condition.empty();
        });
    if (!has(When::kMatched)) return {};
    const auto twice = TRY(change_.connection().query(
        fmt::format("SELECT count(*) FROM (SELECT 1 FROM {0} WHERE __waybill_action > 0 GROUP BY "
                    "__waybill_touched_file, __waybill_touched_row HAVING count(*) > 1)",
                    rewrite.touched())));
    if (twice->int_at(0, 0) == 0) return {};
    if (only_delete) {  // it does not matter which one deletes the row
      const std::string once = TRY(change_.keep(
          fmt::format("SELECT DISTINCT ON (__waybill_touched_file, __waybill_touched_row) * FROM "
                      "{} WHERE __waybill_action > 0",
                      rewrite.touched())));
      TRY(change_.connection().execute("DELETE FROM " + rewrite.touched() +
                                       " WHERE __waybill_action > 0"));
      return change_.connection().execute("INSERT INTO " + rewrite.touched() + " FROM " + once);
    }
    return base::fail_with(
        Code::kInvalid,
        fmt::format("cannot merge into {}: {} of its rows match several rows of the source",
                    change_.table().path(), twice->int_at(0, 0)),
        "keep one row of the source per row of the table");
  }

  // The new rows, once and for all, so that they can be counted and told to the change feed.
  Result<std::string> keep_inserts(const Rewrite& rewrite) {
    std::string parts;
    std::string before;  // clauses that come first
    for (const MergeClause& clause : what_.clauses) {
      if (clause.when != When::kNotMatched) continue;
      const auto values = TRY(values_of(clause));
      std::string columns;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const SparkField& field = (*change_.state().fields)[i];
        columns += fmt::format("{}CAST(({}) AS {}) AS {}", columns.empty() ? "" : ", ", values[i],
                               field.sql_type, sql::quote_name(field.name));
      }
      parts += fmt::format("{}SELECT {} FROM unmatched AS source WHERE ({}){}",
                           parts.empty() ? "" : " UNION ALL ", columns, holds(clause), before);
      before += fmt::format(" AND ({}) IS NOT TRUE", holds(clause));
    }
    const std::string rows = TRY(change_.keep(fmt::format(
        "WITH unmatched AS (SELECT source.* FROM {} AS source ANTI JOIN {} AS touched ON "
        "touched.__waybill_touched_source = source.{}) {}",
        source_, rewrite.touched(), Rewrite::kSourceColumn, parts)));
    const auto counted = TRY(change_.connection().query("SELECT count(*) FROM " + rows));
    change_.counts().rows_inserted = counted->int_at(0, 0);
    return change_.counts().rows_inserted == 0 ? "" : "FROM " + rows;
  }

  Change& change_;
  const Merge& what_;
  std::string source_;
  std::vector<sql::ColumnInfo> source_columns_;
  std::vector<RowAction> actions_;
  std::vector<std::size_t> numbers_;  // by clause
};

}  // namespace

Result<Changed> merge(Table& table, sql::Connection& connection, const Merge& what,
                      const WriteOptions& options) {
  return Change::run(table, connection, options,
                     {.operation = "MERGE", .parameters = {{"predicate", what.on}}},
                     [&](Change& change) { return Merging(change, what).run(); });
}

}  // namespace lake
