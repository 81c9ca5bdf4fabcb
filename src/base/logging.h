// One line per event on stderr, "time level room: message". Secrets never go here.
#pragma once

#include <spdlog/spdlog.h>

namespace base {

// Sets the level ("debug", "info", "warn", "error") and the format; called once by the command.
void start_logging(std::string_view level);

// The process cannot go on and keep its promises (a failed sync): says why and ends with status 75.
[[noreturn]] void stop_process(std::string_view reason);

}  // namespace base
