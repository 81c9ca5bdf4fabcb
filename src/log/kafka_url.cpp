#include "log/kafka_url.h"

#include <charconv>
#include <cstdlib>

namespace eventlog {
namespace {

constexpr std::size_t kUrlSizeMax = 4096;

std::unexpected<base::Error> bad_url(std::string_view text, const std::string& why) {
  return base::fail_with(base::Code::kInvalid,
                         fmt::format("'{}' is no address of a Kafka: {}", text.substr(0, 200), why),
                         "write 'log: kafka://host:9092' or 'kafka://host:9092?setting=value&…'");
}

base::Result<> check_brokers(std::string_view text, std::string_view brokers) {
  while (true) {
    const std::size_t comma = brokers.find(',');
    const std::string_view one = brokers.substr(0, comma);
    const std::size_t colon = one.rfind(':');
    int port = 0;
    const std::string_view digits =
        colon == std::string_view::npos ? std::string_view("9092") : one.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (one.empty() || colon == 0) return bad_url(text, "a host is missing");
    if (error != std::errc{} || end != digits.data() + digits.size() || port < 1 || port > 65535)
      return bad_url(text, fmt::format("'{}' is no port", digits));
    if (one.find('/') != std::string_view::npos)
      return bad_url(text, "it names hosts only; topics are named in sources/");
    if (comma == std::string_view::npos) return {};
    brokers.remove_prefix(comma + 1);
  }
}

base::Result<std::string> value_of(std::string_view text, std::string_view key,
                                   std::string_view value) {
  if (!value.starts_with("env:")) return std::string(value);
  const std::string name(value.substr(4));
  const char* found = std::getenv(name.c_str());
  if (found == nullptr)
    return bad_url(text.substr(0, text.find('?')),
                   fmt::format("{} is to come from the environment, which has no {}", key, name));
  return std::string(found);
}

}  // namespace

base::Result<KafkaUrl> parse_kafka_url(std::string_view text) {
  if (!is_kafka_url(text)) return bad_url(text, "it does not begin with kafka://");
  if (text.size() > kUrlSizeMax) return bad_url(text, "it is too long");
  std::string_view rest = text.substr(8);
  const std::size_t question = rest.find('?');
  std::string_view brokers = rest.substr(0, question);
  if (brokers.ends_with('/')) brokers.remove_suffix(1);
  TRY(check_brokers(text, brokers));
  KafkaUrl url{.brokers = std::string(brokers)};
  std::string_view query =
      question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return bad_url(text, fmt::format("'{}' is no setting=value", pair));
    const std::string_view key = pair.substr(0, equals);
    const std::string value = TRY(value_of(text, key, pair.substr(equals + 1)));
    if (key == "replication") {
      const auto [at, error] =
          std::from_chars(value.data(), value.data() + value.size(), url.replication);
      if (error != std::errc{} || at != value.data() + value.size() || url.replication < 1 ||
          url.replication > 100)
        return bad_url(text, "replication is a number from 1 to 100");
    } else {
      url.settings[std::string(key)] = value;
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return url;
}

}  // namespace eventlog
