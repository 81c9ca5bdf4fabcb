// `waybill backfill`, `versions`, `diff`, `shadow`, `promote`, `rollback`, `flags` and `reload`:
// versions of logic and of tables (docs/backfill.md). They ask the running Waybill, or open the
// project for the length of the command.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.h"

namespace cli {

// Adds the commands; a chosen one becomes `run`. `project` is read when it runs.
void add_backfill_commands(CLI::App& app, const std::string& project,
                           std::function<base::Result<>()>& run);

}  // namespace cli
