// `waybill schemas`: what a schema registry holds, and whether it would take a schema; `waybill
// migrations`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.h"

namespace cli {

// Adds them; a chosen one becomes `run`. `project` is read when it runs.
void add_schemas_commands(CLI::App& app, const std::string& project,
                          std::function<base::Result<>()>& run);

}  // namespace cli
