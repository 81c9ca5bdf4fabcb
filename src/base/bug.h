// Deliberate bugs, which the checker (tests/checker) must find.
//
//   if (base::bug("ack_before_sync")) return;
//
// In a build with WAYBILL_FAULTS the environment's WAYBILL_BUG names the one bug that is on; in any
// other build there is nothing. Never in a release binary. Threads: any.
#pragma once

#include <cstdlib>
#include <string_view>

namespace base {

#ifdef WAYBILL_FAULTS
inline bool bug(std::string_view name) {
  static const char* const chosen = std::getenv("WAYBILL_BUG");
  return chosen != nullptr && name == chosen;
}
#else
constexpr bool bug(std::string_view) { return false; }
#endif

}  // namespace base
