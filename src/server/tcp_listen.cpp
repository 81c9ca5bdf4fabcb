#include "server/tcp_listen.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "base/logging.h"

namespace server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::optional<tcp::endpoint> endpoint_of(const std::string& address) {
  const std::size_t colon = std::min(address.rfind(':'), address.size());
  const std::string_view digits =
      std::string_view(address).substr(std::min(colon + 1, address.size()));
  std::uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, port);
  boost::system::error_code error;
  const auto host = asio::ip::make_address(address.substr(0, colon), error);
  const bool whole = !digits.empty() && parsed.ec == std::errc{} && parsed.ptr == end;
  if (error || !whole) return std::nullopt;
  return tcp::endpoint(host, port);
}

}  // namespace

base::Result<tcp::endpoint> loopback_endpoint(const std::string& address, std::string_view door) {
  const auto endpoint = endpoint_of(address);
  if (endpoint && endpoint->address().is_loopback()) return *endpoint;
  return base::fail_with(
      base::Code::kInvalid, fmt::format("'{}' is no address that {} can listen on", address, door),
      fmt::format("give a loopback address and a port, as in '{}: 127.0.0.1:PORT': its clients are "
                  "trusted",
                  door));
}

base::Result<tcp::endpoint> any_endpoint(const std::string& address, std::string_view door) {
  const auto endpoint = endpoint_of(address);
  if (endpoint) return *endpoint;
  return base::fail_with(base::Code::kInvalid,
                         fmt::format("'{}' is no address that {} can listen on", address, door),
                         fmt::format("give an address and a port, as in '{}: 0.0.0.0:PORT'", door));
}

base::Result<> listen_on(tcp::acceptor& acceptor, const tcp::endpoint& endpoint,
                         std::string_view door) {
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return {};
  std::ostringstream where;
  where << endpoint;
  return base::fail_with(
      base::Code::kUnavailable,
      fmt::format("cannot listen on {}: {}", where.str(), error.message()),
      fmt::format(
          "stop what listens there, or give another address in waybill.yaml: '{}: HOST:PORT'",
          door));
}

void allow_descriptors(std::size_t count) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count) return;
  limit.rlim_cur = std::min<rlim_t>(count, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    spdlog::warn("the limit of open files cannot be raised to {}", count);
}

}  // namespace server
