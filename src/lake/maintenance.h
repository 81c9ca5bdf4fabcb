// What keeps a table small and quick: options and results of its maintenance.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace lake {

struct OptimizeOptions {
  std::int64_t small_bytes = 16 << 20;  // smaller files are joined
  int files_min = 8;                    // of one partition, for it to be worth it
  std::int64_t target_bytes = 128 << 20;
  // Rows that are near in all these columns come near each other; all files are rewritten.
  std::vector<std::string> zorder = {};
};

struct VacuumOptions {
  std::optional<std::int64_t> keep_us = std::nullopt;  // none: delta.deletedFileRetentionDuration
  bool force = false;  // allow less than the table's own retention, or seven days
  bool dry_run = false;
  base::TimestampUs now_us = 0;
};

struct Vacuumed {
  std::vector<std::string> paths;  // relative to the table
  std::int64_t bytes = 0;
};

inline constexpr std::int64_t kLogRetentionUs = 30 * base::kUsPerDay;

// What is wrong with a table; empty = nothing.
struct Finding {
  std::string path;
  std::string what;
};

}  // namespace lake
