// A model: models/{silver,gold}/NAME.sql, a YAML header between `---` lines, then one SELECT.
// What the header means: docs/models.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/yaml.h"

namespace runs {

enum class Mode : std::uint8_t { kStreaming, kDaily };
// What becomes of rows that come after their time (docs/backfill.md).
enum class Late : std::uint8_t { kDrop, kUpsert, kReprocess, kBuffer };
// `late: upsert`: however late.
inline constexpr std::int64_t kLateForEver = 1LL << 58;

struct Schedule {
  int hour = 2;
  int minute = 0;
  std::string time_zone = "UTC";
};

struct Model {
  std::string table;
  int version = 1;
  Mode mode = Mode::kStreaming;
  Schedule schedule;  // kDaily
  std::string time;   // event time column; empty: none
  std::int64_t watermark_us = 0;
  Late late = Late::kDrop;
  // late: how far behind the watermark rows still count; later ones go to the late table.
  std::int64_t allowed_late_us = 0;
  std::int64_t every_us = 0;  // kStreaming: how often it runs; 0: with every epoch
  std::vector<std::string> key;
  std::vector<std::string> partition;
  std::int64_t ttl_us = 0;
  std::string quality;  // suite file name; empty: none
  std::string description;
  std::string sql;
  std::string pattern;  // text of a patterns/*.yaml; empty: the model is a SELECT
  std::string text;     // the whole file
  std::string file;
  int sql_line = 1;  // of the SELECT's first line

  std::string late_table() const { return table + "_late"; }
  // Changes whenever the text, its version or its settings change: 16 hex digits.
  std::string fingerprint() const;
};

base::Result<Model> parse_model(const std::string& text, const std::string& file);
// All models/**/*.sql of a project, sorted by table; kInvalid when two write one table.
base::Result<std::vector<Model>> load_models(const base::Path& project);

}  // namespace runs
