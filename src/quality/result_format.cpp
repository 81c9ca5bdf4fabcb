#include "quality/result_format.h"

#include "quality/arguments.h"

namespace quality {

using nlohmann::json;

base::Result<ResultFormat> ResultFormat::from(const json& given, const ResultFormat& otherwise) {
  ResultFormat format = otherwise;
  const json object = given.is_object() ? given : json{{"result_format", given}};
  if (object.contains("result_format")) {
    const json& name = object["result_format"];
    if (name == "BOOLEAN_ONLY") {
      format.level = Level::kBoolean;
    } else if (name == "BASIC") {
      format.level = Level::kBasic;
    } else if (name == "SUMMARY") {
      format.level = Level::kSummary;
    } else if (name == "COMPLETE") {
      format.level = Level::kComplete;
    } else {
      return wrong_argument(fmt::format("unknown result format {}", name.dump()),
                            "write BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE");
    }
  }
  if (const auto it = object.find("partial_unexpected_count"); it != object.end()) {
    if (!it->is_number_unsigned() || *it > kListedMax)
      return wrong_argument(fmt::format("partial_unexpected_count is {}", it->dump()),
                            fmt::format("write a number up to {}", kListedMax));
    format.partial_count = it->get<std::size_t>();
  }
  if (const auto it = object.find("unexpected_index_column_names"); it != object.end()) {
    format.index_columns.clear();
    for (const json& name : *it) {
      if (!name.is_string())
        return wrong_argument("unexpected_index_column_names has what is no text", "name columns");
      format.index_columns.push_back(name.get<std::string>());
    }
  }
  format.include_rows = object.value("include_unexpected_rows", format.include_rows);
  format.exclude_values = object.value("exclude_unexpected_values", format.exclude_values);
  format.index_query = object.value("return_unexpected_index_query", format.index_query);
  return format;
}

}  // namespace quality
