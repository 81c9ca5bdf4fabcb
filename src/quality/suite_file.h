// A Great Expectations suite as its file says it: JSON of 1.x, or of 0.18 and before, with every
// expectation's name and kwargs held against what there is.
//
// Values. kInvalid errors name the file, the expectation's place in it and the nearest name.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace quality {

// What happens when an expectation is not met.
enum class Severity : std::uint8_t { kWarn, kQuarantine, kStop };

struct Expectation {
  std::string type;
  nlohmann::json kwargs = nlohmann::json::object();  // without those that are null
  nlohmann::json meta = nlohmann::json::object();
  nlohmann::json config;  // as the file has it, in 1.x's words
  Severity severity = Severity::kQuarantine;
  std::string severity_text;  // as written; may be empty
  std::size_t index = 0;
  int line = 0;
};

struct SuiteFile {
  std::string name;
  std::string file;
  nlohmann::json parameters = nlohmann::json::object();
  nlohmann::json meta = nlohmann::json::object();
  std::vector<Expectation> expectations;
};

base::Result<SuiteFile> parse_suite_file(const std::string& text, const std::string& file);

std::string_view severity_name(Severity severity);

// "deliveries.json:12: expectation 3 (expect_column_…): …"
base::Error in_expectation(base::Error error, const SuiteFile& suite, const Expectation& which);

}  // namespace quality
