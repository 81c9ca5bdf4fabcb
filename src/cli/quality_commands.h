// `waybill validate`: a suite held against a table of the lake or a file, beside a running platform
// or without one.
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
