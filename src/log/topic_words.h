// The words for a topic's settings, in topic.json as in Kafka's own configuration.
#pragma once

#include <array>
#include <string_view>

#include "log/event_log.h"

namespace eventlog {

// In the order of the enumerations.
inline constexpr std::array<std::string_view, 3> kDurabilityWords{"memory", "os", "disk"};
inline constexpr std::array<std::string_view, 3> kCleanupWords{"delete", "compact",
                                                               "compact,delete"};

constexpr std::string_view word_of(Durability durability) {
  return kDurabilityWords[static_cast<std::size_t>(durability)];
}
constexpr std::string_view word_of(Cleanup cleanup) {
  return kCleanupWords[static_cast<std::size_t>(cleanup)];
}

}  // namespace eventlog
