// How deep JSON from outside nests, before something that recurses parses it.
#pragma once

#include <cstddef>
#include <string_view>

namespace base {

// Counts brackets outside of texts, also where the rest is no JSON.
inline bool nests_deeper(std::string_view json, std::size_t depth_max) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace base
