// `waybill dead-letters`: list, show, repair, redrive and purge, by the running platform.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.h"

namespace cli {

// Adds the commands; a chosen one becomes `run`. `project` is read when it runs.
void add_dead_letter_commands(CLI::App& app, const std::string& project,
                              std::function<base::Result<>()>& run);

}  // namespace cli
