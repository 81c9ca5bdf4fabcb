// gzip, zstd: whole buffers, with a bound on what comes out.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

// `encoding` is an HTTP Content-Encoding: "gzip", "zstd", "identity" or "". kLimit when more than
// `size_max` bytes would come out, kInvalid for broken data, kUnsupported for another encoding.
Result<std::string> decompress(std::string_view encoding, std::string_view data, std::size_t size_max);
Result<std::string> compress(std::string_view encoding, std::string_view data);

}  // namespace base
