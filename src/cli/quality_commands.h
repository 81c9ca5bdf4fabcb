// `waybill validate` and `waybill profile`: suites and tables or files, beside a running platform or
// without one; `waybill dead-letters`, by the running platform.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.h"

namespace cli {

// Adds the commands; a chosen one becomes `run`. `project` is read when it runs.
void add_quality_commands(CLI::App& app, const std::string& project,
                          std::function<base::Result<>()>& run);

}  // namespace cli
