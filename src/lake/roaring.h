// Roaring bitmaps of 64-bit numbers in their portable serialization. Pure.
// Source: RoaringFormatSpec, "Standard 32-bit Roaring Bitmap" and "Extension for 64-bit".
//
// Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lake {

// Ascending. kCorrupt when the bytes do not hold exactly `cardinality` numbers in order; nothing is
// allocated for more.
base::Result<std::vector<std::uint64_t>> decode_roaring64(std::string_view bytes,
                                                          std::int64_t cardinality);
// `numbers` are ascending, each once.
void append_roaring64(std::string& out, const std::vector<std::uint64_t>& numbers);

}  // namespace lake
