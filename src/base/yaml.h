// YAML files that people write: every error names file, line and mend.
//
// Threads: values. A Yaml node remembers the file and line that it came from.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "base/file_system.h"
#include "base/result.h"

namespace base {

class Yaml {
 public:
  static Result<Yaml> load(const Path& path);
  // `first_line` is the line of `file` on which `text` starts, from 1.
  static Result<Yaml> parse(const std::string& text, const std::string& file, int first_line = 1);

  bool has(const std::string& key) const;
  // Values by key. `text`, `integer`, … fail when the key is missing or of another type; the `_or`
  // forms take a default when it is missing and fail only on a wrong type.
  Result<std::string> text(const std::string& key) const;
  Result<std::string> text_or(const std::string& key, const std::string& otherwise) const;
  Result<std::int64_t> integer_or(const std::string& key, std::int64_t otherwise) const;
  Result<double> number_or(const std::string& key, double otherwise) const;
  Result<bool> boolean_or(const std::string& key, bool otherwise) const;
  Result<std::int64_t> duration_us_or(const std::string& key, std::int64_t otherwise_us) const;
  Result<std::vector<std::string>> texts_or_none(const std::string& key) const;  // a list or one word
  Result<Yaml> child(const std::string& key) const;
  std::vector<Yaml> items() const;                            // of a list
  std::vector<std::pair<std::string, Yaml>> entries() const;  // of a map, in the file's order
  Result<std::string> scalar() const;

  // Fails on the first key that is not in `known`, with the nearest known one as the mend.
  Result<> only(const std::set<std::string>& known) const;

  std::unexpected<Error> fail_here(std::string message, std::string mend = "") const;
  int line() const;
  const std::string& file() const { return file_; }
  const YAML::Node& node() const { return node_; }

 private:
  Yaml(YAML::Node node, std::string file, int first_line)
      : node_(std::move(node)), file_(std::move(file)), first_line_(first_line) {}

  YAML::Node node_;
  std::string file_;
  int first_line_ = 1;
};

}  // namespace base
