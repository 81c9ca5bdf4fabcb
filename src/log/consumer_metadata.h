// What consumers say of themselves when they join a group: the topics that they want.
// Source: the Apache Kafka protocol, ConsumerProtocolSubscription (all versions begin alike).
//
// Pure: bytes in, values out.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>

#include "log/event_log.h"

namespace eventlog {

inline constexpr std::string_view kConsumerProtocol = "consumer";

// nullopt when these bytes are no subscription.
std::optional<std::set<std::string>> topics_of_subscription(std::span<const std::byte> metadata);

}  // namespace eventlog
