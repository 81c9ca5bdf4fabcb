// `waybill patterns`: what a project's patterns are, and what they would have found in the lake.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.h"

namespace cli {

// Adds `patterns` with its commands; a chosen one becomes `run`. `project` is read when it runs.
void add_patterns_commands(CLI::App& app, const std::string& project,
                           std::function<base::Result<>()>& run);

}  // namespace cli
