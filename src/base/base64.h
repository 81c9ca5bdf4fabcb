// Base64 (RFC 4648, with padding).
//
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace base {

std::string encode_base64(std::string_view bytes);
// nullopt for what is not base64.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace base
