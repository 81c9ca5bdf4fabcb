#include "log/consumer_metadata.h"

#include "log/big_endian.h"

namespace eventlog {

// version i16 | count i32 | count times (length i16 | name) | what later versions add
std::optional<std::set<std::string>> topics_of_subscription(std::span<const std::byte> metadata) {
  if (metadata.size() < 6) return std::nullopt;
  const auto count = load_big<std::int32_t>(metadata.data() + 2);
  metadata = metadata.subspan(6);
  if (count < 0 || static_cast<std::size_t>(count) > metadata.size() / 2) return std::nullopt;
  std::set<std::string> topics;
  for (std::int32_t i = 0; i < count; ++i) {
    if (metadata.size() < 2) return std::nullopt;
    const auto length = load_big<std::int16_t>(metadata.data());
    metadata = metadata.subspan(2);
    if (length < 0 || static_cast<std::size_t>(length) > metadata.size()) return std::nullopt;
    const auto name = metadata.first(static_cast<std::size_t>(length));
    std::string topic(name.size(), '\0');
    std::memcpy(topic.data(), name.data(), name.size());
    topics.insert(std::move(topic));
    metadata = metadata.subspan(name.size());
  }
  return topics;
}

}  // namespace eventlog
