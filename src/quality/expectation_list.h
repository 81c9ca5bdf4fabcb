// The expectations that there are: one explicit list, each with how it is compiled and its kwargs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quality/arguments.h"

namespace quality {

using Compile = base::Result<Check> (*)(const Arguments& arguments);

struct Known {
  Compile compile;
  std::vector<std::string> kwargs;  // beside those that all take
};

const std::map<std::string, Known>& known_expectations();
// What every expectation takes beside its own.
const std::vector<std::string>& common_kwargs();

// The parts of the list, by what they look at.
std::map<std::string, Known> column_expectations();        // each value of a column
std::map<std::string, Known> record_expectations();        // values of one row beside each other
std::map<std::string, Known> aggregate_expectations();     // one number over a column
std::map<std::string, Known> distinct_expectations();      // the different values of a column
std::map<std::string, Known> distribution_expectations();  // how values are spread
std::map<std::string, Known> table_expectations();         // rows, columns and types of the table

}  // namespace quality
