// Percent-encoding of URIs, RFC 3986.
#pragma once

#include <string>
#include <string_view>

namespace base {

// Everything but letters, digits and the characters of `kept` becomes %XX.
std::string percent_encode(std::string_view text, std::string_view kept);
// RFC 3986's unreserved characters beside letters and digits.
inline constexpr std::string_view kUnreserved = "-_.~";

}  // namespace base
