#include "quality/suite_file.h"

#include <algorithm>

#include "base/yaml.h"
#include "quality/expectation_list.h"

namespace quality {
namespace {

using nlohmann::json;

constexpr std::size_t kExpectationsMax = 10'000;

// JSON is YAML, and the YAML reader knows lines: that of each expectation, or none.
std::vector<int> expectation_lines(const std::string& text, const std::string& file) {
  std::vector<int> lines;
  const auto yaml = base::Yaml::parse(text, file);
  if (!yaml) return lines;
  const auto list = yaml->child("expectations");
  if (!list) return lines;
  for (const base::Yaml& item : list->items()) lines.push_back(item.line());
  return lines;
}

std::unexpected<base::Error> fail_in(const std::string& file, int line, std::string message,
                                     std::string mend = "") {
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                             .at(file, line));
}

int line_of_byte(const std::string& text, std::size_t byte) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(byte, text.size()));
  return 1 + static_cast<int>(std::count(text.begin(), end, '\n'));
}

base::Result<Severity> severity_of(const std::string& text) {
  if (text.empty() || text == "quarantine" || text == "critical") return Severity::kQuarantine;
  if (text == "warn" || text == "warning" || text == "info") return Severity::kWarn;
  if (text == "stop") return Severity::kStop;
  return wrong_argument(fmt::format("unknown severity '{}'", text),
                        "write warn, quarantine or stop");
}

base::Result<> check_kwargs(const json& kwargs, const std::vector<std::string>& own) {
  std::vector<std::string> known = own;
  known.insert(known.end(), common_kwargs().begin(), common_kwargs().end());
  for (const auto& [key, value] : kwargs.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    return wrong_argument(fmt::format("unknown kwarg '{}'", key),
                          nearest_of(key, own, "its kwargs"));
  }
  return {};
}

base::Result<Expectation> read(const json& entry) {
  Expectation e;
  if (!entry.is_object()) return wrong_argument("an expectation is an object", "write { … }");
  const char* key = entry.contains("type") ? "type" : "expectation_type";
  if (!entry.contains(key) || !entry[key].is_string())
    return wrong_argument("an expectation has no 'type'", "add \"type\": \"expect_…\"");
  e.type = entry[key].get<std::string>();
  std::ranges::transform(e.type, e.type.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto it = known_expectations().find(e.type);
  if (it == known_expectations().end()) {
    std::vector<std::string> known;
    for (const auto& [name, one] : known_expectations()) known.push_back(name);
    return base::fail_with(base::Code::kUnsupported,
                           fmt::format("unknown expectation '{}'", e.type),
                           nearest_of(e.type, known, "the expectations"));
  }
  const json kwargs = entry.value("kwargs", json::object());
  if (!kwargs.is_object()) return wrong_argument("'kwargs' is no object", "write { … }");
  for (const auto& [name, value] : kwargs.items()) {
    if (!value.is_null()) e.kwargs[name] = value;
  }
  TRY(check_kwargs(kwargs, it->second.kwargs));
  const json meta = entry.value("meta", json::object());
  if (meta.is_object()) e.meta = meta;
  for (const json& place : {entry, e.kwargs, e.meta}) {
    const auto severity = place.find("severity");
    if (severity != place.end() && severity->is_string())
      e.severity_text = severity->get<std::string>();
  }
  e.severity = TRY(severity_of(e.severity_text));
  e.config = {{"type", e.type}, {"kwargs", kwargs}, {"meta", e.meta}};
  for (const char* kept : {"id", "notes", "description"}) {
    if (entry.contains(kept) && !entry[kept].is_null()) e.config[kept] = entry[kept];
  }
  if (!e.severity_text.empty()) e.config["severity"] = e.severity_text;
  return e;
}

}  // namespace

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::kWarn:
      return "warn";
    case Severity::kQuarantine:
      return "quarantine";
    case Severity::kStop:
      return "stop";
  }
  return "quarantine";
}

base::Error in_expectation(base::Error error, const SuiteFile& suite, const Expectation& which) {
  return std::move(error)
      .in(fmt::format("expectation {} ({})", which.index + 1, which.type))
      .at(suite.file, which.line);
}

base::Result<SuiteFile> parse_suite_file(const std::string& text, const std::string& file) {
  SuiteFile suite;
  suite.file = file;
  json root;
  try {
    root = json::parse(text);
  } catch (const json::parse_error& e) {
    return fail_in(file, line_of_byte(text, e.byte), fmt::format("not JSON: {}", e.what()));
  }
  if (!root.is_object() || !root.contains("expectations") || !root["expectations"].is_array()) {
    return fail_in(file, 1, "a suite is an object with a list of 'expectations'",
                   R"(write {"name": "…", "expectations": [ … ]})");
  }
  if (root["expectations"].size() > kExpectationsMax)
    return fail_in(file, 1, fmt::format("a suite has at most {} expectations", kExpectationsMax),
                   "split it");
  const std::vector<int> lines = expectation_lines(text, file);
  std::size_t index = 0;
  try {
    suite.name = root.value("name", root.value("expectation_suite_name", file));
    suite.parameters =
        root.value("suite_parameters", root.value("evaluation_parameters", json::object()));
    suite.meta = root.value("meta", json::object());
    for (const json& entry : root["expectations"]) {
      const int line = index < lines.size() ? lines[index] : 0;
      auto read_one = read(entry);
      if (!read_one) {
        return std::unexpected(std::move(read_one)
                                   .error()
                                   .in(fmt::format("expectation {}", index + 1))
                                   .at(file, line));
      }
      read_one->index = index++;
      read_one->line = line;
      suite.expectations.push_back(*std::move(read_one));
    }
  } catch (const json::exception& e) {
    return fail_in(
        file, index < lines.size() ? lines[index] : 0,
        fmt::format("expectation {}: a value is of the wrong kind: {}", index + 1, e.what()));
  }
  return suite;
}

}  // namespace quality
