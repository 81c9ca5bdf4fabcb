// PostgreSQL's binary NUMERIC: digits of base 10 000, a weight, a sign and a display scale.
// Source: numeric_send and numeric_recv.
//
// Threads: values, no state.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace protocol::postgres {

inline constexpr std::size_t kNumericGroupsMax = 32'768;

// Plain decimal text ("-12.340", "1e3", "NaN", "Infinity") as binary, with its length in front.
// kInvalid for anything else.
base::Result<> append_binary_numeric(std::string& out, std::string_view text);
base::Result<std::string> numeric_to_text(std::string_view bytes);

}  // namespace protocol::postgres
