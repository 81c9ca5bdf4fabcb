// CHECK: an assertion that stays on in release. A false condition is a bug in Waybill: the process
// stops with the place and the message, and recovers from what is durable at the next start.
#pragma once

#include <fmt/format.h>

namespace base {
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const std::string& text);
}

#define CHECK(condition, ...)                                                                \
  do {                                                                                       \
    if (!(condition)) [[unlikely]]                                                           \
      ::base::check_failed(__FILE__, __LINE__, #condition, fmt::format("" __VA_ARGS__));     \
  } while (false)
