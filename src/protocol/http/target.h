// The parts of a request target (RFC 9112 section 3.2, RFC 3986) and of header values.
//
// Pure: text in, values out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace protocol::http {

struct Target {
  std::string path;                   // decoded
  std::vector<std::string> segments;  // decoded one by one, so that %2F stays inside its segment
  std::map<std::string, std::string> query;
};

// kInvalid unless it is "/path?query" with well-formed escapes and no NUL.
base::Result<Target> parse_target(std::string_view target);

// "text/html; charset=utf-8" -> "text/html"
std::string media_type(std::string_view content_type);

// Whether a comma-separated header value (Accept-Encoding, Connection) names `token` without q=0.
bool lists_token(std::string_view value, std::string_view token);

struct HostPort {
  std::string host;  // lower case; without the brackets of an IPv6 address
  std::string port;  // "" when none is given
};
// "localhost:8080", "[::1]:80", "example.org"
HostPort parse_host(std::string_view value);

}  // namespace protocol::http
