// A whole suite held against one table: one scan finds what all its expectations ask, a few further
// ones what needs groups or the first one's answers; rows that break an expectation are read only
// for those that are not met.
//
// The result is Great Expectations' JSON. An expectation that cannot be judged (no such column, a
// pattern that is no pattern) has `exception_info` and the others go on.
#pragma once

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "quality/check.h"
#include "quality/result_format.h"
#include "quality/suite_file.h"

namespace quality {

struct ValidateOptions {
  ResultFormat format;
  nlohmann::json parameters = nlohmann::json::object();  // over the suite's own
  base::TimestampUs now_us = 0;
};

// {success, results: [{success, expectation_config, result, meta, exception_info}], suite_name,
// suite_parameters, statistics, meta}
base::Result<nlohmann::json> validate(sql::Connection& connection, const Rows& rows,
                                      const SuiteFile& suite, const ValidateOptions& options);

// `from` with its columns and their types.
base::Result<Rows> describe_rows(sql::Connection& connection, const std::string& from);

// Row conditions and parameters worked out, then the list's own function.
base::Result<Check> compile(const Expectation& expectation, const Rows& rows,
                            const nlohmann::json& parameters, base::TimestampUs now_us);

}  // namespace quality
