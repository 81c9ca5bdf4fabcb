// What an object's key may be.
#pragma once

#include <string>

#include "base/result.h"

namespace storage {

inline constexpr std::size_t kKeyBytesMax = 4096;

// Relative, '/'-separated, without empty, "." or ".." parts: kInvalid otherwise.
base::Result<> check_key(const std::string& key);

}  // namespace storage
