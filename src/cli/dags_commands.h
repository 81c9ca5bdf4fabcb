// `waybill dags`: what there is, what ran, and steering it.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.h"

namespace cli {

void add_dags_commands(CLI::App& app, const std::string& project,
                       std::function<base::Result<>()>& run);

}  // namespace cli
