// Text as a JSON string, for those who write JSON straight into a buffer.
#pragma once

#include <string>
#include <string_view>

namespace base {

// Appends `text` (UTF-8) in quotes, with quotes, backslashes and control characters escaped.
void append_json_text(std::string_view text, std::string& out);

}  // namespace base
