#include "quality/dead_letter.h"

#include "sql/database.h"

namespace quality {
namespace {

using columns::Type;

std::string columns_sql(const std::string& model, const std::string& run, const std::string& topic,
                        const std::string& rows, const std::string& reason,
                        const std::string& bronze,
                        const std::string& otherwise = "CAST(NULL AS TIMESTAMPTZ)") {
  const auto from_bronze = [&](const std::string& expression, const char* type) {
    return bronze.empty() ? fmt::format("CAST(NULL AS {})", type) : bronze + "." + expression;
  };
  const auto header = [&](const char* name) {
    return bronze.empty() ? std::string("NULL")
                          : fmt::format("json_extract_string({}._headers, '$.{}')", bronze, name);
  };
  return fmt::format(
      "SELECT concat_ws('/', {model}, {topic}, {rows}._partition, {rows}._offset) AS id, {model} "
      "AS model, {run} AS run, "
      "{topic} AS topic, CAST({rows}._partition AS INTEGER) AS partition, CAST({rows}._offset AS "
      "BIGINT) AS \"offset\", "
      "CAST({file} AS VARCHAR) AS file, TRY_CAST({line} AS BIGINT) AS line, "
      "NULLIF(regexp_extract({reason}, '^(\\w+): ', 1), '') AS field, {reason} AS reason, {raw} AS "
      "raw, {time} AS time",
      fmt::arg("model", sql::quote_text(model)), fmt::arg("topic", topic), fmt::arg("rows", rows),
      fmt::arg("run", sql::quote_text(run)), fmt::arg("file", header("file")),
      fmt::arg("line", header("line")), fmt::arg("reason", reason),
      fmt::arg("raw", from_bronze("_raw", "VARCHAR")),
      fmt::arg("time", bronze.empty() ? otherwise : bronze + "._time"));
}

}  // namespace

columns::Schema dead_letter_schema() {
  return {{{"id", Type::kString},
           {"model", Type::kString},
           {"run", Type::kString},
           {"topic", Type::kString},
           {"partition", Type::kInt32},
           {"offset", Type::kInt64},
           {"file", Type::kString},
           {"line", Type::kInt64},
           {"field", Type::kString},
           {"reason", Type::kString},
           {"raw", Type::kString},
           {"time", Type::kTimestamp}}};
}

std::string schema_letters_sql(const std::string& model, const std::string& run,
                               const std::string& input) {
  return fmt::format("{} FROM {} i WHERE i._error IS NOT NULL",
                     columns_sql(model, run, "i._topic", "i", "i._error", "i"),
                     sql::quote_name(input));
}

std::string rule_letters_sql(const std::string& model, const std::string& run,
                             const std::string& topic, const std::string& output,
                             const std::string& input, base::TimestampUs now_us) {
  const std::string columns =
      columns_sql(model, run, sql::quote_text(topic), "o", "o._wb_failed", input.empty() ? "" : "i",
                  fmt::format("make_timestamptz({})", now_us));
  const std::string join =
      input.empty()
          ? ""
          : fmt::format(" JOIN {} i ON i._partition = o._partition AND i._offset = o._offset",
                        sql::quote_name(input));
  return fmt::format("{} FROM {} o{} WHERE o._wb_failed IS NOT NULL", columns,
                     sql::quote_name(output), join);
}

}  // namespace quality
