#include "quality/expectation_list.h"

namespace quality {

const std::map<std::string, Known>& known_expectations() {
  static const std::map<std::string, Known> kAll = [] {
    std::map<std::string, Known> all;
    for (auto part : {column_expectations(), record_expectations(), aggregate_expectations(),
                      distinct_expectations(), distribution_expectations(), table_expectations()})
      all.merge(part);
    return all;
  }();
  return kAll;
}

const std::vector<std::string>& common_kwargs() {
  static const std::vector<std::string> kCommon = {"mostly",
                                                   "row_condition",
                                                   "condition_parser",
                                                   "batch_id",
                                                   "result_format",
                                                   "include_config",
                                                   "catch_exceptions",
                                                   "severity",
                                                   "auto",
                                                   "profiler_config",
                                                   "windows",
                                                   "parse_strings_as_datetimes",
                                                   "output_strftime_format",
                                                   "allow_cross_type_comparisons",
                                                   "library_metadata"};
  return kCommon;
}

}  // namespace quality
