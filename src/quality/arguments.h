// The kwargs of one expectation, read with errors that name them, and the SQL that most
// expectations share.
//
// Values; refers to the kwargs and the rows, which must outlive it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quality/check.h"

namespace quality {

// " (did you mean 'x'?)" in front of a list of what there is.
std::string nearest_of(const std::string& word, const std::vector<std::string>& known,
                       std::string_view what);

std::unexpected<base::Error> wrong_argument(std::string message, std::string mend);

// A JSON scalar as an SQL literal.
std::string literal(const nlohmann::json& value);
bool is_number(sql::Kind kind);
bool is_time(sql::Kind kind);
bool is_float(sql::Kind kind);

class Arguments {
 public:
  // `where` is the row condition as SQL.
  Arguments(std::string type, const nlohmann::json& kwargs, const Rows& rows, std::string where);

  const std::string& type() const { return type_; }
  const Rows& rows() const { return rows_; }
  const nlohmann::json& kwargs() const { return kwargs_; }
  const std::string& where() const { return where_; }

  bool has(const char* key) const;
  // kInvalid when missing or of another kind.
  base::Result<std::string> text(const char* key) const;
  base::Result<double> number(const char* key) const;
  base::Result<std::int64_t> integer(const char* key) const;
  base::Result<std::vector<std::string>> texts(const char* key) const;
  base::Result<nlohmann::json> list(const char* key) const;
  bool flag(const char* key, bool otherwise) const;
  std::string text_or(const char* key, const std::string& otherwise) const;
  base::Result<double> number_or(const char* key, double otherwise) const;

  // kNotFound naming the nearest when the rows have no such column; null when columns are not
  // known.
  base::Result<const sql::ColumnInfo*> column(const std::string& name) const;
  // The values of a set as literals that compare with the column; nulls and those that cannot are
  // left out.
  std::vector<std::string> set_for(const sql::ColumnInfo* column, const nlohmann::json& set) const;

  // aggregate FILTER (WHERE the row condition and `where`)
  std::string filtered(const std::string& aggregate, const std::string& where = "") const;
  // "NOT (x)" of what makes rows of `missing` and the row condition: for groups and queries.
  std::string judged(const std::string& missing) const;
  // A check over the rows of one column with what they share filled in.
  base::Result<Check> rows_of_column(const char* key = "column") const;
  // The same for several columns, by their kwarg or kwargs; `ignore` are the words of
  // ignore_row_if: all missing, any missing, never.
  base::Result<Check> rows_of_columns(const std::vector<std::string>& names) const;

 private:
  std::string type_;
  const nlohmann::json& kwargs_;
  const Rows& rows_;
  std::string where_;
};

// SQL: the value is missing (a NaN is as well).
std::string missing_sql(const sql::ColumnInfo* column, const std::string& name);

// "at least 1 and at most 5", and the SQL that is true inside and outside.
struct Bounds {
  std::string text;
  std::string outside;
  std::string inside;
};
Bounds bounds_of(const std::string& value, const nlohmann::json& kwargs);
// kInvalid when there is no bound, or one is no scalar.
base::Result<> check_bounds(const Arguments& a);

}  // namespace quality
