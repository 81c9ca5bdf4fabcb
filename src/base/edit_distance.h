// How far apart two words are, for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace base {

// Levenshtein distance in bytes.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace base
