// Answers for people: aligned tables on a terminal.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace cli {

// Columns as wide as their widest cell (at most 60 characters); numbers to the right.
std::string table(const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows);
// One line of text for a JSON value: texts bare, null as "".
std::string cell(const nlohmann::json& value);

std::string print_runs(const nlohmann::json& runs);
std::string print_audit(const nlohmann::json& audit);
std::string print_plan(const nlohmann::json& plan);
std::string print_dead_letters(const nlohmann::json& letters);
std::string print_status(const nlohmann::json& status);
// An answer of POST /v1/sql as "table", "csv" or "json".
std::string print_sql(const nlohmann::json& answer, const std::string& format);

}  // namespace cli
