#include "quality/row_result.h"

#include <algorithm>
#include <map>

#include "quality/arguments.h"

namespace quality {
namespace {

using nlohmann::json;
using Level = ResultFormat::Level;

std::string unexpected_where(const Check& check) {
  std::string where = check.where.empty() ? "" : fmt::format("({}) AND ", check.where);
  if (!check.missing.empty()) where += fmt::format("NOT ({}) AND ", check.missing);
  return fmt::format("{}({})", where, check.unexpected);
}

std::vector<std::string> with_index(const Check& check, const ResultFormat& format) {
  std::vector<std::string> names = check.columns;
  for (const std::string& name : format.index_columns) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string select_unexpected(const Rows& rows, const Check& check,
                              const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(sql::quote_name(name));
  return fmt::format("SELECT {} FROM {} WHERE {}", fmt::join(quoted, ", "),
                     check.source.empty() ? rows.from : check.source, unexpected_where(check));
}

json value_of(const Check& check, const sql::Result& found, std::size_t row) {
  if (check.shape == Check::Shape::kValue) return found.json(0, row);
  if (check.shape == Check::Shape::kPair)
    return json::array({found.json(0, row), found.json(1, row)});
  json record = json::object();
  for (std::size_t i = 0; i < check.columns.size(); ++i)
    record[check.columns[i]] = found.json(i, row);
  return record;
}

// The values that come most, the more often the earlier.
json counts_of(const json& values, std::size_t limit) {
  std::map<std::string, std::pair<json, std::int64_t>> seen;
  for (const json& value : values) {
    json key = value;
    if (value.is_object()) {
      key = json::array();
      for (const auto& [name, one] : value.items()) key.push_back(one);
    }
    auto& [first, count] = seen[key.dump()];
    first = key;
    ++count;
  }
  std::vector<std::pair<json, std::int64_t>> sorted;
  for (auto& [text, one] : seen) sorted.push_back(std::move(one));
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  json counts = json::array();
  for (const auto& [value, count] : sorted) {
    if (counts.size() == limit) break;
    counts.push_back({{"value", value}, {"count", count}});
  }
  return counts;
}

json percent(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return nullptr;
  return static_cast<double>(part) / static_cast<double>(whole) * 100;
}

json head(const json& list, std::size_t count) {
  json first = json::array();
  for (const json& one : list) {
    if (first.size() == count) break;
    first.push_back(one);
  }
  return first;
}

json numbers_of(const Check& check, const RowCounts& counts) {
  json result{{"element_count", counts.total},
              {"unexpected_count", counts.unexpected},
              {"unexpected_percent", percent(counts.unexpected, counts.judged)}};
  if (!check.tells_missing) return result;
  const std::int64_t missing = counts.total - counts.judged;
  result["missing_count"] = missing;
  result["missing_percent"] = percent(missing, counts.total);
  result["unexpected_percent_total"] = percent(counts.unexpected, counts.total);
  result["unexpected_percent_nonmissing"] = percent(counts.unexpected, counts.judged);
  return result;
}

struct Found {
  json values = json::array();
  json index = json::array();
  json rows = json::array();
};

base::Result<Found> read_unexpected(sql::Connection& connection, const Rows& rows,
                                    const Check& check, const ResultFormat& format,
                                    std::size_t limit) {
  Found found;
  const std::vector<std::string> names = with_index(check, format);
  const auto result = TRY(
      connection.query(fmt::format("{} LIMIT {}", select_unexpected(rows, check, names), limit)));
  for (std::size_t row = 0; row < result->rows(); ++row) {
    found.values.push_back(value_of(check, *result, row));
    if (format.index_columns.empty()) continue;
    json place = json::object();
    for (std::size_t i = 0; i < names.size(); ++i) place[names[i]] = result->json(i, row);
    found.index.push_back(std::move(place));
  }
  if (!format.include_rows) return found;
  const auto whole = TRY(connection.query(
      fmt::format("SELECT to_json(r) FROM (SELECT * FROM {} WHERE {} LIMIT {}) r",
                  check.source.empty() ? rows.from : check.source, unexpected_where(check),
                  std::min(limit, format.partial_count))));
  for (std::size_t row = 0; row < whole->rows(); ++row)
    found.rows.push_back(json::parse(whole->text(0, row), nullptr, false));
  return found;
}

}  // namespace

base::Result<Verdict> row_result(sql::Connection& connection, const Rows& rows, const Check& check,
                                 const RowCounts& counts, const ResultFormat& format) {
  Verdict verdict;
  const auto judged = static_cast<double>(counts.judged);
  verdict.success = counts.judged == 0 ||
                    (judged - static_cast<double>(counts.unexpected)) / judged >= check.mostly;
  if (format.level == Level::kBoolean) return verdict;
  verdict.result = numbers_of(check, counts);
  Found found;
  const bool complete = format.level == Level::kComplete;
  if (counts.unexpected > 0)
    found = TRY(read_unexpected(connection, rows, check, format,
                                complete ? ResultFormat::kListedMax : format.partial_count));
  json& result = verdict.result;
  if (!format.exclude_values)
    result["partial_unexpected_list"] = head(found.values, format.partial_count);
  if (!format.index_columns.empty()) result["unexpected_index_column_names"] = format.index_columns;
  if (format.include_rows) result["unexpected_rows"] = found.rows;
  if (format.level == Level::kBasic) return verdict;
  if (!format.exclude_values)
    result["partial_unexpected_counts"] = counts_of(found.values, format.partial_count);
  if (!format.index_columns.empty())
    result["partial_unexpected_index_list"] = head(found.index, format.partial_count);
  if (!complete) return verdict;
  if (!format.exclude_values) result["unexpected_list"] = found.values;
  if (!format.index_columns.empty()) result["unexpected_index_list"] = found.index;
  if (format.index_query)
    result["unexpected_index_query"] = select_unexpected(rows, check, with_index(check, format));
  return verdict;
}

}  // namespace quality
