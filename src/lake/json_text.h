// JSON from outside, with a limit to its nesting: what prints and walks it recurses.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace lake {

inline constexpr std::size_t kJsonDepthMax = 200;

// A discarded value (is_discarded()) for text that is no JSON or nests deeper.
nlohmann::json parse_json(std::string_view text);

}  // namespace lake
