#include "server/http_origin.h"

#include <arpa/inet.h>

#include "protocol/http/target.h"

namespace server {
namespace {

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
         (host.starts_with("127.") && is_address(host));
}

}  // namespace

bool OriginPolicy::known(const std::string& host) const {
  return is_loopback(host) || hosts_.contains(host);
}

std::optional<Response> OriginPolicy::check_host(const Request& request) const {
  const std::string_view value = request.header("Host");
  if (value.empty())
    return problem(400, "the request has no Host header", "send the header 'Host'");
  const std::string host = protocol::http::parse_host(value).host;
  // An address cannot be rebound by a name server.
  if (known(host) || is_address(host)) return std::nullopt;
  return problem(421, fmt::format("this server is not known as '{}'", host),
                 "call it by its address, or give the name in waybill.yaml: 'http: NAME:PORT'");
}

std::optional<Response> OriginPolicy::check_origin(const Request& request) const {
  const std::string_view origin = request.header("Origin");
  const auto refused = [&origin] {
    return problem(403,
                   fmt::format("a page of another site ('{}') may not call this server", origin),
                   "call it from its own page, or from a program that is no browser");
  };
  if (origin.empty()) {
    if (request.header("Sec-Fetch-Site") == "cross-site") return refused();
    return std::nullopt;
  }
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return refused();  // "null" among them
  const protocol::http::HostPort from = protocol::http::parse_host(origin.substr(scheme + 3));
  if (known(from.host)) return std::nullopt;
  const protocol::http::HostPort here = protocol::http::parse_host(request.header("Host"));
  if (from.host == here.host && from.port == here.port) return std::nullopt;
  return refused();
}

}  // namespace server
