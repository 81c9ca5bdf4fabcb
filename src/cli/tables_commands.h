// `waybill tables`: what the lake's tables are, were, and how to keep them small. Works on the
// project's lake folder, beside a running platform or without one.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.h"

namespace cli {

// Adds `tables` with its commands; a chosen one becomes `run`. `project` is read when it runs.
void add_tables_commands(CLI::App& app, const std::string& project,
                         std::function<base::Result<>()>& run);

}  // namespace cli
