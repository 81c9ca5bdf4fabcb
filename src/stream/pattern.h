// A pattern: patterns/NAME.yaml, a sequence of steps over the rows of each key in event time, whose
// matches are rows of a table. What the file means: docs/patterns.md.
//
// Threads: values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "runs/model.h"
#include "stream/pattern_conditions.h"
#include "stream/pattern_matcher.h"

namespace stream {

struct PatternMeasure {
  std::string name;
  PatternSql sql;
};

struct Pattern {
  std::string table;
  std::string source;
  std::vector<std::string> key;
  std::string time;
  std::int64_t watermark_us = 0;
  std::int64_t within_us = 0;
  std::optional<PatternSql> where;
  PatternTree tree;
  std::vector<Instruction> program;
  std::vector<std::optional<PatternSql>> conditions;  // by step
  std::vector<PatternMeasure> measures;
  PatternRules::Skip skip = PatternRules::Skip::kPastLastRow;
  int skip_step = -1;
  bool all_rows = false;
  bool matches = true;
  bool timeouts = false;
  std::size_t rows_max = 10'000;
};

// The text of a patterns/*.yaml. kInvalid with file, line and mend.
base::Result<Pattern> parse_pattern_file(const std::string& text, const std::string& file);

// All patterns/*.yaml of a project as models, whose `pattern` is the file's text; none when there
// is no such folder.
base::Result<std::vector<runs::Model>> load_patterns(const base::Path& project);
// One of them.
base::Result<runs::Model> pattern_model(const std::string& text, const std::string& file);

}  // namespace stream
