#include "lake/json_text.h"

#include "base/json_nesting.h"

namespace lake {

nlohmann::json parse_json(std::string_view text) {
  if (base::nests_deeper(text, kJsonDepthMax))
    return nlohmann::json(nlohmann::json::value_t::discarded);
  return nlohmann::json::parse(text, nullptr, false);
}

}  // namespace lake
