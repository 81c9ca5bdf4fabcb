#include "server/redis_url.h"

#include <charconv>
#include <cstdlib>
#include <optional>

namespace server {
namespace {

constexpr std::size_t kUrlBytesMax = 4096;
constexpr int kDatabaseMax = 65'535;

std::unexpected<base::Error> bad_url(const std::string& why) {
  return base::fail_with(base::Code::kInvalid, "this is no address of a Redis: " + why,
                         "write 'redis://host:6379', or 'redis://:env:NAME@host:6379/0' with the "
                         "password in the environment's NAME");
}

std::optional<int> number_to(std::string_view text, int max) {
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() ||
      value < 0 || value > max)
    return std::nullopt;
  return value;
}

base::Result<> read_user(std::string_view text, RedisUrl& url) {
  const std::size_t colon = text.find(':');
  url.user = text.substr(0, colon);
  const std::string_view password =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (password.empty()) return bad_url("a user stands without a password");
  if (!password.starts_with("env:")) {
    url.password = password;
    return {};
  }
  const std::string name(password.substr(4));
  const char* const found = std::getenv(name.c_str());
  if (found == nullptr)
    return bad_url(
        fmt::format("the password is to come from the environment, which has no {}", name));
  url.password = found;
  return {};
}

}  // namespace

base::Result<RedisUrl> parse_redis_url(std::string_view text) {
  constexpr std::string_view kScheme = "redis://";
  if (text.starts_with("rediss://"))
    return bad_url("TLS is not spoken to Redis; use a tunnel on this machine");
  if (!text.starts_with(kScheme)) return bad_url("it does not begin with redis://");
  if (text.size() > kUrlBytesMax) return bad_url("it is too long");
  text.remove_prefix(kScheme.size());
  RedisUrl url;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    TRY(read_user(text.substr(0, at), url));
    text.remove_prefix(at + 1);
  }
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const std::string_view database = text.substr(slash + 1);
    const auto number = database.empty() ? 0 : number_to(database, kDatabaseMax);
    if (!number) return bad_url(fmt::format("'{}' is no number of a database", database));
    url.database = *number;
    text = text.substr(0, slash);
  }
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    const auto port = number_to(text.substr(colon + 1), 65'535);
    if (!port || *port == 0) return bad_url(fmt::format("'{}' is no port", text.substr(colon + 1)));
    url.port = static_cast<std::uint16_t>(*port);
    text = text.substr(0, colon);
  }
  if (text.empty()) return bad_url("a host is missing");
  url.host = text;
  return url;
}

}  // namespace server
